"""Sharded work on a Slurm cluster: arrays of jobs, submitted through submitit (``weaksep[slurm]``).

What a job says of its shard, and what Slurm says of the job, is watched here; submitit waits by ``sacct``, which many
clusters do not have. Jobs that failed, were killed or got lost are tried again. All jobs of a step have one name, so
that those that an earlier process left behind, which would write into the same files, are found and cancelled.
"""

import hashlib
import io
import json
import logging
import os
import re
import shutil
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stderr
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.lock import folder_lock
from weaksep.jobs import queue
from weaksep.jobs.node import last_lines, run_job
from weaksep.jobs.queue import GONE, State
from weaksep.jobs.slurm_config import Stage, config_path, job_settings

logger = logging.getLogger(__name__)

LOOK_S = 1.0  # between looks at the files of the jobs
ASK_S = (2.0, 30.0)  # between questions to Slurm, the longer the jobs take
LATE_S = 30.0  # what a job wrote at its end may show up so late, over NFS
UNREACHABLE_S, AGAIN_S = 600.0, 5.0  # how long and how often sbatch is tried while slurmctld does not answer
CANCEL_S = 60.0
LEFTOVERS = ("[0-9]*.json", "*.pkl", "*_submission.sh", ".submission_file_*.sh")  # all but the logs
HOW = {
    "TIMEOUT": "was ended at its time limit ({time_minutes} min; time_minutes in {config})",
    "OUT_OF_MEMORY": "was killed for want of memory (memory_gb in {config})",
    "CANCELLED": "was cancelled",
    "NODE_FAIL": "was lost with its node",
    "PREEMPTED": "was preempted",
    "FAILED": "ended without a result",
    "COMPLETED": "ended without a result",
    GONE: "was lost: Slurm does not know it any more",
}


class Job(NamedTuple):
    """A shard's job: number of the shard, id, its log, and the file that it leaves at its end."""

    shard: int
    id: str
    log: Path
    outcome: Path


def job_name(description: str, place: str) -> str:
    """Name of the jobs of a step, which no other step has.

    Args:
        description: of the work.
        place: where the step's notes are; empty of a step without, whose jobs are this process's.
    """
    digest = hashlib.sha256((place or f"{socket.gethostname()} {os.getpid()}").encode()).hexdigest()[:8]
    return f"weaksep-{re.sub('[^A-Za-z0-9.-]+', '_', description)[:40]}-{digest}"


class Slurm:
    """The cluster, to one step: where its jobs' files are, what they are called and what they ask for."""

    def __init__(self, description: str, place: str, nj: int) -> None:
        absent = [name for name in ("sbatch", "srun", "squeue", "scancel") if not shutil.which(name)]
        if absent:
            raise UserError(f"backend slurm: no {' '.join(absent)} here; run it where Slurm can be used, or take local")
        self.settings, self.nj = job_settings(), nj
        self.name = job_name(description, place)
        self.folder = Path(os.environ.get("WEAKSEP_SLURM_DIR", "slurm")) / self.name

    def submit(self, calls: Sequence[Callable[[], None]]) -> list[tuple[str, Path]]:
        """Submit an array of jobs, a call each; their ids and logs.

        Raises:
            UserError: submitit is missing, or Slurm refuses.
        """
        try:
            import submitit
            from submitit.core.utils import FailedJobError, FailedSubmissionError
        except ImportError:
            raise UserError("backend slurm needs submitit: pip install 'weaksep[slurm]'") from None
        executor, asked = submitit.SlurmExecutor(self.folder), self.settings
        many = len(calls) > 1
        output = self.folder.absolute() / ("%A_%a.log" if many else "%j.log")
        executor.update_parameters(
            job_name=self.name,
            partition=asked.partition,
            account=asked.account,
            time=asked.time_minutes,
            mem=None if asked.memory_gb is None else f"{asked.memory_gb * 1024:.0f}M",
            cpus_per_task=asked.cpus,
            gpus_per_node=asked.gpus or None,
            array_parallelism=self.nj,
            additional_parameters={**asked.options, "output": str(output)},
            wckey=None,
            stderr_to_stdout=True,
            use_srun=False,
            # A single job is no array, though the process that submits it may be in one.
            setup=None if many else ["unset SLURM_ARRAY_JOB_ID SLURM_ARRAY_TASK_ID"],
        )
        deadline = time.monotonic() + UNREACHABLE_S
        while True:
            try:
                with redirect_stderr(io.StringIO()):  # submitit prints what it raises as well
                    return [(job.job_id, self.folder / f"{job.job_id}.log") for job in executor.submit_array(calls)]
            except (FailedJobError, FailedSubmissionError) as error:
                problem = "; ".join(str(error).replace("sbatch: error: ", "").split("\n"))
                if "Unable to contact slurm controller" not in problem or time.monotonic() > deadline:
                    raise UserError(f"Slurm takes no jobs: {problem} ({config_path()} has what they ask for)") from None
                logger.warning("sbatch: %s; trying it again for %.0f minutes", problem, UNREACHABLE_S / 60)
            time.sleep(AGAIN_S)
            self.clear(UNREACHABLE_S)  # in case the jobs have come through all the same

    def states(self, job: str) -> Mapping[str, State] | None:
        """See ``queue.states``."""
        return queue.states(job)

    def clear(self, patience_s: float) -> bool:
        """See ``queue.clear``."""
        return queue.clear(self.name, patience_s)

    def tidy(self) -> None:
        """Remove what jobs and those who wait for them tell each other; the logs stay."""
        for path in (path for pattern in LEFTOVERS for path in self.folder.glob(pattern)):
            path.unlink(missing_ok=True)


