"""The masker alone, for programs without weaksep: magnitude (1, T, F) -> masks (1, K, T, F), by torch.export.

A recurrent layer is exported for one number of frames. It is that of the chunks into which long recordings are cut
(infer/recordings.py), so what runs the masker cuts in the same way. The transform is in signal/stft.py, its settings in
the packed model's page.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

import torch

from weaksep.errors import UserError
from weaksep.infer.model import Separator
from weaksep.infer.recordings import chunk_plan
from weaksep.signal.units import n_frames

MASKER_NAME = "masker.pt2"


@dataclass(frozen=True)
class ExportedMasker:
    """A masker as a file.

    Attributes:
        content: what torch.export.load reads.
        frames: T.
        bins: F.
    """

    content: bytes
    frames: int
    bins: int


def export_masker(separator: Separator) -> ExportedMasker:
    """Export the net of a separator.

    Args:
        separator: on the CPU.

    Raises:
        UserError: torch cannot export the net.
    """
    frames = n_frames(chunk_plan(separator).chunk, separator.stft.hop_samples)
    bins = separator.stft.window_samples // 2 + 1
    example = torch.full((1, frames, bins), 0.01)
    stream = io.BytesIO()
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the LSTM's own weight list, which is whole all the same
            torch.export.save(torch.export.export(separator.net.eval(), (example,)), stream)
    except Exception as error:  # torch.export raises errors of a dozen kinds
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"torch.export cannot take this net: {reason}; pack it without --masker") from error
    return ExportedMasker(stream.getvalue(), frames, bins)
