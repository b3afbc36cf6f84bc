"""What Slurm says of jobs (``squeue``, which needs no accounting), and how they are cancelled.

Slurm forgets jobs some minutes after they have ended, and while slurmctld is restarted nobody knows anything: neither
is an error here.
"""

import logging
import os
import pwd
import subprocess
import time
from collections.abc import Mapping
from typing import NamedTuple

logger = logging.getLogger(__name__)

PATIENCE_S = 60.0  # of one command: a busy slurmctld may take long
ENDED = frozenset(
    "BOOT_FAIL CANCELLED COMPLETED DEADLINE FAILED NODE_FAIL OUT_OF_MEMORY PREEMPTED REVOKED TIMEOUT".split()
)
GONE = "GONE"  # Slurm no longer knows it
# Why jobs wait where nothing is amiss.
_USUAL = ("None", "Resources", "Priority", "JobArrayTaskLimit", "BeginTime", "Dependency", "Prolog")


class State(NamedTuple):
    """Of a job: its state by Slurm's name, and why it waits."""

    name: str
    reason: str = "None"

    @property
    def ended(self) -> bool:
        """Whether it will not run any more."""
        return self.name in ENDED or self.name == GONE

    @property
    def stuck(self) -> bool:
        """Whether it may wait for a person."""
        return not self.ended and self.reason not in _USUAL


def user_name() -> str:
    """Of this process's user, as Slurm's commands take it."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def run_command(*command: str) -> tuple[str | None, str]:
    """(output, what went wrong) of a command; the output is None when it failed or is not there."""
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, str(error)
    return (None if result.returncode else result.stdout), result.stderr.strip()


def states(job: str) -> Mapping[str, State] | None:
    """States of a job, or of the elements of an array, by their ids (12, or 12_0 and so on); None when nobody knows.

    An id that is missing is of a job that Slurm has forgotten.
    """
    output, problem = run_command(
        "squeue", "--noheader", "--array", "--states=all", f"--jobs={job}", "--format=%i|%T|%r"
    )
    if output is None:
        logger.debug("squeue: %s", problem)
        return {} if "Invalid job id" in problem else None
    lines = (line.split("|", 2) for line in output.splitlines())
    return {key: State(name, reason) for key, name, reason in lines}


def clear(name: str, patience_s: float) -> bool:
    """Cancel this user's jobs of a name, and wait until none can write any more; whether that is so."""
    deadline = time.monotonic() + patience_s
    pause, told = 0.1, False
    while True:
        output, problem = run_command("squeue", "--noheader", f"--user={user_name()}", f"--name={name}", "--format=%i")
        if output is not None and not output.strip():
            return True
        if output is None and not told:
            logger.warning("squeue: %s; trying it again for %.0f s", problem, patience_s)
            told = True
        if output is not None:
            run_command("scancel", f"--user={user_name()}", f"--name={name}")
        if time.monotonic() >= deadline:
            return False
        time.sleep(pause)
        pause = min(2 * pause, 5.0)
