"""Training clips summed anew in every epoch, with the magnitudes of what was summed as targets.

From weak labels: each item is a clip, changed at random (feats/augment.py), plus up to ``clips - 1`` others. Nobody
isolated a source, yet the parts of the sum are known: that is what losses/remix.py learns from. From isolated sources:
the sources of the same sums, so that a strong system can be compared at equal terms.

Every draw depends on (seed, epoch, clip) alone.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from weaksep.errors import UserError
from weaksep.feats.augment import Change, draw_change
from weaksep.feats.dataset import Batch, FeatureSet, LabelledSet
from weaksep.feats.remix_config import RemixConfig
from weaksep.fileio.audio import audio_info, read_audio
from weaksep.fileio.datadir import DataDir
from weaksep.seeding import generator
from weaksep.signal.stft import Stft

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Part:
    """One clip of a sum, or one source of it: its place in the batch, what it holds, and its audio."""

    item: int
    place: int  # number of the clip in its sum
    column: int  # class of an isolated source; 0 for a whole clip
    path: Path
    change: Change


def split_weights(clips: int, splits: int) -> np.ndarray:
    """How much each way to divide a sum of so many clips counts, float32 (splits,): each clip against the others.

    >>> split_weights(2, 3), split_weights(3, 3)
    (array([1., 0., 0.], dtype=float32), array([0.33333334, 0.33333334, 0.33333334], dtype=float32))
    """
    weights = np.zeros(splits, dtype=np.float32)
    ways = clips if clips > 2 else 1  # of two, each against the other is the same way
    weights[:ways] = 1.0 / ways
    return weights


class RemixSet:
    """The clips of a ``LabelledSet``, each summed with others anew in every epoch.

    Args:
        clips: clips and what is known of them.
        config: how they are summed.
        seed: of all draws.
        all_alone: whether a set will do in which no two clips may be summed: each comes alone then, with the mixture
            loss. For validation and for the few better known clips of a training set.

    Raises:
        UserError: no two clips could be summed, or nothing is known of any clip.
    """

    def __init__(self, clips: LabelledSet, config: RemixConfig, seed: int, all_alone: bool = False) -> None:
        self.clips = clips
        self.config = config
        self.seed = seed
        self.supervision = clips.supervision
        features = clips.features
        self._stft = Stft(features.window_samples, features.hop_samples)
        self._samples = (features.n_frames - 1) * features.hop_samples
        self._samples = max(self._samples, audio_info(clips.data.wav[clips.utt_ids[0]])[0])
        self._sources = clips.data.references() if self.supervision == "strong" else {}
        self._classes = self._clip_classes()
        self._n_classes = self._classes.sum(axis=1).astype(np.float64)
        self._rows = np.flatnonzero(self._n_classes)
        self._check(all_alone)

    def _clip_classes(self) -> np.ndarray:
        """Which classes occur in each clip, bool (clips, K)."""
        if self.supervision == "strong":
            tables = [self._sources[label] for label in self.labels]
            return np.array([[utt in table for table in tables] for utt in self.clips.utt_ids])
        vectors = [self.clips.activity(row) for row in range(len(self.clips))]
        return np.stack([v if v.ndim == 1 else v.any(axis=0) for v in vectors]).astype(bool)

    def _check(self, all_alone: bool) -> None:
        path = self.data.path
        if not len(self._rows):
            raise UserError(f"{path}: no clip has a class; there is nothing to sum")
        empty = len(self.clips) - len(self._rows)
        if empty:
            logger.info("%s: %d clips without any class are left out of the sums", path, empty)
        if self._disjoint:
            sets, counts = np.unique(self._classes[self._rows], axis=0, return_counts=True)
            lonely = sum(count for own, count in zip(sets, counts, strict=True) if not len(self._partners(own)))
            if lonely == len(self._rows):
                of = f"of the {len(self.clips)} clips no two are without a class in common"
                if not all_alone:
                    raise UserError(f"{path}: {of}; set remix.shared: true")
                logger.warning("%s: %s, so each comes alone", path, of)
            elif lonely:
                logger.info("%s: %d clips have classes in common with every other one and stay alone", path, lonely)

    @property
    def _disjoint(self) -> bool:
        return self.supervision != "strong" and not self.config.shared

    @property
    def features(self) -> FeatureSet:
        """Features of the clips as they are."""
        return self.clips.features

    @property
    def data(self) -> DataDir:
        """The data folder."""
        return self.clips.data

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names."""
        return self.clips.labels

    def class_priors(self) -> np.ndarray:
        """Priors (K,) of the clips as they are."""
        return self.clips.class_priors()

    def __len__(self) -> int:
        return len(self._rows)

    def _partners(self, classes: np.ndarray) -> np.ndarray:
        """Clips that may be added to a sum of these classes, bool (K,)."""
        if not self._disjoint:
            return self._rows
        return self._rows[~self._classes[self._rows][:, classes].any(axis=1)]

    def _summed(self, row: int, rng: np.random.Generator) -> list[int]:
        """Rows of the clips of one sum, the given one first."""
        rows, alone = [row], rng.random() < self.config.alone
        count = 1 if alone else int(rng.integers(2, self.config.clips + 1))
        classes = self._classes[row].copy()
        for _ in range(count - 1):
            partners = self._partners(classes)
            if not len(partners):
                break
            rows.append(self._drawn(partners, rng))
            classes |= self._classes[rows[-1]]
        return rows

    def _drawn(self, rows: np.ndarray, rng: np.random.Generator) -> int:
        """One of these rows, the more likely the fewer classes it has."""
        sums = np.cumsum(self._n_classes[rows] ** -self.config.prefer_few)
        return int(rows[np.searchsorted(sums[:-1], rng.random() * sums[-1], side="right")])

    def _parts(self, item: int, place: int, row: int, change: Change) -> list[Part]:
        utt = self.clips.utt_ids[row]
        if self.supervision != "strong":
            return [Part(item, place, 0, self.data.wav[utt], change)]
        files = [(k, self._sources[label].get(utt)) for k, label in enumerate(self.labels)]
        return [Part(item, place, k, path, change) for k, path in files if path is not None]

    def _spectra(self, parts: Sequence[Part]) -> torch.Tensor:
        """Complex spectra of the changed parts, (parts, T, F)."""
        features = self.features
        audio = np.zeros((len(parts), self._samples), dtype=np.float32)
        for number, part in enumerate(parts):
            wave = part.change.waveform(read_audio(part.path, features.sample_rate))[: self._samples]
            audio[number, : len(wave)] = wave
        spectra = self._stft.forward(torch.from_numpy(audio))[:, : features.n_frames]
        for number, part in enumerate(parts):
            spectrum = spectra[number] * torch.from_numpy(part.change.response)
            spectra[number] = spectrum.roll(part.change.shift_frames, dims=0)
        return spectra

    def batch(self, indices: Sequence[int] | np.ndarray, epoch: int | Sequence[int] = 0) -> Batch:
        """Sums that begin with these clips (by position in the set), as they come in an epoch, or each in its own.

        With ``prefer_few`` the first clip of a sum is drawn too; the given one then only decides the draws.
        """
        epochs = np.broadcast_to(np.asarray(epoch), len(indices)).tolist()
        size = (self.features.n_frames, self.features.n_bins)
        parts: list[Part] = []
        separated: list[int] = []
        activity: list[list[np.ndarray]] = []
        for item, index in enumerate(indices):
            row = int(self._rows[index])
            rng = generator(self.seed, "remix", epochs[item], self.clips.utt_ids[row])
            activity.append([])
            first = self._drawn(self._rows, rng) if self.config.prefer_few else row
            for place, own in enumerate(self._summed(first, rng)):
                change = draw_change(self.config, rng, *size)
                parts += self._parts(item, place, own, change)
                if self.supervision != "strong":
                    activity[-1].append(change.labels(self.clips.activity(own)))
            if rng.random() < self.config.separated:
                separated.append(item)
        spectra = self._spectra(parts)
        if self.supervision == "strong":
            return self._strong_batch(parts, spectra, len(indices))
        return self._weak_batch(parts, spectra, activity, separated)

    def _target(self, spectrum: torch.Tensor, total: torch.Tensor) -> torch.Tensor:
        """What a mask in [0, 1] is to give of a complex spectrum in the sum ``total``, between 0 and its magnitude."""
        whole = total.abs()
        if self.config.target == "magnitude":
            return torch.minimum(spectrum.abs(), whole)
        along = (spectrum * total.conj()).real / whole.clamp_min(torch.finfo(whole.dtype).tiny)
        return torch.minimum(along.clamp_min(0.0), whole)

    def _strong_batch(self, parts: Sequence[Part], spectra: torch.Tensor, items: int) -> Batch:
        sources = spectra.new_zeros((items, len(self.labels), *spectra.shape[1:]))
        for part, spectrum in zip(parts, spectra, strict=True):
            sources[part.item, part.column] += spectrum
        total = sources.sum(dim=1)
        targets = self._target(sources, total.unsqueeze(1))
        return Batch(magnitude=total.abs().numpy(), labels=None, sources=targets.numpy())

    def _weak_batch(
        self,
        parts: Sequence[Part],
        spectra: torch.Tensor,
        activity: Sequence[Sequence[np.ndarray]],
        separated: list[int],
    ) -> Batch:
        """Sums of whole clips. Two clips are one way to divide a sum in two; n > 2 are n, each against the others."""
        items, most = len(activity), self.config.clips
        clips = spectra.new_zeros((items, most, *spectra.shape[1:]))
        for part, spectrum in zip(parts, spectra, strict=True):
            clips[part.item, part.place] = spectrum
        labels = np.zeros((items, most, *activity[0][0].shape), dtype=np.float32)
        for item, own in enumerate(activity):
            labels[item, : len(own)] = np.stack(own)
        total = clips.sum(dim=1)
        splits = range(1 if most == 2 else most)
        sides = torch.stack([torch.stack([clips[:, p], total - clips[:, p]], dim=1) for p in splits], dim=1)
        others = np.stack([np.delete(labels, p, axis=1).max(axis=1) for p in splits], axis=1)
        side_labels = np.stack([labels[:, : len(splits)], others], axis=2)
        weights = np.stack([split_weights(len(own), len(splits)) for own in activity])
        targets = self._target(sides, total[:, None, None])
        magnitude, union = total.abs().numpy(), labels.max(axis=1)
        for item in separated:
            magnitude[item], union[item] = targets[item, 0, 0].numpy(), labels[item, 0]
        return Batch(magnitude, union, None, targets.numpy(), side_labels, weights)
