"""Single mixtures: spectrogram and labels, and for each active class its reference, estimated mask and separated
source."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from weaksep.errors import UserError
from weaksep.fileio.audio import audio_info, read_audio
from weaksep.fileio.datadir import DataDir, EventLabel, read_scp
from weaksep.report.aggregate import Score
from weaksep.report.examples import KINDS, Example, choose_examples
from weaksep.report.figures_style import COLOURS
from weaksep.report.spectro import RANGE_DB, estimated_mask, level_db, magnitude

logger = logging.getLogger(__name__)


def example_figures(scores: Mapping[str, Sequence[Score]], expdir: Path, test_dir: Path) -> dict[str, Any]:
    """{"example_good": figure, ...}: one mixture of each kind with the system that chose them; None, or no entry,
    for a kind without a mixture or whose separated files have been cleaned away.

    Args:
        scores: system name -> rows.
        expdir: experiments.
        test_dir: data folder of the test set.
    """
    figures: dict[str, Any] = {}
    chosen = choose_examples(scores)
    for kind in KINDS:
        mixtures = [example for example in chosen if example.kind == kind]
        if mixtures:
            # Three classes if there are such: enough to see, and the picture stays on one page.
            best = min(mixtures, key=lambda example: abs(example.n_active - 3))
            rows = {row.name: row for row in scores[best.system] if row.utt == best.utt}
            separated = expdir / best.system / "separated" / test_dir.name
            try:
                figures[f"example_{kind}"] = _figure(best, rows, separated, DataDir.load(test_dir))
            except (UserError, KeyError) as error:
                logger.warning("%s: %s; no figure of it", best.utt, error)
    return figures


def _figure(example: Example, rows: dict[str, Score], separated: Path, data: DataDir) -> Any | None:
    from matplotlib.figure import Figure

    names = [name for name in data.labels if name in rows and rows[name].si_sdri_db is not None]
    tables = {name: separated / f"{name}.scp" for name in names}
    if not names or not all(table.is_file() for table in tables.values()):
        return None
    rate = audio_info(data.wav[example.utt])[1]
    mixture = magnitude(read_audio(data.wav[example.utt], rate), rate)
    duration_s = audio_info(data.wav[example.utt])[0] / rate
    frame: dict[str, Any] = {"duration_s": duration_s, "top_khz": rate / 2000}
    figure = Figure(figsize=(9, 1.75 * (len(names) + 1) + 0.5), layout="constrained")
    grid = figure.subplots(len(names) + 1, 3, squeeze=False)
    peak = float(mixture.max())
    image = _spectrogram(grid[0, 0], level_db(mixture, peak), **frame)
    grid[0, 0].set_title(f"mixture {example.utt}", fontsize="small")
    _labels(grid[0, 1], names, data.events().get(example.utt, []), duration_s)
    grid[0, 2].set_axis_off()
    for row, name in enumerate(names, start=1):
        reference = read_scp(data.path / f"src_{name}.scp")[example.utt]
        source = magnitude(read_audio(read_scp(tables[name])[example.utt], rate), rate)
        reference_levels = level_db(magnitude(read_audio(reference, rate), rate), peak)
        _spectrogram(grid[row, 0], reference_levels, **frame)
        mask = _spectrogram(grid[row, 1], estimated_mask(source, mixture), **frame, cmap="cividis", low=0, high=1)
        _spectrogram(grid[row, 2], level_db(source, peak), **frame)
        grid[row, 0].set_title(f"{name}: reference", fontsize="small")
        grid[row, 1].set_title(f"{name}: mask, estimated", fontsize="small")
        gain = rows[name].si_sdri_db
        grid[row, 2].set_title(f"{name}: separated, SI-SDRi {gain:.1f} dB", fontsize="small")
    for axes in grid[:, 0]:
        axes.set_ylabel("kHz", fontsize="small")
    for axes in [*grid[-1, :], grid[0, 1]]:
        axes.set_xlabel("s", fontsize="small")
    peak_text = f"dB below the mixture's peak, to {RANGE_DB:.0f}"
    for bar, height, label in ((image, 0.7, peak_text), (mask, 0.1, "estimated mask; white: silence")):
        scale = figure.colorbar(bar, cax=grid[0, 2].inset_axes((0.05, height, 0.9, 0.1)), orientation="horizontal")
        scale.ax.set_title(label, fontsize="small")
        scale.ax.tick_params(labelsize="x-small")
    what = f"{example.reason}, mean over the classes of the mixture"
    figure.suptitle(f"{what}\nmask: magnitude of the separated source over that of the mixture", fontsize="small")
    return figure


def _spectrogram(
    axes: Any,
    picture: Any,
    duration_s: float,
    top_khz: float,
    cmap: str = "magma",
    low: float = -RANGE_DB,
    high: float = 0,
) -> Any:
    axes.tick_params(labelsize="x-small")
    extent = (0, duration_s, 0, top_khz)
    return axes.imshow(
        picture, origin="lower", aspect="auto", extent=extent, cmap=cmap, vmin=low, vmax=high, interpolation="nearest"
    )


def _labels(axes: Any, names: Sequence[str], events: Sequence[EventLabel], duration_s: float) -> None:
    """Bars over time: a row a class."""
    for row, name in enumerate(names):
        spans = [(event.onset_s, event.offset_s - event.onset_s) for event in events if event.label == name]
        axes.broken_barh(spans, (row - 0.35, 0.7), facecolors=COLOURS[row % len(COLOURS)], edgecolor="black", lw=0.5)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(0, duration_s)
    axes.set_title("labels", fontsize="small")
    axes.tick_params(labelsize="x-small")
    axes.grid(axis="x", alpha=0.3)
