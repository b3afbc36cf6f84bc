"""Trainings that differ in their seed alone are rows of one table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from weaksep.fileio.yamlfile import write_yaml
from weaksep.report.comparisons import collect_seeds
from weaksep.report.tables import seeds

CONFIG = {"supervision": "clip", "optim": {"max_epochs": 3}, "inputs": {"train": "abc"}}


def system(expdir: Path, name: str, mean: float | None, **config: Any) -> dict[str, Any]:
    """A trained and scored system."""
    (expdir / name).mkdir()
    write_yaml(expdir / name / "config.yaml", {"name": name, **CONFIG, **config})
    return {"name": name, "si_sdri_db": {"mean": mean, "median": mean, "n": 9}}


def test_groups(tmp_path: Path) -> None:
    systems = [
        {"name": "unprocessed", "si_sdri_db": {"mean": 0.0, "median": 0.0, "n": 9}},
        system(tmp_path, "separator_clip_seed1", 6.0, seed=1),
        system(tmp_path, "separator_clip", 5.0, seed=0),
        system(tmp_path, "separator_clip_seed2", 10.0, seed=2),
        system(tmp_path, "separator_clip_long", 8.0, seed=1, optim={"max_epochs": 9}),
        system(tmp_path, "separator_frame", 8.0, seed=1, supervision="frame"),
        system(tmp_path, "separator_frame_b", 8.0, seed=1, supervision="frame"),
    ]
    (row,) = collect_seeds(tmp_path, systems)
    assert row == {
        "system": "separator_clip",
        "seeds": [0, 1, 2],
        "means_db": [5.0, 6.0, 10.0],
        "medians_db": [5.0, 6.0, 10.0],
        "mean_db": 7.0,
        "sd_db": pytest.approx(7.0**0.5, abs=1e-4),
    }


def test_seeds_of_one_run_and_of_their_classifiers(tmp_path: Path) -> None:
    systems = [
        system(tmp_path, f"separator_clip+{tag}seed{seed}", 5.0 + seed, seed=seed,
               classifier_training={"name": "clip", "seed": seed})
        for tag in ("", "b-") for seed in (3, 4)
    ]  # fmt: skip
    for one in systems[2:]:
        write_yaml(tmp_path / one["name"] / "config.yaml", {**CONFIG, "seed": int(one["name"][-1]), "net": {}})
    rows = collect_seeds(tmp_path, systems)
    assert [(row["system"], row["means_db"]) for row in rows] == [
        ("separator_clip+seed3", [8.0, 9.0]),
        ("separator_clip+b-seed3", [8.0, 9.0]),
    ]
    assert [cells[0] for cells in seeds({"seeds": rows, "systems": []}).rows] == ["clip", "clip+b"]


def test_other_inputs_are_another_system(tmp_path: Path) -> None:
    systems = [
        system(tmp_path, "separator_clip", 5.0, seed=0),
        system(tmp_path, "separator_clip_seed1", 6.0, seed=1, inputs={"train": "xyz"}),
    ]
    assert collect_seeds(tmp_path, systems) == []


def test_a_mean_of_nothing_has_no_spread(tmp_path: Path) -> None:
    systems = [
        system(tmp_path, "separator_clip", None, seed=0),
        system(tmp_path, "separator_clip_seed1", 6.0, seed=1),
    ]
    assert collect_seeds(tmp_path, systems) == []
