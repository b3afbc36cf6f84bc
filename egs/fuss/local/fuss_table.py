"""FUSS's sources -> a table of events (weaksep/corpora/table.py), with the labels that FSD50K has for them.

FUSS: Wisdom et al., "What's All the FUSS About Free Universal Sound Separation Data?", ICASSP 2021. Its sources,
fsd_data/{train,validation,eval}/FOLDER/NUMBER.wav, are clips of FSD50K that are likely to hold one kind of sound. FUSS
has no labels; the number, that of the sound on Freesound, is the clip's name in FSD50K.
"""

from __future__ import annotations

import sys
from pathlib import Path

from weaksep.bin.cli import run_command
from weaksep.errors import UserError
from weaksep.fileio.tsv import write_tsv
from weaksep.recordings.fsd50k import alone, closures, read_clips

SETS = {"train": "train", "validation": "valid", "eval": "test"}


def main(argv: list[str]) -> None:
    """FUSS's folder, FSD50K's, and the table to write: a line for every class that a source holds alone."""
    db, fsd50k, out = map(Path, argv)
    clips = {clip.name: clip for clip in read_clips(fsd50k)}
    kinds = closures(clips.values())
    sources = {
        path: name for folder, name in SETS.items() for path in sorted((db / "fsd_data" / folder).glob("*/*.wav"))
    }
    if not sources:
        raise UserError(f"{db}: no sources in fsd_data/train/FOLDER; unpack FUSS_fsd_data.tar.gz there")
    rows, unknown, several = [], 0, 0
    for path, name in sources.items():
        clip = clips.get(path.stem)
        labels = alone(clip, kinds) if clip else []
        unknown += clip is None
        several += bool(clip and not labels)
        row = {"filename": path.resolve(), "set": name, "recording": path.stem}
        rows += [{**row, "class": label} for label in labels]
    write_tsv(out, ("filename", "class", "set", "recording"), rows)
    used = len(sources) - unknown - several
    print(f"{out}: {used} sources of one class; {several} of several and {unknown} that FSD50K has not are left out")


if __name__ == "__main__":
    sys.exit(run_command(main, name="local/data.sh"))
