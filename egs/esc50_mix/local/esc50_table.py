"""meta/esc50.csv of ESC-50 -> a table of events (weaksep/corpora/table.py); folds 1 to 3 train, 4 valid, 5 test.

ESC-50: Piczak, "ESC: Dataset for Environmental Sound Classification", ACM MM 2015. Clips of one recording have the same
number in ``src_file``, and the corpus keeps them in one fold.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from weaksep.bin.cli import run_command
from weaksep.errors import UserError, raise_problems
from weaksep.fileio.tsv import write_tsv

SETS = {"1": "train", "2": "train", "3": "train", "4": "valid", "5": "test"}
COLUMNS = ("filename", "fold", "category", "src_file")


def read_rows(db: Path) -> list[dict[str, str]]:
    """Rows of the table, one a clip.

    Raises:
        UserError: the metadata are not those of ESC-50.
    """
    path = db / "meta/esc50.csv"
    rows, problems = [], []
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if not set(COLUMNS) <= set(reader.fieldnames or ()):
            raise UserError(f"{path}:1: expected the columns {', '.join(COLUMNS)}")
        for row in reader:
            if row["fold"] not in SETS:
                problems.append(f"{path}:{reader.line_num}: fold {row['fold']!r} is not one of 1 to 5")
                continue
            audio = (db / "audio" / row["filename"]).resolve()
            if not audio.exists() and audio.with_suffix(".flac").exists():
                audio = audio.with_suffix(".flac")
            rows.append(
                {
                    "filename": str(audio),
                    "class": row["category"],
                    "set": SETS[row["fold"]],
                    "recording": row["src_file"],
                }
            )
    raise_problems(f"{path} cannot be read", problems)
    return rows


def main(argv: list[str]) -> None:
    """ESC-50's folder, and the table to write."""
    db, out = Path(argv[0]), Path(argv[1])
    rows = read_rows(db)
    write_tsv(out, ("filename", "class", "set", "recording"), rows)
    print(f"{out}: {len(rows)} clips of {len({row['class'] for row in rows})} classes")


if __name__ == "__main__":
    sys.exit(run_command(main, name="local/data.sh"))
