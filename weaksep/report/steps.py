"""Stage 7 as a step. Imports neither numpy nor matplotlib: a rerun with nothing to do must be quick."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from weaksep.fileio.datadir import FINGERPRINT_TABLES, SOURCE_NAME
from weaksep.fileio.inputs import tables_of
from weaksep.fileio.stamp import Step

SETS = ("train", "valid", "test")
RESULTS_NAME = "results.json"
PATTERNS = ("summary.json", "index.html", "tables/*.csv", "tables/*.tex", "figures/*.png", "figures/*.svg")
CODE = ("collect", "csvfiles", "figures", "latex", "markdown", "page")


def report_step(
    recipe: str,
    expdir: Path,
    datadir: Path,
    test_set: str,
    notes: Sequence[str],
    out: Path,
    descriptions: Mapping[str, Mapping[str, Any]],
) -> Step:
    """The report; the stages' times alone are no reason for a new one (its own is among them).

    Args:
        recipe: its name.
        expdir: experiments.
        datadir: folder of the sets.
        test_set: the set whose scores are reported; its variants' scores (test_lambda5) belong to it.
        notes: for the head of the page.
        out: the page; results.json lies beside it.
        descriptions: what the recipe's configurations say of each system; all that is read of them.
    """
    folder = expdir / "report"
    scores = [f"*/scores/{test_set}/{name}" for name in ("scores.tsv", "tagging.json", "sources.json", SOURCE_NAME)]
    scores += [f"*/scores/{test_set}_*/{name}" for name in ("scores.tsv", SOURCE_NAME)]
    patterns = (*scores, "*/config.yaml", "*/history.jsonl")
    found = [path for pattern in patterns for path in sorted(expdir.glob(pattern))]
    tables = {str(path.relative_to(expdir)): path for path in found}
    plain = dict.fromkeys((*SETS, test_set))
    variants = [path for name in plain for path in sorted(datadir.glob(f"{name}_*")) if path.is_dir()]
    for data in (*(datadir / name for name in plain), *variants):
        tables.update(tables_of(data, (*FINGERPRINT_TABLES, "utt2dur")))
    # What the code version does not know of.
    tables.update({f"templates/{path.name}": path for path in sorted((Path(__file__).parent / "templates").iterdir())})
    return Step(
        name=str(out),
        folder=folder,
        settings={
            "recipe": recipe,
            "test_set": test_set,
            "notes": list(notes),
            "descriptions": descriptions,
        },
        tables=tables,
        code=[f"weaksep.report.{name}" for name in CODE],
        outputs=[*PATTERNS, *(os.path.relpath(path, folder) for path in (out, out.with_name(RESULTS_NAME)))],
    )
