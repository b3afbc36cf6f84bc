"""utt2num_frames: how many frames the features of each clip have."""

import re
from pathlib import Path

from weaksep.fileio.parsed import Parsed
from weaksep.fileio.tables import parse, split_entry

_FRAMES = re.compile(r"[1-9][0-9]{0,8}")


def _split(line: str) -> tuple[str, int, str]:
    utt, text, plain = split_entry(line)
    if not _FRAMES.fullmatch(text):
        raise ValueError(f"{utt}: {text!r} is not a number of frames")
    return utt, int(text), plain


def parse_frames(path: Path) -> Parsed:
    """Clip -> its number of frames."""
    return parse(path, _split)