def _ended(slurm: Slurm, jobs: Sequence[Job]) -> Iterator[tuple[Job, dict[str, Any]]]:
    """Each job when it has ended, with what it has left, or {"state": its state} of one that has left nothing."""
    waiting, begun = {job.id: job for job in jobs}, time.monotonic()
    asked, array = begun, jobs[0].id.partition("_")[0]
    ended_at: dict[str, float] = {}  # by Slurm, of those whose files have not been seen
    told: set[str] = set()
    while waiting:
        time.sleep(LOOK_S)
        now, states = time.monotonic(), None
        if now - asked >= min(max(ASK_S[0], 0.1 * (now - begun)), ASK_S[1]):
            asked, states = now, slurm.states(array)
        there = set(os.listdir(slurm.folder))
        for job in list(waiting.values()):
            outcome = json.loads(job.outcome.read_text(encoding="utf-8")) if job.outcome.name in there else None
            if outcome is None and states is not None:
                state = states.get(job.id, State(GONE))
                if not state.ended:
                    ended_at.pop(job.id, None)
                elif state.name not in ("COMPLETED", GONE) or now - ended_at.setdefault(job.id, now) > LATE_S:
                    outcome = {"state": state.name}
                if state.stuck and state.reason not in told:
                    logger.warning("jobs %s wait: %s (squeue --name=%s)", array, state.reason, slurm.name)
                    told.add(state.reason)
            if outcome is not None:
                del waiting[job.id]
                yield job, outcome


def _problem(slurm: Slurm, what: str, outcome: Mapping[str, Any]) -> str:
    """In one line, why a job has failed; what the user can mend is told as the error that it is."""
    if outcome.get("error"):
        return str(outcome["error"])
    how = "failed" if "error" in outcome else HOW.get(outcome["state"], f"ended as {outcome['state']}")
    return f"{what}: {how.format(config=config_path(), time_minutes=slurm.settings.time_minutes)}"


def _log_end(log: Path) -> str:
    lines = last_lines(log)
    if not lines:
        return f"; no log {log}: is that folder shared with the nodes?"
    return "".join([f"; the end of {log}:", *(f"\n    {line}" for line in lines)])


def run_on_slurm(
    function: Callable[[Any], Any],
    items: Sequence[Any],
    whats: Sequence[str],
    slurm: Slurm,
    *,
    description: str,
) -> list[Any]:
    """Call a function on every item, each as a job; results in order.

    Args:
        function: returns anything that JSON can say. A second call with an item that is done does no harm.
        items: one argument each.
        whats: what is done with each item, for logs and messages.
        slurm: the cluster.
        description: for the progress bar.

    Raises:
        UserError: Slurm takes no jobs, or naming those that failed in every try, with the ends of their logs.
    """
    with folder_lock(slurm.folder):  # of two, each would take the other's jobs for those of a run that was killed
        return _run_on_slurm(function, items, whats, slurm, description)


def _run_on_slurm(
    function: Callable[[Any], Any], items: Sequence[Any], whats: Sequence[str], slurm: Slurm, description: str
) -> list[Any]:
    results: dict[int, Any] = {}
    problems: dict[int, str] = {}
    tries: Counter[int] = Counter()
    if not slurm.clear(UNREACHABLE_S):  # jobs of a run that was killed would write the same files
        raise UserError(f"jobs of an earlier run cannot be ended, or asked for; try scancel --name={slurm.name}")
    slurm.tidy()
    bar, todo = tqdm(desc=description, total=len(items), disable=None), list(range(len(items)))
    try:
        while todo:
            wave, todo = todo[: slurm.settings.max_array], todo[slurm.settings.max_array :]
            tries.update(wave)
            outcomes = [slurm.folder.absolute() / f"{shard + 1}.{tries[shard]}.json" for shard in wave]
            calls = [
                partial(run_job, function, items[n], whats[n], path) for n, path in zip(wave, outcomes, strict=True)
            ]
            submitted = zip(wave, slurm.submit(calls), outcomes, strict=True)
            jobs = [Job(shard, *names, outcome) for shard, names, outcome in submitted]
            logger.info("%s: %d job(s) from %s on; logs in %s", description, len(jobs), jobs[0].id, slurm.folder)
            for job, outcome in _ended(slurm, jobs):
                if "result" in outcome:
                    results[job.shard] = outcome["result"]
                    bar.update()
                    continue
                problem, again = _problem(slurm, whats[job.shard], outcome), tries[job.shard] <= Stage.retries
                logger.warning("job %s: %s%s", job.id, problem, "; trying it again" if again else "")
                if again:
                    todo.append(job.shard)
                else:
                    problems[job.shard] = problem if outcome.get("error") else f"{problem}{_log_end(job.log)}"
    except BaseException:
        if not slurm.clear(CANCEL_S):  # none may go on writing when this process lets go of the folder
            logger.warning("not all jobs have ended yet: scancel --name=%s", slurm.name)
        raise
    finally:
        bar.close()
        slurm.tidy()
    raise_problems(f"{description} failed", list(dict.fromkeys(problems.values())), one_alone=True)
    return [results[shard] for shard in range(len(items))]
