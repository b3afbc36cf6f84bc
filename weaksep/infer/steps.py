"""Stage 5 as steps, one a system. Imports no torch: a rerun with nothing to do must be quick."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from weaksep.fileio.code_version import found_by_name
from weaksep.fileio.datadir import CONFIDENCE_NAME, FINGERPRINT_TABLES, SOURCE_NAME, DataDir
from weaksep.fileio.inputs import files_of, source_scps, tables_of
from weaksep.fileio.names import AUDIO_PATTERNS, AudioFormat
from weaksep.fileio.network import network_files, read_description
from weaksep.fileio.stamp import Step


@dataclass(frozen=True)
class Oracle:
    """An oracle mask and the STFT it is taken in."""

    name: str
    window_samples: int
    hop_samples: int


# The keys of ``masks.ORACLES``.
ORACLE_NAMES = ("oracle_ibm", "oracle_irm", "oracle_psm")
CODE = ("weaksep.infer.dataset",)


def _step(experiment: Path, data: DataDir, settings: dict[str, Any], references: bool = False) -> Step:
    scps = source_scps(data.path) if references else []
    folder = experiment / "separated" / data.path.resolve().name
    return Step(
        name=str(folder),
        folder=folder,
        settings=settings,
        tables=tables_of(data.path, [*FINGERPRINT_TABLES, *scps]),
        files=files_of(data.path, ["wav.scp", *scps]),
        code=CODE,
        outputs=("*.scp", SOURCE_NAME, CONFIDENCE_NAME, *AUDIO_PATTERNS),
        kind="separated",
    )


def separator_step(experiment: Path, data: DataDir, batch_size: int, audio_format: AudioFormat) -> Step:
    """A trained separator's outputs.

    Raises:
        UserError: the network's description cannot be read.
    """
    step = _step(experiment, data, {"batch_size": batch_size, "audio_format": audio_format})
    kind = read_description(experiment, "separator").config.get("net", {}).get("kind")
    code = [*step.code, *found_by_name("weaksep.nets.separators", kind)]
    return replace(step, code=code, tables={**step.tables, **network_files(experiment)})


def oracle_step(experiment: Path, oracle: Oracle, data: DataDir, batch_size: int, audio_format: AudioFormat) -> Step:
    """An oracle mask's outputs."""
    made = {"oracle": oracle.name, "window_samples": oracle.window_samples, "hop_samples": oracle.hop_samples}
    settings = {**made, "batch_size": batch_size, "audio_format": audio_format}
    return _step(experiment, data, settings, references=True)


def unprocessed_step(experiment: Path, data: DataDir) -> Step:
    """The mixtures themselves as outputs."""
    return _step(experiment, data, {})
