"""``weaksep separate --levels true``: the tables against the files that they tell of."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile

import weaksep
from weaksep.bin import separate
from weaksep.errors import UserError
from weaksep.infer.model import save_untrained

NAMES = ["bark", "horn", "residual"]
UNET = {"kind": "unet", "channels": [4, 8], "layers": 1, "units": 8}


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return save_untrained(tmp_path / "exp/separator_x", NAMES[:2], 8000, UNET)


def record(seconds: float, rate: int, channels: int) -> np.ndarray:
    """street.wav: noise that grows, (N, channels)."""
    rng = np.random.default_rng(0)
    size = int(seconds * rate)
    audio = 0.1 * rng.standard_normal((size, channels)) * np.geomspace(0.01, 1, size)[:, None]
    soundfile.write("street.wav", audio, rate, subtype="FLOAT")
    return audio


def call(model: Path, *arguments: str) -> None:
    separate.main(["--model", str(model), "street.wav", "--out", "out", *arguments])


def table(name: str) -> list[dict[str, str]]:
    with open(f"out/street/{name}.tsv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def levels_of(name: str, label: str) -> list[float]:
    return [float(row["level_db"]) for row in table(name) if row["event_label"] == label]


def outputs() -> tuple[dict[str, np.ndarray], int]:
    """Name -> (N, C), with the recording as their sum; and their rate."""
    found = {name: soundfile.read(f"out/street/{name}.flac", always_2d=True) for name in NAMES}
    audio = {name: samples for name, (samples, _) in found.items()}
    return {**audio, "mix": np.sum(list(audio.values()), axis=0)}, found["bark"][1]


def level_of(audio: np.ndarray) -> float:
    power = np.square(audio).mean()
    return 10 * np.log10(power) if power else -np.inf


@pytest.mark.parametrize(
    ("rate", "channels", "asked"), [(8000, 1, "model"), (16_000, 2, "model"), (16_000, 2, "input")]
)
def test_levels_are_those_of_the_files(model: Path, rate: int, channels: int, asked: str) -> None:
    seconds = 33.3 if rate == 8000 else 3.25  # several chunks, or one
    record(seconds, rate, channels)
    call(model, "--levels", "true", "--rate", asked)
    sources, found_rate = outputs()
    for name, audio in sources.items():
        blocks = [audio[start : start + found_rate] for start in range(0, len(audio), found_rate)]
        np.testing.assert_allclose(levels_of("levels", name), [level_of(block) for block in blocks], atol=0.02)
        assert levels_of("leq", name) == [pytest.approx(level_of(audio), abs=0.02)]
    rows, whole = table("levels"), table("leq")
    assert list(rows[0]) == ["filename", "onset", "offset", "event_label", "level_db", "unit", "up_to_hz"]
    assert [row["event_label"] for row in whole] == [*NAMES, "mix"] and len(rows) == 4 * len(blocks)
    assert [float(row["onset"]) for row in rows[::4]] == list(range(len(blocks)))
    assert [float(row["offset"]) for row in rows[::4]] == [*range(1, len(blocks)), seconds]
    assert {(row["onset"], row["offset"]) for row in whole} == {("0", str(seconds))}
    assert {(row["filename"], row["unit"]) for row in [*rows, *whole]} == {("street.wav", "dB(Z) re full scale")}
    limits = ["4000", "4000", *(["8000"] * 2 if asked == "input" else ["4000"] * 2)]
    assert [row["up_to_hz"] for row in whole] == limits


@pytest.mark.parametrize("asked", ["model", "input"])
def test_there_is_nothing_above_half_the_rate_of_the_recording(model: Path, asked: str) -> None:
    record(1.0, 4000, 1)
    call(model, "--levels", "true", "--rate", asked)
    assert {row["up_to_hz"] for row in table("leq")} == {"2000"}


def test_a_weighted_and_calibrated_as_in_python(model: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    audio = record(3.5, 16_000, 2)
    call(model, "--levels", "true", "--rate", "input", "--levels-weighting", "A", "--calibration-db", "114.5")
    assert "out/street: levels of classes lack what is above 4000 Hz, " in caplog.text
    assert "; the recording goes up to 8000 Hz" in caplog.text
    assert {row["unit"] for row in table("levels")} == {"dB(A) SPL"}
    sources = {**weaksep.load_separator(model)(audio.T, 16_000), "mix": audio.T}
    for name, source in sources.items():
        levels = weaksep.sound_levels(source, 16_000, a_weighted=True, calibration_db=114.5)
        np.testing.assert_allclose(levels_of("levels", name), levels.by_second_db, atol=0.02)
        assert levels_of("leq", name) == [pytest.approx(levels.leq_db, abs=0.02)]


def test_asking_otherwise_does_it_again(model: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    record(1.5, 8000, 1)
    call(model)
    assert not list(Path("out/street").glob("le*.tsv"))
    plain = ("--levels", "true")
    for arguments in (plain, (*plain, "--levels-weighting", "A"), (*plain, "--calibration-db", "100")):
        call(model, *arguments)
        first = table("levels")
        caplog.clear()
        call(model, *arguments)
        assert "up to date" in caplog.text and table("levels") == first
    assert {row["unit"] for row in first} == {"dB(Z) SPL"}
    Path("out/street/leq.tsv").unlink()
    call(model, *plain, "--calibration-db", "100")
    assert len(table("leq")) == 4
    call(model)
    assert not list(Path("out/street").glob("le*.tsv")) and len(list(Path("out/street").glob("*.flac"))) == 3


def test_a_table_of_somebody_else_stays(model: Path) -> None:
    record(0.5, 8000, 1)
    call(model)
    for name in ("levels.tsv", "leq.tsv"):
        Path("out/street", name).write_text("mine")
        with pytest.raises(UserError, match=name):
            call(model, "--levels", "true")
        assert Path("out/street", name).read_text() == "mine"
        Path("out/street", name).unlink()


def test_silence_has_no_level(model: Path) -> None:
    soundfile.write("street.wav", np.zeros(12_000), 8000)
    call(model, "--levels", "true", "--levels-weighting", "A", "--calibration-db", "120")
    assert {row["level_db"] for row in [*table("levels"), *table("leq")]} == {"-inf"}


@pytest.mark.parametrize("option", [("--levels-weighting", "A"), ("--calibration-db", "100")])
def test_options_of_levels_without_levels(model: Path, option: tuple[str, str]) -> None:
    record(0.1, 8000, 1)
    with pytest.raises(UserError, match="^--levels-weighting and --calibration-db say .*; add --levels true$"):
        call(model, *option)
    assert not Path("out").exists()


@pytest.mark.parametrize("text", ["loud", "301", "nan", "inf"])
def test_a_calibration_that_is_none(model: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call(model, "--levels", "true", "--calibration-db", text)
    assert f"{text!r} is neither none nor a level between -100 and 300 dB" in capsys.readouterr().err


def test_in_python_mistakes() -> None:
    for wrong, rate in ((np.zeros((44_100, 2)), 44_100), (np.zeros(0), 8000), (np.ones(9), 0)):
        with pytest.raises(UserError):
            weaksep.sound_levels(wrong, rate)
