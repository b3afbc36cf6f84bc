"""wav.scp -> feats.ark/scp: STFT magnitudes of mixtures (and of references, for strong training), by shards."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from weaksep.errors import UserError
from weaksep.feats.config import FeatsConfig
from weaksep.feats.stats import accumulate
from weaksep.feats.steps import REFERENCES_HASH, TABLES
from weaksep.fileio.ark import write_ark
from weaksep.fileio.atomic import atomic_path, write_text
from weaksep.fileio.audio import audio_info, read_audio
from weaksep.fileio.datadir import DataDir
from weaksep.fileio.place import check_place
from weaksep.fileio.shards import Shards
from weaksep.fileio.space import require_space
from weaksep.fileio.tables import write_table
from weaksep.fileio.yamlfile import write_yaml
from weaksep.jobs import run_sharded
from weaksep.signal.units import n_frames

logger = logging.getLogger(__name__)

BATCH_CLIPS = 16


@dataclass(frozen=True)
class Shard:
    """Clips that go into one archive, and where to note it as done."""

    name: str
    wavs: tuple[tuple[str, str], ...]
    ark: str
    sample_rate: int
    config: FeatsConfig
    with_stats: bool
    notes: Shards


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


def extract_shard(shard: Shard) -> None:
    """Write one archive and note where its matrices lie, their frames and, if asked for, their CMVN statistics."""
    import torch

    from weaksep.signal.stft import Stft

    stft = Stft(shard.config.window_samples, shard.config.hop_samples)
    stats = np.zeros((2, stft.n_bins + 1)) if shard.with_stats else None
    frames: dict[str, int] = {}
    digest = hashlib.sha256()

    def matrices() -> Iterator[tuple[str, np.ndarray]]:
        for ids, audio in _batches(shard):
            for utt, magnitude in zip(ids, stft.magnitude(torch.from_numpy(audio)).numpy(), strict=True):
                frames[utt] = magnitude.shape[0]
                if stats is not None:
                    stats[:] += accumulate(magnitude)
                matrix = np.ascontiguousarray(magnitude)
                digest.update(utt.encode() + matrix.data)
                yield utt, matrix

    shard.notes.claims(shard.name)([shard.ark])
    with atomic_path(shard.ark) as temporary:
        offsets = write_ark(temporary, matrices(), compress=shard.config.compress)
    entries = {utt: [offsets[utt], frames[utt]] for utt in offsets}
    result = {"entries": entries, "stats": None if stats is None else stats.tolist(), "sha256": digest.hexdigest()}
    shard.notes.save(shard.name, result, [shard.ark])


def _shards(
    name: str, wav: dict[str, Path], out: Path, rate: int, config: FeatsConfig, with_stats: bool, notes: Shards
) -> list[Shard]:
    items = [(utt, str(path)) for utt, path in wav.items()]
    size = config.shard_clips
    runs: list[Sequence[tuple[str, str]]] = [items[start : start + size] for start in range(0, len(items), size)]
    return [
        Shard(f"{name}.{index}", tuple(run), str(out / "ark" / f"{name}.{index}.ark"), rate, config, with_stats, notes)
        for index, run in enumerate(runs, start=1)
    ]


def _run(shards: Sequence[Shard], nj: int, description: str) -> None:
    """Write the archives that are not yet there."""
    todo = [shard for shard in shards if not shard.notes.done(shard.name)]
    run_sharded(extract_shard, todo, nj=nj, description=description)


def _scp(shards: Sequence[Shard], out: Path) -> dict[str, str]:
    table = {}
    for shard in shards:
        for utt, (offset, _) in shard.notes.load(shard.name)["entries"].items():
            table[utt] = f"{Path(shard.ark).relative_to(out)}:{offset}"
    return table


def _sample_rate(data: DataDir) -> int:
    if not data.wav:
        raise UserError(f"{data.path}/wav.scp: no clips")
    return audio_info(next(iter(data.wav.values())))[1]


def _require_space(data: DataDir, dump_dir: Path, config: FeatsConfig, n_clips: int) -> None:
    """Room for the features of so many clips as long as the first one."""
    n_samples = audio_info(next(iter(data.wav.values())))[0]
    clip_bytes = 4 * n_frames(n_samples, config.hop_samples) * (config.window_samples // 2 + 1)
    shrink = 4 if config.compress else 1
    require_space(dump_dir, n_clips * clip_bytes // shrink, n_clips // config.shard_clips + 10, "--dumpdir")


def extract(
    data_dir: Path,
    dump_dir: Path,
    config: FeatsConfig,
    nj: int,
    shards: Shards | None = None,
    *,
    references: bool = False,
) -> None:
    """Extract the features of a data folder's mixtures.

    Writes ``feats.scp`` with its archives, ``utt2num_frames``, ``feats.yaml`` (settings and rate) and ``cmvn.ark``
    (statistics of the log magnitude).

    Args:
        data_dir: data/<set>.
        dump_dir: dump/<set>.
        config: STFT settings.
        nj: worker processes; the result does not depend on it.
        shards: those that an interrupted run has finished.
        references: go on with ``extract_references``.
    """
    data = DataDir.load(data_dir)
    rate = _sample_rate(data)
    _require_space(data, dump_dir, config, len(data.wav))
    notes = shards or Shards(dump_dir)
    check_place(dump_dir, "features", notes.known(), [data_dir, *data.wav.values()])
    notes.begin((dump_dir / name for name in TABLES), others=[Shards(dump_dir, step="references")])
    work = _shards("feats", data.wav, dump_dir, rate, config, True, notes)
    _run(work, nj, f"features {data_dir.name}")
    results = [notes.load(shard.name) for shard in work]
    stats = np.sum([result["stats"] for result in results], axis=0)
    with atomic_path(dump_dir / "cmvn.ark") as temporary:
        write_ark(temporary, [("global", stats.astype(np.float32))])
    frames = {utt: str(count) for result in results for utt, (_, count) in result["entries"].items()}
    write_table(dump_dir / "utt2num_frames", frames)
    write_yaml(dump_dir / "feats.yaml", {"sample_rate": rate, **config.model_dump()})
    write_table(dump_dir / "feats.scp", _scp(work, dump_dir))
    logger.info("%s: %d clips, %d frames of %d bins", dump_dir, len(frames), int(stats[0, -1]), stats.shape[1] - 1)
    if shards is None:
        notes.finish()
    if references:
        extract_references(data_dir, dump_dir, config, nj)


def extract_references(
    data_dir: Path, dump_dir: Path, config: FeatsConfig, nj: int, shards: Shards | None = None
) -> None:
    """Extract the features of the references, which strong training reads: ``src_<class>_feats.scp``.

    ``references.sha256`` is a hash of them all: a training knows by it that they have changed.

    Args:
        see ``extract``.
    """
    data = DataDir.load(data_dir)
    rate = _sample_rate(data)
    references = data.references()
    _require_space(data, dump_dir, config, sum(len(table) for table in references.values()))
    notes = shards or Shards(dump_dir, step="references")
    notes.begin(dump_dir / name for name in (REFERENCES_HASH, *(f"src_{label}_feats.scp" for label in references)))
    work = {
        name: _shards(name, wav, dump_dir, rate, config, False, notes)
        for name, wav in ((f"src_{label}_feats", wav) for label, wav in references.items())
    }
    _run([shard for part in work.values() for shard in part], nj, f"references {data_dir.name}")
    hashes = [notes.load(shard.name)["sha256"] for part in work.values() for shard in part]
    write_text(dump_dir / REFERENCES_HASH, hashlib.sha256("".join(hashes).encode()).hexdigest() + "\n")
    for name, part in work.items():
        write_table(dump_dir / f"{name}.scp", _scp(part, dump_dir))
    if shards is None:
        notes.finish()
