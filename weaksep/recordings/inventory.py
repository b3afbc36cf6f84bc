"""What is in the sets of a data folder: clips and their labels, recordings, silence."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weaksep.errors import UserError, refuse
from weaksep.fileio.audioread import read_blocks
from weaksep.fileio.datadir import DataDir, parse_lengths
from weaksep.fileio.tables import read_table
from weaksep.jobs import run_sharded, split_evenly
from weaksep.signal.level import db_to_gain, rms

SETS = ("train", "valid", "test")
SHARD_CLIPS = 200
# So far below the loud clips a clip holds nothing to learn a class from, dither and all: the noise of 16 bits is at
# about -100 dB, clips are brought to -27 dB, and the sparsest clip (a click of 5 ms in 10 s) is 33 dB below a full one.
SILENT_DB = -60.0
LOUD_SHARE = 0.9  # the quantile of the clips' levels that counts as loud


@dataclass(frozen=True)
class Stock:
    """What is in one set.

    Attributes:
        data: its tables.
        labels: which classes occur in each clip, bool (clips, K).
        silent: which clips are, bool (clips,).
        heirs: how many clips have their labels from the same recording, all of them the recording's, int (clips,).
            1 where the times of the events are known, or a recording is one clip.
        recordings: number of them.
        by_class: recordings of each class (K,): those that the clips are cut out of, or that mixtures are made of.
        seconds: length of all clips.
    """

    data: DataDir
    labels: np.ndarray
    silent: np.ndarray
    heirs: np.ndarray
    recordings: int
    by_class: tuple[int, ...]
    seconds: float

    @property
    def mixed(self) -> bool:
        """Whether the clips are mixtures of ``weaksep mix``."""
        return (self.data.path / "scenes.jsonl").is_file()


def levels(paths: Sequence[Path]) -> list[float]:
    """RMS of each file; runs in a worker process."""
    return [rms(np.concatenate(list(read_blocks(path)), axis=1)) for path in paths]


def take_stock(datadir: Path, nj: int) -> dict[str, Stock]:
    """All sets of a data folder; every clip is read, in ``nj`` processes.

    Raises:
        UserError: a set is missing, holds no clip, cannot be read, or has other classes than the others.
    """
    sets = {name: DataDir.load(datadir / name) for name in SETS}
    empty = {f"{data.path}: no clip in it": not data.wav for data in sets.values()}
    refuse({f"{datadir}: its sets have different classes": len({d.labels for d in sets.values()}) > 1, **empty},
           UserError)  # fmt: skip
    paths = [path for data in sets.values() for path in data.wav.values()]
    shards = split_evenly(paths, max(nj, -(-len(paths) // SHARD_CLIPS)))
    heard = np.concatenate(run_sharded(levels, shards, nj=nj, description="levels of the clips"))
    silent = heard <= np.quantile(heard, LOUD_SHARE) * db_to_gain(SILENT_DB)
    ends = np.cumsum([len(data.wav) for data in sets.values()])[:-1]
    return {name: _stock(data, own) for (name, data), own in zip(sets.items(), np.split(silent, ends), strict=True)}


def _stock(data: DataDir, silent: np.ndarray) -> Stock:
    named, speaker = data.clip_labels(), read_table(data.path / "utt2spk")
    lengths_s = parse_lengths(data.path / "utt2dur").values("a list of lengths")
    timed = data.timed()
    files = {utt: utt if utt in timed else utt.rpartition("-")[0] for utt in named}  # see ``prepare.clips_of``
    cut = Counter(files.values())
    pairs = {(name, speaker[utt]) for utt, names in named.items() for name in names}
    events = data.path.parent / "events" / data.path.name
    if (events / "utt2class").is_file():  # of mixtures, each of which is a recording of its own in utt2spk
        speaker = read_table(events / "utt2spk")
        pairs = {(name, speaker[event]) for event, name in read_table(events / "utt2class").items()}
    found = Counter(name for name, _ in pairs)
    return Stock(
        data=data,
        labels=np.array([[name in names for name in data.labels] for names in named.values()]),
        silent=silent,
        heirs=np.array([cut[files[utt]] for utt in named]),
        recordings=len(set(speaker.values())),
        by_class=tuple(found[name] for name in data.labels),
        seconds=sum(lengths_s[utt] for utt in named),
    )
