"""The features of a data folder: every matrix is read and compared with what the tables say of it."""

import os
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np

from weaksep.errors import UserError
from weaksep.feats.config import DumpSettings
from weaksep.feats.lengths import parse_frames
from weaksep.fileio.ark import ArkReader, parse_entry
from weaksep.fileio.audio import audio_info
from weaksep.fileio.parsed import Problem
from weaksep.fileio.tables import parse_table
from weaksep.fileio.yamlfile import load_config
from weaksep.jobs import run_sharded, split_evenly
from weaksep.signal.units import n_frames
from weaksep.upkeep.checks import unmatched
from weaksep.upkeep.folder import Folder

SHARD_MATRICES = 500
REMEDY = "run.sh --stage 2"
CMVN_OFFSET = len("global ")

# A matrix: where its clip is named, file.ark:offset, its frames by utt2num_frames, and the audio it was made of.
Matrix = tuple[Problem, str, int | None, Path | None]


def dump_folder(data_dir: Path, dump: Path | None) -> Path:
    """Where a set's features lie: ``dump``/<set>, or dump/<set> beside data/<set>."""
    name = Path(os.path.abspath(data_dir)).name
    return (dump or Path(os.path.normpath(data_dir / ".." / ".." / "dump"))) / name


def examine(settings: DumpSettings, matrices: Sequence[Matrix]) -> list[Problem]:
    """Read the matrices of a shard; runs in a worker process."""
    with closing(ArkReader()) as reader:
        wrong = [(matrix[0], what) for matrix in matrices for what in _examine(matrix, settings, reader)]
    return [place._replace(what=f"{place.what}: {what}") for place, what in wrong]


def _examine(matrix: Matrix, settings: DumpSettings, reader: ArkReader) -> list[str]:
    place, entry, named_frames, audio = matrix
    try:
        path, offset = parse_entry(entry, place.file.parent)
        values = reader.read(path, offset)
    except UserError as error:
        return [str(error)]
    key = f"{place.what} ".encode()  # stands before the matrix, as in every Kaldi archive
    with open(path, "rb") as file:
        own = offset >= len(key) and os.pread(file.fileno(), len(key), offset - len(key)) == key
    try:
        audio_frames = n_frames(audio_info(audio)[0], settings.hop_samples) if audio else None
    except UserError:
        audio_frames = None  # a problem of the audio, not of the features
    expected = settings.window_samples // 2 + 1
    (frames, bins), low, high = values.shape, float(values.min()), float(values.max())
    wrong = {
        f"{entry} is the matrix of another clip": not own,
        f"{bins} bins, by feats.yaml there should be {expected}": bins != expected,
        f"{frames} frames, utt2num_frames has {named_frames}": named_frames not in (None, frames),
        f"{frames} frames, its audio now gives {audio_frames}": audio_frames not in (None, frames),
        "holds NaN or infinite values": not np.isfinite([low, high]).all(),  # a NaN anywhere is the minimum
        f"holds negative magnitudes (down to {low:.3g})": low < 0,
    }
    return [what for what, is_so in wrong.items() if is_so]


def check_feats(folder: Folder, dump: Path | None, nj: int) -> list[Problem]:
    """Compare the features of a folder with it.

    Args:
        folder: the data folder.
        dump: folder that holds the dump folders of the sets; beside ``data`` when None.
        nj: worker processes.
    """
    place = dump_folder(folder.path, dump)
    try:
        settings = load_config(DumpSettings, place / "feats.yaml")
    except UserError as error:
        return [Problem(place / "feats.yaml", None, str(error).removeprefix(f"{place}/feats.yaml: "), REMEDY)]
    lengths = parse_frames(place / "utt2num_frames")
    frames: dict[str, int] = {utt: entry.value for utt, entry in lengths.entries.items()}
    names = {"feats.scp": "wav.scp"} if settings.feats_type == "ark" else {}
    if any(place.glob("src_*_feats.scp")):  # only strong training has them
        names |= {f"src_{label}_feats.scp": f"src_{label}.scp" for label in folder.classes}
    pairs = [(lengths, folder["wav.scp"]), *((parse_table(place / name), folder[names[name]]) for name in names)]
    problems = [
        problem._replace(remedy=REMEDY)
        for table, audio in pairs
        for problem in (*table.problems, *unmatched(audio, table), *unmatched(table, audio))
    ]
    matrices: list[Matrix] = [
        (
            Problem(table.path, entry.line, utt, REMEDY),
            entry.value,
            frames.get(utt),
            folder.locate(audio.entries[utt].value) if utt in audio.entries else None,
        )
        for table, audio in pairs[1:]
        for utt, entry in table.entries.items()
    ]
    shards = split_evenly(matrices, max(nj, -(-len(matrices) // SHARD_MATRICES)))
    work, description = partial(examine, settings), f"features {folder.path.name}"
    results = run_sharded(work, shards, nj=nj, description=description, backend="local")
    what = _statistics_problem(place / "cmvn.ark", settings, sum(frames.values()))
    statistics = [Problem(place / "cmvn.ark", None, what, REMEDY)] if what else []
    return [*problems, *(problem for result in results for problem in result), *statistics]


# What is wrong with cmvn.ark: sums and frame count, sums of squares.
def _statistics_problem(path: Path, settings: DumpSettings, frames: int) -> str | None:
    expected = (2, settings.window_samples // 2 + 2)
    try:
        with closing(ArkReader()) as reader:
            stats = reader.read(path, CMVN_OFFSET)
    except UserError as error:
        return str(error).removeprefix(f"{path}: ")
    found, named = float(stats[0, -1]), f"utt2num_frames has {frames} in all"
    wrong = {
        f"a matrix of shape {stats.shape}, expected {expected}": stats.shape != expected,
        "statistics that are NaN or infinite": not np.isfinite(stats).all(),
        f"statistics of {found:.0f} frames, {named}": abs(found - frames) > 1e-6 * frames > 0,
    }
    return next((what for what, is_so in wrong.items() if is_so), None)
