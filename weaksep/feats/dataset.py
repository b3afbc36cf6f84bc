"""A dump folder as a training set: features and labels by clip, batches of clips.

The supervision decides which files are opened beside the features: ``utt2labels`` for clip, ``events.tsv`` for frame,
``src_<class>_feats.scp`` for strong, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weaksep.errors import UserError, raise_problems
from weaksep.feats.config import DumpSettings
from weaksep.feats.labels import clip_vector, frame_labels, noisy_tags
from weaksep.feats.stats import mean_and_std
from weaksep.fileio.ark import ArkReader, parse_entry
from weaksep.fileio.datadir import TIMED_NAME, DataDir
from weaksep.fileio.tables import read_table
from weaksep.fileio.yamlfile import load_config
from weaksep.seeding import generator

_FRAMES = re.compile(r"[1-9][0-9]{0,8}")


def fingerprint_files(data_dir: Path, dump_dir: Path, supervision: str) -> dict[str, Path]:
    """The files that tell one training set from another, and that this supervision may see.

    Not the archives, which are gigabytes: the mixtures' statistics differ when they do, and the references have a hash.
    """
    features = ["cmvn.ark", "feats.yaml", "utt2num_frames"]
    tables = ["wav.scp", "labels.txt", *{"clip": ["utt2labels"], "frame": ["events.tsv"], "strong": []}[supervision]]
    if supervision == "strong":
        features.append("references.sha256")
    if supervision == "frame" and (data_dir / TIMED_NAME).is_file():
        tables += [TIMED_NAME, "utt2labels"]  # the other clips have clip labels
    named = {f"{dump_dir.name} {name}": dump_dir / name for name in features}
    return {**named, **{f"{data_dir.name} {name}": data_dir / name for name in tables}}


class FeatureSet:
    """Magnitudes of a dump folder.

    Attributes:
        utt_ids: clip ids.
        n_frames: frames of each clip, the same for all.
        sample_rate, window_samples, hop_samples: how the features were made.
    """

    def __init__(self, dump_dir: str | Path) -> None:
        """Open a dump folder.

        Raises:
            UserError: a table is missing or malformed, or the clips differ in length.
        """
        self.path = Path(dump_dir)
        settings = load_config(DumpSettings, self.path / "feats.yaml")
        self.sample_rate = settings.sample_rate
        self.window_samples = settings.window_samples
        self.hop_samples = settings.hop_samples
        self.n_bins = self.window_samples // 2 + 1
        self._entries = self._read_scp("feats.scp")
        self._reader = ArkReader()
        self.utt_ids = list(self._entries)
        self.n_frames = self._one_length()

    def _one_length(self) -> int:
        path = self.path / "utt2num_frames"
        table = read_table(path)
        odd = {utt: text for utt, text in table.items() if not _FRAMES.fullmatch(text)}
        wrong = [f"{path}: {utt}: {text!r} is not a number of frames" for utt, text in odd.items()]
        raise_problems(f"{path} is damaged; rerun stage 2", wrong)
        lengths = sorted({int(text) for text in table.values()})
        if len(lengths) != 1:
            found = f"clips of {lengths[0]} to {lengths[-1]} frames; cut them to one length" if lengths else "no clips"
            raise UserError(f"{path}: {found}")
        return lengths[0]

    def _read_scp(self, name: str) -> dict[str, tuple[Path, int]]:
        return {utt: parse_entry(entry, self.path) for utt, entry in read_table(self.path / name).items()}

    def read(self, utt: str) -> np.ndarray:
        """Magnitude of a clip, float32 (T, F).

        Raises:
            UserError: it cannot be read, or has another size than the tables say.
        """
        matrix = self._reader.read(*self._entries[utt])
        if matrix.shape != (self.n_frames, self.n_bins):
            sizes = f"{matrix.shape[0]} x {matrix.shape[1]}, expected {self.n_frames} x {self.n_bins}"
            raise UserError(f"{self.path}: {utt} is a matrix of {sizes}; rerun stage 2")
        return matrix

    def batch(self, utts: Sequence[str]) -> np.ndarray:
        """Magnitudes of several clips, float32 (B, T, F)."""
        return np.stack([self.read(utt) for utt in utts])

    def log_statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation (F,) of the log magnitude over the set."""
        return mean_and_std(self._reader.read(self.path / "cmvn.ark", len("global ")))

    def reference_reader(self, labels: Sequence[str]) -> ReferenceFeatures:
        """Reader of the references' magnitudes (strong supervision)."""
        missing = [label for label in labels if not (self.path / f"src_{label}_feats.scp").exists()]
        if missing:
            raise UserError(
                f"{self.path}: no src_{missing[0]}_feats.scp; rerun stage 2 with a strong system in --systems"
            )
        tables = [self._read_scp(f"src_{label}_feats.scp") for label in labels]
        return ReferenceFeatures(tables, self._reader, (self.n_frames, self.n_bins))


