"""wav.scp -> feats.ark/scp: STFT magnitudes of mixtures (and of references, for strong training), by shards."""

import hashlib
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby, islice
from pathlib import Path
from typing import Any

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
from weaksep.fileio.scp import scp_entries
from weaksep.fileio.shards import Shards
from weaksep.fileio.space import require_space
from weaksep.fileio.tables import write_table
from weaksep.fileio.yamlfile import write_yaml
from weaksep.jobs import Claim, cut_shards, run_shards
from weaksep.signal.units import n_frames

logger = logging.getLogger(__name__)

BATCH_CLIPS = 16
Wavs = Sequence[tuple[str, Path]]


def _batches(wavs: Wavs, sample_rate: int) -> Iterator[tuple[list[str], np.ndarray]]:
    """Audio of runs of clips of equal length: (ids, (B, N))."""
    clips = ((utt, read_audio(path, sample_rate)) for utt, path in wavs)
    for _, equal in groupby(clips, key=lambda clip: clip[1].shape):
        while batch := dict(islice(equal, BATCH_CLIPS)):
            yield list(batch), np.stack(list(batch.values()))


def extract_shard(
    config: FeatsConfig, sample_rate: int, with_stats: bool, shard: tuple[Path, Wavs], claim: Claim
) -> dict[str, Any]:
    """Write the clips of one archive (none of ``feats_type: raw``).

    Returns:
        offset and frames of each matrix; of them all their CMVN statistics if these are asked for, or else a hash.
    """
    import torch

    from weaksep.signal.stft import Stft

    ark, wavs = shard
    stft = Stft(config.window_samples, config.hop_samples)
    stats = np.zeros((2, stft.n_bins + 1))
    frames: dict[str, int] = {}
    digest = hashlib.sha256()

    def matrices() -> Iterator[tuple[str, np.ndarray]]:
        for ids, audio in _batches(wavs, sample_rate):
            for utt, magnitude in zip(ids, stft.magnitude(torch.from_numpy(audio)).numpy(), strict=True):
                frames[utt] = magnitude.shape[0]
                matrix = np.ascontiguousarray(magnitude)
                if with_stats:
                    stats[:] += accumulate(matrix)
                else:
                    digest.update(utt.encode())
                    digest.update(matrix.data)
                yield utt, matrix

    if config.feats_type == "ark":
        claim([ark])
        with atomic_path(ark) as temporary:
            offsets = write_ark(temporary, matrices(), compress=config.compress)
    else:
        offsets = dict.fromkeys((utt for utt, _ in matrices()), 0)
    entries = {utt: [offsets[utt], frames[utt]] for utt in offsets}
    return {"entries": entries, "stats": stats.tolist() if with_stats else None, "sha256": digest.hexdigest()}


def _run(
    tables: Mapping[str, Mapping[str, Path]], dump_dir: Path, config: FeatsConfig, rate: int, nj: int, notes: Shards
) -> dict[str, list[dict[str, Any]]]:
    """The archives of some tables, and their scp files: results of the shards of each."""
    shards = {
        name: (table, (dump_dir / "ark" / f"{name}.ark", part))
        for table, wav in tables.items()
        for name, part in cut_shards(list(wav.items()), config.shard_clips, f"{table}.").items()
    }
    done = run_shards(
        partial(extract_shard, config, rate, "feats" in tables),
        {name: item for name, (_, item) in shards.items()},
        notes,
        nj=nj,
        description=f"features {dump_dir.name}",
    )
    results: dict[str, list[dict[str, Any]]] = {table: [] for table in tables}
    scps: dict[str, dict[str, str]] = {table: {} for table in tables}
    for (name, (table, _)), result in zip(shards.items(), done, strict=True):
        results[table].append(result)
        scps[table].update({utt: f"ark/{name}.ark:{offset}" for utt, (offset, _) in result["entries"].items()})
    for table, scp in scps.items() if config.feats_type == "ark" else ():
        write_table(dump_dir / f"{table}.scp", scp_entries(dump_dir, scp))
    return results


def _opened(data_dir: Path) -> tuple[DataDir, int, int]:
    """A data folder; samples and rate of its first clip."""
    data = DataDir.load(data_dir)
    if not data.wav:
        raise UserError(f"{data.path}/wav.scp: no clips")
    n_samples, rate, _ = audio_info(next(iter(data.wav.values())))
    return data, n_samples, rate


