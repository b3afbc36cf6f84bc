"""The page as a file: it stands alone, is well formed, says what the summary says, and holds the very samples."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import re
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile

from weaksep.fileio.atomic import write_text
from weaksep.report.content import all_tables
from weaksep.report.page import page_table, write_page
from weaksep.report.page_audio import OTHERS_SHARE, AudioStore, encode, gather
from weaksep.report.write import optional

VOID = {"meta", "link", "img", "br", "input"}


class Page(HTMLParser):
    """Elements with their attributes and text; an end tag that closes another element is an error."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[dict] = []
        self.open: list[dict] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert [element["tag"] for element in self.open] == []

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs), (tag, attrs)
        self.elements.append({"tag": tag, "text": "", "attrs": dict(attrs)})
        if tag not in VOID:
            self.open.append(self.elements[-1])

    def handle_endtag(self, tag):
        assert self.open.pop()["tag"] == tag

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data

    def all(self, tag, **attrs):
        return [e for e in self.elements if e["tag"] == tag and attrs.items() <= e["attrs"].items()]

    def by_id(self):
        return {e["attrs"]["id"]: e for e in self.elements if "id" in e["attrs"]}


@pytest.fixture
def experiment(tmp_path, tiny, made_summary):
    spec = importlib.util.spec_from_file_location("page_experiment", Path(__file__).with_name("page_experiment.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.make(tmp_path, tiny, made_summary)


def write(experiment, **options):
    e = experiment
    return write_page(e.expdir / "report", e.summary, e.scores, e.expdir, e.datadir, **options)


def heard(experiment, limit=40_000_000):
    e = experiment
    return gather(e.summary["systems"], e.scores, e.expdir, e.datadir / "test", limit)


def test_the_page_is_well_formed_and_alone(experiment):
    for suffix, content in (("svg", "<svg/>"), ("png", "longer than the other")):
        write_text(experiment.expdir / f"report/figures/si_sdri.{suffix}", content)
    page = Page(write(experiment))
    ids = Counter(e["attrs"]["id"] for e in page.elements if "id" in e["attrs"])
    assert set(ids.values()) == {1}
    for element in page.elements:
        for name, value in element["attrs"].items():
            if name in ("src", "href", "srcset", "data", "poster"):
                assert value.startswith(("#", "data:")), (element["tag"], name, value)
            if name in ("href",) and value.startswith("#"):
                assert value[1:] in ids
            if name in ("aria-labelledby", "for"):
                assert value in ids
    styles = "".join(e["text"] for e in page.all("style"))
    assert "url(" not in styles and "@import" not in styles
    scripts = "".join(e["text"] for e in page.all("script") if "type" not in e["attrs"])
    assert not re.search(r"https?:|fetch|XMLHttp|import ", scripts)
    (policy,) = page.all("meta", **{"http-equiv": "Content-Security-Policy"})
    assert policy["attrs"]["content"].startswith("default-src 'none'")
    (figure,) = page.all("img")
    assert figure["attrs"]["src"] == "data:image/svg+xml;base64," + base64.b64encode(b"<svg/>").decode()
    assert figure["attrs"]["alt"]
    levels = [int(e["tag"][1]) for e in page.elements if re.fullmatch("h[1-6]", e["tag"])]
    assert levels[0] == 1 and all(b - a <= 1 for a, b in zip(levels, levels[1:], strict=False))


def test_captions_and_badges_say_what_there_is(experiment):
    write_text(experiment.expdir / "report/figures/overlap.svg", "<svg/>")
    page = Page(write(experiment))
    (caption,) = page.all("figcaption")
    assert "all panels but the first" in caption["text"]  # frame_crnn has a panel of its own
    badges = {e["text"] for e in page.all("span") if e["attrs"].get("class", "").startswith("kind ")}
    assert badges <= {"good: near the 90th percentile", "median", "poor: near the 10th percentile"} and len(badges) > 1
    systems = experiment.summary["systems"]
    experiment.summary["systems"] = [system for system in systems if system["name"] != "separator_frame_crnn"]
    (caption,) = Page(write(experiment)).all("figcaption")
    assert "panel" not in caption["text"]


def test_few_recordings_have_no_interval(experiment):
    tiles = [e["text"] for e in Page(write(experiment)).all("span", **{"class": "about"})]
    assert tiles and all(text.startswith("too few recordings for an interval") for text in tiles)


def test_the_same_input_gives_the_same_page(experiment):
    one = write(experiment).read_bytes()
    assert write(experiment).read_bytes() == one


def test_every_sound_is_there_sample_for_sample(experiment):
    page = Page(write(experiment))
    clips = {e["attrs"]["id"]: e["text"] for e in page.all("script", type="text/plain")}
    facts = json.loads(page.by_id()["listening"]["text"])
    data = experiment.datadir / "test/audio"

    def check(clip, path):
        samples, rate = soundfile.read(io.BytesIO(base64.b64decode(clips[clip], validate=True)), dtype="int16")
        wanted, wanted_rate = soundfile.read(path, dtype="int16")
        assert rate == wanted_rate == 8000 and np.array_equal(samples, wanted)

    assert [m["utt"] for m in facts["mixtures"]] and len(facts["mixtures"]) == 3
    assert facts["columns"] == ["separator_strong", "separator_frame", "separator_clip", "oracle_irm"]
    used = set()
    for mixture in facts["mixtures"]:
        check(mixture["mixture"], data / f"mix/{mixture['utt']}.wav")
        assert set(mixture["sources"]) == {*facts["columns"], "separator_frame_crnn"}
        for system, sources in mixture["sources"].items():
            rows = [row for row in experiment.scores[system] if row.utt == mixture["utt"] and row.n_active > 1]
            assert {name: gain for name, (_, gain, _) in sources.items()} == {
                row.name: row.si_sdri_db for row in rows if row.si_sdri_db is not None
            }
            for name, (clip, *_) in sources.items():
                check(clip, experiment.expdir / system / f"separated/test/audio/{name}/{mixture['utt']}.wav")
                used.add(clip)
        used.add(mixture["mixture"])
    for button in page.all("button", **{"class": "clip"}):
        used.add(button["attrs"]["data-audio"])
        utt, what = button["attrs"]["aria-label"].split(", ", 1)
        if what != "mixture":
            name, kind = what.split(", ")
            assert kind == "reference"
            check(button["attrs"]["data-audio"], data / name / f"{utt}.wav")
    assert used == set(clips)


def test_all_tables_are_there_and_sort_by_their_figures(experiment):
    page = Page(write(experiment))
    tables = all_tables(experiment.summary)
    titles = [e["text"] for e in page.all("h3") if e["attrs"].get("id", "").startswith("table-")]
    assert titles == [table.title for table in tables]
    text = " ".join(e["text"] for e in page.all("td") + page.all("th", scope="row"))
    shown = [page_table(table) for table in tables]
    for table in shown:
        for row in table["rows"]:
            for cell in row:
                assert cell["text"] in text
    first = shown[0]
    column = first["headings"].index("mean SI-SDRi (dB)")
    means = {system["si_sdri_db"]["mean"] for system in experiment.summary["systems"]}
    assert {row[column]["value"] for row in first["rows"]} == means
    assert [row[0]["text"] for row in first["rows"] if row[column]["best"]] == ["strong"]


def test_what_is_written_by_others_is_escaped(experiment):
    evil = '<img src=x onerror="alert(1)">'
    experiment.summary["recipe"] = evil
    experiment.summary["notes"] = [evil, "a `code` & more"]
    experiment.summary["systems"][1]["about"] = evil
    experiment.summary["environment"]["commit"] = evil
    page = Page(write(experiment))
    assert page.all("img") == []
    assert page.all("h1")[0]["text"] == f"Results of {evil}"
    assert any(e["text"] == "code" for e in page.all("code"))


def test_what_is_missing_is_said(experiment, caplog):
    (experiment.expdir / "separator_clip/separated/test/horn.scp").unlink()
    (experiment.expdir / "oracle_irm/separated/test/audio/bark/mix-2.wav").write_bytes(b"RIFF")
    path = write(experiment)
    listening = heard(experiment)
    assert listening.no_audio == ["separator_clip"]
    assert listening.columns == ["separator_strong", "separator_frame", "oracle_irm", "separator_frame_crnn"]
    assert "oracle_irm, mix-2" in caplog.text
    assert [m.example.utt for m in listening.mixtures if "oracle_irm" not in m.sources] == ["mix-2"]
    notices = [e["text"] for e in Page(path).all("p") if "notice" in e["attrs"].get("class", "")]
    assert any("not here: clip." in text for text in notices)


def test_no_room(experiment):
    everything = sum(map(len, heard(experiment).clips.values()))
    # All that is shown at first fits; the other system does not fit into its share.
    some = heard(experiment, everything)
    assert sum(map(len, some.clips.values())) < everything and OTHERS_SHARE < 1
    assert some.few and not some.unheard and set(some.columns) <= set(some.systems)
    few = heard(experiment, everything // 2)
    assert few.unheard and few.mixtures and few.no_room == ["separator_frame_crnn"]
    assert sum(map(len, few.clips.values())) <= everything // 2
    none = heard(experiment, 10)
    assert none.mixtures == [] and len(none.unheard) == 3 and none.columns == []
    text = write(experiment, limit=everything // 2).read_text(encoding="utf-8")
    assert f"left out for the page's size: {few.unheard[0]}" in text and "too large: frame_crnn." in text
    assert "nothing to hear" in write(experiment, limit=10).read_text(encoding="utf-8")


def test_equal_clips_are_kept_once(tmp_path, tiny):
    data = tiny.make_data(tmp_path)
    one, two = (encode(data / f"audio/mix/{utt}.wav", 8000) for utt in ("mix-1", "mix-2"))
    store = AudioStore(limit=len(one) + len(two))
    assert store.add([one, two, one]) == ["audio-0", "audio-1", "audio-0"]
    assert store.add(["more"]) is None and list(store.ids) == [one, two]
    assert store.add([two]) == ["audio-1"]
    assert AudioStore(limit=100).add(["x" * 51], share=0.5) is None


def test_without_data_without_jinja(experiment, monkeypatch, caplog):
    (experiment.datadir / "test").rename(experiment.datadir / "away")
    assert "nothing to hear" in write(experiment).read_text(encoding="utf-8")
    assert "no such data folder" in caplog.text
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert optional("page", lambda: write(experiment)) is None
    assert "no page without jinja2" in caplog.text
