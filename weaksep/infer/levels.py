"""How loud each class of a separated recording was: levels.tsv by the second, leq.tsv over the whole recording.

Both have a row for every class, for the residual, and for the recording itself (``mix``). No output of a class holds
anything above half the model's rate, so each row says up to which frequency it goes.
"""

from collections.abc import Mapping
from pathlib import Path

from weaksep.fileio.datadir import EVENT_COLUMNS
from weaksep.fileio.tsv import write_tsv
from weaksep.signal.meter import Levels

LEVELS_NAME, LEQ_NAME = "levels.tsv", "leq.tsv"
RECORDING = "mix"  # which no class may be called
COLUMNS = (*EVENT_COLUMNS, "level_db", "unit", "up_to_hz")


def write_levels(
    folder: Path, filename: str, levels: Mapping[str, Levels], limits_hz: Mapping[str, float], unit: str
) -> None:
    """Write both tables.

    Args:
        folder: where they go.
        filename: what they call the recording.
        levels: of each output.
        limits_hz: up to which frequency each goes.
        unit: in words.
    """
    end = levels[RECORDING].duration_s
    by_second = zip(*(one.by_second_db for one in levels.values()), strict=True)
    tables = {
        LEVELS_NAME: [(onset, min(onset + 1, end), found) for onset, found in enumerate(by_second)],
        LEQ_NAME: [(0, end, tuple(one.leq_db for one in levels.values()))],
    }
    for table, spans in tables.items():
        rows = [
            (filename, onset, round(offset, 7), name, f"{level:.2f}", unit, f"{limits_hz[name]:g}")
            for onset, offset, found in spans
            for name, level in zip(levels, found, strict=True)
        ]
        write_tsv(folder / table, COLUMNS, [dict(zip(COLUMNS, row, strict=True)) for row in rows])
