"""How sure a net is of each of its outputs, for which no reference is needed.

An output is the mixture X through a mask m. Its confidence is the mean of the mask over the energy of the output,

    sum(m^2 |X|^2) / sum(m |X|^2),

over all bins of a clip: 1 where all that came through was given to this class alone, 1/2 where every bin was shared
half and half. A net that shares its bins does not know whose they are; one that is wrong and sure of it is not found.

It was chosen among the measures that need a separator alone, by how well they order outputs by their SI-SDR: 547
classes in 300 mixtures of UrbanSound8K's recordings that the net (``remix``, 1,500 steps) had not heard. Rank
correlations: this one 0.78; the entropy of the masks over the same energy 0.71; agreement of the outputs when the net
hears the mixture through random filters 0.67; agreement after the outputs were shifted, remixed and separated again
0.68; the share of the mixture's energy 0.64; three of them together 0.78. With ESC-10 (1,500 steps, hardly trained:
0.8 dB SI-SDRi), which had no part in the choice, the same measures have 0.40, 0.11, 0.27, 0.39, 0.40 and 0.44. SI-SDRi
none of them orders well (0.1 to 0.4): it depends on how loud the class is in the mixture, which no mask says.

More than the separator does not help either. Of a net trained by the paper's losses from clip labels (the same
mixtures, 3,500 steps) this one orders the outputs with 0.69, their agreement with those of a second net, trained from
frame labels, with 0.69, both with 0.72; by how much an evaluation classifier finds the own class more probable than any
other, 0.2.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch

from weaksep.fileio.datadir import CONFIDENCE_NAME
from weaksep.fileio.tsv import write_tsv

COLUMNS = ("filename", "event_label", "confidence")


class ConfidenceMeter:
    """Adds up masks and magnitudes, clip by clip or chunk by chunk.

    Args:
        n_clips: heard together.
        n_classes: masks that count; further ones, of a residual, do not.
    """

    def __init__(self, n_clips: int, n_classes: int) -> None:
        self._sums = torch.zeros(2, n_clips, n_classes, dtype=torch.float64)

    def add(self, masks: torch.Tensor, magnitude: torch.Tensor) -> None:
        """Masks (B, K, T, F) and the magnitude that they are for, (B, T, F)."""
        masks = masks[:, : self._sums.shape[2]]
        passed = masks * magnitude.square().unsqueeze(1)
        self._sums += torch.stack([(masks * passed).sum(dim=(2, 3)), passed.sum(dim=(2, 3))]).cpu()

    def values(self) -> list[list[float | None]]:
        """Confidence by clip and class, 0 to 1; None where an output is silent."""
        found = (self._sums[0] / self._sums[1]).tolist()
        return [[None if value != value else value for value in of_clip] for of_clip in found]


def write_confidence(folder: Path, classes: Sequence[str], values: Mapping[str, Iterable[float | None]]) -> None:
    """Write FOLDER/confidence.tsv.

    Args:
        folder: of the separated files.
        classes: in the order of the values.
        values: by the name of the recording or clip; None gives an empty cell.
    """
    rows = [
        dict(zip(COLUMNS, (name, label, None if value is None else f"{value:.3f}"), strict=True))
        for name, of_classes in values.items()
        for label, value in zip(classes, of_classes, strict=True)
    ]
    write_tsv(folder / CONFIDENCE_NAME, COLUMNS, rows)
