"""A separator that separates nothing goes through stages 6 and 7, and nobody can take it for one that does."""

from __future__ import annotations

import json
import logging
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from weaksep.feats.config import FeatsConfig  # noqa: E402
from weaksep.feats.extract import extract  # noqa: E402
from weaksep.feats.labels import pool_labels  # noqa: E402
from weaksep.fileio.audio import read_audio, write_audio  # noqa: E402
from weaksep.fileio.datadir import REFERENCED_NAME, DataDir  # noqa: E402
from weaksep.fileio.network import TEMPERATURES, Description, Features, write_network  # noqa: E402
from weaksep.fileio.tables import write_table  # noqa: E402
from weaksep.fileio.yamlfile import write_yaml  # noqa: E402
from weaksep.report.aggregate import Score  # noqa: E402
from weaksep.report.content import all_tables, render  # noqa: E402
from weaksep.report.table import COUNT, FIGURE, TEXT, best_rows, field, table_of  # noqa: E402
from weaksep.report.verdict import findings, gain_over, likeness, no_op  # noqa: E402
from weaksep.report.write import make_report  # noqa: E402
from weaksep.score.run import score_all  # noqa: E402

FEATURES = Features(sample_rate=8000, window_samples=128, hop_samples=64)
BANDS = (slice(3, 13), slice(21, 37), slice(46, 60))  # bins of 62.5 Hz of bark, drill and horn, see tiny_data.py


class BandClassifier:
    """Gives each class the share of the energy that lies in its band, at whatever level."""

    supervision, classes, features, time_pooling = "clip", ("bark", "drill", "horn"), FEATURES, 2

    def probabilities(self, magnitude: Any, frames: Any = None) -> tuple[np.ndarray, np.ndarray]:
        power = np.square(np.asarray(magnitude, dtype=np.float64))
        bands = np.stack([power[:, :, band].sum(axis=2) for band in BANDS], axis=2)
        frames = np.stack([pool_labels(clip, 2) for clip in bands / (bands.sum(axis=2, keepdims=True) + 1e-9)])
        return frames, bands.sum(axis=1) / (bands.sum(axis=(1, 2))[:, None] + 1e-9)


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory, tiny: Any) -> Any:
    """Recordings with labels only, and three systems: real sources; the mixture divided by the number of outputs (of
    three classes and a residual); the sources of other classes."""
    folder = tmp_path_factory.mktemp("trial")
    data = DataDir.load(tiny.make_data(folder / "data/test"))
    references = data.references()
    for utt, wav in data.wav.items():
        mixture = read_audio(wav, 8000)
        sources = {
            name: read_audio(found[utt], 8000) if utt in found else 0 * mixture for name, found in references.items()
        }
        made = {
            "unprocessed": dict.fromkeys(sources, mixture),
            "separator_remix": {**sources, "residual": 0 * mixture},
            "separator_clip": dict.fromkeys([*sources, "residual"], mixture / 4),
            "separator_clip_other": dict(zip(sources, np.roll(list(sources.values()), 1, axis=0), strict=True)),
        }
        for system, outputs in made.items():
            for name, audio in outputs.items():
                write_audio(folder / f"exp/{system}/separated/test/audio/{name}/{utt}.wav", audio, 8000)
    for system, outputs in made.items():
        for name in outputs:
            table = {utt: f"audio/{name}/{utt}.wav" for utt in data.wav}
            write_table(folder / f"exp/{system}/separated/test/{name}.scp", table)
        if system.startswith("separator_"):
            write_yaml(folder / f"exp/{system}/config.yaml", {"supervision": "clip", "seed": 0})
    for name in data.classes:
        (data.path / f"src_{name}.scp").unlink()
    (data.path / REFERENCED_NAME).write_text("")
    write_table(data.path / "utt2spk", {utt: f"rec-{utt[-1]}" for utt in data.wav})
    config = {"supervision": "clip", "net": {"kind": "light", "units": 4, "channels": [4]}, "seed": 0}
    network = Description(task="classifier", classes=list(data.classes), features=FEATURES, config=config)
    write_network(folder / "exp/classifier_clip", network, {})
    write_yaml(folder / "exp/classifier_clip/config.yaml", config)
    extract(data.path, folder / "dump/test", FeatsConfig(window_samples=128, hop_samples=64), nj=1, references=False)
    score_all(folder / "exp", data.path, folder / "dump/test", lambda _: BandClassifier(), bss_eval=False)
    messages: list[str] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: messages.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("weaksep").addHandler(handler)
    make_report("trial", folder / "exp", folder / "data", "test", ["A note."], folder / "RESULTS.md")
    logging.getLogger("weaksep").removeHandler(handler)
    return folder, messages