class ReferenceFeatures:
    """Magnitudes of the references; a class that is absent from a clip is silent."""

    def __init__(self, tables: list[dict[str, tuple[Path, int]]], reader: ArkReader, shape: tuple[int, int]) -> None:
        self._tables = tables
        self._reader = reader
        self._shape = shape

    def batch(self, utts: Sequence[str]) -> np.ndarray:
        """References of several clips, float32 (B, K, T, F)."""
        sources = np.zeros((len(utts), len(self._tables), *self._shape), dtype=np.float32)
        for row, utt in enumerate(utts):
            for column, table in enumerate(self._tables):
                if utt in table:
                    sources[row, column] = self._reader.read(*table[utt])
        return sources


@dataclass(frozen=True)
class Batch:
    """What one training step sees. Arrays that the supervision does not allow are None.

    Attributes:
        magnitude: (B, T, F) float32.
        labels: (B, K) float32 under clip supervision, (B, T, K) under frame supervision, None under strong.
        sources: (B, K, T, F) float32 under strong supervision, else None.
        sides: of sums of clips with weak labels, the targets of both sides of P ways to divide a sum in two,
            (B, P, 2, T, F) float32; else None.
        side_labels: the classes of the sides, (B, P, 2, K) or (B, P, 2, T, K) float32.
        split_weights: how much each way to divide a sum counts, (B, P) float32; they add up to one for each sum.
    """

    magnitude: np.ndarray
    labels: np.ndarray | None
    sources: np.ndarray | None
    sides: np.ndarray | None = None
    side_labels: np.ndarray | None = None
    split_weights: np.ndarray | None = None


class LabelledSet:
    """Features with the labels of one kind of supervision.

    Args:
        data_dir: data/<set>, for the labels.
        dump_dir: dump/<set>, for the features.
        supervision: "strong", "frame" or "clip".
        utt_ids: some of the folder's clips; all by default.
        missing_tags, wrong_tags: share of the clip labels that are left out, and that name another class.
    """

    def __init__(
        self,
        data_dir: str | Path,
        dump_dir: str | Path,
        supervision: str,
        utt_ids: Sequence[str] | None = None,
        missing_tags: float = 0.0,
        wrong_tags: float = 0.0,
    ) -> None:
        self.features = FeatureSet(dump_dir)
        self.data = DataDir.load(data_dir)
        self.labels = self.data.labels
        self.supervision = supervision
        self.utt_ids = self.data.utt_ids if utt_ids is None else list(utt_ids)
        features = set(self.features.utt_ids)
        missing = [utt for utt in self.utt_ids if utt not in features]
        if missing:
            raise UserError(
                f"{dump_dir}: no features for {len(missing)} clips of {data_dir} (first: {missing[0]}); rerun stage 2"
            )
        self._labels: dict[str, np.ndarray] = {}
        self._references: ReferenceFeatures | None = None
        if supervision == "clip":
            names = self.data.clip_labels()
            if missing_tags or wrong_tags:
                noise = (self.labels, missing_tags, wrong_tags)
                names = {utt: noisy_tags(names[utt], *noise, generator(0, "tags", utt)) for utt in self.utt_ids}
            self._labels = {utt: clip_vector(names[utt], self.labels) for utt in self.utt_ids}
        elif supervision == "frame":
            self._labels = self._frame_labels()
        else:
            self._references = self.features.reference_reader(self.labels)

    def _frame_labels(self) -> dict[str, np.ndarray]:
        events = self.data.events()
        settings = (self.features.n_frames, self.features.sample_rate, self.features.hop_samples)
        return {utt: frame_labels(events[utt], self.labels, *settings) for utt in self.utt_ids}

    def __len__(self) -> int:
        return len(self.utt_ids)

    def activity(self, row: int) -> np.ndarray:
        """What weak labels say of a clip, uint8 (K,) or (T, K), by its position in ``utt_ids``."""
        return self._labels[self.utt_ids[row]]

    def batch(self, indices: Sequence[int] | np.ndarray, epoch: int | Sequence[int] = 0) -> Batch:
        """Clips by their position in ``utt_ids``; they are the same in every epoch."""
        utts = [self.utt_ids[index] for index in indices]
        labels = np.stack([self._labels[utt] for utt in utts]).astype(np.float32) if self._labels else None
        return Batch(
            magnitude=self.features.batch(utts),
            labels=labels,
            sources=None if self._references is None else self._references.batch(utts),
        )

    def class_priors(self) -> np.ndarray:
        """Share of frames (frame) or clips (clip) in which each class is active, float32 (K,); for weak labels only."""
        shares = [labels.reshape(-1, len(self.labels)).mean(axis=0) for labels in self._labels.values()]
        return np.mean(shares, axis=0).astype(np.float32)
