"""A process that is one of several of a training: from when they meet to how it ends."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from weaksep.fileio.logs import printable
from weaksep.jobs.ranks import Place, end_with_parent, leave_reason
from weaksep.train.alone import Parted
from weaksep.train.distributed import Team


@contextmanager
def joined(place: Place, device: str, timeout_s: float) -> Iterator[Team]:
    """The team of this process while the block runs. Only rank 0 has something to say; where the ranks part, the
    process ends, and who has started it says why.

    Args:
        place, timeout_s: see ``Team``.
        device: where this process computes.

    Raises:
        UserError, Interrupted: see ``Team``.
    """
    end_with_parent()
    logger = logging.getLogger("weaksep")
    if place.rank and logger.level == logging.INFO:
        logger.setLevel(logging.WARNING)
    where = torch.device(device)
    if where.type == "cuda":
        torch.cuda.set_device(where)
    team = Team(place, where, timeout_s)
    try:
        yield team
    except Parted as error:
        if not leave_reason(str(error)):
            print(f"weaksep train: error: {printable(str(error))}", file=sys.stderr, flush=True)
        # At once: the connections to lost ranks would be waited for as long again.
        logging.shutdown()
        os._exit(1)
    finally:
        team.meeting.end()
