"""Log lines: on the terminal of every command, and in the log file of a training."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any

from weaksep.fileio.names import one_line


def printable(text: str) -> str:
    r"""A message with what would move a terminal's cursor written out; line ends stay.

    >>> print(printable("a\x1b[2Jb"))
    a\x1b[2Jb
    """
    return "\n".join(map(one_line, text.split("\n")))


class LineFormatter(logging.Formatter):
    """A line a message, whatever the names in it hold; only a traceback has lines of its own."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s (%(filename)s:%(lineno)d:%(funcName)s) %(message)s", "%Y-%m-%dT%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:
        return one_line(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        return printable(super().formatException(ei))


class AboveBars(logging.StreamHandler):  # without its argument, which Python 3.10 does not take
    """Log lines on stderr. On a terminal a line takes the place of the progress bars, which tqdm draws anew below it;
    they may be those of another process."""

    def format(self, record: logging.LogRecord) -> str:
        return ("\r\x1b[J" if self.stream.isatty() else "") + super().format(record)


def set_up_logging(debug: bool = False) -> None:
    """Log to stderr with the lines of the recipes: ``2026-11-22T18:00:00 (mix.py:57:main) ...``."""
    handler = AboveBars()
    handler.setFormatter(LineFormatter())
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    # Only our own modules: other libraries' debug lines would drown them.
    logging.getLogger("weaksep").setLevel(logging.DEBUG if debug else logging.INFO)
    logging.captureWarnings(True)
    # A log line that cannot be written (a full disk) is not worth a page of traceback: the work says what is wrong.
    logging.raiseExceptions = debug


@contextmanager
def log_file(path: Path) -> Iterator[None]:
    """Log into a file as well while the block runs; it is opened anew where somebody has put it away meanwhile."""
    handler = WatchedFileHandler(path, encoding="utf-8")
    handler.setFormatter(LineFormatter())
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()
