"""The features of a data folder: every matrix is read and compared with what the tables say of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weaksep.errors import UserError
from weaksep.feats.config import DumpSettings
from weaksep.fileio.ark import ArkReader, parse_entry
from weaksep.fileio.audio import audio_info
from weaksep.fileio.yamlfile import load_config
from weaksep.jobs import run_sharded, split_evenly
from weaksep.signal.units import n_frames
from weaksep.upkeep.folder import Folder
from weaksep.upkeep.lines import read_text
from weaksep.upkeep.problems import Problem, stage_command
from weaksep.upkeep.tables import Table, TableReader

SHARD_MATRICES = 500
MEND = stage_command(2)
CMVN_OFFSET = len("global ")


@dataclass(frozen=True)
class Matrix:
    """One matrix to look at.

    Args:
        table: the scp that names it.
        line: its line there.
        utt: the clip.
        entry: file.ark:offset.
        frames: by utt2num_frames; None when that does not say.
        audio: the file whose length the frames must fit; None when there is none.
    """

    table: Path
    line: int
    utt: str
    entry: str
    frames: int | None
    audio: Path | None


@dataclass(frozen=True)
class Shard:
    """Some matrices, for one worker."""

    matrices: tuple[Matrix, ...]
    settings: DumpSettings


def dump_folder(data_dir: Path, dump: Path | None) -> Path:
    """Where a set's features lie: ``dump``/<set>, or dump/<set> beside data/<set>."""
    name = Path(os.path.abspath(data_dir)).name
    return (dump or Path(os.path.normpath(data_dir / ".." / ".." / "dump"))) / name


def n_bins(settings: DumpSettings) -> int:
    """Frequency bins of the features."""
    return settings.window_samples // 2 + 1


def in_a_line(error: UserError) -> str:
    """The text of an error that may have several lines."""
    return " ".join(str(error).split())


def examine(shard: Shard) -> list[tuple[Matrix, str]]:
    """Read the matrices of a shard; runs in a worker process."""
    reader = ArkReader()
    try:
        return [(matrix, what) for matrix in shard.matrices for what in _examine(matrix, shard.settings, reader)]
    finally:
        reader.close()


def _examine(matrix: Matrix, settings: DumpSettings, reader: ArkReader) -> Iterator[str]:
    try:
        path, offset = parse_entry(matrix.entry, matrix.table.parent)
        values = reader.read(path, offset)
        if not _is_of(matrix.utt, path, offset):
            yield f"{matrix.entry} is the matrix of another clip"
            return
    except UserError as error:
        yield in_a_line(error)
        return
    frames, bins = values.shape
    if bins != n_bins(settings):
        yield f"{bins} bins, by feats.yaml there should be {n_bins(settings)}"
    if matrix.frames is not None and frames != matrix.frames:
        yield f"{frames} frames, utt2num_frames has {matrix.frames}"
    expected = _frames_of(matrix.audio, settings.hop_samples)
    if expected is not None and frames != expected:
        yield f"{frames} frames, its audio now gives {expected}"
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all():  # a NaN anywhere is the minimum
        yield "holds NaN or infinite values"
    elif low < 0:
        yield f"holds negative magnitudes (down to {low:.3g})"


def _is_of(utt: str, path: Path, offset: int) -> bool:
    """Whether the clip's id stands before the matrix, as in every Kaldi archive."""
    key = f"{utt} ".encode()
    if offset < len(key):
        return False
    with open(path, "rb") as file:
        return os.pread(file.fileno(), len(key), offset - len(key)) == key


def _frames_of(audio: Path | None, hop_samples: int) -> int | None:
    if audio is None or not audio.is_file():
        return None
    try:
        return n_frames(audio_info(audio)[0], hop_samples)
    except UserError:
        return None  # a problem of the audio, not of the features


