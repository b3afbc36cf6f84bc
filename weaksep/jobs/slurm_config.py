"""conf/slurm.yaml: what the jobs of each stage ask Slurm for."""

from __future__ import annotations

import os
import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from weaksep.errors import refuse
from weaksep.fileio.yamlfile import load_config

Word = Annotated[str, Field(pattern=r"^[^\s'\"]+$")]
# What the keys beside ``options`` say, and what is not for users to say.
_OWN = {
    **{"partition": "partition", "time": "time_minutes", "account": "account", "cpus-per-task": "cpus"},
    **{"mem": "memory_gb", "gpus": "gpus", "gpus-per-node": "gpus", "gpus-per-task": "gpus"},
}
_TAKEN = ("array", "chdir", "error", "export", "job-name", "nodes", "ntasks", "open-mode", "output", "parsable", "wrap")


class JobSettings(BaseModel):
    """One section of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    partition: Word | None = None  # null: the cluster's default
    time_minutes: int = Field(24 * 60, ge=1)  # longer, and Slurm ends the job
    memory_gb: float | None = Field(None, ge=0.001)  # null: the cluster's default; Slurm counts whole MB
    cpus: int = Field(1, ge=1)  # a shard computes with one thread, whatever this says
    gpus: int = Field(0, ge=0)
    account: Word | None = None
    max_array: int = Field(1000, ge=1)  # jobs that are submitted at once; clusters have limits
    # Any other option of sbatch, without its dashes: {qos: low, exclusive: true}
    options: dict[str, bool | int | float | str] = {}

    @field_validator("options")
    @classmethod
    def _only_others(cls, options: dict[str, bool | int | float | str]) -> dict[str, bool | int | float | str]:
        for name, value in options.items():
            plain = name.replace("_", "-")
            refuse(
                {
                    f"{name}: no option of sbatch; write qos for --qos": not re.fullmatch(r"[a-z][a-z-]*", plain),
                    f"{name}: say {_OWN.get(plain)}, a key of its own": plain in _OWN,
                    f"{name}: is for weaksep to say": plain in _TAKEN,
                    f"{name}: leave it out instead of saying false": value is False,
                    f"{name}: holds a line's end": not str(value).isprintable(),
                }
            )
        return {name.replace("_", "-"): value for name, value in options.items()}


class SlurmConfig(BaseModel):
    """The file: what holds for all jobs, and what the stages say differently."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    default: JobSettings = JobSettings()
    data: JobSettings = JobSettings()
    mix: JobSettings = JobSettings()
    feats: JobSettings = JobSettings()
    separate: JobSettings = JobSettings()
    score: JobSettings = JobSettings()
    train_classifier: JobSettings = JobSettings()
    train_separator: JobSettings = JobSettings()

    def of(self, stage: str) -> JobSettings:
        """What a stage's jobs ask for: what its section says, or else the default's; ``options`` one by one."""
        if not stage:
            return self.default
        own: JobSettings = getattr(self, stage)
        said = {name: getattr(own, name) for name in own.model_fields_set}
        return self.default.model_copy(update={**said, "options": {**self.default.options, **own.options}})


class Stage:
    """What this process does, as its command has said: a process does one thing."""

    name = ""
    retries = 2


def config_path() -> str:
    """Of slurm.yaml: WEAKSEP_SLURM_CONFIG (a recipe's cmd.sh sets it), else conf/slurm.yaml."""
    return os.environ.get("WEAKSEP_SLURM_CONFIG", "conf/slurm.yaml")


def on_slurm() -> bool:
    """Whether WEAKSEP_BACKEND says so (a recipe's cmd.sh sets it)."""
    return os.environ.get("WEAKSEP_BACKEND") == "slurm"


def job_settings() -> JobSettings:
    """What the jobs of this command's stage ask Slurm for; without a slurm.yaml the defaults.

    Raises:
        UserError: it does not fit its schema, or is not where WEAKSEP_SLURM_CONFIG says.
    """
    there = "WEAKSEP_SLURM_CONFIG" in os.environ or os.path.exists(config_path())
    return load_config(SlurmConfig, config_path() if there else None).of(Stage.name)


def begin_stage(name: str, retries: int) -> None:
    """Say what this command does, before it does it.

    Args:
        name: of the stage, a section of slurm.yaml.
        retries: times that a job that has failed is tried again.

    Raises:
        UserError: on Slurm, slurm.yaml is wrong.
    """
    Stage.name, Stage.retries = name, retries
    if on_slurm():
        job_settings()
