"""Before training: can these labels work? The facts of a data folder, and what is wrong with it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from weaksep.errors import did_you_mean, raise_problems
from weaksep.recordings.findings import NAMES, Budget, findings, steps_of
from weaksep.recordings.inventory import Stock


def facts_of(sets: Mapping[str, Stock], budgets: Sequence[Budget]) -> dict[str, Any]:
    """All that the page tells, as JSON can say it: findings, sets, classes, ``together`` (the share of the training
    clips of class i that hold class j, by i and j) and trainings."""
    train = sets["train"]
    both = train.labels.astype(int).T @ train.labels
    single = train.labels[train.labels.sum(axis=1) == 1].sum(axis=0)
    silent = (train.labels & train.silent[:, None]).sum(axis=0)
    together = both / np.maximum(1, both.diagonal())[:, None]
    most = np.argmax(together - np.eye(len(both)), axis=1)
    classes = train.data.labels
    return {
        "mixed": train.mixed,
        "findings": [finding._asdict() for finding in findings(sets, budgets)],
        "sets": [
            {
                "set": name,
                "recordings": stock.recordings,
                "clips": len(stock.labels),
                "hours": stock.seconds / 3600,
                "labels": float(stock.labels.sum(axis=1).mean()),
                "unlabelled": int((~stock.labels.any(axis=1)).sum()),
                "silent": int((stock.silent & stock.labels.any(axis=1)).sum()),
            }
            for name, stock in sets.items()
        ],
        "classes": [
            {
                "class": name,
                "recordings": {which: stock.by_class[k] for which, stock in sets.items()},
                "clips": int(both[k, k]),
                "alone": int(single[k]),
                "silent": int(silent[k]),
                "beside": f"{classes[most[k]]} {together[k, most[k]]:.0%}" if len(classes) > 1 else "",
            }
            for k, name in enumerate(classes)
        ],
        "together": together.round(3).tolist(),
        "trainings": [{**budget._asdict(), "steps": steps_of(train, budget)} for budget in budgets],
    }


def known_names(names: Sequence[str]) -> set[str]:
    """Those of ``--accept``. UserError for one that no finding has."""
    unknown = [name for name in names if name not in NAMES]
    hints = [did_you_mean(name, NAMES, f"there are {', '.join(NAMES)}") for name in unknown]
    raise_problems("--accept", [f"no finding {name!r}; {hint}" for name, hint in zip(unknown, hints, strict=True)])
    return set(names)