class DumpFolder:
    """A dump folder and its tables."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def problem(self, name: str, line: int | None, what: str) -> Problem:
        """A problem of one of its files."""
        return Problem(self.path / name, line, what, MEND)

    def table(self, name: str) -> Table:
        """A table of the folder."""
        path = self.path / name
        try:
            text = read_text(path)
        except OSError as error:
            return Table(path, problems=[self.problem(name, None, f"cannot be read ({error.strerror})")])
        table = TableReader(path, MEND, MEND, MEND).read(text)
        table.problems[:0] = [self.problem(name, line, what) for line, what in (*text.slips, *text.broken)]
        return table


def check_feats(folder: Folder, dump: Path | None, nj: int) -> list[Problem]:
    """Compare the features of a folder with it.

    Args:
        folder: the data folder.
        dump: folder that holds the dump folders of the sets; beside ``data`` when None.
        nj: worker processes.
    """
    dumped = DumpFolder(dump_folder(folder.path, dump))
    if not dumped.path.is_dir():
        return [Problem(dumped.path, None, "no such folder of features", MEND)]
    try:
        settings = load_config(DumpSettings, dumped.path / "feats.yaml")
    except UserError as error:
        return [dumped.problem("feats.yaml", None, in_a_line(error))]
    problems, frames = _check_frames(folder, dumped)
    matrices = []
    names = {"feats.scp": "wav.scp"}
    if any(dumped.path.glob("src_*_feats.scp")):  # only strong training has them
        names |= {f"src_{label}_feats.scp": f"src_{label}.scp" for label in folder.labels.lines}
    for name, source in names.items():
        table, audio = dumped.table(name), folder.table(source)
        problems += table.problems
        if table.there and audio.there:
            problems += _compare(table, audio)
        for utt, (line, value) in table.entries.items():
            file = folder.path / audio.entries[utt].value if utt in audio.entries else None
            matrices.append(Matrix(table.path, line, utt, value, frames.get(utt), file))
    parts = split_evenly(matrices, max(nj, -(-len(matrices) // SHARD_MATRICES)))
    shards = [Shard(tuple(part), settings) for part in parts]
    for wrong in run_sharded(examine, shards, nj=nj, description=f"features {folder.path.name}"):
        problems += [Problem(matrix.table, matrix.line, f"{matrix.utt}: {what}", MEND) for matrix, what in wrong]
    return problems + list(_check_statistics(dumped, settings, sum(frames.values())))


def _compare(table: Table, audio: Table) -> Iterator[Problem]:
    """The features' clips against those of the audio."""
    for utt, entry in audio.entries.items():
        if utt not in table.entries:
            yield Problem(audio.path, entry.line, f"{utt} is not in {table.path}", MEND)
    for utt, entry in table.entries.items():
        if utt not in audio.entries:
            yield Problem(table.path, entry.line, f"{utt} is not in {audio.path}", MEND)


def _check_frames(folder: Folder, dumped: DumpFolder) -> tuple[list[Problem], dict[str, int]]:
    """utt2num_frames by itself, and clip -> frames."""
    table = dumped.table("utt2num_frames")
    problems = list(table.problems)
    if table.there and folder.wav.there:
        problems += _compare(table, folder.wav)
    frames = {}
    for utt, (line, value) in table.entries.items():
        if value.isascii() and value.isdigit() and len(value) < 10:
            frames[utt] = int(value)
        else:
            problems.append(Problem(table.path, line, f"{utt}: {value!r} is not a number of frames", MEND))
    return problems, frames


def _check_statistics(dumped: DumpFolder, settings: DumpSettings, frames: int) -> Iterator[Problem]:
    """cmvn.ark: sums and frame count, sums of squares."""
    path = dumped.path / "cmvn.ark"
    reader = ArkReader()
    try:
        stats = reader.read(path, CMVN_OFFSET)
    except UserError as error:
        yield Problem(path, None, in_a_line(error), MEND)
        return
    finally:
        reader.close()
    expected = (2, n_bins(settings) + 1)
    if stats.shape != expected:
        yield Problem(path, None, f"a matrix of shape {stats.shape}, expected {expected}", MEND)
    elif not np.isfinite(stats).all():
        yield Problem(path, None, "statistics that are NaN or infinite", MEND)
    elif frames and abs(float(stats[0, -1]) - frames) > 1e-6 * frames:
        what = f"statistics of {stats[0, -1]:.0f} frames, utt2num_frames has {frames} in all"
        yield Problem(path, None, what, MEND)
