"""Map a function over items with worker processes that run one thread each.

Several PyTorch processes with a thread per core each slow one another down many times, so a worker has one.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, TypeVar

from tqdm import tqdm

from weaksep.errors import UserError, raise_problems
from weaksep.jobs.interrupt import check, start_worker

logger = logging.getLogger(__name__)

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


@contextmanager
def one_thread_here() -> Any:
    """The same for this process, as far as torch goes: sums come out the same to the last bit with workers and without.

    Torch is not imported for it; when it comes later it reads the environment.
    """
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else None
    if torch:
        torch.set_num_threads(1)
    try:
        with one_thread_environment():
            yield
    finally:
        if torch:
            torch.set_num_threads(threads)


def in_this_process(function: Callable[[Item], Result], items: Sequence[Item], description: str) -> list[Result]:
    """One item after the other, here."""
    results = []
    with one_thread_here():
        for item in tqdm(items, desc=description, disable=None):
            results.append(function(item))
            check()
    return results


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
        UserError: of the items that failed; those at work have ended, none was begun after the first failure.
        Interrupted: on a signal; those at work have ended (a training: saved its state and stopped).
    """
    backend = backend or os.environ.get("WEAKSEP_BACKEND", "local")
    if backend == "slurm":
        from weaksep.jobs.slurm import run_on_slurm

        return run_on_slurm(function, items, nj=nj, description=description)
    if backend != "local":
        raise UserError(f"unknown job backend {backend!r}: take local or slurm (cmd.sh)")
    if nj <= 1 or len(items) <= 1:
        return in_this_process(function, items, description)
    # "spawn": a forked child of a process that has used threads (torch, BLAS) may hang.
    context = multiprocessing.get_context("spawn")
    # One byte that all share. Not an Event: a worker killed while it looks at one would hold its lock for ever.
    stop = context.RawValue("b", 0)
    pool = ProcessPoolExecutor(min(nj, len(items)), mp_context=context, initializer=start_worker, initargs=(stop,))
    with one_thread_environment(), pool:
        try:
            return _collect(pool, function, items, description)
        except BrokenProcessPool:
            raise UserError(
                f"{description}: a worker process was killed (out of memory?); lower --nj, then run the same command "
                "again: what was finished is kept"
            ) from None
        except BaseException:
            stop.value = 1
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _unless_stopped(function: Callable[[Item], Result], item: Item) -> Result:
    """In a worker: not to begin what was handed out before somebody wanted an end."""
    check()
    return function(item)


def _collect(
    pool: ProcessPoolExecutor, function: Callable[[Item], Result], items: Sequence[Item], description: str
) -> list[Result]:
    """Results in order. After a UserError those at work come to their end, whose results may be kept; none begins."""
    futures = [pool.submit(_unless_stopped, function, item) for item in items]
    problems: list[str] = []
    for future in tqdm(as_completed(futures), desc=description, total=len(futures), disable=None):
        error = None if future.cancelled() else future.exception()
        if isinstance(error, UserError):
            logger.error("%s: %s", description, error)  # at once: the others may take hours
            problems.append(str(error))
            for other in futures:
                other.cancel()
        elif error is not None:
            raise error
    if len(problems) == 1:
        raise UserError(problems[0])
    raise_problems(f"{description} failed", problems)
    return [future.result() for future in futures]
