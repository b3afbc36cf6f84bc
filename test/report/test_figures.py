"""Figures: all systems are drawn, the same input gives the same files, and matplotlib may be missing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from weaksep.report.figures import write_figures


def a_system(name: str, mean: float) -> dict:
    return {
        "name": name,
        "si_sdri_db": {"mean": mean, "median": mean - 1, "ci95": [mean - 0.5, mean + 0.5], "n": 10},
        "by_active_classes": {"2": {"mean": mean, "n": 6}, "3": {"mean": mean - 2, "n": 4}},
    }


SYSTEMS = [a_system("unprocessed", 0.0), a_system("separator_clip", 4.0), a_system("oracle_irm", 20.0)]
HISTORIES = {
    name: [{"epoch": epoch, "train": {"loss": 1 / epoch}, "valid": {"loss": 2 / epoch}} for epoch in (1, 2, 3)]
    for name in ("separator_clip", "classifier_clip")
}


def test_files_names_and_determinism(tmp_path: Path) -> None:
    one = write_figures(tmp_path / "a", SYSTEMS, HISTORIES)
    two = write_figures(tmp_path / "b", SYSTEMS, HISTORIES)
    assert [path.name for path in one] == ["si_sdri.png", "si_sdri.svg", "training.png", "training.svg"]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(one, two, strict=True))
    assert len(write_figures(tmp_path / "c", SYSTEMS, {})) == 2


def test_a_system_without_a_figure_is_no_obstacle(tmp_path: Path) -> None:
    nothing = {"mean": None, "median": None, "ci95": [None, None], "n": 0}
    assert write_figures(tmp_path, [*SYSTEMS, {"name": "x", "si_sdri_db": nothing, "by_active_classes": {}}], {})


def test_without_matplotlib_the_log_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert write_figures(tmp_path, SYSTEMS, HISTORIES) == []
    assert "weaksep[report]" in caplog.text
