"""wav.scp -> feats.ark/scp: STFT magnitudes of mixtures (and of references, for strong training), by shards."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weaksep.errors import UserError
from weaksep.feats.config import FeatsConfig
from weaksep.feats.stats import accumulate
from weaksep.fileio.ark import write_ark
from weaksep.fileio.atomic import atomic_path
from weaksep.fileio.audio import audio_info, read_audio
from weaksep.fileio.datadir import DataDir
from weaksep.fileio.tables import write_table
from weaksep.fileio.yamlfile import write_yaml
from weaksep.jobs import run_sharded

logger = logging.getLogger(__name__)

BATCH_CLIPS = 16


@dataclass(frozen=True)
class Shard:
    """Clips that go into one archive."""

    wavs: tuple[tuple[str, str], ...]
    ark: str
    sample_rate: int
    config: FeatsConfig
    with_stats: bool


@dataclass(frozen=True)
class ShardResult:
    """Where a shard's matrices lie: utt -> (offset, frames), and CMVN statistics if asked for."""

    ark: str
    entries: dict[str, tuple[int, int]]
    stats: np.ndarray | None


def _batches(shard: Shard) -> Iterator[tuple[list[str], np.ndarray]]:
    """Audio of runs of clips of equal length: (ids, (B, N))."""
    ids: list[str] = []
    clips: list[np.ndarray] = []
    for utt, path in shard.wavs:
        audio = read_audio(path, shard.sample_rate)
        if clips and (len(clips) == BATCH_CLIPS or audio.shape != clips[0].shape):
            yield ids, np.stack(clips)
            ids, clips = [], []
        ids.append(utt)
        clips.append(audio)
    if clips:
        yield ids, np.stack(clips)


def extract_shard(shard: Shard) -> ShardResult:
    """Write one archive; runs in a worker process."""
    import torch

    from weaksep.signal.stft import Stft

    stft = Stft(shard.config.window_samples, shard.config.hop_samples)
    stats = np.zeros((2, stft.n_bins + 1)) if shard.with_stats else None
    frames: dict[str, int] = {}

    def matrices() -> Iterator[tuple[str, np.ndarray]]:
        for ids, audio in _batches(shard):
            for utt, magnitude in zip(ids, stft.magnitude(torch.from_numpy(audio)).numpy(), strict=True):
                frames[utt] = magnitude.shape[0]
                if stats is not None:
                    stats[:] += accumulate(magnitude)
                yield utt, np.ascontiguousarray(magnitude)

    with atomic_path(shard.ark) as temporary:
        offsets = write_ark(temporary, matrices(), compress=shard.config.compress)
    return ShardResult(shard.ark, {utt: (offsets[utt], frames[utt]) for utt in offsets}, stats)


def _shards(
    name: str, wav: dict[str, Path], out: Path, rate: int, config: FeatsConfig, with_stats: bool
) -> list[Shard]:
    items = [(utt, str(path)) for utt, path in wav.items()]
    size = config.shard_clips
    runs: list[Sequence[tuple[str, str]]] = [items[start : start + size] for start in range(0, len(items), size)]
    return [
        Shard(tuple(run), str(out / "ark" / f"{name}.{index}.ark"), rate, config, with_stats)
        for index, run in enumerate(runs, start=1)
    ]


def _scp(results: Sequence[ShardResult], out: Path) -> dict[str, str]:
    return {
        utt: f"{Path(result.ark).relative_to(out)}:{offset}"
        for result in results
        for utt, (offset, _) in result.entries.items()
    }


def _clear(dump_dir: Path) -> None:
    """Take away what an earlier run left, tables first: a dump folder with a feats.scp is whole and of one piece."""
    tables = ["feats.scp", "utt2num_frames", "feats.yaml", "cmvn.ark"]
    for path in [*(dump_dir / table for table in tables), *dump_dir.glob("src_*_feats.scp")]:
        path.unlink(missing_ok=True)
    shutil.rmtree(dump_dir / "ark", ignore_errors=True)


def extract(data_dir: Path, dump_dir: Path, config: FeatsConfig, *, nj: int, references: bool) -> None:
    """Extract the features of a data folder.

    Writes ``feats.scp`` with its archives, ``utt2num_frames``, ``feats.yaml`` (settings and rate), ``cmvn.ark``
    (statistics of the log magnitude) and, with ``references``, ``src_<class>_feats.scp``.

    Args:
        data_dir: data/<set>.
        dump_dir: dump/<set>.
        config: STFT settings.
        nj: worker processes; the result does not depend on it.
        references: also extract the references (strong training reads them).
    """
    data = DataDir.load(data_dir)
    if not data.wav:
        raise UserError(f"{data_dir}/wav.scp: no clips")
    rate = audio_info(next(iter(data.wav.values())))[1]
    groups = {"feats": data.wav}
    if references:
        groups |= {f"src_{label}_feats": wav for label, wav in data.references().items()}
    shards = {
        name: _shards(name, wav, dump_dir, rate, config, with_stats=name == "feats") for name, wav in groups.items()
    }
    _clear(dump_dir)
    flat = [shard for group in shards.values() for shard in group]
    results = {r.ark: r for r in run_sharded(extract_shard, flat, nj=nj, description=f"features {data_dir.name}")}
    mixtures = [results[shard.ark] for shard in shards["feats"]]
    stats = np.sum([result.stats for result in mixtures if result.stats is not None], axis=0)
    with atomic_path(dump_dir / "cmvn.ark") as temporary:
        write_ark(temporary, [("global", stats.astype(np.float32))])
    frames = {utt: str(count) for result in mixtures for utt, (_, count) in result.entries.items()}
    write_table(dump_dir / "utt2num_frames", frames)
    write_yaml(dump_dir / "feats.yaml", {"sample_rate": rate, **config.model_dump()})
    for name in reversed(groups):  # feats.scp last
        write_table(dump_dir / f"{name}.scp", _scp([results[shard.ark] for shard in shards[name]], dump_dir))
    logger.info("%s: %d clips, %d frames of %d bins", dump_dir, len(frames), int(stats[0, -1]), stats.shape[1] - 1)
