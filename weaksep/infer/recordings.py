"""One recording, of any rate, number of channels and length, separated into files.

The net hears the mean of the channels at its own rate and level; its masks are applied to every channel. What the
classes leave of the recording is the residual, so that all outputs together are the recording.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from weaksep.fileio.audio import audio_info
from weaksep.fileio.audioread import read_blocks
from weaksep.fileio.audiostream import FORMATS, resampled, writers
from weaksep.fileio.datadir import CONFIDENCE_NAME, EVENT_COLUMNS
from weaksep.fileio.names import RESIDUAL
from weaksep.fileio.network import network_files
from weaksep.fileio.stamp import Step
from weaksep.fileio.tsv import write_tsv
from weaksep.infer.chunks import ChunkPlan, ahead, separate_chunks
from weaksep.infer.confidence import ConfidenceMeter, write_confidence
from weaksep.infer.events import EventFinder
from weaksep.infer.levels import LEQ_NAME, LEVELS_NAME, RECORDING, write_levels
from weaksep.infer.model import Separator, Watch, apply_masks, unwatched
from weaksep.infer.source_stream import streamed_sources
from weaksep.metrics.likeness import LikenessMeter
from weaksep.nets.streaming import Streaming
from weaksep.signal.level import gain_to
from weaksep.signal.meter import LevelMeter

logger = logging.getLogger(__name__)

EVENTS_NAME = "events.tsv"
# Chunks of 30 s of which 10 s overlap and 1 s fades: a net hears at least four and a half seconds beyond what counts.
# Half of that is heard: a BLSTM trained on clips of 4 s still minds what was three seconds ago.
CHUNK_S, OVERLAP_S, FADE_S = 30.0, 10.0, 1.0
# The level that a recording is brought to for the net, about that of a recipe's mixtures: dB relative to full scale.
LEVEL_DB = -27.0


@dataclass(frozen=True)
class Options:
    """How recordings are separated.

    Attributes:
        rate: "model", the net's own sample rate, or "input", that of each recording.
        form: "flac" or "wav".
        level_db: the level at which the net hears a recording, dB relative to full scale; None to leave it as it is.
        events: whether to write events.tsv too (infer/events.py).
        levels: whether to write levels.tsv and leq.tsv too (infer/levels.py).
        weighting: "A" for A-weighted levels, "Z" for others.
        calibration_db: dB SPL of full scale, for levels in dB SPL; None for dB relative to full scale.
        accept_truncated: whether to take what is there of a recording that was cut short.
    """

    rate: str = "model"
    form: str = "flac"
    level_db: float | None = LEVEL_DB
    events: bool = False
    levels: bool = False
    weighting: str = "Z"
    calibration_db: float | None = None
    accept_truncated: bool = False


def chunk_plan(separator: Separator) -> ChunkPlan:
    """Sizes of the chunks that a net hears."""
    step = separator.stft.hop_samples * separator.net.frames_per_step  # after which the net's own grid begins anew
    chunk, overlap = (round(seconds * separator.sample_rate / step) * step for seconds in (CHUNK_S, OVERLAP_S))
    return ChunkPlan(chunk, overlap, int(FADE_S * separator.sample_rate), step)


def net_sources(
    separator: Separator, blocks: Iterator[np.ndarray], sample_rate: int, gain: float, watch: Watch = unwatched
) -> Iterator[np.ndarray]:
    """Sources of a stream at the net's rate, (K + 1, C, n) pieces, the residual last; by a net that takes streams in
    one go, without chunks.

    Args:
        separator: see ``load_separator``.
        blocks: the stream, (C, n).
        sample_rate: its own.
        gain: with which the net hears it; one that takes streams finds its own.
        watch: shown the masks and the magnitude of each chunk.
    """

    @torch.inference_mode()
    def separate(chunk: np.ndarray) -> np.ndarray:
        audio = torch.from_numpy(np.ascontiguousarray(chunk)).to(separator.device)
        spectrum = separator.stft.forward(audio)  # (C, T, F)
        mono = spectrum.mean(dim=0, keepdim=True).abs()
        masks = separator.net(mono * gain)[:, : len(separator.classes)]
        watch(masks, mono)
        sources = apply_masks(separator.stft, spectrum, masks.expand(len(chunk), -1, -1, -1), audio.shape[1])
        sources = sources.transpose(0, 1)  # (K, C, n)
        return torch.cat([sources, (audio - sources.sum(dim=0)).unsqueeze(0)]).cpu().numpy()

    heard = resampled(blocks, sample_rate, separator.sample_rate)
    if isinstance(separator.net, Streaming):
        return streamed_sources(separator, heard, watch)
    return separate_chunks(separate, heard, chunk_plan(separator))


def at_input_rate(
    sources: Iterator[np.ndarray], separator: Separator, blocks: Iterator[np.ndarray], sample_rate: int, channels: int
) -> Iterator[np.ndarray]:
    """Sources of the net's rate at that of the stream; the residual is what the classes leave of it there.

    Args:
        sources: see ``net_sources``; their residual is not used.
        separator: that gave them.
        blocks, sample_rate, channels: the stream, (C, n).

    Yields:
        (K + 1, C, n) pieces, together exactly as long as the stream.
    """
    flat = (piece[:-1].reshape(-1, piece.shape[2]) for piece in sources)
    original = np.zeros((channels, 0), dtype=np.float32)
    for piece in resampled(flat, separator.sample_rate, sample_rate):
        while original.shape[1] < piece.shape[1] and (block := next(blocks, None)) is not None:
            original = np.concatenate([original, block], axis=1)
        size = min(piece.shape[1], original.shape[1])  # resampling there and back may give a sample more
        classes = piece[:, :size].reshape(-1, channels, size)
        yield np.concatenate([classes, (original[:, :size] - classes.sum(axis=0))[None]])
        original = original[:, size:]
    rest = np.concatenate([original, *blocks], axis=1)
    if rest.shape[1]:  # or less
        yield np.concatenate([np.zeros((len(separator.classes), *rest.shape), dtype=np.float32), rest[None]])


def _compared(pieces: Iterator[np.ndarray], likeness: LikenessMeter) -> Iterator[np.ndarray]:
    """The pieces (K + 1, C, n) as they are; all outputs together are the recording."""
    for piece in pieces:
        likeness.add(piece.sum(axis=0).ravel(), piece.reshape(len(piece), -1))
        yield piece


def recording_step(model: Path, path: Path, out: Path, options: Options) -> Step:
    """The separation of a recording as a step: done once, and again when the model, the recording or an option changes.

    Args:
        model: see ``load_separator``.
        path: the recording.
        out: folder of its separated files.
        options: see there.
    """
    return Step(
        name=str(out),
        folder=out,
        settings=asdict(options),
        tables=network_files(model),
        files={str(path): path},
        code=["weaksep.infer.recordings"],
        outputs=(*(f"*.{form}" for form in FORMATS), CONFIDENCE_NAME, EVENTS_NAME, LEVELS_NAME, LEQ_NAME),
    )


def source_files(separator: Separator, out: str | Path, options: Options) -> list[Path]:
    """Where the sources of a recording go, in the order of the classes, the residual last."""
    return [Path(out) / f"{name}.{options.form}" for name in (*separator.classes, RESIDUAL)]


def output_files(separator: Separator, out: str | Path, options: Options) -> list[Path]:
    """All files of a separated recording."""
    tables = [CONFIDENCE_NAME] + [EVENTS_NAME] * options.events + [LEVELS_NAME, LEQ_NAME] * options.levels
    return source_files(separator, out, options) + [Path(out) / name for name in tables]


def separate_recording(
    separator: Separator,
    path: str | Path,
    out: str | Path,
    options: Options,
    progress: Callable[[int], object] = lambda samples: None,
    likeness: LikenessMeter | None = None,
) -> list[Path]:
    """Separate a recording into OUT/<class>.<form> and OUT/residual.<form>, and say in OUT/confidence.tsv how sure the
    net is of each class.

    Args:
        separator: see ``load_separator``.
        path: the recording, anything that libsndfile reads.
        out: folder; made when it is not there.
        options: see there.
        progress: told how many samples of the recording more have been written.
        likeness: takes in what the net heard and what it made of it.

    Returns:
        the files, in the order of the classes, the residual last.

    Raises:
        UserError: the recording cannot be read, or the files not written; none of them is there then.
    """
    info, blocks = audio_info(path, options.accept_truncated), partial(read_blocks, path, options.accept_truncated)
    rate = info.sample_rate if options.rate == "input" else separator.sample_rate
    gain = gain_to(options.level_db, blocks(), info.sample_rate)
    confidence, likeness = ConfidenceMeter(1, len(separator.classes)), likeness or LikenessMeter()
    made = ahead(net_sources(separator, blocks(), info.sample_rate, gain, confidence.add))
    pieces = _compared(made, likeness)
    if rate != separator.sample_rate:
        pieces = at_input_rate(pieces, separator, blocks(), rate, info.channels)
    files = source_files(separator, out, options)
    finder = EventFinder(separator.classes, rate)
    outputs = (*separator.classes, RESIDUAL, RECORDING) if options.levels else ()
    meters = {name: LevelMeter(info.channels, rate, options.weighting == "A") for name in outputs}
    with writers(files, rate, info.channels, int(info.samples * rate / info.sample_rate) + 1) as writing:
        for piece in pieces:
            writing.write(piece)
            if options.events:
                finder.add(piece)
            for meter, output in zip(meters.values(), [*piece, piece.sum(axis=0)], strict=False):
                meter.add(output)
            progress(round(piece.shape[2] * info.sample_rate / rate))
    write_confidence(Path(out), separator.classes, {Path(path).name: confidence.values()[0]})
    if options.events:
        rows = [(Path(path).name, f"{onset:.3f}", f"{offset:.3f}", name) for onset, offset, name in finder.events()]
        write_tsv(Path(out) / EVENTS_NAME, EVENT_COLUMNS, [dict(zip(EVENT_COLUMNS, row, strict=True)) for row in rows])
    if options.levels:
        there = min(rate, info.sample_rate) / 2
        heard = min(there, separator.sample_rate / 2)
        limits = {name: there if name in (RESIDUAL, RECORDING) else heard for name in outputs}
        unit = f"dB({options.weighting}) {'re full scale' if options.calibration_db is None else 'SPL'}"
        levels = {name: meter.finish(options.calibration_db or 0.0) for name, meter in meters.items()}
        write_levels(Path(out), Path(path).name, levels, limits, unit)
        if info.sample_rate > separator.sample_rate:
            what = "levels of classes lack what is above %g Hz, half the model's rate; the recording goes up to %g Hz"
            logger.info(f"%s: {what}", out, heard, info.sample_rate / 2)
    if writing.clipped:
        logger.warning("%s: %d samples are beyond full scale and were clipped", out, writing.clipped)
    return files
