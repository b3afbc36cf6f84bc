"""The same map over a Slurm cluster, through submitit (``pip install 'weaksep[slurm]'``)."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TypeVar

from tqdm import tqdm

from weaksep.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")


def run_on_slurm(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    nj: int,
    description: str,
    cluster: str | None = None,
) -> list[Result]:
    """Submit one array job with an element for each item, at most ``nj`` at a time; results in order.

    The folder for submitit's files and the partition come from WEAKSEP_SLURM_DIR (default ./slurm) and
    WEAKSEP_SLURM_PARTITION; ``cluster="local"`` runs the same path without a cluster (for tests).
    """
    try:
        import submitit
    except ImportError:
        raise UserError("backend slurm needs submitit: pip install 'weaksep[slurm]'") from None
    executor = submitit.AutoExecutor(folder=os.environ.get("WEAKSEP_SLURM_DIR", "slurm"), cluster=cluster)
    executor.update_parameters(
        name=description.replace(" ", "_"),
        cpus_per_task=1,
        timeout_min=24 * 60,
        slurm_array_parallelism=max(1, nj),
        slurm_partition=os.environ.get("WEAKSEP_SLURM_PARTITION"),
    )
    jobs = executor.map_array(function, list(items))
    try:
        return [job.result() for job in tqdm(jobs, desc=description, disable=None)]
    except BaseException:
        for job in jobs:  # none may go on writing when this process has let go of the folder
            job.cancel(check=False)
        raise
