"""Map a function over items with worker processes that run one thread each.

Several PyTorch processes with a thread per core each slow one another down many times, so a worker has one.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, TypeVar

from tqdm import tqdm

from weaksep.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@contextmanager
def one_thread_environment() -> Any:
    """Child processes started inside inherit an environment that gives each one computing thread."""
    saved = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update({name: "1" for name in THREAD_VARIABLES})
    try:
        yield
    finally:
        for name, value in saved.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def split_evenly(items: Sequence[Item], parts: int) -> list[Sequence[Item]]:
    """Cut into at most ``parts`` consecutive runs whose lengths differ by one at most; none is empty.

    >>> [list(part) for part in split_evenly([1, 2, 3, 4, 5], 2)]
    [[1, 2, 3], [4, 5]]
    """
    parts = max(1, min(parts, len(items)))
    size, extra = divmod(len(items), parts)
    bounds = [0]
    for index in range(parts):
        bounds.append(bounds[-1] + size + (index < extra))
    return [items[start:end] for start, end in zip(bounds, bounds[1:], strict=False) if end > start]


def run_sharded(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    nj: int,
    description: str,
    backend: str | None = None,
) -> list[Result]:
    """Call ``function`` on every item and return the results in order.

    Args:
        function: a module-level function (worker processes import it).
        items: one argument each; make an item a shard of work that takes a second or more.
        nj: worker processes; 1 runs here.
        description: for the progress bar.
        backend: "local", or "slurm" (through submitit; one cluster job an item, nj at a time); by default what
            the environment's WEAKSEP_BACKEND says (a recipe's cmd.sh sets it), else "local".

    Raises:
        the first exception of an item, after the items not yet begun were cancelled.
    """
    backend = backend or os.environ.get("WEAKSEP_BACKEND", "local")
    if backend == "slurm":
        from weaksep.jobs.slurm import run_on_slurm

        return run_on_slurm(function, items, nj=nj, description=description)
    if backend != "local":
        raise UserError(f"unknown job backend {backend!r}: take local or slurm (cmd.sh)")
    if nj <= 1 or len(items) <= 1:
        return [function(item) for item in tqdm(items, desc=description, disable=None)]
    # "spawn": a forked child of a process that has used threads (torch, BLAS) may hang.
    context = multiprocessing.get_context("spawn")
    with one_thread_environment(), ProcessPoolExecutor(min(nj, len(items)), mp_context=context) as pool:
        futures = [pool.submit(function, item) for item in items]
        try:
            return [future.result() for future in tqdm(futures, desc=description, disable=None)]
        except BrokenProcessPool:
            raise UserError(f"{description}: a worker process was killed (out of memory?); lower --nj") from None
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
