"""A training step (forward and backward) and a forward pass of every kind of separator, against the BLSTM 2 x 128's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from timing import best_of, report

from weaksep.nets.build import build_separator

BLSTM = "blstm, 2 x 128"
GOAL = "0.9"  # for the first of each kind
# Each about as costly in training as the BLSTM.
SIZES: dict[str, dict[str, Any]] = {
    BLSTM: {"layers": 2, "units": 128},
    "unet": {"kind": "unet", "channels": [16, 32, 48, 64], "layers": 1, "units": 64},
    "bandsplit": {"kind": "bandsplit", "bands": 8, "step_frames": 2, "layers": 2, "units": 32},
    "tcn": {"kind": "tcn", "layers": 12, "units": 192},
    # Smaller or larger ones, to see what a size costs.
    "unet, wider": {"kind": "unet", "channels": [16, 32, 64, 96], "layers": 1, "units": 64},
    "bandsplit, more bands": {"kind": "bandsplit", "bands": 12, "step_frames": 2, "layers": 2, "units": 24},
    "tcn, 8 x 192": {"kind": "tcn", "layers": 8, "units": 192},
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
    torch.set_num_threads(1)
    torch.manual_seed(0)
    magnitude, weights = torch.rand(16, 157, 129), torch.rand(16, 5, 157, 129)
    nets = {name: build_separator(config, 5, 129) for name, config in SIZES.items()}
    steps: dict[str, Callable[[], object]]
    steps = {name: partial(training_step, net, magnitude, weights) for name, net in nets.items()}
    training = best_of(steps, rounds=8)
    passes: dict[str, Callable[[], object]]
    passes = {name: partial(forward, net, magnitude) for name, net in nets.items()}
    separation = best_of(passes, rounds=8)
    for name, net in nets.items():
        print(f"{name}: {sum(parameter.numel() for parameter in net.parameters())} parameters")
        report("  training step", training[name], training[BLSTM], GOAL)
        report("  forward pass", separation[name], separation[BLSTM], GOAL)


if __name__ == "__main__":
    main()
