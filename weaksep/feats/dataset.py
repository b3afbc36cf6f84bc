"""A data folder as a training set: clips, what may be known of each, and batches of them.

The supervision decides which files are opened beside the features: ``utt2labels`` for clip, ``events.tsv`` for frame,
references for strong, and nothing else. The spectra of fixed clips come from the archives or the audio, as stage 2 was
told (``feats_type``), those of remixed and changed ones always from the audio.

Every draw depends on (seed, epoch, clip) alone.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from weaksep.errors import UserError
from weaksep.feats.augment import Change
from weaksep.feats.batch import Batch, frame_mask, stack_frames
from weaksep.feats.config import Knowledge
from weaksep.feats.features import FeatureSet
from weaksep.feats.knowledge import KINDS, supervision_of, weak_labels
from weaksep.feats.remix import SINGLE, Candidates, Remix, draw_remix, partners, strong_batch, weak_batch
from weaksep.fileio.datadir import DataDir
from weaksep.fileio.names import BACKGROUND
from weaksep.seeding import generator

logger = logging.getLogger(__name__)


class TrainingSet:
    """The clips of one data folder with what may be known of each.

    Args:
        data_dir, dump_dir: data/<set> and dump/<set>.
        known: what may be known of the clips, and how they are remixed and changed.
        validation: they are to validate on, and need not be such that they can be remixed.
        unlabelled: data and features of the set whose clips without a class are remixed with them.

    Attributes:
        classes: their names.
        features: of the clips as they are.
        utts: clips of each kind of supervision.

    Raises:
        UserError: data or features are missing or do not fit; see also ``supervision_of``.
    """

    def __init__(
        self,
        data_dir: Path,
        dump_dir: Path,
        known: Knowledge,
        validation: bool = False,
        unlabelled: tuple[Path, Path] | None = None,
    ) -> None:
        self.data = DataDir.load(data_dir)
        self.known = known
        self.classes = self.data.classes
        self.features = FeatureSet(dump_dir, self.data)
        kinds = supervision_of(self.data, known)
        self.utts = {kind: own for kind in KINDS if (own := [utt for utt in kinds if kinds[utt] == kind])}
        self.features.require(list(kinds), self.classes if "strong" in self.utts else ())
        self._labels = weak_labels(self.data, known, self.utts, self.features)
        self._drawn = known.remix is not None or known.augment is not None
        self._remix = known.remix or SINGLE
        self._unlabelled = self._read_unlabelled(*unlabelled) if unlabelled else {}
        self._sources = self.data.references() if self._drawn and "strong" in self.utts else {}
        if self._sources and self._unlabelled:
            self._sources[BACKGROUND] = self._sources.get(BACKGROUND, {}) | self._unlabelled
        self._clips: dict[str, list[str]] = {}  # that are remixed, the unlabelled ones last
        self._lengths: dict[str, list[int]] = {}
        self._candidates: dict[str, Candidates] = {}
        if self._drawn:
            for kind in self.utts:
                self._prepare_remixing(kind, may_stay_alone=validation or len(self.utts) > 1)
        repeats = {kind: known.strong_repeats if kind == "strong" else 1 for kind in self.utts}
        self._most = max(repeats.values())
        self._items = [
            (kind, row, time)
            for kind, own in self.utts.items()
            for row in range(len(own))
            for time in range(repeats[kind])
        ]

    def __len__(self) -> int:
        return len(self._items)

    def _read_unlabelled(self, data_dir: Path, dump_dir: Path) -> dict[str, Path]:
        """Audio of the clips without a class; their sizes are kept with the others'."""
        data = DataDir.load(data_dir)
        features = FeatureSet(dump_dir, data)
        found = {utt: data.wav[utt] for utt, own in data.clip_labels().items() if not own}
        if not found or features.settings != self.features.settings or found.keys() & self.data.wav.keys():
            raise UserError(f"{data_dir}: no clips without a class, or with ids or features as {self.data.path} has")
        features.require(list(found))
        self.features.n_frames |= {utt: features.n_frames[utt] for utt in found}
        return found

    def _activity(self, kind: str, utt: str) -> np.ndarray:
        """What weak labels say of a clip, (K,) or (T, K); of an unlabelled one, that no class is active."""
        if utt in self._labels:
            return self._labels[utt]
        frames = (self.features.n_frames[utt],) if kind == "frame" else ()
        return np.zeros((*frames, len(self.classes)), dtype=np.uint8)

    def _prepare_remixing(self, kind: str, may_stay_alone: bool) -> None:
        """Which classes occur in each clip of a kind; clips without any are not remixed.

        Raises:
            UserError: no clip has a class, or no two clips can be remixed.
        """
        utts, path = self.utts[kind], self.data.path
        if kind == "strong":
            active = np.array([[utt in self._sources[name] for name in self.classes] for utt in utts])
        else:
            vectors = [self._labels[utt] for utt in utts]
            active = np.stack([v if v.ndim == 1 else v.any(axis=0) for v in vectors]).astype(bool)
        kept = np.flatnonzero(active.any(axis=1)) if self.known.remix else np.arange(len(utts))
        if not len(kept):
            raise UserError(f"{path}: no clip has a class; there is nothing to remix")
        if len(kept) < len(utts):
            logger.info("%s: %d clips without any class are left out of remixing", path, len(utts) - len(kept))
        self.utts[kind] = [utts[row] for row in kept]
        self._clips[kind] = [*self.utts[kind], *self._unlabelled]
        self._lengths[kind] = [self.features.n_frames[utt] for utt in self._clips[kind]]
        config = self._remix.model_copy(update={"shared": self._shared(kind)})
        self._candidates[kind] = Candidates(active[kept], config)
        if self._shared(kind) or self.known.remix is None:
            return
        sets, counts = np.unique(active[kept], axis=0, return_counts=True)
        lonely = sum(n for own, n in zip(sets, counts, strict=True) if not len(partners(sets, own, False)))
        if lonely == len(kept):
            of = f"of the {len(utts)} clips no two are without a class in common"
            if not may_stay_alone:
                raise UserError(f"{path}: {of}; set remix.shared: true")
            logger.warning("%s: %s: each comes alone, or in a remix that shares classes", path, of)
        elif lonely:
            logger.info("%s: %d clips have classes in common with every other one and stay alone", path, lonely)

    def _shared(self, kind: str) -> bool:
        """Whether a class may occur in both submixtures: isolated sources leave nothing open."""
        return kind == "strong" or self._remix.shared

    def batch(self, indices: Sequence[int] | np.ndarray) -> list[Batch]:
        """Clips by their position among all passes through the set, unshuffled and laid end to end, as they come there.

        Returns:
            a batch for each kind of supervision among them.
        """
        make = self._drawn_batch if self._drawn else self._fixed_batch
        return [make(kind, own) for kind, own in self._draws(indices).items()]

    def kinds(self, indices: Sequence[int] | np.ndarray) -> list[str]:
        """The kinds of supervision among clips, in the order of their batches."""
        return list(self._draws(indices))

    def remixed(self, indices: Sequence[int] | np.ndarray) -> list[tuple[str, ...]]:
        """The clips that are added up in each item of ``batch``, in its order."""
        draws = ((kind, remix) for kind, own in self._draws(indices).items() for remix in self._remixes(kind, own))
        return [tuple(self._clips[kind][row] for row in remix.rows) for kind, remix in draws]

    def _draws(self, indices: Sequence[int] | np.ndarray) -> dict[str, list[tuple[int, int]]]:
        """Of each kind among them, (clip, which time it comes)."""
        drawn: dict[str, list[tuple[int, int]]] = {kind: [] for kind in self.utts}
        for index in indices:
            again, item = divmod(int(index), len(self._items))
            kind, row, time = self._items[item]
            # A clip is drawn anew each time that it comes.
            drawn[kind].append((row, again * self._most + time))
        return {kind: own for kind, own in drawn.items() if own}

    def _fixed_batch(self, kind: str, drawn: Sequence[tuple[int, int]]) -> Batch:
        utts = [self.utts[kind][row] for row, _ in drawn]
        magnitude = self.features.batch(utts)
        frames = frame_mask([self.features.n_frames[utt] for utt in utts])
        if kind == "strong":
            sources, background = self._references(utts, self.classes), None
            if self.known.residual and BACKGROUND in self.data.sources:
                background = self._references(utts, (BACKGROUND,))[:, 0]
            return Batch(magnitude, frames, sources=sources, background=background)
        own = [self._labels[utt] for utt in utts]
        labels = stack_frames(own) if own[0].ndim == 2 else torch.from_numpy(np.stack(own).astype(np.float32))
        return Batch(magnitude, frames, labels)

    def _references(self, utts: Sequence[str], names: Sequence[str]) -> torch.Tensor:
        return stack_frames([self.features.references(utt, names) for utt in utts])

    def _remixes(self, kind: str, drawn: Sequence[tuple[int, int]]) -> list[Remix]:
        candidates, lengths = self._candidates[kind], self._lengths[kind]
        seeded = ((row, generator(self.known.seed, "remix", draw, self.utts[kind][row])) for row, draw in drawn)
        return [
            draw_remix(candidates, row, self.known.augment, rng, lengths, self.features.settings) for row, rng in seeded
        ]

    def _drawn_batch(self, kind: str, drawn: Sequence[tuple[int, int]]) -> Batch:
        utts, remixes = self._clips[kind], self._remixes(kind, drawn)
        frames = frame_mask([max(self.features.n_frames[utts[row]] for row in remix.rows) for remix in remixes])
        spectra = self._spectra(kind, remixes)
        if kind == "strong":
            return strong_batch(spectra, frames, self._remix.target, len(self.classes), self.known.residual)
        activity = [
            [
                change.labels(self._activity(kind, utts[row]))
                for row, change in zip(remix.rows, remix.changes, strict=True)
            ]
            for remix in remixes
        ]
        batch = weak_batch(spectra, activity, frames, [remix.separated for remix in remixes], self._remix.target)
        if self.known.remix is None:
            return replace(batch, submixtures=None, submixture_labels=None, split_weights=None)
        return batch

    def _spectra(self, kind: str, remixes: Sequence[Remix]) -> torch.Tensor:
        """Complex spectra of the changed clips, (B, max_clips, T, F); or of their sources by class, (B, K, T, F)."""
        features, utts = self.features, self._clips[kind]
        files: list[tuple[int, int, str, Path, Change]] = []  # item, place in it, clip, file, change
        for item, remix in enumerate(remixes):
            for place, (row, change) in enumerate(zip(remix.rows, remix.changes, strict=True)):
                utt = utts[row]
                if kind == "strong":
                    tables = enumerate(self._sources.values())
                    files += [(item, k, utt, table[utt], change) for k, table in tables if utt in table]
                else:
                    files.append((item, place, utt, self._unlabelled.get(utt) or self.data.wav[utt], change))
        waves = [change.waveform(features.audio(path, utt)) for *_, utt, path, change in files]
        spectra = features.stft.forward(pad_sequence(list(map(torch.from_numpy, waves)), batch_first=True))
        places = len(self._sources) if kind == "strong" else self._remix.max_clips
        summed = spectra.new_zeros((len(remixes), places, *spectra.shape[1:]))
        for (item, place, utt, _, change), spectrum in zip(files, spectra, strict=True):
            length = features.n_frames[utt]  # behind it is nothing but the last window's end
            summed[item, place, :length] += change.spectrum(spectrum[:length])
        return summed

    def class_priors(self) -> torch.Tensor:
        """Share of frames or clips in which each class is active, float32 (K,); for weak labels only.

        Of the frame-labelled clips, since frame losses use it, and each clip counts the same; of the others where there
        are none.
        """
        utts = self.utts.get("frame", self.utts.get("clip", []))
        shares = [self._labels[utt].reshape(-1, len(self.classes)).mean(axis=0) for utt in utts]
        return torch.from_numpy(np.mean(shares, axis=0).astype(np.float32))
