"""history.jsonl: one line an epoch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from weaksep.fileio.atomic import write_text


def write_history(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write all epochs so far (whole, so that a resumed run repeats none)."""
    write_text(path, "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows))
