"""Figures: everything is drawn, in a fixed way; what is missing is no obstacle; helpers have closed forms."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from weaksep.report.figures import write_figures
from weaksep.report.figures_classes import box, box_systems
from weaksep.report.figures_examples import class_colour, estimated_mask, level_db, magnitude
from weaksep.report.figures_style import MAX_LINES, families, headline, series_styles, spread
from weaksep.report.write import optional

HISTORIES = {
    name: [{"epoch": epoch, "train": {"loss": 1 / epoch}, "valid": {"loss": 2 / epoch}} for epoch in (1, 2, 3)]
    for name in ("separator_clip", "classifier_clip")
}
PLAIN = ["si_sdri", "active_classes", "overlap"]
MIXTURES = {f"example_{kind}" for kind in ("good", "median", "poor")}


@pytest.fixture
def experiment(tmp_path, tiny, made_summary):
    spec = importlib.util.spec_from_file_location("page_experiment", Path(__file__).with_name("page_experiment.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclass looks itself up there
    spec.loader.exec_module(module)
    return module.make(tmp_path, tiny, made_summary)


def draw(folder, experiment, histories=HISTORIES, scores=None):
    scores = experiment.scores if scores is None else scores
    return write_figures(folder, experiment.summary, scores, histories, experiment.expdir, experiment.datadir)


def test_files_names_and_determinism(tmp_path, experiment):
    one, two = draw(tmp_path / "a", experiment), draw(tmp_path / "b", experiment)
    names = [*PLAIN, "classes", "training", *sorted(MIXTURES)]
    assert [path.name for path in one] == [f"{name}.{suffix}" for name in names for suffix in ("png", "svg")]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(one, two, strict=True))


def test_a_figure_without_anything_to_draw_is_not_drawn(tmp_path, experiment):
    made = draw(tmp_path, experiment, histories={"separator_clip": []}, scores={})
    assert {path.stem for path in made} == {*PLAIN}
    assert not (tmp_path / "training.svg").exists() and not (tmp_path / "classes.png").exists()


def test_cleaned_and_damaged_audio(tmp_path, experiment, caplog):
    (experiment.expdir / "separator_frame/separated/test/horn.scp").unlink()
    (experiment.datadir / "test/audio/drill/mix-2.wav").write_bytes(b"")
    written = {path.stem for path in draw(tmp_path, experiment, histories={})}
    # mix-3 and mix-4 have horns; mix-2 has a reference that is none.
    assert not MIXTURES & written and "the file is empty" in caplog.text


@pytest.mark.parametrize("names", [["unprocessed"], ["oracle_irm"], ["unprocessed", "separator_clip", "oracle_irm"]])
def test_few_systems(tmp_path, experiment, names):
    experiment.summary["systems"] = [s for s in experiment.summary["systems"] if s["name"] in names]
    scores = {name: experiment.scores[name] for name in names}
    assert "si_sdri" in {path.stem for path in draw(tmp_path, experiment, {}, scores)}


def test_a_system_and_a_class_without_figures(tmp_path, experiment):
    nothing = {"mean": None, "median": None, "ci95": [None, None], "n": 0}
    system = experiment.summary["systems"][1]
    system["si_sdri_db"] = nothing
    for key in ("by_active_classes", "by_overlap"):
        system[key] = dict.fromkeys(system[key], nothing)
    scores = {
        name: [row for row in rows if row.name != "bark" or row.si_sdri_db is None]
        for name, rows in experiment.scores.items()
    }
    assert {*PLAIN, "classes"} <= {path.stem for path in draw(tmp_path, experiment, scores=scores)}


def test_as_many_systems_as_there_will_be(tmp_path, made_summary):
    histories = {f"separator_{number}": HISTORIES["separator_clip"] for number in range(40)}
    written = write_figures(tmp_path, made_summary, {}, histories, tmp_path, tmp_path)
    assert {path.stem for path in written} == {*PLAIN, "training"}


def test_every_system_is_in_one_panel(made_summary):
    systems = made_summary["systems"]
    panels = families(systems)
    drawn = Counter(system["name"] for _, members in panels for system in members)
    assert drawn == Counter(system["name"] for system in systems if system["name"] != "unprocessed")
    assert all(1 <= len(members) <= MAX_LINES for _, members in panels)
    assert [s["name"] for s in headline(systems)] == ["separator_strong", "separator_frame", "separator_clip"]
    names = ["separator_strong", "separator_frame", "separator_clip", "separator_solo_segments", "separator_nmf"]
    assert [s["name"] for s in box_systems(systems)] == [*names, "oracle_irm"]
    for _, members in panels:
        styles = series_styles(members, headline(systems))
        assert len({style["color"] for style in styles}) == len({style["marker"] for style in styles}) == len(members)


def test_boxes():
    drawn = box(list(range(101)))
    assert (drawn["whislo"], drawn["q1"], drawn["med"], drawn["q3"], drawn["whishi"]) == (5, 25, 50, 75, 95)
    assert drawn["fliers"] == [0, 1, 2, 3, 4, 100, 99, 98, 97, 96]
    many = box(list(range(1001)))
    assert len(many["fliers"]) == 16 and {0, 1000} <= set(many["fliers"])
    assert box([3.0])["fliers"] == [] and box([]) == {}


@pytest.mark.parametrize("seed", range(20))
def test_labels_keep_their_distance_and_their_order(seed):
    wanted = np.random.default_rng(seed).uniform(0, 10, 9)
    places = np.array(spread(wanted, 1.0))
    assert np.diff(np.sort(places)).min() >= 1 - 1e-9
    assert (np.argsort(places) == np.argsort(wanted)).all()
    assert places.mean() == pytest.approx(wanted.mean())
    assert spread(np.arange(5.0), 0.9) == [0, 1, 2, 3, 4]


def test_spectrograms():
    time = np.arange(8000) / 8000
    tone = np.sin(2 * np.pi * 1000 * time).astype(np.float32)
    levels = magnitude(tone, 8000)
    assert levels.shape == (129, 63)
    assert (levels.argmax(axis=0)[1:-1] == 32).all()  # 1000 Hz of 4000 Hz, in 128 steps
    assert level_db(np.zeros(3), 0.0).tolist() == [-60.0] * 3
    mask = estimated_mask(0.25 * levels, levels)
    assert np.nanmin(mask) == np.nanmax(mask) == 0.25
    assert np.isnan(estimated_mask(levels, 0 * levels)).all()


@pytest.mark.parametrize("count", [3, 6, 7, 20])
def test_a_class_has_one_colour_and_few_share_one(count):
    classes = [f"class{number}" for number in range(count)]
    colours = [class_colour(classes, name) for name in classes]
    assert len(set(colours)) == count  # however few of them a mixture has


def test_without_matplotlib_the_log_says_so(tmp_path, monkeypatch, caplog, experiment):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert optional("figures", lambda: draw(tmp_path, experiment)) is None
    assert "no figures without matplotlib: pip install 'weaksep[report]'" in caplog.text
