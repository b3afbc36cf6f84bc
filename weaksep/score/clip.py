"""Scores of one clip: a row for every class.

A class that is active (labelled) has SI-SDR; where two or more classes are active also the mixture's own
SI-SDR and the improvement over it. With a single active class the mixture is the reference already, so an
improvement means nothing and those cells stay empty. A class that is absent has its leak instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from weaksep.errors import UserError
from weaksep.fileio.audio import read_audio
from weaksep.metrics.leak import leak_db
from weaksep.metrics.si_sdr import si_sdr, si_sdr_improvement

COLUMNS = (
    "utt",
    "class",
    "active",
    "n_active",
    "si_sdr_db",
    "si_sdr_mixture_db",
    "si_sdri_db",
    "leak_db",
    "overlap",
)

Row = dict[str, object]


@dataclass(frozen=True)
class ClipFiles:
    """What scoring one clip needs. Tuples over classes; a reference is None where the class is absent."""

    utt: str
    sample_rate: int
    classes: tuple[str, ...]
    mixture: str
    references: tuple[str | None, ...]
    estimates: tuple[str, ...]
    overlaps: tuple[float, ...]


def _cell(value: float) -> str | None:
    return f"{value:.4f}" if math.isfinite(value) else None


def _read(path: str, clip: ClipFiles, length: int) -> np.ndarray:
    audio = read_audio(path, clip.sample_rate)
    if audio.size != length:
        raise UserError(f"{path}: {audio.size} samples, the mixture {clip.utt} has {length}; rerun stage 5")
    return audio


def score_clip(clip: ClipFiles) -> list[Row]:
    """Rows of one clip in the order of its classes, cells as text or None.

    A labelled class whose reference is all zeros (an event cut where it is silent) has no target: its
    scores stay empty and it does not count in n_active. The caller counts and reports such rows.

    Raises:
        UserError: a file is unreadable, at another rate or of another length.
    """
    mixture = read_audio(clip.mixture, clip.sample_rate)
    estimates = np.stack([_read(path, clip, mixture.size) for path in clip.estimates])
    labelled = [k for k, path in enumerate(clip.references) if path is not None]
    references = {k: _read(str(clip.references[k]), clip, mixture.size) for k in labelled}
    sounding = [k for k in labelled if references[k].any()]
    rows: list[Row] = []
    for k, name in enumerate(clip.classes):
        row: Row = dict.fromkeys(COLUMNS)
        row |= {"utt": clip.utt, "class": name, "active": int(k in references), "n_active": len(sounding)}
        rows.append(row)
    for k in labelled:
        rows[k]["overlap"] = _cell(clip.overlaps[k])
    if sounding:
        targets = np.stack([references[k] for k in sounding])
        if len(sounding) > 1:
            columns = si_sdr_improvement(targets, estimates[sounding], mixture)
            for k, separated, unprocessed, gain in zip(sounding, *columns, strict=True):
                rows[k]["si_sdr_db"] = _cell(separated)
                rows[k]["si_sdr_mixture_db"] = _cell(unprocessed)
                rows[k]["si_sdri_db"] = _cell(gain)
        else:
            rows[sounding[0]]["si_sdr_db"] = _cell(si_sdr(targets, estimates[sounding])[0])
    absent = [k for k in range(len(clip.classes)) if k not in references]
    for k, leak in zip(absent, leak_db(mixture, estimates[absent]), strict=True):
        rows[k]["leak_db"] = _cell(leak)
    return rows


def score_clips(clips: tuple[ClipFiles, ...]) -> list[Row]:
    """Rows of several clips; the unit of work of a worker process."""
    return [row for clip in clips for row in score_clip(clip)]
