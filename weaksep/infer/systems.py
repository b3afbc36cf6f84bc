"""Stage 5: which systems separate which test set, each as a step.

Imports no torch before there is something to do: a rerun with nothing to do must be quick.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from weaksep.errors import did_you_mean, raise_problems
from weaksep.feats.config import FeatsConfig
from weaksep.fileio.datadir import DataDir
from weaksep.fileio.experiments import CHECKPOINT_NAME, DESCRIPTION_NAME, named_experiment
from weaksep.fileio.failure import failure_reason
from weaksep.fileio.inputs import files_of, source_scps
from weaksep.fileio.models import is_network
from weaksep.fileio.names import AudioFormat
from weaksep.fileio.place import check_apart
from weaksep.fileio.shards import Shards
from weaksep.fileio.stamp import STAMP_NAME, Step, run_step
from weaksep.fileio.variants import variant_folder
from weaksep.fileio.yamlfile import read_yaml
from weaksep.infer.steps import ORACLE_NAMES, Oracle, oracle_step, separator_step, unprocessed_step
from weaksep.jobs.device import choose_device
from weaksep.jobs.slurm_config import job_settings, on_slurm

logger = logging.getLogger(__name__)

System = Path | Oracle | None  # a separator's folder, an oracle, or the mixture itself


@dataclass(frozen=True)
class Options:
    """How stage 5 separates.

    Attributes:
        expdir: folder of the experiments.
        feats: STFT of the oracle masks; None to leave out oracles and the unprocessed mixture.
        nj: worker processes on the CPU.
        ngpu, allow_cpu: see ``choose_device``.
        batch_size: clips at a time.
        audio_format: of what is written.
        force: do it again although nothing has changed.
    """

    expdir: Path
    feats: FeatsConfig | None
    nj: int = 1
    ngpu: int = 0
    allow_cpu: bool = False
    batch_size: int = 16
    audio_format: AudioFormat = "wav"
    force: bool = False


def find_systems(expdir: Path, names: str | None, tags: Iterable[str], folders: Sequence[Path]) -> list[Path]:
    """Experiment folders of the separators asked for: all trained ones, or those of folders and of names with each tag.

    Raises:
        UserError: listing every one that has no network, with the nearest name that has.
    """
    trained = sorted(path.parent for path in expdir.glob(f"separator_*/{DESCRIPTION_NAME}"))
    wanted = list(folders)
    if names is not None:
        wanted += [named_experiment(expdir, "separator", name, tag) for tag in tags for name in names.split()]
    elif not folders:
        wanted = trained
    problems = []
    for folder in wanted:
        if not is_network(folder):
            hint = did_you_mean(folder.name, [path.name for path in trained], "train it first (stage 4)")
            problems.append(f"{folder}: no {DESCRIPTION_NAME}; {hint}")
    raise_problems("cannot separate", problems)
    for folder in wanted:
        if (folder / CHECKPOINT_NAME).exists() and not (folder / STAMP_NAME).exists():
            logger.warning("%s: its training has not come to its end; the best network so far is taken", folder)
    return wanted


def separate_systems(systems: Sequence[Path], data: Path, options: Options) -> dict[Path, str]:
    """Separate a test set, or for systems of other mixtures theirs (DATA_<mixtures>); which failed, and why.

    Raises:
        UserError: a set cannot be separated, whatever the system.
    """
    sets: dict[Path, list[Path]] = {data: []}
    failed: dict[Path, str] = {}
    for folder in systems:
        config = folder / "config.yaml"
        with _noted(folder, folder.name, failed):
            mixtures = read_yaml(config).get("mixtures") if config.is_file() else None
            sets.setdefault(variant_folder(data, str(mixtures or "")), []).append(folder)
    for place, own in sets.items():
        _separate_set(place, own, options, failed)
    return failed


@contextmanager
def _noted(system: System, name: str, failed: dict[Path, str]) -> Iterator[None]:
    """A block whose failure is noted: one system does not stop the others. An oracle's is raised: the mixtures
    themselves are at fault."""
    try:
        yield
    except Exception as error:
        if not isinstance(system, Path):
            raise
        failed[system] = failure_reason(error, system)
        logger.error("%s has failed: %s", name, failed[system].splitlines()[0])  # the whole comes at the end


def _steps(
    data: DataDir, systems: Sequence[Path], options: Options, failed: dict[Path, str]
) -> list[tuple[Step, System]]:
    written, expdir = (options.batch_size, options.audio_format), options.expdir
    steps: list[tuple[Step, System]] = []
    for folder in systems:
        with _noted(folder, folder.name, failed):
            steps.append((separator_step(folder, data, *written), folder))
    if options.feats is None:
        return steps
    if data.referenced() != data.wav.keys():
        logger.info("%s: no oracle masks, since not all clips have references", data.path)
    else:
        stft = (options.feats.window_samples, options.feats.hop_samples)
        oracles = [Oracle(name, *stft) for name in ORACLE_NAMES]
        steps += [(oracle_step(expdir / oracle.name, oracle, data, *written), oracle) for oracle in oracles]
    return [*steps, (unprocessed_step(expdir / "unprocessed", data), None)]


def _separate_set(place: Path, systems: Sequence[Path], options: Options, failed: dict[Path, str]) -> None:
    """Separate one set by its systems and the oracles; notes the systems that failed, and why."""
    data, device = DataDir.load(place), ""
    for step, system in _steps(data, systems, options, failed):
        if not device and (options.force or step.changes()):
            with_gpu = options.ngpu and on_slurm() and job_settings().gpus
            device = "cuda" if with_gpu else choose_device(options.ngpu, options.allow_cpu)
        with _noted(system, step.name, failed):
            run_step(step, partial(_separate, step.folder, system, data, device, options), force=options.force)


def _separate(out: Path, system: System, data: DataDir, device: str, options: Options, notes: Shards) -> None:
    """Separate a set by a system's folder, by an oracle, or (None) not at all."""
    from weaksep.infer.dataset import separate_dataset, write_unprocessed

    check_apart([out], map(Path, files_of(data.path, ["wav.scp", *source_scps(data.path)]).values()))
    if system is None:
        write_unprocessed(data, out, notes)
    else:
        how: dict[str, Any] = {"batch_size": options.batch_size, "audio_format": options.audio_format}
        separate_dataset(system, data, out, nj=options.nj, device=device, notes=notes, **how)
