"""Both sides of separate.py's rows with Asteroid: MODEL FILE ROUNDS. Prints the seconds, ours and Asteroid's."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from asteroid.dsp import LambdaOverlapAdd
from asteroid.models.base_models import BaseModel
from asteroid.separate import file_separate

sys.path.append(str(Path(__file__).resolve().parents[1]))

from timing import in_turns

from weaksep.bin.separate import main as separate
from weaksep.infer.model import Separator, load_separator
from weaksep.infer.recordings import chunk_plan


class Masked(BaseModel):
    """A mask net between PyTorch's STFT and its inverse."""

    def __init__(self, separator: Separator) -> None:
        super().__init__(sample_rate=separator.sample_rate)
        self.net, self.hop = separator.net, separator.stft.hop_samples
        self.register_buffer("window", torch.hann_window(separator.stft.window_samples).sqrt())

    def forward(self, wav: torch.Tensor) -> torch.Tensor:
        """Audio (B, N) -> sources (B, K, N)."""
        size = len(self.window)
        spectrum = torch.stft(wav, size, self.hop, window=self.window, pad_mode="constant", return_complex=True)
        masks = self.net(spectrum.abs().transpose(1, 2)).transpose(2, 3)
        sources = (masks * spectrum.unsqueeze(1)).flatten(0, 1)
        audio = torch.istft(sources, size, self.hop, window=self.window, length=wav.shape[-1])
        return audio.unflatten(0, masks.shape[:2])


def main(model: str, file: str, rounds: str) -> None:
    """One thread; windows as long, and as far apart, as ours."""
    torch.set_num_threads(1)
    separator, out = load_separator(model), Path(f"{file}.asteroid")
    plan = chunk_plan(separator)
    out.mkdir(exist_ok=True)
    # Classes come in their order, so that no window need be matched with the one before.
    windows = LambdaOverlapAdd(Masked(separator).eval(), None, plan.chunk, plan.hop, reorder_chunks=False)

    def ours() -> None:
        separate(["--model", model, file, "--out", f"{file}.out", "--device", "cpu", "--force", "true"])

    functions = {
        "ours": ours,
        "asteroid": lambda: file_separate(windows, file, output_dir=str(out), force_overwrite=True),
    }
    print(json.dumps(in_turns(functions, int(rounds))))


if __name__ == "__main__":
    main(*sys.argv[1:])
