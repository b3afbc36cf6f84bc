"""Errors that a user can fix, in one line each; every other exception is a bug."""

import logging
from pathlib import Path

from weaksep.errors import UserError
from weaksep.fileio.atomic import FULL_DISK, full_disk_message
from weaksep.fileio.names import one_line


def fixable_reason(error: BaseException, place: Path | str) -> str | None:
    """What to tell the user; None for a bug.

    Args:
        error: what was raised.
        place: where the work is, for an error that names no file.
    """
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError):  # a full disk, a missing permission, a file where a folder should be
        where = one_line(str(error.filename or place))
        return full_disk_message(where, error) if error.errno in FULL_DISK else f"{where}: {error.strerror or error}"
    if isinstance(error, UnicodeEncodeError) and error.reason == "surrogates not allowed":
        before, after = error.object[: error.start].rpartition("\n")[2], error.object[error.start :].partition("\n")[0]
        return f"{one_line(before + after)}: holds a name that is not UTF-8; rename that file or folder"
    return None


def failure_reason(error: Exception, place: Path) -> str:
    """Why one of several things that are done side by side has failed, for a list at the end.

    The traceback of a bug, or of a lack of memory, goes into the log; it does not concern the others.

    Args:
        error: what was raised.
        place: the folder of the work, for an error that names no file.
    """
    reason = fixable_reason(error, place)
    if reason is not None:
        return reason
    logging.getLogger(__name__).error("%s", place, exc_info=error)
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}; the traceback is in the log"
