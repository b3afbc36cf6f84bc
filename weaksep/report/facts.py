"""Facts of the data and of the run: how much there is of each set, and how long each stage took."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from weaksep.errors import UserError
from weaksep.fileio.datadir import DataDir, parse_lengths
from weaksep.fileio.tables import read_tsv, to_float

SETS = ("train", "valid", "test")


def _durations(path: Path, utts: Sequence[str]) -> list[float]:
    """Seconds of each clip. UserError lists every clip without a length."""
    table = parse_lengths(path)
    for utt in utts if table.there else ():
        if utt not in table.entries:
            table.note(None, f"no length of {utt}", "rerun stage 1")
    return list(table.values("a valid table of lengths").values())


def set_facts(path: Path) -> dict[str, Any]:
    """Number of mixtures, hours and active classes of a data folder."""
    data = DataDir.load(path)
    durations = _durations(path / "utt2dur", data.utt_ids)
    active = [len(names) for names in data.clip_labels().values()]
    return {
        "mixtures": len(active),
        "hours": round(sum(durations) / 3600, 3),
        "mean_active_classes": round(statistics.fmean(active), 3) if active else None,
        "two_or_more": sum(count >= 2 for count in active),
    }


def collect_sets(datadir: Path, test_set: str, variants: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Facts of the sets that are there: the recipe's own, then each variant's (data/train_lambda5)."""
    plain = list(dict.fromkeys((*SETS, test_set)))
    names = plain + [f"{name}_{variant}" for variant in sorted(set(variants)) for name in plain]
    return {name: set_facts(datadir / name) for name in names if (datadir / name).is_dir()}


def collect_stage_times(expdir: Path) -> list[dict[str, Any]]:
    """Latest time of each stage, from stage_times.tsv (one that ran again counts once); empty without it."""
    path = expdir / "stage_times.tsv"
    if not path.is_file():
        return []
    latest: dict[int, dict[str, Any]] = {}
    for number, row in enumerate(read_tsv(path, ("stage", "name", "seconds", "finished_at")), start=2):
        try:
            stage, seconds = int(to_float(row["stage"])), to_float(row["seconds"])
        except ValueError:
            raise UserError(f"{path}:{number}: stage and seconds must be numbers; remove the line") from None
        latest[stage] = {
            "stage": stage,
            "name": row["name"],
            "seconds": seconds,
            "finished_at": row["finished_at"],
        }
    return [latest[stage] for stage in sorted(latest)]
