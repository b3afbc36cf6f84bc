"""What classifiers say: of the mixtures (tagging.json), and of the separated sources (sources.json)."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from weaksep.errors import UserError
from weaksep.fileio.jsontext import finite, load_object
from weaksep.fileio.tables import read_lines

logger = logging.getLogger(__name__)

# In [0, 1] or null. What stage 6 has measured from the start, and what may be missing in its older files.
FIGURES = ("frame_f1", "clip_f1", "map")
MORE_FIGURES = ("frame_f1_macro", "clip_f1_macro", "event_f1", "event_f1_macro", "psds1", "psds2")
# Of separated sources alone, by weak labels: shares and probabilities in [0, 1], and energies, which may be more.
AGREEMENT = ("own_class", "other_class", "first_choice")
ENERGIES = ("inactive_classes", "inactive_frames", "residual", "unexplained")


def _read(path: Path, what: str, names: Sequence[str], more: Sequence[str] = ()) -> dict[str, Any]:
    """Names and figures of one file, ``more`` among them. UserError says which keys are wrong."""
    scores = load_object("\n".join(read_lines(path)), str(path), "rerun stage 6")
    wrong = [key for key in FIGURES if key not in scores]
    wrong += [
        key
        for key in (*FIGURES, *MORE_FIGURES, *more)
        if key in scores and not (scores[key] is None or finite(scores[key], 0, 1e300 if key in ENERGIES else 1))
    ]
    wrong += [key for key in names if not isinstance(scores.get(key), str)]
    if wrong:
        raise UserError(f"{path}: not {what} ({', '.join(wrong)}); rerun stage 6")
    return {key: scores.get(key) for key in (*names, *FIGURES, *MORE_FIGURES, *more)}


def collect_classifiers(expdir: Path, set_name: str) -> list[dict[str, Any]]:
    """{"name", figures} of every classifier that was scored on the mixtures.

    Raises:
        UserError: a file is not what stage 6 writes.
    """
    return list(_classifiers(expdir, set_name))


def _classifiers(expdir: Path, set_name: str) -> Iterator[dict[str, Any]]:
    for path in sorted(expdir.glob(f"*/scores/{set_name}/tagging.json")):
        experiment = path.parents[2]
        if experiment.name.startswith("separator_") and not (experiment / "classifier.pt").exists():
            logger.warning("%s: no classifier is trained along with this system any more; left out", path)
            continue
        yield _read(path, "a classifier's scores", ("name",))


def collect_sources(expdir: Path, set_name: str) -> list[dict[str, Any]]:
    """{"name", "judge", figures} of every system whose separated sources a classifier has judged.

    Raises:
        UserError: a file is not what stage 6 writes.
    """
    paths = sorted(expdir.glob(f"*/scores/{set_name}/sources.json"))
    what = "a judgement of separated sources"
    found = [_read(path, what, ("name", "classifier"), (*AGREEMENT, *ENERGIES)) for path in paths]
    return [{**row, "judge": row.pop("classifier")} for row in found]
