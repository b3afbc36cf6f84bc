"""FSD50K -> tables: of clips that hold one class alone (weaksep/corpora/table.py), or of all clips with their labels.

Both have each clip's licence and uploader in columns that weaksep does not read.
"""

from __future__ import annotations

import sys
from pathlib import Path

from weaksep.bin.cli import run_command
from weaksep.errors import UserError
from weaksep.fileio.tsv import write_tsv
from weaksep.recordings.fsd50k import Clip, alone, closures, read_clips

LICENCE = ("licence", "uploader")


def present(db: Path) -> list[Clip]:
    """The clips whose audio is there; says how many are not, and how many are not for commercial use."""
    clips = read_clips(db)
    there = [clip for clip in clips if (db / clip.file).is_file()]
    if not there:
        raise UserError(f"{db / clips[0].file}: no such file, nor any other clip; unpack the audio there")
    missing = f", {len(clips) - len(there)} more without audio" if len(there) < len(clips) else ""
    print(f"{len(there)} clips{missing}; {sum(clip.non_commercial for clip in there)} not for commercial use")
    return there


def events(db: Path, out: Path) -> None:
    """A line for every class that a clip holds alone: a bark for Bark, for Dog and for Animal."""
    clips = present(db)
    kinds, rows = closures(clips), []
    for clip in clips:
        row = {"filename": (db / clip.file).resolve(), "set": clip.set_name}
        row |= {"recording": clip.name, "licence": clip.licence, "uploader": clip.uploader}
        rows += [{**row, "class": label} for label in alone(clip, kinds)]
    write_tsv(out / "events.tsv", ("filename", "class", "set", "recording", *LICENCE), rows)
    print(f"{out / 'events.tsv'}: {len({row['recording'] for row in rows})} clips that hold one class alone")


def recordings(db: Path, out: Path) -> None:
    """All clips with all of their labels."""
    rows = [
        {
            "filename": clip.file,
            "event_labels": ",".join(clip.labels),
            "set": clip.set_name,
            "licence": clip.licence,
            "uploader": clip.uploader,
        }
        for clip in present(db)
    ]
    write_tsv(out / "clip_labels.tsv", ("filename", "event_labels", "set", *LICENCE), rows)


def main(argv: list[str]) -> None:
    """What to write, FSD50K's folder, and the folder of the tables."""
    {"events": events, "recordings": recordings}[argv[0]](Path(argv[1]), Path(argv[2]))


if __name__ == "__main__":
    sys.exit(run_command(main, name="local/data.sh"))
