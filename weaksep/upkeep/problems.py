"""Words of what is said about folders: counts, and the commands that repair them."""

from __future__ import annotations

import shlex
from pathlib import Path


def fix_command(folder: Path) -> str:
    """The command that repairs the tables of a data folder."""
    return f"utils/fix_data_dir.sh {shlex.quote(str(folder))}"


def stage_command(stage: int) -> str:
    """The command that makes a folder again from what it was made of."""
    return f"run.sh --stage {stage}"


def count(number: int, name: str, ending: str = "s") -> str:
    """A number and its noun.

    >>> count(1, "problem"), count(2, "class", "es")
    ('1 problem', '2 classes')
    """
    return f"{number} {name}" if number == 1 else f"{number} {name}{ending}"