def _require_space(dump_dir: Path, config: FeatsConfig, n_clips: int, n_samples: int) -> None:
    """Room for the features of so many clips as long as the first one."""
    if config.feats_type == "ark":
        clip_bytes = 4 * n_frames(n_samples, config.hop_samples) * (config.window_samples // 2 + 1)
        n_bytes = n_clips * clip_bytes // (4 if config.compress else 1)
        require_space(dump_dir, n_bytes, n_clips // config.shard_clips + 10, "--dumpdir")


def _tell_window(config: FeatsConfig, rate: int) -> None:
    """Say how long the windows are: they are given in samples, and at another rate are not the same."""
    window_ms, hop_ms = (1000 * samples / rate for samples in (config.window_samples, config.hop_samples))
    logger.info("windows of %.1f ms, %.1f ms apart, at %d Hz", window_ms, hop_ms, rate)
    if not 20 <= window_ms <= 64:
        usual = 2 ** round(math.log2(0.032 * rate))
        usual_settings = f"window_samples: {usual}, hop_samples: {usual // 2}"
        logger.warning("feats.yaml: the recipes have windows of 32 ms, at %d Hz %s", rate, usual_settings)


def extract(
    data_dir: Path,
    dump_dir: Path,
    config: FeatsConfig,
    nj: int,
    notes: Shards | None = None,
    *,
    references: bool = False,
) -> None:
    """Extract the features of a data folder's mixtures.

    Writes ``feats.scp`` with its archives (not of ``feats_type: raw``), ``utt2num_frames``, ``cmvn.ark`` (statistics
    of the log magnitude) and, last, ``feats.yaml`` (settings and rate).

    Args:
        data_dir: data/<set>.
        dump_dir: dump/<set>.
        config: STFT settings.
        nj: worker processes; the result does not depend on it.
        notes: of the step.
        references: go on with ``extract_references``.
    """
    data, n_samples, rate = _opened(data_dir)
    _require_space(dump_dir, config, len(data.wav), n_samples)
    notes = notes or Shards(dump_dir, kind="features")
    check_place(dump_dir, "features", notes.known(), [data_dir, *data.wav.values()])
    with notes.unfinished([dump_dir / name for name in TABLES], others=[Shards(dump_dir, step="references")]):
        results = _run({"feats": data.wav}, dump_dir, config, rate, nj, notes)["feats"]
        stats = np.sum([result["stats"] for result in results], axis=0)
        with atomic_path(dump_dir / "cmvn.ark") as temporary:
            write_ark(temporary, [("global", stats.astype(np.float32))])
        frames = {utt: str(count) for result in results for utt, (_, count) in result["entries"].items()}
        write_table(dump_dir / "utt2num_frames", frames)
        write_yaml(dump_dir / "feats.yaml", {"sample_rate": rate, **config.model_dump()})
    logger.info("%s: %d clips, %d frames of %d bins", dump_dir, len(frames), int(stats[0, -1]), stats.shape[1] - 1)
    _tell_window(config, rate)
    if references:
        extract_references(data_dir, dump_dir, config, nj)


def extract_references(
    data_dir: Path, dump_dir: Path, config: FeatsConfig, nj: int, notes: Shards | None = None
) -> None:
    """Extract the features of the references, which strong training reads: ``src_<class>_feats.scp``.

    ``references.sha256`` is a hash of them all: a training knows by it that they have changed. The arguments are those
    of ``extract``.
    """
    data, n_samples, rate = _opened(data_dir)
    references = data.references()
    _require_space(dump_dir, config, sum(len(table) for table in references.values()), n_samples)
    notes = notes or Shards(dump_dir, step="references", kind="features")
    tables = {f"src_{name}_feats": wav for name, wav in references.items()}
    with notes.unfinished(dump_dir / name for name in (REFERENCES_HASH, *(f"{table}.scp" for table in tables))):
        results = _run(tables, dump_dir, config, rate, nj, notes)
        hashes = [result["sha256"] for own in results.values() for result in own]
        write_text(dump_dir / REFERENCES_HASH, hashlib.sha256("".join(hashes).encode()).hexdigest() + "\n")
