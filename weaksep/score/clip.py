"""Scores of one clip: a row for every class.

A class that is active (labelled) has SI-SDR; where two or more classes are active, or one and a background, also the
mixture's own SI-SDR, the improvement over it, and the class whose output holds most of it (the dominant output); where
two or more classes are, the SDR, SIR and SAR of BSS eval too. With a single active class and nothing else the mixture
is the reference already, so an improvement means nothing and those cells stay empty. A class that can be heard also has
its level relative to the mixture, and the error of its output's level. A class that is absent has its leak instead.
Every output that is not silent has its correlation with the mixture: a separator whose outputs are the mixture
separates nothing. Confidence is the net's own (infer/confidence.py). A residual output has a row in clips with a
background, which is its reference.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from weaksep.errors import UserError
from weaksep.fileio.audio import read_audio
from weaksep.fileio.names import RESIDUAL
from weaksep.metrics.bss_eval import Correlations, correlations, ratios
from weaksep.metrics.leak import leak_db
from weaksep.metrics.likeness import mixture_correlation
from weaksep.metrics.si_sdr import si_sdr, si_sdr_improvement

SI_SDR_COLUMNS = ("si_sdr_db", "si_sdr_mixture_db", "si_sdri_db")
BSS_COLUMNS = ("sdr_db", "sir_db", "sar_db")
LEVEL_COLUMNS = ("relative_level_db", "level_error_db")
COLUMNS = (
    *("utt", "class", "active", "n_active", *SI_SDR_COLUMNS, *BSS_COLUMNS),
    *("leak_db", *LEVEL_COLUMNS, "confidence", "overlap", "mixture_correlation", "dominant_output"),
)

Row = dict[str, object]


@dataclass(frozen=True)
class ClipFiles:
    """What scoring one clip needs. Tuples over classes; a reference is None where the class is absent or its
    source is not known; an overlap is NaN where the class is absent. The background and the residual output are None
    where there is none."""

    utt: str
    sample_rate: int
    classes: tuple[str, ...]
    active: tuple[bool, ...]
    overlaps: tuple[float, ...]
    mixture: str
    references: tuple[str | None, ...]
    estimates: tuple[str, ...] = ()
    background: str | None = None
    residual: str | None = None


def _cell(value: float) -> str | None:
    return f"{value:.4f}" if math.isfinite(value) else None


def read_signals(files: Sequence[str], sample_rate: int, first: str = "") -> np.ndarray:
    """Audio of files that belong to one clip: (number of files, N).

    Args:
        files: of one length.
        sample_rate: in Hz, of all.
        first: what the first one is, for the message; its path by default.

    Raises:
        UserError: a file is unreadable, at another rate or of another length than the first.
    """
    signals = [read_audio(file, sample_rate) for file in files]
    for file, signal in zip(files, signals, strict=True):
        if signal.size != signals[0].size:
            whole = f"{first or files[0]} has {signals[0].size}"
            raise UserError(f"{file}: {signal.size} samples, {whole}; rerun stage 5")
    return np.stack(signals)


def score_clip(
    clip: ClipFiles,
    mixture: np.ndarray,
    estimates: np.ndarray,
    audible: dict[int, np.ndarray],
    background: np.ndarray | None = None,
    residual: np.ndarray | None = None,
) -> list[Row]:
    """Rows of one clip in the order of its classes, cells as text or None; those of BSS eval are still empty.

    The scores of a labelled class that cannot be heard stay empty, and it does not count in n_active. The caller counts
    and reports such rows.

    Args:
        clip: what is known of it.
        mixture: (N,).
        estimates: (K, N).
        audible: references (N,) by class index. One of zeros (an event cut where it is silent) is no target.
        background: its reference (N,), where it is heard.
        residual: the residual output (N,).
    """
    # Without references nobody knows what is heard.
    n_active = len(audible) if any(clip.references) else sum(clip.active)
    known = {"utt": clip.utt, "n_active": n_active}
    rows: list[Row] = [
        {**dict.fromkeys(COLUMNS), **known, "class": name, "active": int(active), "overlap": _cell(overlap)}
        for name, active, overlap in zip(clip.classes, clip.active, clip.overlaps, strict=True)
    ]
    sounding, targets = list(audible), np.array(list(audible.values())).reshape(-1, mixture.size)
    relative = leak_db(mixture, targets)
    levels = np.stack([relative, leak_db(mixture, estimates[sounding]) - relative], axis=1)
    for k, values in zip(sounding, levels, strict=True):
        rows[k] |= zip(LEVEL_COLUMNS, map(_cell, values), strict=True)
    if len(sounding) == 1 and background is None:
        rows[sounding[0]]["si_sdr_db"] = _cell(si_sdr(audible[sounding[0]], estimates[sounding[0]]).item())
    elif sounding:
        columns = np.stack(si_sdr_improvement(targets, estimates[sounding], mixture), axis=1)
        dominant = np.argmax(targets @ estimates.T, axis=1)  # the largest inner product; the first of equals
        for k, values, output in zip(sounding, columns, dominant, strict=True):
            rows[k] |= zip(SI_SDR_COLUMNS, map(_cell, values), strict=True)
            rows[k]["dominant_output"] = clip.classes[output]
    absent = [k for k, active in enumerate(clip.active) if not active]
    for k, leak in zip(absent, leak_db(mixture, estimates[absent]), strict=True):
        rows[k]["leak_db"] = _cell(leak)
    for row, alike in zip(rows, mixture_correlation(mixture, estimates), strict=True):
        row["mixture_correlation"] = _cell(alike)
    if background is not None and residual is not None:
        values = si_sdr_improvement(background[None], residual[None], mixture)
        cells = zip(SI_SDR_COLUMNS, (_cell(value.item()) for value in values), strict=True)
        rows.append({**dict.fromkeys(COLUMNS), **known, "class": RESIDUAL, "active": 1, **dict(cells)})
    return rows


def score_clips(clips: Sequence[ClipFiles], bss_eval: bool = True) -> list[Row]:
    """Rows of several clips; the unit of work of a worker process.

    BSS eval comes last, for all clips together, which is much faster. Till then only correlations are kept, no signals.

    Raises:
        UserError: see ``read_signals``.
    """
    rows: list[Row] = []
    waiting: list[tuple[list[Row], Correlations]] = []
    for clip in clips:
        known = [k for k, path in enumerate(clip.references) if path]
        more = {what: path for what in ("background", "residual") if (path := getattr(clip, what))}
        files = [clip.mixture, *clip.estimates, *filter(None, clip.references), *more.values()]
        signals = read_signals(files, clip.sample_rate, f"the mixture {clip.utt}")
        ends = np.cumsum([len(clip.classes), len(known)])
        estimates, references, others = np.split(signals[1:], ends)
        heard = {what: signal for what, signal in zip(more, others, strict=True) if what == "residual" or signal.any()}
        audible = {k: reference for k, reference in zip(known, references, strict=True) if reference.any()}
        own = score_clip(clip, signals[0], estimates, audible, **heard)
        rows += own
        if bss_eval and len(audible) > 1:
            found = correlations(np.stack(list(audible.values())), estimates[list(audible)])
            waiting.append(([own[k] for k in audible], found))
    for (sources, _), decibels in zip(waiting, ratios([found for _, found in waiting]), strict=True):
        for row, values in zip(sources, decibels.T, strict=True):
            row |= zip(BSS_COLUMNS, map(_cell, values), strict=True)
    return rows
