"""Magnitudes of a set's clips: from the archives of stage 2 ("ark"), or by an STFT of the audio ("raw").

``dump/<set>`` says how either is made (feats.yaml), how many frames each clip has (utt2num_frames) and what the log
magnitudes of all of them are like (cmvn.ark).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from weaksep.errors import UserError
from weaksep.feats.batch import stack_frames
from weaksep.feats.config import DumpSettings
from weaksep.feats.lengths import parse_frames
from weaksep.feats.stats import mean_and_std
from weaksep.fileio.ark import ArkReader, parse_entry
from weaksep.fileio.audio import read_audio
from weaksep.fileio.datadir import DataDir
from weaksep.fileio.network import Features
from weaksep.fileio.scp import locator
from weaksep.fileio.tables import read_table
from weaksep.fileio.yamlfile import load_config
from weaksep.signal.stft import Stft
from weaksep.signal.units import n_frames


class FeatureSet:
    """Magnitudes of the clips of dump/<set>.

    Args:
        dump_dir: dump/<set>.
        data: data/<set>, whose audio is read where there are no archives (``feats_type: raw``).

    Attributes:
        n_frames: frames of each clip, by id.
        settings: what inference must know of the features.
        stft: how they are made.

    Raises:
        UserError: a table is missing or malformed.
    """

    def __init__(self, dump_dir: str | Path, data: DataDir) -> None:
        self.path = Path(dump_dir)
        settings = load_config(DumpSettings, self.path / "feats.yaml")
        self.settings = Features(**settings.model_dump(include=set(Features.model_fields)))
        self.stft = Stft(settings.window_samples, settings.hop_samples)
        self.n_frames: dict[str, int] = parse_frames(self.path / "utt2num_frames").values("as stage 2 writes it")
        if not self.n_frames:
            raise UserError(f"{self.path}/utt2num_frames: no clips")
        self._audio = data if settings.feats_type == "raw" else None
        self._reader = ArkReader()
        self._places: dict[str, dict[str, Any]] = {}

    def _where(self, source: str = "") -> dict[str, Any]:
        """Clip -> audio file or place in an archive, of the mixtures or of a class's references."""
        if source in self._places:
            return self._places[source]
        if self._audio is not None:
            places: dict[str, Any] = self._audio.references()[source] if source else dict(self._audio.wav)
        else:
            path = self.path / (f"src_{source}_feats.scp" if source else "feats.scp")
            if source and not path.exists():
                raise UserError(f"{self.path}: no {path.name}; rerun stage 2 with a strong system in --systems")
            locate = locator(self.path)
            places = {utt: parse_entry(entry, self.path, locate) for utt, entry in read_table(path).items()}
        return self._places.setdefault(source, places)

    def audio(self, path: Path, utt: str) -> np.ndarray:
        """Audio of a clip or of one of its references, float32 (N,).

        Raises:
            UserError: it cannot be read, or has another length than the tables say.
        """
        audio = read_audio(path, self.settings.sample_rate)
        found, expected = n_frames(len(audio), self.settings.hop_samples), self.n_frames[utt]
        if found != expected:
            raise UserError(f"{path}: audio of {found} frames, expected the {expected} of {utt}; rerun stage 2")
        return audio

    def _load(self, place: Any, utt: str) -> np.ndarray:
        if self._audio is not None:
            return self.stft.magnitude(torch.from_numpy(self.audio(place, utt)).unsqueeze(0))[0].numpy()
        matrix = self._reader.read(*place)
        if matrix.shape != (expected := (self.n_frames[utt], self.stft.n_bins)):
            found, wanted = (f"{rows} x {columns}" for rows, columns in (matrix.shape, expected))
            raise UserError(f"{self.path}: {utt} is a matrix of {found}, expected {wanted}; rerun stage 2")
        return matrix

    def read(self, utt: str) -> np.ndarray:
        """Magnitude of a clip, float32 (T, F).

        Raises:
            UserError: it cannot be read, or has another size than the tables say.
        """
        return self._load(self._where()[utt], utt)

    def references(self, utt: str, classes: Sequence[str]) -> np.ndarray:
        """Magnitudes of a clip's references, float32 (K, T, F); a class that is absent from the clip is silent."""
        sources = np.zeros((len(classes), self.n_frames[utt], self.stft.n_bins), dtype=np.float32)
        for source, name in zip(sources, classes, strict=True):
            if utt in (places := self._where(name)):
                source[:] = self._load(places[utt], utt)
        return sources

    def require(self, utts: Sequence[str], classes: Sequence[str] = ()) -> None:
        """Check that there are features of these clips, and tables of these classes' references.

        Raises:
            UserError: there are none.
        """
        missing = [utt for utt in utts if utt not in self.n_frames or utt not in self._where()]
        if missing:
            raise UserError(f"{self.path}: no features for {len(missing)} clips (first: {missing[0]}); rerun stage 2")
        for name in classes:
            self._where(name)

    def batch(self, utts: Sequence[str]) -> torch.Tensor:
        """Magnitudes of several clips, float32 (B, T, F), the shorter ones padded with zeros."""
        return stack_frames([self.read(utt) for utt in utts])

    def log_statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation (F,) of the log magnitude over the set."""
        return mean_and_std(self._reader.read(self.path / "cmvn.ark", len("global ")))