def test_it_is_said_at_the_top_of_the_page_and_in_the_log(trial: Any) -> None:
    folder, messages = trial
    page = " ".join((folder / "RESULTS.md").read_text().split())
    top, _, rest = page.partition("A note.")
    assert "**Warning.** `clip` is a no-op on `test`: nothing shows that it separates anything. In 3 of 3 clips" in top
    assert "**Warning.** `clip_other` is a no-op on `test`" in top and "hears the classes no better" in top
    assert "remix" not in top and "| clip (no-op) " in rest and "| remix " in rest
    said = [message.partition(":")[0] for message in messages if "no-op" in message]
    assert said == ["`clip` is a no-op on `test`", "`clip_other` is a no-op on `test`"]
    html = (folder / "exp/report/index.html").read_text()
    assert html.index('<p class="warning"><b>Warning.</b> <code>clip</code> is a no-op') < html.index("A note.")


def test_it_is_in_the_figures(trial: Any) -> None:
    summary = json.loads((trial[0] / "results.json").read_text())
    systems = {system["name"]: system for system in summary["systems"]}
    assert systems["separator_clip"]["likeness"] == {"alike": 3, "clips": 3}
    assert systems["separator_remix"]["likeness"] == {"alike": 0, "clips": 3}
    assert systems["separator_clip_other"]["likeness"]["alike"] == 0
    assert [name for name, system in systems.items() if system["no_op"]] == ["separator_clip", "separator_clip_other"]
    rows = {row["name"]: row for row in summary["sources"]}
    assert list(rows)[:3] == ["unprocessed", "equal_shares", "random_masks"]
    for name in ("own_class", "other_class", "inactive_classes", "inactive_frames", "residual"):
        assert rows["separator_clip"][name] == pytest.approx(rows["equal_shares"][name], rel=0.02)  # rounded to 16 bits
    assert rows["separator_clip"]["inactive_classes"] < rows["unprocessed"]["inactive_classes"] / 10
    assert rows["equal_shares"]["gain"] == {"mean": 0.0, "ci95": [0.0, 0.0], "recordings": 5}
    assert rows["separator_remix"]["gain"]["ci95"][0] > 0.1
    assert rows["unprocessed"]["gain"]["ci95"] == [None, None]
    assert summary["data"]["test"]["recordings"] == {"all": 5, "by_class": {"bark": 3, "drill": 3, "horn": 3}}
    assert (
        "Behind the intervals: 5 test clips of 5 recordings (per class: bark 3, drill 3, horn 3). The 95 %"
        in " ".join((trial[0] / "RESULTS.md").read_text().split())
    )


def test_what_a_no_op_wins_is_no_achievement(trial: Any) -> None:
    """Energy in absent classes falls to a sixteenth by dividing, and that is nobody's best."""
    text = (trial[0] / "exp/report/tables/agreement.tex").read_text()
    assert "mixture / outputs" in text and "random masks" in text
    bold = [line.partition(" &")[0] for line in text.splitlines() if "textbf" in line]
    assert bold == []  # one system is left that may be the best, and it needs another beside it


def test_the_mixture_is_among_what_separates_nothing(trial: Any) -> None:
    """It holds more than there is of every class, which is no share, and no gain."""
    page = " ".join((trial[0] / "RESULTS.md").read_text().split())
    assert 'Three rows separate nothing: in "unprocessed", where there is one, every output is the mixture' in page
    table = (trial[0] / "exp/report/tables/agreement.csv").read_text().splitlines()
    cells = dict(
        zip(table[0].split(","), next(line for line in table if "unprocessed" in line).split(","), strict=True)
    )
    (row,) = [
        row for row in json.loads((trial[0] / "results.json").read_text())["sources"] if row["name"] == "unprocessed"
    ]
    assert row["inactive_classes"] > 1 < row["unexplained"]
    assert [cells[name] for name in ("in absent classes", "unexplained", "gain", "recordings")] == [
        "1.0",
        "1.0",
        "",
        "",
    ]


def row(utt: str, name: str, alike: float | None, n_active: int = 2, leak_db: float | None = None) -> Score:
    return Score(utt, name, n_active, leak_db=leak_db, mixture_correlation=alike)


def test_which_outputs_count() -> None:
    rows = [row("a", "x", 0.99), row("a", "y", 0.985), row("a", "z", 0.1, leak_db=-20.0)]
    rows += [row("b", "x", 0.99), row("b", "y", 0.979)]
    rows += [row("c", "x", 1.0, n_active=1)]  # alone: nothing is to be separated
    rows += [row("d", "x", 0.99), row("d", "y", None)]  # all in one output is not separated either
    rows += [row("e", "x", None), row("e", "y", None)]
    assert likeness(rows) == {"alike": 2, "clips": 3}


