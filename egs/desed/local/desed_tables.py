"""DESED -> tables: of its soundbank's isolated sounds (weaksep/corpora/table.py), or of its labelled recordings.

DESED: Turpault, Serizel, Shah, Salamon, "Sound event detection in domestic environments with weakly labeled data and
soundscape synthesis", DCASE 2019. The soundbank of the sets is in audio/{train,validation,eval}/soundbank, and its
files are called after the sound on Freesound that they were cut from, NUMBER.wav or NUMBER_PART.wav.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from weaksep.bin.cli import run_command
from weaksep.errors import UserError
from weaksep.fileio.tsv import read_tsv, write_tsv
from weaksep.seeding import generator

SETS = {"train": "train", "validation": "valid", "eval": "test"}
HELD_OUT = 0.1  # of the sounds or videos to train on, for validation where the corpus has no set for it
CUT = re.compile(r"(_nOn)?(_nOff)?$")  # of a folder: its sounds begin or end in the middle of the event
SEGMENT = re.compile(r"_[0-9.]+_[0-9.]+$")  # of a recording's name: where in its video it begins and ends


def held_out(name: str) -> bool:
    """Whether what is to be trained on is kept for validation; the same on all machines."""
    return bool(generator(0, "desed", name).random() < HELD_OUT)


def events(db: Path, out: Path) -> None:
    """The soundbank's foreground sounds."""
    rows: list[dict[str, str]] = []
    for folder, name in SETS.items():
        for path in sorted((db / "audio" / folder / "soundbank/foreground").glob("*/*.wav")):
            sound = f"freesound{path.stem.partition('_')[0]}"
            label = CUT.sub("", path.parent.name)
            rows.append({"filename": str(path.resolve()), "class": label, "set": name, "recording": sound})
    if not rows:
        raise UserError(f"{db}: no sounds in audio/train/soundbank/foreground/CLASS; unpack DESED's soundbank there")
    if not any(row["set"] == "valid" for row in rows):
        for row in rows:
            row["set"] = "valid" if row["set"] == "train" and held_out(row["recording"]) else row["set"]
    write_tsv(out / "events.tsv", ("filename", "class", "set", "recording"), rows)
    print(f"{out / 'events.tsv'}: {len(rows)} sounds of {len({row['class'] for row in rows})} classes")


def labelled(db: Path, table: str, columns: tuple[str, ...], places: tuple[str, ...]) -> list[dict[str, str]]:
    """Rows of a table of labels whose recordings are there, the file names below audio/; says how many are not."""
    rows, missing = [], set()
    for row in read_tsv(db / "metadata" / table, columns):
        place = next((f"{at}/{row['filename']}" for at in places if (db / "audio" / at / row["filename"]).exists()), "")
        if place:
            rows.append({**row, "filename": place})
        else:
            missing.add(row["filename"])
    files = {row["filename"] for row in rows}
    print(f"metadata/{table}: {len(files)} recordings" + (f", and {len(missing)} without audio" if missing else ""))
    return rows


def recordings(db: Path, out: Path) -> None:
    """Weak labels to train on. With the public evaluation set the strong labels of "validation" are for validation;
    without it they are for the test, and a tenth of the videos to train on is for validation."""
    times = ("filename", "onset", "offset", "event_label")
    strong = {"valid": labelled(db, "validation/validation.tsv", times, ("validation", "validation/validation"))}
    if (db / "metadata/eval/public.tsv").is_file():
        strong["test"] = labelled(db, "eval/public.tsv", times, ("eval/public",))
    else:
        strong = {"test": strong["valid"]}
    weak = labelled(db, "train/weak.tsv", ("filename", "event_labels"), ("train/weak",))
    for row in weak:
        video = SEGMENT.sub("", Path(row["filename"]).stem)
        row["set"] = "valid" if "valid" not in strong and held_out(video) else "train"
    write_tsv(out / "weak.tsv", ("filename", "event_labels", "set"), weak)
    rows = [{**row, "set": name} for name, own in strong.items() for row in own]
    write_tsv(out / "strong.tsv", (*times, "set"), rows)


def main(argv: list[str]) -> None:
    """What to write, DESED's folder, and the folder of the tables."""
    {"events": events, "recordings": recordings}[argv[0]](Path(argv[1]), Path(argv[2]))


if __name__ == "__main__":
    sys.exit(run_command(main, name="local/data.sh"))
