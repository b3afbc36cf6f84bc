"""The processes of one training, its ranks, as one of them sees it: started by jobs/launch.py or by torchrun.

They are told apart by torchrun's variables: RANK of WORLD_SIZE in all, LOCAL_RANK of LOCAL_WORLD_SIZE on this node, and
MASTER_ADDR and MASTER_PORT, where rank 0 waits for the others. In TORCHELASTIC_ERROR_FILE a rank leaves why it has
failed, so that it is said once.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weaksep.errors import UserError
from weaksep.fileio.atomic import write_text
from weaksep.jobs.interrupt import Interrupted

GOES_ON = "the same command goes on from the last checkpoint"
REASON_VARIABLE = "TORCHELASTIC_ERROR_FILE"
PARENT_VARIABLE = "WEAKSEP_RANKS_PARENT"  # the process that has started the ranks, without which they end


@dataclass(frozen=True)
class Place:
    """A process among the ranks, and where rank 0 is."""

    rank: int
    size: int
    local_rank: int
    address: str
    port: int


def own_place(environment: Mapping[str, str] = os.environ) -> Place | None:
    """Where this process is among the ranks of a training; None when it is none of them.

    Raises:
        UserError: some of torchrun's variables are missing or no numbers.
    """
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
    if not {"RANK", "LOCAL_RANK"} <= environment.keys():
        return None
    try:
        rank, size, local, address, port = (environment[name] for name in names)
        return Place(int(rank), int(size), int(local), address, int(port))
    except (KeyError, ValueError) as error:
        raise UserError(f"RANK is set, but not all of torchrun's variables are right ({error}): unset it") from None


def leave_reason(text: str) -> bool:
    """Leave why this rank has failed for who has started it, in torchrun's form; whether there is a place for it."""
    place = os.environ.get(REASON_VARIABLE)
    if not place:
        return False
    message: dict[str, Any] = {"message": text, "extraInfo": {"timestamp": str(int(time.time()))}}
    write_text(Path(place), json.dumps({"message": message}))
    return True


def read_reason(path: Path) -> str | None:
    """What a rank has left; None if nothing."""
    with suppress(OSError, ValueError):
        return json.loads(path.read_text(encoding="utf-8"))["message"]["message"]
    return None


@contextmanager
def told_once() -> Iterator[None]:
    """In a rank, a block whose end is told by who has started the ranks; elsewhere as if it were not there.

    Raises:
        SystemExit: instead of a UserError, whose reason is left, and of ``Interrupted``.
    """
    try:
        yield
    except Interrupted as error:
        if REASON_VARIABLE not in os.environ:
            raise
        raise SystemExit(error.status) from None
    except UserError as error:
        if not leave_reason(str(error)):
            raise
        raise SystemExit(1) from None


def end_with_parent() -> None:
    """End this rank when who has started it is gone, however that ended."""
    parent = os.environ.get(PARENT_VARIABLE)

    def watch() -> None:
        while os.getppid() == int(parent or 0):
            time.sleep(1.0)
        os._exit(1)

    if parent:
        threading.Thread(target=watch, daemon=True).start()
