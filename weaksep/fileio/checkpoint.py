"""Checkpoints, to go on from: tensors, numbers, strings and containers of them; never code."""

import io
import logging
import os
import pickle
import shutil
import zipfile
from pathlib import Path
from typing import Any

from weaksep.errors import UserError
from weaksep.fileio.atomic import atomic_path

logger = logging.getLogger(__name__)


def save_checkpoint(path: str | Path, state: dict[str, Any]) -> None:
    """Write a checkpoint atomically; equal states give equal files.

    Args:
        path: the file; what was there before stays as ``<stem>.prev<suffix>``, see ``load_latest``.
        state: tensors, numbers, strings and containers of them.
    """
    import torch

    # In memory first: written to a path, torch puts the (temporary) name of the file into it, and what goes wrong
    # while it writes is no longer the operating system's plain error.
    buffer = io.BytesIO()
    torch.save(state, buffer)
    path = Path(path)
    with atomic_path(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())
        if path.exists():
            _keep(path, previous_of(path))


def _keep(path: Path, previous: Path) -> None:
    """Give a file a second name, in place of the one that has it; a copy where the file system has no links."""
    if previous.exists() and os.path.samefile(path, previous):
        return  # a process was killed between giving it the second name and replacing the first
    with atomic_path(previous) as second:
        second.unlink()
        try:
            os.link(path, second)
        except OSError:
            shutil.copyfile(path, second)


def previous_of(path: Path) -> Path:
    """checkpoint.pt -> checkpoint.prev.pt."""
    return path.with_name(f"{path.stem}.prev{path.suffix}")


def load_latest(path: str | Path) -> dict[str, Any] | None:
    """The newest checkpoint that can be read: the file, or the one before it; None when there is neither.

    A file that cannot be read, where the one before can, is renamed to ``<stem>.damaged<suffix>``: it must not become
    the one before of the next.

    Raises:
        UserError: there are checkpoints, and none can be read.
    """
    path = Path(path)
    candidates = [candidate for candidate in (path, previous_of(path)) if candidate.exists()]
    problems = []
    for candidate in candidates:
        try:
            state = load_checkpoint(candidate)
        except UserError as error:
            problems.append(str(error))
            continue
        for problem in problems:
            logger.warning("%s; going on from %s", problem, candidate.name)
            os.replace(path, path.with_name(f"{path.stem}.damaged{path.suffix}"))
        return state
    if problems:
        raise UserError(f"{'; '.join(problems)}: begin again with --resume false")
    return None


def load_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint, tensors on the CPU; code inside it is refused, not run (weights_only).

    Raises:
        UserError: missing, truncated, not a checkpoint, or holding more than plain data.
    """
    import torch

    try:
        with zipfile.ZipFile(path) as archive:
            # Torch compares no check sums: a bit that a disk has turned over would be another weight.
            damaged = archive.testzip()
        state = None if damaged else torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UserError(f"{path}: no such checkpoint (train first: stages 3 and 4)") from None
    except zipfile.BadZipFile:
        raise UserError(f"{path}: refused: damaged, or no checkpoint of weaksep; restore it or train again") from None
    except pickle.UnpicklingError:
        raise UserError(f"{path}: refused: it is damaged or holds more than tensors and plain data") from None
    except Exception as error:  # torch and zipfile raise whatever damaged bytes lead them to
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(f"{path}: cannot be read as a checkpoint ({reason}); restore it or train again") from None
    if damaged:
        raise UserError(f"{path}: damaged ({damaged} does not fit its check sum); restore it or train again")
    if not isinstance(state, dict):
        raise UserError(f"{path}: not a checkpoint of weaksep (a {type(state).__name__})")
    return state