@pytest.mark.parametrize(("alike", "clips", "said"), [(9, 10, True), (8, 10, False), (0, 0, False), (1, 1, True)])
def test_nine_of_ten(alike: int, clips: int, said: bool) -> None:
    system = {"supervision": "clip", "likeness": {"alike": alike, "clips": clips}}
    assert bool(no_op(system, {}, referenced=True)) == said
    assert no_op({**system, "supervision": "unprocessed"}, {}, referenced=True) is None


@pytest.mark.parametrize(("low", "said"), [(-0.1, True), (0.0, True), (0.01, False), (None, False)])
def test_the_interval_counts_where_there_is_nothing_else(low: float | None, said: bool) -> None:
    system = {"supervision": "clip", "likeness": {"alike": 0, "clips": 10}}
    figures = {"gain": {"mean": 0.1, "ci95": [low, 0.2], "recordings": 7}}
    assert bool(no_op(system, figures, referenced=False)) == said
    assert no_op(system, figures, referenced=True) is None


def test_recordings_are_drawn_as_a_whole() -> None:
    """Ten clips of five recordings that disagree say no more than five clips."""
    margins, shares = {utt: 0.9 if utt < "f" else -0.1 for utt in "abcdefghij"}, dict.fromkeys("abcdefghij", 0.0)
    margins["e"] = margins["f"] = 0.4
    groups = {utt: [("", own)] for utt, own in zip(margins, "rrssttuuvv", strict=True)}
    found = gain_over(shares, margins, groups, 0)
    assert found == {**gain_over(shares, {utt: margins[utt] for utt in "acegi"}, {}, 0), "mean": 0.4}
    assert found["ci95"][0] < 0.1 and found["recordings"] == 5
    assert gain_over(shares, margins, {}, 0)["recordings"] == 10
    few = gain_over(shares, margins, {**groups, "i": [("", "u")], "j": [("", "u")]}, 0)
    assert few == {"mean": None, "ci95": [None, None], "recordings": 4}
    assert gain_over({}, margins, {}, 0) == {"mean": None, "ci95": [None, None], "recordings": 0}


def test_a_temperature_at_its_limit(made_summary: dict[str, Any]) -> None:
    summary = made_summary
    names = [facts["name"] for facts in summary["training"][:4]]
    tried = (TEMPERATURES[0], 1.0, TEMPERATURES[-2], TEMPERATURES[-1])
    for facts, temperature in zip(summary["training"], tried, strict=False):
        facts["temperature"] = temperature
    marked, low, high = findings(summary)
    assert "`clip_max` is a no-op on `test`: nothing shows that it separates anything. In all of its clips." in marked
    assert f"`{names[0].removeprefix('separator_')}` have temperature 0.7, the lowest" in low
    assert f"`{names[3].removeprefix('separator_')}` have temperature 8, the highest that was tried" in high
    page = render(summary)
    assert (
        page.index("**Warning.** `clip_max`")
        < page.index("**Warning.** The masks of")
        < page.index(summary["notes"][0])
        < page.index("## Separation")
    )


def test_the_best_must_beat_the_bar() -> None:
    records = [{"name": name, "low": low, "high": low} for name, low in (("bar", 0.5), ("a", 0.4), ("b", 0.6))]
    fields = [field("x", TEXT, "name"), field("low", FIGURE, "low", "low"), field("high", COUNT, "high", "high")]

    def best(bar: str | None, *values: float) -> list[list[int]]:
        rows = [{**record, "low": value, "high": value} for record, value in zip(records, values, strict=True)]
        table = table_of("t", "T", rows, fields, lambda record: record["name"] != "bar", bar=bar)
        return [sorted(best_rows(table, column)) for column in (1, 2)]

    assert best("bar", 0.5, 0.4, 0.6) == best(None, 0.5, 0.4, 0.6) == [[1], [2]]
    assert best("bar", 0.3, 0.4, 0.6) == [[], [2]]
    assert best("bar", 0.6, 0.4, 0.6) == [[1], []]
    assert best("no such row", 0.3, 0.4, 0.6) == [[1], [2]]


def test_a_no_op_is_never_the_best(made_summary: dict[str, Any]) -> None:
    """Nor where references would make it so."""
    for system in made_summary["systems"]:
        if system["name"] == "separator_clip_max":
            system["si_sdri_db"]["mean"] = system["si_sdri_db"]["median"] = 99.0
    tables = {table.key: table for table in all_tables(made_summary)}
    names = [cells[0] for cells in tables["all_systems"].rows]
    for column in (3, 5):
        best = best_rows(tables["all_systems"], column)
        assert len(best) == 1 and names.index("clip_max (no-op)") not in best
