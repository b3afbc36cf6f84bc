"""Single mixtures: spectrogram and labels, and for each active class its reference, estimated mask and separated
source."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from weaksep.errors import UserError
from weaksep.fileio.audio import audio_info, read_audio
from weaksep.fileio.datadir import DataDir, EventLabel, read_scp
from weaksep.report.aggregate import Score
from weaksep.report.examples import KINDS, Example, choose_examples
from weaksep.report.figures_style import COLOURS
from weaksep.report.systems import short_name

logger = logging.getLogger(__name__)

RANGE_DB = 60.0  # what a picture shows below its loudest point
_WINDOW_S = 0.032


def magnitude(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    """Magnitudes (F, T) of audio (N,): windows of about 32 ms (a power of two of samples), half of it apart."""
    import torch

    from weaksep.signal.stft import Stft

    window = 2 ** max(4, round(np.log2(_WINDOW_S * sample_rate)))
    samples = torch.from_numpy(np.ascontiguousarray(audio, dtype=np.float32))
    return Stft(window, window // 2).magnitude(samples[None])[0].numpy().T


def level_db(magnitudes: np.ndarray, peak: float) -> np.ndarray:
    """Magnitudes in dB below ``peak``, held between -RANGE_DB and 0; all at the bottom when the peak is 0.

    >>> level_db(np.array([1.0, 0.1, 0.0]), 1.0).tolist()
    [0.0, -20.0, -60.0]
    """
    shares = magnitudes / peak if peak > 0 else np.zeros(magnitudes.shape)
    return 20 * np.log10(np.clip(shares, 10 ** (-RANGE_DB / 20), 1.0))


def estimated_mask(separated: np.ndarray, mixture: np.ndarray) -> np.ndarray:
    """Share of the mixture's magnitude that a source took, in [0, 1], same shape; NaN where the mixture is silent.

    A picture of what the system did, not its own mask: that one is not kept, and a phase may have been changed.
    """
    silent = mixture <= max(float(mixture.max(initial=0.0)) * 10 ** (-RANGE_DB / 20), 1e-12)
    ratio = np.divide(separated, mixture, out=np.full(mixture.shape, np.nan), where=~silent)
    return np.clip(ratio, 0.0, 1.0)


def example_figures(scores: Mapping[str, Sequence[Score]], expdir: Path, test_dir: Path) -> dict[str, Any]:
    """{"example_good": figure, ...}: one mixture of each kind with the system that chose them; None, or no entry,
    for a kind without a mixture or whose separated files have been cleaned away.

    Args:
        scores: system name -> rows.
        expdir: experiments.
        test_dir: data folder of the test set.
    """
    figures: dict[str, Any] = {}
    # Three classes if there are such: enough to see, and the picture stays on one page.
    chosen = sorted(choose_examples(scores), key=lambda example: abs(example.n_active - 3))
    for example in {example.kind: example for example in reversed(chosen)}.values():
        gains = {row.name: row.si_sdri_db for row in scores[example.system] if row.utt == example.utt}
        separated = expdir / example.system / "separated" / test_dir.name
        try:
            figures[f"example_{example.kind}"] = _figure(example, gains, separated, DataDir.load(test_dir))
        except (UserError, KeyError) as error:
            logger.warning("%s: %s; no figure of it", example.utt, error)
    return {name: figures[name] for name in (f"example_{kind}" for kind in KINDS) if name in figures}


def _figure(example: Example, gains: dict[str, float | None], separated: Path, data: DataDir) -> Any | None:
    from matplotlib.figure import Figure

    tables = {name: separated / f"{name}.scp" for name in data.classes if gains.get(name) is not None}
    if not tables or not all(table.is_file() for table in tables.values()):
        return None
    wav = data.wav[example.utt]
    n_samples, rate, _ = audio_info(wav)
    mixture = magnitude(read_audio(wav, rate), rate)
    peak = float(mixture.max())
    figure = Figure(figsize=(9, 1.75 * (len(tables) + 1) + 0.5), layout="constrained")
    grid = figure.subplots(len(tables) + 1, 3, squeeze=False)
    look = {"origin": "lower", "aspect": "auto", "extent": (0, n_samples / rate, 0, rate / 2000)}
    look["interpolation"] = "nearest"

    def picture(axes: Any, magnitudes: np.ndarray, title: str) -> Any:
        axes.set_title(title)
        return axes.imshow(level_db(magnitudes, peak), cmap="magma", vmin=-RANGE_DB, vmax=0, **look)

    levels = picture(grid[0, 0], mixture, f"mixture {example.utt}")
    colours = {name: class_colour(data.classes, name) for name in tables}
    _labels(grid[0, 1], colours, data.events().get(example.utt, []), n_samples / rate)
    grid[0, 2].set_axis_off()
    for row, (name, table) in zip(grid[1:], tables.items(), strict=True):
        reference = read_scp(data.path / f"src_{name}.scp")[example.utt]
        source = magnitude(read_audio(read_scp(table)[example.utt], rate), rate)
        picture(row[0], magnitude(read_audio(reference, rate), rate), f"{name}: reference")
        mask = row[1].imshow(estimated_mask(source, mixture), cmap="cividis", vmin=0, vmax=1, **look)
        row[1].set_title(f"{name}: mask, estimated")
        picture(row[2], source, f"{name}: separated, SI-SDRi {gains[name]:.1f} dB")
    for axes in grid.flatten():
        axes.tick_params(labelsize="x-small")
    for axes in grid[:, 0]:
        axes.set_ylabel("kHz")
    for axes in [*grid[-1, :], grid[0, 1]]:
        axes.set_xlabel("s")
    peak_text = f"dB below the mixture's peak, to {RANGE_DB:.0f}"
    for bar, height, label in ((levels, 0.7, peak_text), (mask, 0.1, "estimated mask; white: silence")):
        scale = figure.colorbar(bar, cax=grid[0, 2].inset_axes((0.05, height, 0.9, 0.1)), orientation="horizontal")
        scale.ax.set_title(label)
        scale.ax.tick_params(labelsize="x-small")
    reason = f"{example.kind}: {example.gain_db:.1f} dB by {short_name(example.system)}"
    what = f"{reason}, mean over the classes of the mixture"
    figure.suptitle(f"{what}\nmask: magnitude of the separated source over that of the mixture")
    return figure


def class_colour(classes: Sequence[str], name: str) -> Any:
    """The colour of a class, the same in all figures of a report."""
    from matplotlib import colormaps

    palette = COLOURS if len(classes) <= len(COLOURS) else colormaps["tab20"].colors  # type: ignore[attr-defined]
    return palette[classes.index(name) % len(palette)]


def _labels(axes: Any, colours: dict[str, Any], events: Sequence[EventLabel], duration_s: float) -> None:
    """Bars over time: a row a class."""
    for row, (name, colour) in enumerate(colours.items()):
        spans = [(event.onset_s, event.offset_s - event.onset_s) for event in events if event.label == name]
        axes.broken_barh(spans, (row - 0.35, 0.7), facecolors=colour, edgecolor="black", lw=0.5)
    axes.set_yticks(range(len(colours)), list(colours))
    axes.set(ylim=(len(colours) - 0.4, -0.6), xlim=(0, duration_s), title="labels")
    axes.grid(axis="x", alpha=0.3)
