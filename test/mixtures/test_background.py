"""Backgrounds: draws of their own, levels, references that sum up; their recordings split and converted."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from weaksep.bin.mix import main as mix
from weaksep.bin.rebuild import main as rebuild
from weaksep.corpora.backgrounds import BackgroundsConfig, open_backgrounds
from weaksep.errors import UserError
from weaksep.fileio.audio import write_audio
from weaksep.fileio.datadir import DataDir
from weaksep.fileio.tables import read_table, write_table
from weaksep.fileio.yamlfile import write_yaml
from weaksep.mixtures.background import background_part
from weaksep.mixtures.config import MixConfig
from weaksep.mixtures.scene import Event, Scene, read_scenes
from weaksep.signal.level import rms
from weaksep.upkeep.validate import validate

RATE = 8000
SETS = {"train": 30, "valid": 4, "test": 4}
MIX = {
    "clip_s": 0.5,
    "mean_events": 3.0,
    "sets": SETS,
    "variants": {
        "bg": {"background": {"level_db": [-40, -30], "probability": 0.7}, "sets": SETS},
        "bg30": {"background": {"level_db": [-30, -30]}, "sets": {"test": 5}},
        "same20": {"events": "same", "background": {"level_db": [-20, -20]}, "sets": {"test": 4}},
        "same30": {"events": "same", "background": {"level_db": [-30, -30]}, "sets": {"test": 4}},
        "alone": {"mean_events": 0, "background": {"level_db": [-35, -35]}, "sets": SETS},
    },
}
# Of these events, drawn before mixtures had backgrounds.
GOLDEN = "044c79e4a6bf09904900a67711ff5b8b031d11a1d828754855d5d90315ec75e0"


def make_events(folder: Path) -> None:
    """Those of ``test_mix_write``."""
    rng = np.random.default_rng(0)
    tables: dict[str, dict[str, str]] = {name: {} for name in ("wav.scp", "utt2class", "utt2spk")}
    for label in ("zebra", "ant", "bee"):
        for number in range(6):
            event = f"{label}-{number}"
            write_audio(folder / f"audio/{event}.wav", rng.standard_normal(int(rng.integers(400, 3200))), RATE, "FLOAT")
            tables["wav.scp"][event] = f"audio/{event}.wav"
            tables["utt2class"][event] = label
            tables["utt2spk"][event] = f"rec-{event}" if folder.name == "train" else f"{folder.name}-{event}"
    for name, table in tables.items():
        write_table(folder / name, table)
    (folder / "labels.txt").write_text("zebra\nant\nbee\n")


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe's folder with all its mixtures, and 20 recordings in ``street``, of 0.2 to 2 s at twice the rate."""
    top = tmp_path_factory.mktemp("recipe")
    for name in SETS:
        make_events(top / "data/events" / name)
    rng = np.random.default_rng(1)
    for number in range(20):
        noise = 0.3 * rng.standard_normal(int(rng.integers(3200, 32000)))
        write_audio(top / f"street/{number % 2}/noise {number}.wav", noise, 2 * RATE)
    write_yaml(top / "mix.yaml", MIX)
    run(top, "bg bg30 same20 same30 alone", "--background", str(top / "street"))
    return top


def run(top: Path, variants: str, *options: str) -> None:
    places = ["--config", str(top / "mix.yaml"), "--events", str(top / "data/events"), "--out", str(top / "data")]
    mix([*places, "--variants", variants, *options])


def test_without_backgrounds_nothing_has_changed(recipe: Path) -> None:
    scenes = (recipe / "data/train/scenes.jsonl").read_bytes()
    assert hashlib.sha256(scenes).hexdigest() == GOLDEN
    assert not list((recipe / "data/train").glob("**/*background*"))


def test_events_are_the_same_with_and_without(recipe: Path, tmp_path: Path) -> None:
    plain = {"variants": {"bg": {"sets": SETS}}}
    write_yaml(tmp_path / "mix.yaml", {**MIX, **plain})
    (tmp_path / "data").mkdir()
    (tmp_path / "data/events").symlink_to(recipe / "data/events")
    run(tmp_path, "bg")
    pairs = zip(*(read_scenes(top / "data/train_bg/scenes.jsonl") for top in (recipe, tmp_path)), strict=True)
    assert all(one.events == other.events and one.utt_id == other.utt_id for one, other in pairs)


