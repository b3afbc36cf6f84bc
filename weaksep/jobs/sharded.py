"""Map a function over items: in this process, in worker processes, or on a Slurm cluster (``weaksep[slurm]``)."""

import logging
import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from weaksep.errors import UserError, raise_problems
from weaksep.jobs.interrupt import check, start_worker
from weaksep.jobs.threads import one_thread

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")
Claim = Callable[[Iterable[Path]], None]

LATE_S = 60.0  # what other machines have written may be seen here so late, over NFS


def bar_off() -> bool | None:
    """``disable`` of tqdm for work that may be one of several: True in a worker process, whose bar and its siblings'
    would share a line of the terminal; None, which leaves it to the terminal, elsewhere."""
    return multiprocessing.parent_process() is not None or None


def _bar(items: Iterable[Item], description: str, total: int) -> Iterable[Item]:
    """The items, with a progress bar on a terminal."""
    from tqdm import tqdm  # every command imports this module, and few have anything to show

    return tqdm(items, desc=description, total=total, disable=None)


def split_evenly(items: Sequence[Item], parts: int) -> list[Sequence[Item]]:
    """Cut into at most ``parts`` consecutive runs whose lengths differ by one at most; none is empty.

    >>> [list(part) for part in split_evenly([1, 2, 3, 4, 5], 2)]
    [[1, 2, 3], [4, 5]]
    """
    parts = max(1, min(parts, len(items)))
    bounds = [-(-len(items) * part // parts) for part in range(parts + 1)]
    return [items[start:end] for start, end in zip(bounds, bounds[1:], strict=False) if start < end]


def cut_shards(items: Sequence[Item], size: int, prefix: str = "") -> dict[str, Sequence[Item]]:
    """Shards of about equal length, at most ``size`` items, by name.

    >>> cut_shards("abcde", 2, "train.")
    {'train.1': 'ab', 'train.2': 'cd', 'train.3': 'e'}
    """
    return {f"{prefix}{n}": part for n, part in enumerate(split_evenly(items, -(-len(items) // size)), start=1)}


def run_shards(
    function: Callable[[Item, Claim], Any], shards: Mapping[str, Item], notes: Any, **options: Any
) -> Iterator[Any]:
    """Do those shards of a step that its notes do not hold yet; then results of all of them, in order.

    Results are read from the notes one by one, as they are asked for: those of a large corpus need not fit into memory.

    Args:
        function: see ``run_sharded``; is given a shard and what to call with the paths of its files before it writes
            them, and returns a result, anything that JSON can say. What all shards of the step share is bound to it
            with ``functools.partial``.
        shards: by name, for example from ``cut_shards``.
        notes: of the step, ``weaksep.fileio.shards.Shards``: there a worker notes a shard as soon as it is finished.
        options: of ``run_sharded``.

    Raises:
        UserError, Interrupted: see ``run_sharded``; the finished shards are noted.
    """
    todo = [shard for shard in shards.items() if not notes.done(shard[0])]
    whats = [f"{_described(function)}, {notes.folder}, shard {name}" for name, _ in todo]
    run_sharded(partial(_do_shard, function, notes), todo, whats=whats, place=notes.path, **options)
    deadline = time.monotonic() + LATE_S
    while _backend(options.get("backend")) == "slurm" and not all(map(notes.done, shards)):
        if time.monotonic() > deadline:
            break
        time.sleep(1.0)
    return map(notes.load, shards)


def _do_shard(function: Callable[[Item, Claim], Any], notes: Any, shard: tuple[str, Item]) -> None:
    name, items = shard
    if not notes.done(name):  # by a job that was lost later on
        notes.save(name, function(items, notes.claims(name)))


def _backend(asked: str | None) -> str:
    return asked or os.environ.get("WEAKSEP_BACKEND", "local")


def _described(function: Any) -> str:
    while isinstance(function, partial):
        function = function.func
    return f"{function.__module__}.{getattr(function, '__qualname__', type(function).__name__)}"


def run_sharded(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    nj: int,
    description: str,
    backend: str | None = None,
    whats: Sequence[str] = (),
    place: Path | None = None,
) -> list[Result]:
    """Call ``function`` on every item and return the results in order.

    Args:
        function: a module-level function (worker processes import it), or ``functools.partial`` of one. On Slurm its
            results go through JSON, which makes lists of tuples.
        items: one argument each; make an item a shard of work that takes a second or more.
        nj: worker processes; 1 runs here. On Slurm jobs at a time.
        description: for the progress bar.
        backend: "local", or "slurm" (one job an item, see jobs/slurm.py); by default what the environment's
            WEAKSEP_BACKEND says (a recipe's cmd.sh sets it), else "local".
        whats: what is done with each item, for the logs of Slurm jobs.
        place: of the step; no two processes work on one at a time.

    Raises:
        UserError: of the items that failed; those at work, and the few that the pool had handed out, have ended.
        Interrupted: on a signal; those at work have ended (a training: saved its state and stopped).
    """
    backend = _backend(backend)
    if backend == "slurm":
        from weaksep.jobs.slurm import Slurm, run_on_slurm

        whats = whats or [f"{_described(function)}, {n} of {len(items)}" for n in range(1, len(items) + 1)]
        slurm = Slurm(description, str(place.absolute()) if place else "", nj)
        return run_on_slurm(function, items, whats, slurm, description=description)
    if backend != "local":
        raise UserError(f"unknown job backend {backend!r}: take local or slurm (cmd.sh)")
    with one_thread():
        if nj > 1 and len(items) > 1:
            return _in_workers(function, items, nj, description)
        return [_unless_stopped(function, item) for item in _bar(items, description, len(items))]


def _unless_stopped(function: Callable[[Item], Result], item: Item) -> Result:
    check()  # not to begin what was handed out before somebody wanted an end
    return function(item)


def _in_workers(function: Callable[[Item], Result], items: Sequence[Item], nj: int, description: str) -> list[Result]:
    """Results in order. After a UserError what has been handed to a worker comes to its end (the pool hands out a few
    more than are at work), and its results may be kept."""
    # "spawn": a forked child of a process that has used threads (torch, BLAS) may hang.
    context = multiprocessing.get_context("spawn")
    # One byte that all share. Not an Event: a worker killed while it looks at one would hold its lock for ever.
    stop = context.RawValue("b", 0)
    problems: list[str] = []
    with ProcessPoolExecutor(min(nj, len(items)), context, start_worker, (stop,)) as pool:
        try:
            futures = [pool.submit(_unless_stopped, function, item) for item in items]
            for future in _bar(as_completed(futures), description, len(futures)):
                error = None if future.cancelled() else future.exception()
                if isinstance(error, UserError):
                    logger.error("%s: %s", description, error)  # at once: the others may take hours
                    problems.append(str(error))
                    for other in futures:
                        other.cancel()
                elif error is not None:
                    raise error
        except BrokenExecutor:
            raise UserError(
                f"{description}: a worker process was killed (out of memory?); lower --nj, then run the same command "
                "again: what was finished is kept"
            ) from None
        except BaseException:
            stop.value = 1  # the workers begin nothing more
            raise
    raise_problems(f"{description} failed", problems, one_alone=True)
    return [future.result() for future in futures]
