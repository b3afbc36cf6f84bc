"""Scores of one clip: a row for every class.

A class that is active (labelled) has SI-SDR; where two or more classes are active also the mixture's own
SI-SDR, the improvement over it, the SDR, SIR and SAR of BSS eval, and the class whose output has taken most of it.
With a single active class the mixture is the reference already, so an improvement means nothing and those cells stay
empty. A class that is absent has its leak instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from weaksep.errors import UserError
from weaksep.fileio.audio import read_audio
from weaksep.metrics.bss_eval import Correlations, correlations, ratios
from weaksep.metrics.leak import leak_db
from weaksep.metrics.si_sdr import si_sdr, si_sdr_improvement

BSS_COLUMNS = ("sdr_db", "sir_db", "sar_db")
COLUMNS = (
    "utt",
    "class",
    "active",
    "n_active",
    "si_sdr_db",
    "si_sdr_mixture_db",
    "si_sdri_db",
    *BSS_COLUMNS,
    "leak_db",
    "overlap",
    "taken_by",
)

Row = dict[str, object]


@dataclass(frozen=True)
class ClipFiles:
    """What scoring one clip needs. Tuples over classes; a reference is None where the class is absent or its
    source is not known."""

    utt: str
    sample_rate: int
    classes: tuple[str, ...]
    mixture: str
    references: tuple[str | None, ...]
    estimates: tuple[str, ...]
    overlaps: tuple[float, ...]
    active: tuple[bool, ...]


def _cell(value: float) -> str | None:
    return f"{value:.4f}" if math.isfinite(value) else None


def _read(path: str, clip: ClipFiles, length: int) -> np.ndarray:
    audio = read_audio(path, clip.sample_rate)
    if audio.size != length:
        raise UserError(f"{path}: {audio.size} samples, the mixture {clip.utt} has {length}; rerun stage 5")
    return audio


@dataclass(frozen=True)
class Signals:
    """What the files of a clip hold: mixture (N,), estimates (K, N), references (N,) by class index."""

    mixture: np.ndarray
    estimates: np.ndarray
    references: dict[int, np.ndarray]

    @property
    def sounding(self) -> list[int]:
        """Classes that are labelled and heard. A reference of zeros (an event cut where it is silent) is no target."""
        return [k for k, reference in self.references.items() if reference.any()]


def read_signals(clip: ClipFiles) -> Signals:
    """The signals of a clip.

    Raises:
        UserError: a file is unreadable, at another rate or of another length.
    """
    mixture = read_audio(clip.mixture, clip.sample_rate)
    estimates = np.stack([_read(path, clip, mixture.size) for path in clip.estimates])
    labelled = [(k, path) for k, path in enumerate(clip.references) if path is not None]
    return Signals(mixture, estimates, {k: _read(path, clip, mixture.size) for k, path in labelled})


def taken_by(references: np.ndarray, estimates: np.ndarray) -> np.ndarray:
    """Which estimate holds most of each reference: the largest inner product.

    Args:
        references: (R, N).
        estimates: (K, N), all outputs of a system.

    Returns:
        positions in ``estimates``, (R,); the first of equals.
    """
    return np.argmax(references @ estimates.T, axis=1)


def score_clip(clip: ClipFiles, signals: Signals) -> list[Row]:
    """Rows of one clip in the order of its classes, cells as text or None; those of BSS eval are still empty.

    The scores of a labelled class that cannot be heard stay empty, and it does not count in n_active. The caller counts
    and reports such rows.
    """
    mixture, estimates, references, sounding = signals.mixture, signals.estimates, signals.references, signals.sounding
    n_active = len(sounding) if references else sum(clip.active)  # without references nobody knows what is heard
    rows: list[Row] = []
    for k, name in enumerate(clip.classes):
        row: Row = dict.fromkeys(COLUMNS)
        row |= {"utt": clip.utt, "class": name, "active": int(clip.active[k]), "n_active": n_active}
        rows.append(row)
        if clip.active[k]:
            row["overlap"] = _cell(clip.overlaps[k])
    if sounding:
        targets = np.stack([references[k] for k in sounding])
        if len(sounding) > 1:
            columns = si_sdr_improvement(targets, estimates[sounding], mixture)
            for k, separated, unprocessed, gain in zip(sounding, *columns, strict=True):
                rows[k]["si_sdr_db"] = _cell(separated)
                rows[k]["si_sdr_mixture_db"] = _cell(unprocessed)
                rows[k]["si_sdri_db"] = _cell(gain)
            for k, taker in zip(sounding, taken_by(targets, estimates), strict=True):
                rows[k]["taken_by"] = clip.classes[taker]
        else:
            rows[sounding[0]]["si_sdr_db"] = _cell(si_sdr(targets, estimates[sounding])[0])
    absent = [k for k in range(len(clip.classes)) if not clip.active[k]]
    for k, leak in zip(absent, leak_db(mixture, estimates[absent]), strict=True):
        rows[k]["leak_db"] = _cell(leak)
    return rows


def score_clips(clips: tuple[ClipFiles, ...], bss_eval: bool = True) -> list[Row]:
    """Rows of several clips; the unit of work of a worker process.

    BSS eval comes last, for all clips together, which is much faster. Till then only correlations are kept, no signals.

    Raises:
        UserError: see ``read_signals``.
    """
    rows: list[Row] = []
    targets: list[list[Row]] = []
    waiting: list[Correlations] = []
    for clip in clips:
        signals = read_signals(clip)
        own = score_clip(clip, signals)
        rows += own
        sounding = signals.sounding
        if bss_eval and len(sounding) > 1:
            targets.append([own[k] for k in sounding])
            references = np.stack([signals.references[k] for k in sounding])
            waiting.append(correlations(references, signals.estimates[sounding]))
    for sources, values in zip(targets, ratios(waiting), strict=True):
        for row, decibels in zip(sources, values.T, strict=True):
            row.update(zip(BSS_COLUMNS, map(_cell, decibels), strict=True))
    return rows