def test_the_same_events_under_which_only_the_level_differs(recipe: Path) -> None:
    sets = ("test", "test_same20", "test_same30")
    plain, *others = (read_scenes(recipe / "data" / name / "scenes.jsonl") for name in sets)
    assert [scene.utt_id for scene in others[0]] == [f"test_same20-{number:06d}" for number in range(1, 5)]
    for scenes, level_db in zip(others, (-20, -30), strict=True):
        assert [scene.events for scene in scenes] == [scene.events for scene in plain]
        assert {scene.background.level_db for scene in scenes if scene.background} == {level_db}
    first, second = ([(s.background.event_id, s.background.onset_s) for s in own if s.background] for own in others)
    assert first == second and len(first) == 4
    changed = {"events": "same", "mean_events": 2.0, "sets": {"test": 4}}
    with pytest.raises(ValueError, match="those are the same; leave mean_events"):
        MixConfig.model_validate({**MIX, "variants": {"x": changed}})


def test_backgrounds_are_drawn_as_configured(recipe: Path) -> None:
    scenes = read_scenes(recipe / "data/train_bg/scenes.jsonl")
    backgrounds = [scene.background for scene in scenes if scene.background is not None]
    assert 12 <= len(backgrounds) < 30, "seven tenths of 30"
    assert all(-40 <= background.level_db <= -30 for background in backgrounds)
    assert len({background.event_id for background in backgrounds}) > 5
    assert len({background.onset_s for background in backgrounds}) > 5, "long ones are cut at different places"


def test_references_sum_to_the_mixture_at_the_level_that_was_drawn(recipe: Path) -> None:
    for name in ("train_bg", "test_bg30", "train_alone"):
        folder = recipe / "data" / name
        data, scenes = DataDir.load(folder), {scene.utt_id: scene for scene in read_scenes(folder / "scenes.jsonl")}
        references = data.references()
        assert list(references) == ["zebra", "ant", "bee", "background"]
        assert set(references["background"]) == {utt for utt, scene in scenes.items() if scene.background is not None}
        for utt, path in data.wav.items():
            parts = [soundfile.read(table[utt], dtype="int16")[0] for table in references.values() if utt in table]
            np.testing.assert_array_equal(soundfile.read(path, dtype="int16")[0], np.sum(parts, axis=0))
            background = scenes[utt].background
            if background is not None:
                level_db = 20 * np.log10(rms(parts[-1] / 32768))
                assert level_db == pytest.approx(background.level_db + scenes[utt].gain_db, abs=0.05)
        labelled = {label for names in data.clip_labels().values() for label in names}
        assert "background" not in {*data.classes, *labelled}
        assert labelled == set() if name == "train_alone" else labelled
        assert all(event.label in data.classes for own in data.events().values() for event in own)


def test_sets_share_no_recording_and_have_one_rate(recipe: Path) -> None:
    sets = [set(read_table(recipe / "data/backgrounds" / name / "utt2spk").values()) for name in SETS]
    assert list(map(len, sets)) == [16, 2, 2] and len(set.union(*sets)) == 20
    used = {s.background.recording_id for s in read_scenes(recipe / "data/test_bg30/scenes.jsonl") if s.background}
    assert used <= sets[2]
    assert [report.problems for report in validate([recipe / "data", recipe / "data/backgrounds"])] == [[]] * 15
    assert [report.problems for report in validate([recipe / "data/train_bg"], check_audio=True)] == [[]]


