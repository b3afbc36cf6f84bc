"""weaksep diagnose: each fault of made-up recordings is found and named, and of sound ones none."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.image
import numpy as np
import pytest
import soundfile
import yaml

from weaksep.bin.main import main
from weaksep.errors import UserError
from weaksep.fileio.audio import read_audio
from weaksep.fileio.clipwriter import ClipWriter
from weaksep.fileio.datadir import DataDir
from weaksep.fileio.names import audio_name
from weaksep.fileio.tables import write_table
from weaksep.recordings.config import PrepareConfig
from weaksep.recordings.diagnose import STOPS, facts_of, findings
from weaksep.recordings.match import Recording
from weaksep.recordings.sets import classes_of
from weaksep.recordings.spelling import alike, class_of
from weaksep.recordings.write import Clip, write_clips
from weaksep.report.data_page import OWN_COLOUR

RATE = 8000
HOMES = ["train"] * 4 + ["valid", "test"]


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Path]:
    """made(labels, ...): a data folder of one recording for each of these labels, as prepare leaves it."""

    def make(
        labels: Sequence[str], clips: int = 1, silent: Callable[[str, int], bool] = lambda text, clip: False,
        spans: Mapping[str, tuple[float, float]] | None = None
    ) -> Path:  # fmt: skip
        """Args: labels of each recording; clips that it is cut into; which of them are silent, by label and number;
        onset and offset of each class, where they are known."""
        classes = sorted({name for text in labels for name in text.split(",")})
        noise = 0.1 * np.random.default_rng(0).standard_normal(80)
        sets: dict[str, list[Clip]] = {home: [] for home in HOMES}
        for (number, text), home, clip in product(enumerate(labels), sets, range(clips)):
            if HOMES[number % len(HOMES)] == home:
                names = text.split(",")
                events = [(*spans[name], name) for name in names] if spans else None
                sets[home].append(Clip(f"r{number:03d}-{clip + 1:04d}", f"r{number:03d}", names, events, None))
                path = tmp_path / "data" / home / audio_name("mix", sets[home][-1].utt)
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, 1e-5 * noise if silent(text, clip) else noise, RATE, "FLOAT")
        for home, own in sets.items():
            write_clips(
                tmp_path / "data" / home, own, classes, dict.fromkeys((clip.utt for clip in own), 1.0), audio_name
            )
        return tmp_path / "data"

    return make


class Found(NamedTuple):
    meaningless: bool
    what: str
    remedy: str


def training(supervision: str, remixes: bool = False) -> dict[str, Any]:
    return {"system": "s", "supervision": supervision, "remixes": remixes, "steps": 5000}


def found(data: Path, *trainings: Mapping[str, Any]) -> dict[str, Found]:
    """What is found in a data folder, by name; each with a remedy."""
    there = {name: Found(name in STOPS, *texts) for name, *texts in findings(facts_of(data, 1), trainings)}
    assert all(finding.what and finding.remedy for finding in there.values())
    return there


def in_turn(*labels: str, of: int = 96) -> list[str]:
    """Labels of recordings, these in turn, of which each set of the split has its share."""
    return [labels[(number // len(HOMES)) % len(labels)] for number in range(of)]


def test_sound_recordings_are_not_blamed(made: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    data = made(in_turn("dog", "cat", "horn", "dog,cat", "cat,horn"))
    assert main(["diagnose", str(data)]) == 0
    assert found(data) == {}
    page = (data / "DATA.md").read_text()
    assert "Nothing was found" in page and "![" in page and (data / "DATA.png").stat().st_size > 10_000
    train = json.loads((data / "DATA.json").read_text())["train"]
    assert (train["recordings"], train["recordings_of"], train["alone_of"]) == (64, [36, 28, 24], [12, 16, 12])
    assert train["both"] == [[36, 12, 12], [12, 28, 0], [12, 0, 24]] and train["silent_of"] == [0, 0, 0]
    assert "| dog   |    28 |     7 |    7 |    28 |    16 |      0 |" in page
    picture = (255 * matplotlib.image.imread(data / "DATA.png")[..., :3]).round()
    grey = (picture == [int(OWN_COLOUR[k : k + 2], 16) for k in (1, 3, 5)]).all(axis=-1)
    assert grey.sum() > 10_000 and "The diagonal is grey" in page  # three cells, in which a class meets itself
    capsys.readouterr()
    assert main(["diagnose", str(data)]) == 0
    assert "up to date" in capsys.readouterr().err


def test_changed_audio_in_an_archive_is_noticed(made: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    data = made(in_turn("dog", "cat", "horn", "dog,cat", "cat,horn"))

    def into_archives(gain: float) -> None:
        for home in set(HOMES):
            audio = {utt: gain * read_audio(place, RATE) for utt, place in DataDir.load(data / home).wav.items()}
            with ClipWriter(data / home, "wav.ark", RATE, lambda files: None) as writer:
                entries = {utt: writer.write(utt, {"mix": wave})["mix"] for utt, wave in audio.items()}
            write_table(data / home / "wav.scp", entries)

    into_archives(1.0)
    assert main(["diagnose", str(data)]) == 0
    into_archives(0.0)
    assert main(["diagnose", str(data)]) == 1 and "mostly-silent" in capsys.readouterr().err


def test_classes_that_always_occur_together(made: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    data = made(in_turn("dog,cat", "horn", "rain", "horn,rain"))
    there = found(data)
    assert there["always-together"].meaningless and "cat" in there["always-together"].remedy
    assert "cat (16 training clips) never occurs without dog" in there["always-together"].what
    assert set(there) == {"always-together", "never-alone"}
    for _ in range(2):  # what is up to date is no better
        assert main(["diagnose", str(data)]) == 1
        message = capsys.readouterr().err
        assert "always-together: cat (16" in message and "--accept" in message
    assert main(["diagnose", str(data), "--accept", "hardly-any-steps always-together"]) == 0
    assert main(["diagnose", str(data), "--accept", "always-togther"]) == 1
    assert "did you mean always-together?" in capsys.readouterr().err


def test_a_class_that_never_occurs_without_another(made: Callable[..., Path]) -> None:
    there = found(made(in_turn("dog,cat", "dog", "horn", "rain")))
    assert set(there) == {"always-together", "never-alone"}
    assert "cat (16 training clips) never occurs without dog" in there["always-together"].what


def test_a_class_that_hardly_ever_occurs_without_another(made: Callable[..., Path]) -> None:
    labels = in_turn("dog,cat", "horn", of=144)
    labels[0] = "cat"
    labels[6] = "dog,horn"
    there = found(made(labels))
    assert set(there) == {"nearly-together", "never-alone"}
    assert not there["nearly-together"].meaningless
    assert "cat (48 training clips) hardly ever occurs without dog" in there["nearly-together"].what


def test_of_few_recordings_only_what_is_certain_is_said(made: Callable[..., Path]) -> None:
    labels = in_turn("dog", "horn", "rain", "horn,rain")
    labels[:10] = ["cat,dog"] * 10  # eight of them in training
    data = found(made(labels))
    assert "cat (8 training clips) never occurs without dog" in data["always-together"].what
    labels[24] = "cat"  # by chance, as far as one can tell
    assert "nearly-together" not in found(made(labels))


def test_times_tell_apart_what_clip_labels_cannot(made: Callable[..., Path]) -> None:
    labels = in_turn("dog,cat", "horn", "rain")
    spans = {"dog": (0.0, 0.6), "cat": (0.4, 1.0), "horn": (0.0, 1.0), "rain": (0.0, 1.0)}
    data = made(labels, spans=spans)
    together = found(data)["together-in-clips"]
    assert not together.meaningless and "supervision: frame" in together.remedy
    assert found(data, training("clip"), training("frame"))["always-together"].meaningless
    assert "together-in-clips" in found(data, training("frame"))


def test_clips_that_share_a_class_with_every_other(made: Callable[..., Path]) -> None:
    data = made(in_turn("dog,cat", "cat,horn", "horn,dog"))
    there = found(data)
    assert set(there) == {"no-remix-partner", "never-alone"} and there["no-remix-partner"].meaningless
    assert "64 of 64" in there["no-remix-partner"].what
    assert "no-remix-partner" not in found(data, training("clip"))


def test_silent_clips_and_labels_that_a_cut_has_spread(made: Callable[..., Path]) -> None:
    there = found(made(in_turn("dog", "cat", "dog,cat", "horn"), clips=3, silent=lambda text, clip: clip == 2))
    assert set(there) == {"silent-clips", "inherited-labels"}
    assert "96 of 288 labelled clips are silent" in there["silent-clips"].what
    assert not there["silent-clips"].meaningless
    # Each of the 120 labels of recordings stands three times, and is right once at least.
    assert "288 clips are cut out of 96 longer recordings" in there["inherited-labels"].what
    assert "up to 240 of 360 labels may be wrong, 0.8 a clip" in there["inherited-labels"].what


def test_a_class_whose_clips_are_mostly_silent(made: Callable[..., Path]) -> None:
    there = found(made(in_turn("dog", "cat", "wind"), silent=lambda text, clip: text == "wind"))
    assert there["mostly-silent"].meaningless and "wind the most (100% of its clips)" in there["mostly-silent"].what


def test_names_that_look_alike(made: Callable[..., Path]) -> None:
    labels = in_turn("rooster", "dog", "engine", "dog_bark", "cat")
    for place, text in ((0, "roster"), (1, "engines"), (2, "dog_cat"), (3, "roster,engines,dog_cat")):
        labels[place] = text
    there = findings(facts_of(made(labels), 1), [])
    assert [name for name, _, _ in there[:3]].count("names-alike") == 2  # and they come first
    texts = {(what, remedy.partition(";")[0]) for _, what, remedy in there[:2]}
    assert texts == {
        (
            f"the classes {one} (2 clips) and {other} look alike",
            f"put rename: {to} into prepare.yaml if they are one",
        )
        for one, other, to in (
            ("roster", "rooster (20)", "{roster: rooster}"),
            ("engines", "engine (18)", "{engines: engine}"),
        )
    }
    (joined,) = [what for name, what, _ in there if name == "names-joined"]
    assert joined == "the class dog_cat is made of the names of dog and cat"


def test_of_a_misspelt_class_nothing_else_is_said_until_that_is_settled(
    made: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    labels = in_turn("rooster", "dog", "horn", "dog,horn")
    labels[0] = labels[1] = "roster,dog"
    data = made(labels)
    assert {name: there.meaningless for name, there in found(data).items()} == {"names-alike": True}
    told = [(name, what) for name, what, _ in findings(facts_of(data, 1), [], ["names-alike"])]
    assert told[0][0] == "names-alike" and all("roster" in what for _, what in told)
    assert {"no-valid-recording", "no-test-recording", "always-together"} < {name for name, _ in told}
    command = ["diagnose", str(data)]
    assert main(command) == 1
    assert capsys.readouterr().err.count("roster") == 2  # in one line: what it looks like, and what to write
    assert main([*command, "--accept", "names-alike"]) == 1
    assert "no-test-recording: no recording of roster in test" in capsys.readouterr().err


def test_a_rare_spelling_is_renamed_to_the_frequent_one() -> None:
    assert alike({"rooster": 10, "roosters": 2}) == [("roosters", "rooster")]
    assert alike({"rooster": 2, "roosters": 10}) == [("rooster", "roosters")]


def test_letters_of_every_script_and_however_they_are_put_together() -> None:
    words = ["\u0915\u093e\u0932\u093e", "\u0915\u0940\u0932", "\u0915\u094b\u0932\u093e"]
    assert [class_of(word, {}) for word in words] == words
    composed, apart = "T\u00fcr klingel", "Tu\u0308r klingel"
    assert class_of(composed, {}) == class_of(apart, {}) == "T\u00fcr_klingel"


def test_what_can_be_done_where_a_set_has_no_recording_of_a_class(made: Callable[..., Path]) -> None:
    labels = in_turn("dog", "horn")
    labels[:4] = ["dog,cat"] * 4  # all in train
    labels[12] = "horn,owl"
    there = found(made(labels))["no-test-recording"]
    assert there.what == "no recording of cat, owl in test: it is not scored"
    put, label = there.remedy.split("; ")
    assert (
        put
        == "put a recording of cat (of 4) into test: name the sets in the label file, or change split: in prepare.yaml"
    )
    assert label.startswith("label more recordings of owl (there are 1), one for each set at least")


def test_names_of_a_real_corpus_do_not_look_alike() -> None:
    """Those of ESC-50 that come closest, and pairs that must not be taken for slips."""
    names = "rain train cat cow hen crow clock_alarm clock_tick church_bells hand_saw chainsaw door_wood_creaks"
    names += " door_wood_knock mouse_click sneezing snoring singing ringing type_a type_b site_1 site_2 car_horn"
    assert alike({name: 40 for name in names.split()}) == []
    pairs = [("chiansaw", "chainsaw"), ("Chain saw", "chainsaw")]
    assert alike({"site_1": 40, "site_2": 1, "chainsaw": 40, "chiansaw": 8, "Chain saw": 20}) == pairs


@pytest.mark.parametrize(
    ("label", "settings", "said"),
    [
        ("dog; rooster", {}, "put commas between its labels, or rename: {dog; rooster: dog_rooster}"),
        ("dog / cat", {}, "'dog / cat' looks like a list"),
        ("dog and cat", {"classes": ["dog", "cat"]}, "'dog and cat' looks like a list"),
        ("Dog", {}, "'Dog' is 'dog' but for the case; rename: {Dog: dog}"),
        ("Dog", {"classes": ["dog", "cat"]}, "'Dog' looks like the class 'dog' and is none; rename: {Dog: dog}"),
        ("cats", {"classes": ["dog", "cat"]}, "'cats' looks like the class 'cat' and is none"),
        ("dog; rooster", {"rename": {"dog; rooster": "yard"}}, ""),
        ("dog; rooster", {"rename": {"dog_rooster": "yard"}}, ""),
        ("Walk, footsteps / steps", {}, ""),
        ("cats", {}, ""),
    ],
)
def test_labels_are_looked_at_when_they_are_read(label: str, settings: dict[str, Any], said: str) -> None:
    names = ["dog", "cat", label]
    recordings = [Recording(Path(name), name, name, None, None, (name,), None, True) for name in names]
    if said:
        with pytest.raises(UserError, match=re.escape(said)):
            classes_of(recordings, PrepareConfig(**settings))
    else:
        assert classes_of(recordings, PrepareConfig(**settings))


def test_a_class_is_renamed_by_its_own_name_too(caplog: pytest.LogCaptureFixture) -> None:
    """Who reads DATA.md knows the classes, not how the label file spells them."""
    names = ["dog", "dog barks", "cat"]
    recordings = [Recording(Path(name), name, name, None, None, (name,), None, True) for name in names]
    assert classes_of(recordings, PrepareConfig(rename={"dog_barks": "dog"})) == ["cat", "dog"]
    assert "that no label has" not in caplog.text


def test_the_command_says_which_labels_are_unclear(
    tmp_path: Path, write: Callable[..., Path], tone: Callable[..., np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "ab":
        write(tmp_path / f"audio/{name}.wav", tone(0.5, 500), 16_000)
    (tmp_path / "labels.tsv").write_text("filename\tevent_labels\na.wav\tdog; rooster\nb.wav\tdog\n")
    assert main(["prepare", "--audio", f"{tmp_path}/audio", "--clip-labels", f"{tmp_path}/labels.tsv",
                 "--out", f"{tmp_path}/data"]) == 1  # fmt: skip
    assert "'dog; rooster' looks like a list: put commas between its labels" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_too_little_data(made: Callable[..., Path], root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = made(["dog", "cat", "dog,cat", "horn", "dog", "cat"])
    conf = root / "egs/labelled_recordings/conf"
    command = ["diagnose", str(data), "--config-dir", str(conf), "--systems", "remix clip"]
    short = ["--separator-args", "optim.epoch_steps=null optim.max_epochs=10"]
    assert main([*command, *short]) == 1
    message = capsys.readouterr().err
    for part in (
        "no-valid-recording: no recording of cat, horn in valid: nothing is chosen by it",
        "no-test-recording: no recording of dog, horn in test",
        "hardly-any-steps: remix, clip: 10 training steps",  # an epoch is one step, of 4 clips
        "few-train-recordings: few recordings in train (cat 2, dog 2, horn 1)",
    ):
        assert part in message
    assert "| remix" in (data / "DATA.md").read_text()
    assert "more epochs (--separator-args optim.max_epochs=3000), or begin with a net: --config conf/esc10" in message
    accepted = ["--accept", "no-valid-recording,no-test-recording"]
    assert main([*command, *accepted, "--separator-args", "optim.max_epochs=4"]) == 0  # and few-steps is a remark
    assert "few-steps: remix, clip: 600 training steps" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--systems", "remix"], "remix: --systems and --separator-args are of trainings; give their --config-dir"),
        (["--separator-args", "optim.max_epochs=1"], "optim.max_epochs=1: --systems and --separator-args are of"),
        (["--config-dir", "lost"], "lost: no YAML of a system"),
    ],
)
def test_no_option_is_passed_over(
    made: Callable[..., Path], capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    data = made(["dog", "cat"])
    assert main(["diagnose", str(data), *options]) == 1
    assert capsys.readouterr().err.startswith(f"weaksep diagnose: error: {said}")
    assert not (data / "DATA.md").exists()


def test_without_matplotlib_the_page_says_so(made: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    data = made(in_turn("dog", "cat"))
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["diagnose", str(data)]) == 0
    assert "No figure: that takes matplotlib" in (data / "DATA.md").read_text() and not (data / "DATA.png").exists()


def test_a_page_of_somebody_else_stays(made: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    data = made(in_turn("dog", "cat", of=12))
    (data / "DATA.md").write_text("mine")
    assert main(["diagnose", str(data)]) == 1
    assert (data / "DATA.md").read_text() == "mine"
    assert main(["diagnose", str(data / "train")]) == 1
    assert "no such data folder" in capsys.readouterr().err


def test_no_false_alarm_on_mini_urban(tmp_path: Path, root: Path) -> None:
    conf = root / "egs/mini_urban/conf"
    small: Mapping[str, Mapping[str, Any]] = {
        "data": {"recordings_per_class": {"train": 5, "valid": 3, "test": 3}, "events_per_recording": 1},
        "mix": {"sets": {"train": 60, "valid": 10, "test": 10}, "variants": {}},
    }
    for name, changes in small.items():
        settings = yaml.safe_load((conf / f"{name}.yaml").read_text())
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump({**settings, **changes}))
    data = tmp_path / "data"
    assert main(["data", "--config", f"{tmp_path}/data.yaml", "--out", f"{data}/events"]) == 0
    assert main(["mix", "--config", f"{tmp_path}/mix.yaml", "--events", f"{data}/events", "--out", str(data)]) == 0
    command = ["diagnose", str(data), "--config-dir", str(conf), "--systems", "strong frame clip"]
    assert main([*command, "--separator-args", "optim.batch_size=1"]) == 0  # as many steps as of ten times the clips
    facts = json.loads((data / "DATA.json").read_text())
    assert facts["findings"] == []
    assert facts["train"]["recordings_of"] == [5] * 5
