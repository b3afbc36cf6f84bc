"""The masker alone, for programs without weaksep: magnitude (1, T, F) -> masks (1, K, T, F), by torch.export.

A recurrent layer is exported for one number of frames. It is that of the chunks into which long recordings are cut
(infer/recordings.py), so what runs the masker cuts in the same way. The transform is in signal/stft.py, the level in
signal/level.py; ``masker_page`` says in the packed model's page what a program without weaksep needs of them.
"""

import io
import math
import warnings

import torch

from weaksep.errors import UserError
from weaksep.infer.model import Separator
from weaksep.infer.recordings import LEVEL_DB, chunk_plan
from weaksep.signal.level import LEVEL_BLOCK_S, LOUD_RANGE_DB
from weaksep.signal.units import n_frames

MASKER_NAME = "masker.pt2"
PAGE = """\
## The net alone

`torch.export.load("{name}").module()`, float32: magnitude (1, {frames}, {bins}) -> masks
(1, {outputs}, {frames}, {bins}).

- masks, in this order: {names}
- audio: {rate} Hz, the mean of the channels, full scale 1.0; chunks of {samples} samples, the last one filled up with
  zeros. weaksep lets them overlap by {overlap} samples, of which the middle {fade} fade from one chunk into the next
- spectrum: frames of {window} samples, {hop} apart, the first centred on the first sample, zeros beyond both ends;
  times the window sqrt(0.5 - 0.5 cos(2 pi n / {window})), DFT, divided by {scale:.6f}, the root of the window's energy
- magnitude: the spectrum's absolute value, times the gain that brings the whole recording to a level of {level:g} dB
  relative to full scale. Its level is the mean power of its blocks of {block:g} s, without those more than {range:g} dB
  below the loudest; silence stays as it is
- separated: mask times spectrum, without that gain; back with the same window and scale. What the classes leave of the
  audio is the residual
"""


def _input_shape(separator: Separator) -> tuple[int, int, int]:
    """Of the magnitude that the masker takes, (1, T, F)."""
    stft = separator.stft
    return 1, n_frames(chunk_plan(separator).chunk, stft.hop_samples), stft.n_bins


def export_masker(separator: Separator) -> bytes:
    """Export the net of a separator; what torch.export.load reads.

    Args:
        separator: on the CPU.

    Raises:
        UserError: torch cannot export the net.
    """
    example = torch.full(_input_shape(separator), 0.01)
    stream = io.BytesIO()
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the LSTM's own weight list, which is whole all the same
            torch.export.save(torch.export.export(separator.net.eval(), (example,)), stream)
    except Exception as error:  # torch.export raises errors of a dozen kinds
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(f"torch.export cannot take this net: {reason}; pack it without --masker") from error
    return stream.getvalue()


def masker_page(separator: Separator) -> str:
    """How to use the masker without weaksep, as a section of the packed model's page (Markdown)."""
    window, plan, (_, frames, bins) = separator.stft.window_samples, chunk_plan(separator), _input_shape(separator)
    return PAGE.format(
        name=MASKER_NAME,
        frames=frames,
        bins=bins,
        outputs=len(separator.outputs),
        rate=separator.sample_rate,
        samples=plan.chunk,
        overlap=plan.overlap,
        fade=plan.fade,
        window=window,
        hop=separator.stft.hop_samples,
        scale=math.sqrt(window / 2),  # squared, the window is a Hann window, which sums to half its length
        level=LEVEL_DB,
        block=LEVEL_BLOCK_S,
        range=LOUD_RANGE_DB,
        names=", ".join(separator.outputs),
    )
