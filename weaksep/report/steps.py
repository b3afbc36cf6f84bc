"""Stage 7 as a step. Imports neither numpy nor matplotlib: a rerun with nothing to do must be quick."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from weaksep.fileio.datadir import FINGERPRINT_TABLES, SOURCE_NAME
from weaksep.fileio.inputs import tables_of
from weaksep.fileio.stamp import Step

SETS = ("train", "valid", "test")


def report_step(recipe: str, expdir: Path, datadir: Path, test_set: str, notes: Sequence[str], out: Path) -> Step:
    """The report; the stages' times alone are no reason for a new one (its own is among them)."""
    folder = expdir / "report"
    scores = [f"*/scores/{test_set}/{name}" for name in ("scores.tsv", "tagging.json", SOURCE_NAME)]
    patterns = (*scores, "*/config.yaml", "*/history.jsonl")
    found = [path for pattern in patterns for path in sorted(expdir.glob(pattern))]
    tables = {str(path.relative_to(expdir)): path for path in found}
    for name in dict.fromkeys((*SETS, test_set)):
        tables.update(tables_of(datadir / name, (*FINGERPRINT_TABLES, "utt2dur")))
    return Step(
        name=str(out),
        folder=folder,
        settings={"recipe": recipe, "test_set": test_set, "notes": list(notes)},
        tables=tables,
        code=["weaksep.report.collect", "weaksep.report.figures", "weaksep.report.markdown"],
        outputs=[".", os.path.relpath(out, folder)],
    )
