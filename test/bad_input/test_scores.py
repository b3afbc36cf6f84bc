"""What stages 5 and 6 leave, damaged before the next stage reads it; scenes that cannot be rebuilt."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile

from weaksep.bin.main import main

EXP = Path("exp/separator_strong")
SCORES = EXP / "scores/test/scores.tsv"
TAGGING = Path("exp/classifier_frame/scores/test/tagging.json")
SOURCES = EXP / "scores/test/sources.json"
DURATIONS = Path("data/test/utt2dur")
LABELS = Path("data/test/utt2labels")
HISTORY = EXP / "history.jsonl"

Spoil = Callable[[str], str]


def cell(column: int, new: str) -> Spoil:
    """Another cell in line 2."""

    def spoil(text: str) -> str:
        lines = text.splitlines(True)
        cells = lines[1].rstrip("\n").split("\t")
        cells[column] = new
        return lines[0] + "\t".join(cells) + "\n" + "".join(lines[2:])

    return spoil


def scores(**changes: Any) -> Spoil:
    return lambda text: json.dumps({**json.loads(text), **changes})


def epoch(**changes: Any) -> Spoil:
    """Another first line of the history."""
    return lambda text: json.dumps({**json.loads(text), **changes}) + "\n"


def constant(text: str) -> Spoil:
    return lambda _: text


REPORT: dict[str, tuple[Path, Spoil, str]] = {
    "a row missing": (SCORES, lambda t: t.rpartition("test-000003")[0], "scores.tsv: 1 rows are missing, first"),
    "half a table": (SCORES, lambda t: t[: len(t) // 2], r"scores.tsv:\d: the last line has no end; the file"),
    "no rows": (SCORES, lambda t: t.splitlines(True)[0], "scores.tsv: holds no rows; rerun stage 6"),
    "an empty table": (SCORES, constant(""), "scores.tsv:1: the first line must name the columns utt, class"),
    "a row twice": (SCORES, lambda t: t + t.splitlines(True)[1], "scores.tsv:8: a second row for test-000001 and"),
    "another clip": (SCORES, cell(0, "x"), r"(?s)1 rows are missing.*1 rows are not in the data folder, first x"),
    "another class": (SCORES, cell(1, "bell"), "scores.tsv: 1 rows are not in the data folder, first test-000001 bell"),
    "text for a score": (SCORES, cell(4, "good"), "scores.tsv:2: 'good' is not a number"),
    "NaN for a score": (SCORES, cell(4, "nan"), "scores.tsv:2: 'nan' is not a number"),
    "infinity for a score": (SCORES, cell(10, "-inf"), "scores.tsv:2: '-inf' is not a number"),
    "half a class": (SCORES, cell(3, "1.5"), "scores.tsv:2: '1.5' is not a number of classes"),
    "bytes for scores": (SCORES, lambda t: t.replace("test", "\0", 1), "scores.tsv:2: not text: the control"),
    "half a JSON": (TAGGING, lambda t: t[: len(t) // 2], "tagging.json: not JSON .*; rerun stage 6"),
    "an empty JSON": (TAGGING, constant(""), "tagging.json: not JSON .*; rerun stage 6"),
    "a JSON list": (TAGGING, constant("[]"), "tagging.json: expected a JSON object, found a list; rerun stage 6"),
    "a deep JSON": (TAGGING, constant("[" * 100_000), "tagging.json: not JSON .*; rerun stage 6"),
    "NaN in JSON": (TAGGING, lambda t: t.replace('"map": 0', '"map": NaN, "x": 0'), "not JSON .NaN is no JSON"),
    "text for a figure": (TAGGING, scores(frame_f1="0.5"), "tagging.json: not a classifier's scores .frame_f1.; rerun"),
    "a figure above one": (TAGGING, scores(clip_f1=7), "tagging.json: not a classifier's scores .clip_f1.; rerun"),
    "no name": (TAGGING, scores(name=None), "tagging.json: not a classifier's scores .name.; rerun stage 6"),
    "half the scores of sources": (SOURCES, lambda t: t[: len(t) // 2], "sources.json: not JSON .*; rerun stage 6"),
    "no classifier": (SOURCES, scores(classifier=None), "sources.json: not .* separated sources .classifier.; rerun"),
    "a score of sources above one": (SOURCES, scores(psds1=1.5), "sources.json: not scores .* .psds1.; rerun stage 6"),
    "half a history": (HISTORY, lambda t: t[:30], "history.jsonl:1: not JSON .*; rerun the training"),
    "a history of numbers": (HISTORY, constant("1\n2\n"), "(?s)2 problems.*jsonl:2: expected a JSON object"),
    "no loss": (HISTORY, epoch(valid={}), "history.jsonl:1: valid.loss missing or no number; rerun the training"),
    "a loss of text": (HISTORY, epoch(train={"loss": "x"}), "history.jsonl:1: train.loss missing or no number"),
    "no time": (HISTORY, epoch(seconds=None), "history.jsonl:1: seconds missing or no number"),
    "no supervision": (EXP / "config.yaml", constant("seed: 1\n"), "config.yaml: supervision is None, expected strong"),
    "a share of text": (EXP / "config.yaml", lambda t: t + "strong_share: x\n", "strong_share is 'x', expected a"),
    "settings that are none": (EXP / "config.yaml", constant("a: [\n"), "config.yaml:2: not valid YAML"),
    "no length": (DURATIONS, lambda t: t.partition("\n")[2], "utt2dur: no length of test-000001; rerun st"),
    "a length of text": (DURATIONS, lambda t: t.replace("0.5", "x", 1), "utt2dur:1: test-000001: 'x000000' is not a "),
    "another test set": (LABELS, lambda t: t.replace("0001 ", "0001 siren,"), "made from other mixtures"),
    "a note of bytes": (EXP / "scores/test/source.sha256", lambda t: "\0", "sha256:1: not text: the control"),
}  # fmt: skip


@pytest.mark.parametrize("name", REPORT)
def test_bad_results_are_not_reported(recipe: Path, refused, name: str) -> None:
    path, spoil, message = REPORT[name]
    changed = spoil(path.read_text())
    assert changed != path.read_text()
    path.write_text(changed)
    refused("report", match=message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("about: [\n", "conf/strong.yaml:2: not valid YAML"),
        ("about: 5\n", "^conf/strong.yaml: about and compare_with are texts: put them in quotes$"),
        ("compare_with: [frame]\n", "^conf/strong.yaml: about and compare_with are texts"),
        ("base: x.yaml\n", "^conf/strong.yaml: its base conf/x.yaml is no file"),
    ],
)
def test_bad_descriptions_of_systems(recipe: Path, refused, text: str, message: str) -> None:
    Path("conf/strong.yaml").write_text(text)
    refused("report", "--config-dir", "conf", match=message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--config-dir", "cnof"], "^cnof: no such configuration folder; fix --config-dir$"),
        (["--from", "results.json"], "^results.json: no such file"),
        (["--from", str(TAGGING)], "tagging.json: not results of weaksep report .KeyError: 'recipe'.; rerun stage 7$"),
        (["--from", "exp"], "^exp: cannot be read .not a regular file."),
    ],
)
def test_places_that_hold_something_else(recipe: Path, refused, options: list[str], message: str) -> None:
    refused("report", *options, match=message)


def test_a_network_that_is_none(recipe: Path, refused) -> None:
    (EXP / "model.json").write_text('{"task": "separator"}')
    refused("report", match="separator_strong/model.json: does not describe a network of weaksep .*; train again")


def test_bad_stage_times(recipe: Path, refused) -> None:
    Path("exp/stage_times.tsv").write_text("stage\tname\tseconds\tfinished_at\n5\tseparate\tnan\tx\n")
    refused("report", match="stage_times.tsv:2: stage and seconds must be numbers; remove the line")


SEPARATED = EXP / "separated/test"
SCORE: dict[str, tuple[Callable[[], object], str]] = {
    "a table missing": (lambda: (SEPARATED / "siren.scp").unlink(), "siren.scp: no such table"),
    "an entry missing": (
        lambda: (SEPARATED / "siren.scp").write_text("test-000001 audio/siren/test-000001.wav\n"),
        r"(?s)separated/test is not complete; rerun stage 5 \(2 problems\).*siren.scp: no entry for test-000002",
    ),
    "a file missing": (lambda: (SEPARATED / "audio/siren/test-000001.wav").unlink(), "test-000001.wav: no such file"),
    "another length": (
        lambda: soundfile.write(SEPARATED / "audio/siren/test-000001.wav", [0.1] * 3999, 8000),
        "siren/test-000001.wav: 3999 samples, the mixture test-000001 has 4000; rerun stage 5",
    ),
    "another rate": (
        lambda: soundfile.write(SEPARATED / "audio/siren/test-000001.wav", [0.1] * 4000, 16000),
        "siren/test-000001.wav: 16000 Hz with 1 channel.s., expected 8000 Hz mono",
    ),
    "a reference missing": (
        lambda: shutil.rmtree("data/test/audio/dog_bark"),
        "(?s)data/test cannot be scored .*dog_bark/test-00000..wav: no such file .reference of test-00000",
    ),
    "a mixture of two channels": (
        lambda: soundfile.write("data/test/audio/mix/test-000003.wav", [[0.1, 0.1]] * 4000, 8000),
        "mix/test-000003.wav: 8000 Hz, 2 channel.s.; expected 8000 Hz mono; rerun stage 1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SCORE)
def test_bad_separated_folders(recipe: Path, refused, name: str) -> None:
    spoil, message = SCORE[name]
    for other in ("oracle_ibm", "oracle_irm", "oracle_psm", "unprocessed"):
        shutil.rmtree(Path("exp") / other)
    shutil.rmtree("exp/classifier_frame")
    spoil()
    refused("score", match=message)


def test_what_can_be_scored_is_scored(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree("exp/oracle_irm/scores")
    Path("exp/unprocessed/separated/test/siren.scp").unlink()
    (SEPARATED / "siren.scp").unlink()
    (Path("exp/separator_frame")).mkdir()
    (Path("exp/separator_frame/separated")).mkdir()
    Path("exp/separator_frame/config.yaml").write_text("a: [\n")
    assert main(["score"]) == 1
    error = capsys.readouterr().err.partition("error: ")[2]
    assert "the rest is scored, these are not (3 problems):" in error
    for text in (
        "separator_frame: exp/separator_frame/config.yaml:2: not valid YAML",
        "exp/separator_strong on data/test: exp/separator_strong/separated/test is not complete; rerun stage 5",
        "exp/unprocessed on data/test: exp/unprocessed/separated/test is not complete; rerun stage 5",
    ):
        assert text in error
    assert Path("exp/oracle_irm/scores/test/scores.tsv").is_file()
    assert Path("exp/oracle_irm/scores/test/sources.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--evaluation-classifier", "frme"], "'frme' is no trained classifier in exp; did you mean classifier_frame"),
        (["--evaluation-classifier", "a/b"], "'a/b': a system's name or a tag is part of a folder's name"),
    ],
)
def test_evaluation_classifiers_that_are_none(recipe: Path, refused, arguments: list[str], message: str) -> None:
    refused("score", *arguments, match=message)


def test_a_mixture_that_is_not_the_one_of_its_features(recipe: Path, refused) -> None:
    for place in ("mix", "dog_bark", "siren"):
        for path in Path("data/test/audio", place).glob("*.wav"):
            soundfile.write(path, [0.1] * 400, 8000)
    for other in ("oracle_ibm", "oracle_irm", "oracle_psm", "unprocessed", "separator_strong"):
        shutil.rmtree(Path("exp") / other)
    refused("score", match="400 samples, but its features in dump/test are 63 frames; rerun stage 2")


SCENES = Path("data/test/scenes.jsonl")
REBUILD = ("rebuild", "--scenes", "scenes.jsonl", "--events", "data/events/test", "--out", "again")


def scene(**changes: Any) -> Spoil:
    """Another first scene."""

    def spoil(text: str) -> str:
        first, _, rest = text.partition("\n")
        return json.dumps({**json.loads(first), **changes}) + "\n" + rest

    return spoil


def event(**changes: Any) -> Spoil:
    """Another first event of the first scene."""

    def spoil(text: str) -> str:
        events = json.loads(text.partition("\n")[0])["events"]
        return scene(events=[{**events[0], **changes}, *events[1:]])(text)

    return spoil


BAD_SCENES: dict[str, tuple[Spoil, str]] = {
    "half a line": (lambda t: t[:50], r"scenes.jsonl is not a list of scenes .*\n  scenes.jsonl:1: "),
    "empty": (constant(""), "^scenes.jsonl: no scenes$"),
    "an empty line": (lambda t: t + "\n", "scenes.jsonl:4: an empty line"),
    "a list": (lambda t: t + "[]\n", "scenes.jsonl:4: not a scene"),
    "brackets without end": (lambda t: t + "[" * 100_000 + "\n", "scenes.jsonl:4: not a scene"),
    "a scene twice": (lambda t: t + t.partition("\n")[0] + "\n", "scenes.jsonl:4: test-000001 again, first in line 1"),
    "a key too many": (scene(colour="red"), "scenes.jsonl:1: not a scene: .*unexpected keyword argument 'colour'"),
    "an id in another folder": (
        scene(utt_id="../../escaped"),
        "scenes.jsonl:1: utt_id '../../escaped' cannot be the name",
    ),
    "an absolute id": (
        scene(utt_id="/tmp/escaped"),
        "scenes.jsonl:1: utt_id '/tmp/escaped' cannot be the name of a file",
    ),
    "half a character": (scene(utt_id="\ud800"), r"scenes.jsonl:1: utt_id '\\ud800' cannot be the name of a file"),
    "a class in another folder": (event(class_name="../x"), "scenes.jsonl:1: '../x' cannot be the name of a class"),
    "a scene of years": (
        scene(duration_s=1e9),
        "scenes.jsonl:1: duration_s 1000000000.0 is not above 0 and at most 3600",
    ),
    "a scene of no end": (
        lambda t: t.replace('"duration_s": 0.5', '"duration_s": Infinity', 1),
        "duration_s inf is not",
    ),
    "a rate of text": (scene(sample_rate="8000"), "scenes.jsonl:1: sample_rate '8000' is none"),
    "another rate": (scene(sample_rate=16000), "scenes.jsonl: scenes at 16000 Hz, the events are at 8000 Hz"),
    "no events": (scene(events=[]), "scenes.jsonl:1: no events"),
    "an event of text": (scene(events=["siren"]), "scenes.jsonl:1: not a scene"),
    "an event after the end": (event(onset_s=0.5), "begins at 0.5 s, not inside the 0.5 s of the scene"),
    "a level of text": (event(level_db="loud"), "has the level 'loud', not between -300 and 0"),
    "a level that clips": (event(level_db=0.0, onset_s=0.0), "would clip: not a scene as it was drawn"),
    "an unknown event": (event(event_id="nobody"), "data/events/test/wav.scp: no event nobody"),
    "another class": (event(class_name="bell"), "is a bell here and a (siren|dog_bark) there"),
}


@pytest.mark.parametrize("name", BAD_SCENES)
def test_bad_scenes(recipe: Path, refused, name: str) -> None:
    spoil, message = BAD_SCENES[name]
    Path("scenes.jsonl").write_text(spoil(SCENES.read_text()))
    refused(*REBUILD, match=message)
    assert not Path("escaped").exists() and not Path("/tmp/escaped.wav").exists()


PLACES: dict[str, tuple[str, str]] = {
    "the events": (
        "data/events/test",
        "^data/events/test: holds .*data/events/test, which is read here; give another fold",
    ),
    "the scenes": (".", "holds the scenes themselves|which is read here"),
    "the corpus": ("db", r"^db: holds something else than mixtures \(audio, metadata\); give another folder$"),
    "features": ("dump/test", r"^dump/test: holds something else than mixtures \(ark, cmvn.ark, feats.scp\)"),
    "a file": ("scenes.jsonl", "^scenes.jsonl: is a file; give a folder to write$"),
    "below a file": ("scenes.jsonl/again", "^scenes.jsonl.*: Not a directory"),
}


@pytest.mark.parametrize("name", PLACES)
def test_places_that_are_not_overwritten(recipe: Path, refused, name: str) -> None:
    out, message = PLACES[name]
    Path("scenes.jsonl").write_text(SCENES.read_text())
    refused(*REBUILD[:-1], out, match=message)