def test_a_recording_on_both_sides_of_the_split_is_found(recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to(recipe / "data")
    used = next(s for s in read_scenes(recipe / "data/train_bg/scenes.jsonl") if s.background)
    folder = tmp_path / "test_bg30"
    folder.mkdir()
    for file in (recipe / "data/test_bg30").iterdir():
        (folder / file.name).symlink_to(file)
    text = (folder / "scenes.jsonl").read_text()
    (folder / "scenes.jsonl").unlink()
    own = read_scenes(recipe / "data/test_bg30/scenes.jsonl")[0].background
    (folder / "scenes.jsonl").write_text(text.replace(own.recording_id, used.background.recording_id))
    problems = [str(p) for report in validate([recipe / "data/train_bg", folder]) for p in report.problems]
    assert any(f"recording {used.background.recording_id} is also in train" in problem for problem in problems)


def test_a_reference_that_is_missing_is_found(recipe: Path, tmp_path: Path) -> None:
    for file in (recipe / "data/test_bg30").iterdir():
        (tmp_path / file.name).symlink_to(file)
    table = tmp_path / "src_background.scp"
    lines = table.read_text().splitlines(keepends=True)
    table.unlink()
    table.write_text("".join(lines[1:]))
    (report,) = validate([tmp_path])
    assert ["class background and is not in src_background.scp" in problem.what for problem in report.problems] == [
        True
    ]


@pytest.mark.parametrize("nj", [1, 2])
def test_mixtures_are_rebuilt_bit_for_bit(recipe: Path, tmp_path: Path, nj: int) -> None:
    data = recipe / "data/train_bg"
    options = ["--scenes", str(data / "scenes.jsonl"), "--events", str(recipe / "data/events/train"), "--nj", str(nj)]
    with pytest.raises(UserError, match="scenes with backgrounds; say where these are: --backgrounds DIR"):
        rebuild([*options, "--out", str(tmp_path / "lost")])
    rebuild([*options, "--out", str(tmp_path / "again"), "--backgrounds", str(recipe / "data/backgrounds/train")])
    for path in data.rglob("*"):
        if path.is_file() and path.name != "stamp.json" and path.suffix != ".scp":
            assert path.read_bytes() == (tmp_path / "again" / path.relative_to(data)).read_bytes()


def test_backgrounds_that_do_not_fit_cost_no_finished_set(recipe: Path, tmp_path: Path) -> None:
    places = ["--scenes", str(recipe / "data/train_bg/scenes.jsonl"), "--events", str(recipe / "data/events/train")]
    again, wrong = tmp_path / "again", tmp_path / "wrong"
    rebuild([*places, "--out", str(again), "--backgrounds", str(recipe / "data/backgrounds/train")])
    shutil.copytree(recipe / "data/backgrounds/train", wrong)
    for file in wrong.rglob("*.wav"):
        soundfile.write(file, soundfile.read(file)[0], 2 * RATE, "FLOAT")
    before = {path: path.stat().st_mtime_ns for path in again.rglob("*")}
    with pytest.raises(UserError, match=rf"--backgrounds {wrong}: at 16000 Hz, the events are at 8000 Hz"):
        rebuild([*places, "--out", str(again), "--backgrounds", str(wrong)])
    assert before == {path: path.stat().st_mtime_ns for path in again.rglob("*")}


def test_hidden_recordings_are_left_out_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    for name in ("a.wav", "b.wav", "c/d.wav", ".trash/old.wav", "c/._d.wav"):
        write_audio(tmp_path / "street" / name, np.ones(10), RATE, "FLOAT")
    sets = open_backgrounds(BackgroundsConfig(sample_rate=RATE), tmp_path / "street").sets
    found = sorted(event.event_id for events in sets.values() for event in events)
    assert found == ["background-a.wav", "background-b.wav", "background-c_d.wav"]
    assert "2 hidden files are left out" in caplog.text


def test_a_finished_stage_is_up_to_date_without_the_recordings(recipe: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (recipe / "data").rglob("*") if path.is_file()}
    run(recipe, "bg bg30 alone")
    run(recipe, "bg bg30 same20 same30 alone", "--background", str(recipe / "street/../street"))
    assert before == {path: path.stat().st_mtime_ns for path in (recipe / "data").rglob("*") if path.is_file()}


def test_a_wav_scp_and_utt2spk_say_what_one_recording_is(recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/events").symlink_to(recipe / "data/events")
    files = sorted((recipe / "street").rglob("*.wav"))
    write_table(tmp_path / "list/wav.scp", {f"n{i:02d}": str(file) for i, file in enumerate(files)})
    write_table(tmp_path / "list/utt2spk", {f"n{i:02d}": f"street{i % 3}" for i in range(20)})
    write_yaml(tmp_path / "mix.yaml", {**MIX, "background": {"db": str(tmp_path / "list/wav.scp")}, "variants": {}})
    run(tmp_path, "")
    sets = [set(read_table(tmp_path / "data/backgrounds" / name / "utt2spk").values()) for name in SETS]
    assert sorted(map(sorted, sets)) == [[f"background-street{n}"] for n in range(3)]
    write_table(tmp_path / "list/utt2spk", {f"n{i:02d}": f"street{i % 2}" for i in range(20)})
    with pytest.raises(UserError, match="2 recordings; backgrounds need one for each of train, valid, test"):
        run(tmp_path, "")


@pytest.mark.parametrize(
    ("recordings", "said"),
    [
        ({"n0": "x", "m1": "x"}, r"^\S+/utt2spk:1: m1 is not in \S+/wav.scp; correct it$"),
        ({"n0": "../x"}, r"rename them or their recordings \(utt2spk\) \(1 problem\):\n  n0: the id .* holds a slash"),
        ({"n0": "x" * 200}, r"n0: the id .* is longer than 200 bytes"),
        ({"b-n1": "a", "n1": "a-b"}, r"b-n1: the id 'background-a-b-n1' is that of another file too\n  n1: "),
    ],
)
def test_a_utt2spk_that_makes_no_ids(recipe: Path, tmp_path: Path, recordings: dict[str, str], said: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/events").symlink_to(recipe / "data/events")
    files = sorted((recipe / "street").rglob("*.wav"))
    names = ["b-n1", *(f"n{number}" for number in range(5))]
    write_table(tmp_path / "list/wav.scp", {name: str(file) for name, file in zip(names, files, strict=False)})
    write_table(tmp_path / "list/utt2spk", recordings)
    write_yaml(tmp_path / "mix.yaml", MIX)
    with pytest.raises(UserError, match=said):
        run(tmp_path, "bg30", "--background", str(tmp_path / "list/wav.scp"))
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["events"]


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("data/backgrounds", "data/backgrounds: is written here, and .*/data/backgrounds holds it; put the recordings"),
        ("data", "data/backgrounds: is written here, and .*/data holds it"),
        ("lost", "lost: no such folder, and no such wav.scp$"),
    ],
)
def test_recordings_have_a_place_of_their_own(recipe: Path, tmp_path: Path, place: str, said: str) -> None:
    shutil.copytree(recipe / "street", tmp_path / "data/backgrounds")
    (tmp_path / "data/events").symlink_to(recipe / "data/events")
    before = sorted(tmp_path.rglob("*"))
    write_yaml(tmp_path / "mix.yaml", MIX)
    with pytest.raises(UserError, match=said):
        run(tmp_path, "bg30", "--background", str(tmp_path / place))
    assert sorted(tmp_path.rglob("*")) == sorted([*before, tmp_path / "mix.yaml"])


def test_two_files_that_come_to_one_id_are_named(recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/events").symlink_to(recipe / "data/events")
    shutil.copytree(recipe / "street", tmp_path / "street")
    shutil.copy(tmp_path / "street/0/noise 0.wav", tmp_path / "street/0/noise_0.wav")
    write_yaml(tmp_path / "mix.yaml", MIX)
    with pytest.raises(UserError, match=r"names come to the same id; rename some \(1 problem\):\n  0_noise_0.wav"):
        run(tmp_path, "bg30", "--background", str(tmp_path / "street"))


def test_nobody_said_where_they_are(recipe: Path, tmp_path: Path) -> None:
    write_yaml(tmp_path / "mix.yaml", MIX)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/events").symlink_to(recipe / "data/events")
    with pytest.raises(UserError, match="backgrounds are asked for; say where there are some: --background DIR$"):
        run(tmp_path, "bg30")
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["events"]


def test_a_piece_is_cut_or_repeated() -> None:
    rng = np.random.default_rng(0)
    long, short = rng.standard_normal(9000).astype(np.float32), rng.standard_normal(1000).astype(np.float32)
    background = Event("b", "unlabelled", "b", onset_s=-0.25, level_db=-20.0)
    piece = background_part(background, long, 4000, RATE)
    assert rms(piece) == pytest.approx(0.1)
    np.testing.assert_allclose(piece / piece[0], long[2000:6000].astype(float) / float(long[2000]), rtol=1e-9)
    piece = background_part(background, short, 4000, RATE)
    assert len(piece) == 4000 and rms(piece) == pytest.approx(0.1)
    np.testing.assert_array_equal(piece[:1000], piece[1000:2000])
    assert abs(piece[[0, 999]]).max() < 1e-3 * abs(piece).max()
    assert not background_part(background, np.zeros(9000, np.float32), 4000, RATE).any()


def test_variants_take_over_what_they_do_not_say() -> None:
    common = {"level_db": [-50, -45], "probability": 0.5, "db": "street"}
    variants = {"loud": {"background": {"level_db": [-20, -10]}}, "none": {"background": None}, "same": {}}
    values = {**MIX, "background": common, "variants": {k: {**v, "sets": SETS} for k, v in variants.items()}}
    config = MixConfig.model_validate(values)
    loud, same = config.variant("loud").background, config.variant("same").background
    assert loud is not None and (loud.level_db, loud.probability, loud.db) == ((-20, -10), 0.5, "street")
    assert same == config.background and config.variant("none").background is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"background": {"level_db": [-20, -30]}}, "level_db: expected .lowest, highest"),
        ({"background": {"probability": 0}}, "greater than 0"),
        ({"mean_events": 0}, "mean_events: 0 is for clips of backgrounds alone"),
        ({"mean_events": 0, "background": {"probability": 0.9}}, "mean_events: 0 is for clips of backgrounds alone"),
        ({"variants": {"bg": {"background": {"db": "x"}, "sets": SETS}}}, "background.db: one for all"),
    ],
)
def test_settings_that_do_not_go_together(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MixConfig.model_validate({**MIX, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"onset_s": 0.1}, "begins at 0.1 s"), ({"event_id": "../x"}, "cannot be the id"), ({"level_db": 3}, "level 3")],
)
def test_a_background_that_cannot_be_rendered(tmp_path: Path, changes: dict, message: str) -> None:
    background = {"event_id": "b", "class_name": "unlabelled", "recording_id": "b", "onset_s": -0.1, "level_db": -30.0}
    scene = Scene("a", 1.0, RATE, 0.0, (), Event(**background))
    assert Scene.from_json(scene.to_json()) == scene
    (tmp_path / "scenes.jsonl").write_text(
        json.dumps({**json.loads(scene.to_json()), "background": {**background, **changes}}) + "\n"
    )
    with pytest.raises(UserError, match=message):
        read_scenes(tmp_path / "scenes.jsonl")
