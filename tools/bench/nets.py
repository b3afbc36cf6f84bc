"""A training step (forward and backward) and a forward pass of every kind of separator, against the BLSTM 2 x 128's."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from timing import Against, in_turns, quick, record

from weaksep.nets.build import build_separator

BLSTM = "BLSTM, 2 x 128"
# Each about as costly in training as the BLSTM.
SIZES: dict[str, dict[str, Any]] = {
    BLSTM: {"layers": 2, "units": 128},
    "U-Net": {"kind": "unet", "channels": [16, 32, 48, 64], "layers": 1, "units": 64},
    "band-split": {"kind": "bandsplit", "bands": 8, "step_frames": 2, "layers": 2, "units": 32},
    "TCN": {"kind": "tcn", "layers": 12, "units": 192},
}
# Smaller or larger ones, to see what a size costs.
MORE: dict[str, dict[str, Any]] = {
    "U-Net, wider": {"kind": "unet", "channels": [16, 32, 64, 96], "layers": 1, "units": 64},
    "band-split, more bands": {"kind": "bandsplit", "bands": 12, "step_frames": 2, "layers": 2, "units": 24},
    "TCN, 8 x 192": {"kind": "tcn", "layers": 8, "units": 192},
}


def training_step(net: torch.nn.Module, magnitude: torch.Tensor, weights: torch.Tensor) -> None:
    """Forward and backward, with the cheapest of losses."""
    net.train()
    net.zero_grad(set_to_none=True)
    net(magnitude).backward(weights)


@torch.inference_mode()
def forward(net: torch.nn.Module, magnitude: torch.Tensor) -> None:
    """What separation does."""
    net.eval()
    net(magnitude)


def main() -> None:
    """Batch of 16 clips of 2.5 s at 8 kHz (157 frames of 129 bins), five classes, one thread."""
    size, rounds = (2, 2) if quick() else (16, 10)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    magnitude, weights = torch.rand(size, 157, 129), torch.rand(size, 5, 157, 129)
    nets = {name: build_separator(config, 5, 129) for name, config in (SIZES | MORE).items()}
    steps = {name: partial(training_step, net, magnitude, weights) for name, net in nets.items()}
    passes = {name: partial(forward, net, magnitude) for name, net in nets.items()}
    measured = {"training step": in_turns(steps, rounds), "forward pass": in_turns(passes, rounds)}
    for name, net in nets.items():
        parameters = sum(parameter.numel() for parameter in net.parameters())
        for row, seconds in measured.items():
            peers = [Against(BLSTM, seconds[BLSTM], goal=0.9 if name in SIZES else None)] if name != BLSTM else []
            what = f"batch of {size} clips of 2.5 s at 8 kHz, {parameters:,} parameters, one thread"
            record(f"{row}, {name}", what, seconds[name], peers)


if __name__ == "__main__":
    main()
