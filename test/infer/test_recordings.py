"""Recordings of any rate, length and number of channels: what comes out is the recording, divided up."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import weaksep
from weaksep.bin import separate
from weaksep.errors import UserError
from weaksep.fileio import models
from weaksep.fileio.network import pack_network
from weaksep.infer.model import load_separator, save_untrained, separate_waveform
from weaksep.infer.recordings import Options, separate_recording
from weaksep.metrics.si_sdr import si_sdr
from weaksep.signal.level import gain_to, loud_level

CLASSES = ["bark", "horn"]
NAMES = [*CLASSES, "residual"]
UNET = {"kind": "unet", "channels": [4, 8], "layers": 1, "units": 8}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save_untrained(tmp_path / "exp/separator_x", CLASSES, 8000, UNET)


def write(path: Path, seconds: float, rate: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    """Noise that comes and goes, (N, channels)."""
    rng = np.random.default_rng(seed)
    samples = max(1, int(seconds * rate))
    noise = rng.standard_normal((samples, channels)) * (1 + np.sin(np.arange(samples) / rate))[:, None]
    audio = (0.05 * noise).astype(np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio, rate, subtype="FLOAT" if path.suffix == ".wav" else None)
    return soundfile.read(path, dtype="float32", always_2d=True)[0]


def read(folder: Path, form: str = "flac") -> tuple[np.ndarray, int]:
    """Sources (3, N, C) and their rate."""
    found = [soundfile.read(folder / f"{name}.{form}", dtype="float32", always_2d=True) for name in NAMES]
    return np.stack([audio for audio, _ in found]), found[0][1]


@pytest.mark.parametrize("seconds", [0.0001, 0.1, 5.0, 47.3])
@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44_100, 2), (4000, 3)])
def test_outputs_sum_to_the_recording(model: Path, tmp_path: Path, seconds: float, rate: int, channels: int) -> None:
    audio = write(tmp_path / "in.wav", seconds, rate, channels)
    separate_recording(load_separator(model), tmp_path / "in.wav", tmp_path / "out", Options(rate="input"))
    sources, found_rate = read(tmp_path / "out")
    assert found_rate == rate and sources.shape == (3, *audio.shape)
    assert np.abs(sources.sum(axis=0) - audio).max() <= 1e-4 * np.abs(audio).max()


@pytest.mark.parametrize("own_rate", [8000, 11025])  # seconds that are whole frames of the net, and that are not
def test_chunks_are_not_heard(own_rate: int, tmp_path: Path) -> None:
    audio = write(tmp_path / "in.wav", 120, own_rate)[:, 0]
    separator = load_separator(save_untrained(tmp_path / "exp/separator_x", CLASSES, own_rate, UNET))
    separate_recording(separator, tmp_path / "in.wav", tmp_path / "out", Options(level_db=None))
    sources, rate = read(tmp_path / "out")
    whole = separate_waveform(separator, torch.from_numpy(audio)[None])[0].numpy()
    assert rate == own_rate and si_sdr(whole, sources[:2, :, 0]).min() > 50
    # At the net's own rate, with masks that sum to one, nothing is left over.
    assert np.abs(sources[2]).max() < 1e-5


def test_the_level_changes_what_the_net_hears_and_not_what_comes_out(model: Path, tmp_path: Path) -> None:
    audio = write(tmp_path / "a.wav", 3, 8000)
    soundfile.write(tmp_path / "quiet.wav", 0.01 * audio, 8000, subtype="FLOAT")
    separator = load_separator(model)
    for name in ("a", "quiet"):
        separate_recording(separator, tmp_path / f"{name}.wav", tmp_path / name, Options())
    loud, quiet = read(tmp_path / "a")[0], read(tmp_path / "quiet")[0]
    np.testing.assert_allclose(quiet, 0.01 * loud, atol=1e-6)


def test_pauses_say_nothing_of_the_level() -> None:
    tone = 0.1 * np.sqrt(2) * np.sin(np.arange(8000) / 3)
    level = loud_level([np.stack([tone, tone]), np.zeros((2, 16_000)), np.full((2, 800), 1e-5)], 800)
    assert level == pytest.approx(-20.0, abs=0.05)
    assert loud_level([np.zeros((1, 100))], 800) is None and loud_level([], 800) is None


@pytest.mark.parametrize("form", ["flac", "wav"])
@pytest.mark.parametrize("value", [1e-42, 1e-11])
def test_what_no_gain_can_make_loud_is_silence(model: Path, tmp_path: Path, value: float, form: str) -> None:
    audio = np.full(16_000, value, dtype=np.float32)
    soundfile.write(tmp_path / "in.wav", audio, 8000, subtype="FLOAT")
    assert gain_to(-27.0, [audio[None]], 8000) == 1.0
    separate_recording(load_separator(model), tmp_path / "in.wav", tmp_path / "out", Options(form=form))
    assert not read(tmp_path / "out", form)[0].any()
    sources = weaksep.load_separator(model)(audio, 8000)
    assert all(np.isfinite(source).all() for source in sources.values())


def test_the_quietest_sound_is_brought_to_the_level() -> None:
    audio = np.full((1, 16_000), 2e-10)
    assert 20 * np.log10(gain_to(-27.0, [audio], 8000) * 2e-10) == pytest.approx(-27.0)


@pytest.mark.parametrize("form", ["flac", "wav"])
def test_samples_whose_squares_overflow(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.chdir(tmp_path)
    audio = write(Path("in.wav"), 1, 8000)[:, 0]
    audio[[100, 4000]] = 3e38
    soundfile.write("in.wav", audio, 8000, subtype="FLOAT")
    with pytest.raises(UserError, match=r"^in.wav: holds samples as large as 3e\+38 \(full scale is 1\)"):
        separate.main(["--model", str(model), "in.wav", "--out", "out", "--format", form])
    assert not list(Path("out").rglob("*.*a*"))
    with pytest.raises(UserError, match="^the waveform holds samples as large as"):
        weaksep.load_separator(model)(audio, 8000)


@pytest.mark.parametrize("form", ["flac", "wav"])
def test_what_is_no_number_is_not_written(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """A net that computes NaN of finite weights."""
    write(tmp_path / "in.wav", 1, 8000)
    separator = load_separator(model)
    monkeypatch.setattr(type(separator.net), "forward", lambda self, x: torch.full((len(x), 2, *x.shape[1:]), np.nan))
    with pytest.raises(UserError, match=f"bark.{form}: it would hold NaN or infinite samples"):
        separate_recording(separator, tmp_path / "in.wav", tmp_path / "out", Options(form=form))
    assert not list((tmp_path / "out").iterdir())
    with pytest.raises(UserError, match="^the separated waveform: it would hold NaN"):
        weaksep.load_separator(model)(np.ones(8000, dtype=np.float32), 8000)


@pytest.mark.parametrize("rate", ["model", "input"])
def test_a_truncated_recording_is_taken_when_asked(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, rate: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for path in (Path(f"{rate}.aiff"), Path(f"{rate}.flac")):
        soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(16_000), 16_000)
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
        command = ["--model", str(model), str(path), "--out", f"out{path.suffix}", "--rate", rate]
        with pytest.raises(UserError, match="truncated: .* or see --accept-truncated|lost sync"):
            separate.main(command)
        separate.main([*command, "--accept-truncated", "true"])
        found, found_rate = read(Path(f"out{path.suffix}/{rate}"))
        assert 0.5 < found.shape[1] / found_rate < 0.8  # of FLAC, whole blocks of 4,096 samples
    assert caplog.text.count("% is missing); what is there is taken") == 2


def test_a_recording_that_does_not_say_how_long_it_is(
    model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    audio = write(tmp_path / "in.flac", 1, 16_000)
    content = bytearray((tmp_path / "in.flac").read_bytes())
    content[21:26] = bytes([content[21] & 0xF0, 0, 0, 0, 0])
    (tmp_path / "in.flac").write_bytes(content)
    separate_recording(load_separator(model), tmp_path / "in.flac", tmp_path / "out", Options(rate="input"))
    assert read(tmp_path / "out")[0].shape == (3, *audio.shape)
    assert caplog.text.count("whether it is whole cannot be checked") == 1


def test_silence_stays_silent(model: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "in.wav", np.zeros(9000), 8000)
    separate_recording(load_separator(model), tmp_path / "in.wav", tmp_path / "out", Options())
    assert not read(tmp_path / "out")[0].any()


def test_the_command(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    caplog.set_level("INFO")
    write(Path("one.flac"), 1, 16_000)
    write(Path("folder/deep/two.wav"), 1, 8000, 2)
    Path("folder/notes.txt").write_text("no audio")
    command = ["--model", str(model), "one.flac", "folder", "--out", "out", "--device", "cpu"]
    separate.main(command)
    assert read(Path("out/one"))[1] == read(Path("out/deep/two"))[1] == 8000
    before = {path: path.stat().st_mtime_ns for path in Path("out").rglob("*.flac")}
    assert len(before) == 6
    separate.main(command)
    assert {path: path.stat().st_mtime_ns for path in Path("out").rglob("*.flac")} == before
    assert caplog.text.count("up to date") == 2
    separate.main([*command, "--rate", "input", "--format", "wav"])
    assert read(Path("out/one"), "wav")[1] == 16_000
    assert not list(Path("out").rglob("*.flac"))  # nothing of another format is left beside them


def test_recordings_that_differ_in_their_suffix(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("in/street.wav", "in/street.flac", "in/car.wav"):
        write(Path(name), 0.1, 8000)
    separate.main(["--model", str(model), "in", "--out", "out"])
    assert sorted(path.name for path in Path("out").iterdir()) == ["car", "street.flac", "street.wav"]
    separate.main(["--model", str(model), "in/street.wav", "in/street.wav", "--out", "alone"])
    assert [path.name for path in Path("alone").iterdir()] == ["street"]


def test_what_is_no_audio_stops_no_other(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("good.wav"), 0.5, 8000)
    Path("empty.wav").write_bytes(b"")
    Path("text.wav").write_text("hello")
    with pytest.raises(UserError) as caught:
        separate.main(["--model", str(model), "empty.wav", "text.wav", "good.wav", "--out", "out"])
    assert "the others are separated, these are not (2 problems)" in str(caught.value)
    assert "empty.wav: the file is empty" in str(caught.value) and "text.wav: cannot be read" in str(caught.value)
    assert len(list(Path("out/good").glob("*.flac"))) == 3 and not list(Path("out/text").glob("*.flac"))


def test_what_fails_leaves_no_folder_but_one_that_was_there(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("new.wav", "old.wav"):
        soundfile.write(name, np.full(8000, np.nan, dtype=np.float32), 8000, "FLOAT")
    Path("out/old").mkdir(parents=True)
    with pytest.raises(UserError, match="2 problems"):
        separate.main(["--model", str(model), "new.wav", "old.wav", "--out", "out"])
    assert [path.name for path in Path("out").iterdir()] == ["old"]
    Path("in/deep").mkdir(parents=True)
    shutil.copy("new.wav", "in/deep/new.wav")
    with pytest.raises(UserError, match="NaN"):
        separate.main(["--model", str(model), "in", "--out", "elsewhere/out"])
    assert not Path("elsewhere").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lost.wav"], "lost.wav: no such file or folder"),
        (["void"], "void: no audio files in this folder"),
        (["a/x.wav", "b/x.wav"], "b/x.wav: would be written to x, as a/x.wav"),
        (["a/x.wav", "--model", "nowhere"], "nowhere: no such model"),
        (["a/x.wav", "--device", "hpu"], "^--device hpu: no such device; give auto, cpu, cuda or cuda:N$"),
        (["a/x.wav", "--device", "cuda:99"], "--device cuda:99: .*; give auto or cpu"),
    ],
)
def test_mistakes(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        write(Path(name) / "x.wav", 0.1, 8000)
    Path("void").mkdir()
    with pytest.raises(UserError, match=said):
        separate.main(["--model", str(model), "--out", "out", *arguments])
    assert not Path("out").exists()


def test_a_model_by_its_name(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(model, tmp_path / "models/esc10")
    monkeypatch.setattr(models, "MODELS", tmp_path / "models")
    monkeypatch.chdir(tmp_path)
    write(Path("x.wav"), 0.5, 8000)
    separate.main(["--model", "esc10", "x.wav", "--out", "named"])
    separate.main(["--model", str(model), "x.wav", "--out", "out"])
    np.testing.assert_array_equal(read(Path("named/x"))[0], read(Path("out/x"))[0])
    save_untrained(tmp_path / "other", ["drill"], 8000)
    with pytest.raises(UserError, match=f"separated by another model, {tmp_path}/models/esc10;"):
        separate.main(["--model", "other", "x.wav", "--out", "named"])


def test_without_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        separate.main(["x.wav", "--out", "out"])
    assert "the following arguments are required: --model" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["loud", "3", "-200", "nan"])
def test_a_level_that_is_none(model: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        separate.main(["--model", str(model), "x.wav", "--out", "out", "--level-db", text])
    assert "is neither none nor a level between -90 and 0 dB" in capsys.readouterr().err


def test_in_python(model: Path) -> None:
    rng = np.random.default_rng(0)
    separator = weaksep.load_separator(model)
    mono = 0.1 * rng.standard_normal(30_001)
    sources = separator(mono, 22_050)
    assert list(sources) == NAMES and all(source.shape == mono.shape for source in sources.values())
    np.testing.assert_allclose(sum(sources.values()), mono, atol=1e-6)
    assert separator.classes == tuple(CLASSES) and separator.sample_rate == 8000
    for wrong, rate in ((np.zeros((1, 2, 3)), 8000), (np.zeros(0), 8000), (np.full(9, np.nan), 8000), (mono, 0)):
        with pytest.raises(UserError):
            separator(wrong, rate)
    for rate in (float("nan"), float("inf"), -8000):
        with pytest.raises(UserError, match=f"a sample rate of {rate} Hz; expected"):
            separator(mono, rate)
    with pytest.raises(UserError, match="a complex waveform; expected real samples"):
        separator(mono + 0j, 8000)
    with pytest.raises(AttributeError, match="has no attribute 'load_sepparator'"):
        weaksep.load_sepparator  # noqa: B018


def test_channels_in_the_place_of_samples(model: Path, tmp_path: Path) -> None:
    write(tmp_path / "in.wav", 0.1, 8000, channels=2)
    separator = weaksep.load_separator(model)
    audio, rate = soundfile.read(tmp_path / "in.wav")
    for wrong in (audio, audio[:, :1]):
        with pytest.raises(UserError, match=r"shape \(800, .\), .* expected \(channels, samples\): give waveform.T"):
            separator(wrong, rate)
    for right in (audio.T, audio[:2, :1], audio[:64, :1], np.zeros((65, 65))):
        assert separator(right, rate)["bark"].shape == right.shape


def test_events_are_written_when_asked_for(model: Path, tmp_path: Path) -> None:
    audio = 0.1 * np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    soundfile.write(tmp_path / "in.wav", audio, 16_000)
    separator = load_separator(model)
    separate_recording(separator, tmp_path / "in.wav", tmp_path / "out", Options(events=True))
    header, *rows = (tmp_path / "out/events.tsv").read_text().splitlines()
    assert header == "filename\tonset\toffset\tevent_label"
    assert rows and all(row.startswith("in.wav\t0.000\t") for row in rows)  # an untrained net gives each class a part
    command = ["--model", str(model), str(tmp_path / "in.wav"), "--out", str(tmp_path / "sep"), "--events"]
    for events in ("true", "false"):
        separate.main([*command, events])
        assert (tmp_path / "sep/in/events.tsv").exists() == (events == "true")


def test_files_of_others_stay(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("in/song.wav"), 0.5, 8000)
    write(Path("in/song/bark.wav"), 0.5, 8000)
    Path("in/song/events.tsv").write_text("mine")
    with pytest.raises(UserError, match=r"in/song: holds files of somebody else \(bark.wav, events.tsv\)"):
        separate.main(["--model", str(model), "in/song.wav", "--out", "in"])
    assert Path("in/song/events.tsv").read_text() == "mine"
    separate.main(["--model", str(model), "in/song.wav", "--out", "out"])
    separate.main(["--model", str(model), "in/song.wav", "--out", "out", "--format", "wav"])


def test_no_class_of_another_model_stays(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    other = save_untrained(tmp_path / "exp/separator_y", ["horn", "drill"], 8000)
    audio = write(Path("in/song.wav"), 0.5, 8000)
    write(Path("in/song/drill.wav"), 0.5, 8000)
    for path in (model, other, model):
        separate.main(["--model", str(path), "in", "--out", "out", "--events", "true", "--force", "true"])
    found = sorted(path.name for path in Path("out/song").glob("*.flac"))
    assert found == ["bark.flac", "horn.flac", "residual.flac"]
    assert np.abs(read(Path("out/song"))[0].sum(axis=0) - audio).max() <= 1e-4 * np.abs(audio).max()
    assert len(list(Path("out/song/drill").glob("*.flac"))) == 3


def test_files_of_another_model_are_not_replaced(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    caplog.set_level("INFO")
    for name in ("a", "b"):
        write(Path(f"in/{name}.wav"), 0.5, 8000)
    separate.main(["--model", str(model), "in/a.wav", "--out", "out"])
    other = save_untrained(tmp_path / "exp/separator_y", ["horn", "drill"], 8000)
    before = {path: path.read_bytes() for path in Path("out").rglob("*.*")}
    said = f"^out: 1 recording.s. in it were separated by another model, {model}; give another --out, or --force true"
    with pytest.raises(UserError, match=said):
        separate.main(["--model", str(other), "in", "--out", "out"])
    assert {path: path.read_bytes() for path in Path("out").rglob("*.*")} == before  # nor is b begun
    pack_network("packed.zip", model, {})
    Path("exp/separator_x").rename("exp/separator_z")
    for same in ("packed.zip", "exp/separator_z"):  # the same net from another place
        separate.main(["--model", same, "in", "--out", "out"])
    save_untrained(tmp_path / "exp/separator_z", ["horn", "siren"], 8000)
    separate.main(["--model", "exp/separator_z", "in", "--out", "out"])
    trained = tmp_path / "exp/separator_z"
    assert (
        f"out: 2 recording(s) were separated before {trained} was trained again; they are separated anew" in caplog.text
    )
    assert sorted(path.name for path in Path("out/a").glob("*.flac")) == ["horn.flac", "residual.flac", "siren.flac"]
    separate.main(["--model", str(other), "in", "--out", "out", "--force", "true"])
    assert Path("out/b/drill.flac").exists()
    for stamp in Path("out").glob("*/stamp.json"):
        stamp.write_text(stamp.read_text().replace('"maker"', '"unknown"'))  # as older versions wrote it
    separate.main(["--model", str(other), "in", "--out", "out"])
    with pytest.raises(
        UserError, match="2 recording.s. in it were separated by another model, one that an older version"
    ):
        separate.main(["--model", "exp/separator_z", "in", "--out", "out"])


@pytest.mark.parametrize("rate", ["model", "input"])
def test_a_net_that_separates_nothing_is_told_of_at_the_end(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, rate: str
) -> None:
    monkeypatch.chdir(tmp_path)
    caplog.set_level("INFO")
    for name in ("a", "b"):
        write(Path(f"in/{name}.wav"), 0.5, 16_000, channels=2)
    soundfile.write("in/silent.wav", np.zeros(4000), 16_000)
    separators = [load_separator(model) for _ in range(2)]
    masks = torch.linspace(0, 1, 129)  # of a low and a high part
    half, split = torch.full((2, 1, 129), 0.5), torch.stack([1 - masks, masks])[:, None]
    for separator, made in zip(separators, (half, split), strict=True):
        shape = lambda x, made=made: made.expand(len(x), 2, *x.shape[1:])  # noqa: E731
        monkeypatch.setattr(separator.net, "forward", shape)
    loaded = iter(separators)
    monkeypatch.setattr("weaksep.infer.folders.load_separator", lambda *_: next(loaded))
    command = ["--model", str(model), "in", "--out", "out", "--rate", rate, "--force", "true"]
    separate.main(command)
    warned, last = [record.getMessage() for record in caplog.records[-2:]]
    assert warned.startswith(
        "2 of the 3 recording(s) done now are not separated: every output that is not faint is the"
    )
    assert last == "3 recording(s) are in out, each a folder with one file a class"
    caplog.clear()
    separate.main(command)
    assert "not separated" not in caplog.text and caplog.records[-1].getMessage() == last


def test_what_was_separated_is_not_separated_again(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("in/song.wav"), 0.5, 8000)
    for _ in range(2):
        separate.main(["--model", str(model), "in", "--out", "in/separated"])
    assert [path.name for path in Path("in/separated").iterdir()] == ["song"]
    assert not [path for path in Path("in/separated/song").iterdir() if path.is_dir()]
    with pytest.raises(UserError, match="in: is --out too"):
        separate.main(["--model", str(model), "in", "--out", "in"])


def test_less_than_a_sample_of_the_net(model: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "in.wav", np.full(5, 0.1), 96_000)
    separate_recording(load_separator(model), tmp_path / "in.wav", tmp_path / "out", Options(rate="input"))
    found, _ = read(tmp_path / "out")
    assert found.shape[1] == 5 and not found[:2].any()
    sources = weaksep.load_separator(model)(np.full(1, 0.1), 48_000)
    assert sources["residual"] == pytest.approx(0.1) and not sources["bark"].any()


def test_a_recording_of_less_than_a_sample_at_the_rate_of_the_net(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    soundfile.write("in.wav", np.full(1, 0.1), 44_100)
    command = ["--model", str(model), "in.wav", "--out", "out"]
    for form in ("flac", "wav"):
        with pytest.raises(UserError, match="^out/in: .* shorter than one sample at 8000 Hz; .* --rate input$"):
            separate.main([*command, "--format", form])
    assert not Path("out/in").exists()
    separate.main([*command, "--rate", "input"])
    assert read(Path("out/in"))[0].shape == (3, 1, 1)


def test_a_rate_that_flac_cannot_hold(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("in.wav"), 0.05, 96_001)
    command = ["--model", str(model), "in.wav", "--out", "out", "--rate", "input"]
    with pytest.raises(UserError, match="bark.flac: FLAC cannot hold .* 96001 Hz; give --format wav$"):
        separate.main(command)
    separate.main([*command, "--format", "wav"])
    assert read(Path("out/in"), "wav")[1] == 96_001


FULL = """
import resource, sys
from weaksep.bin.main import main
limit = int(sys.argv.pop(1))
import torch
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
sys.exit(main(["separate", "--model", sys.argv[1], sys.argv[2], "--out", sys.argv[3], "--device", "cpu"]))
"""


def test_a_full_disk_leaves_no_file_that_looks_whole(model: Path, tmp_path: Path) -> None:
    write(tmp_path / "in.wav", 5.0, 8000)
    separate.main(["--model", str(model), str(tmp_path / "in.wav"), "--out", str(tmp_path / "whole")])
    largest = max(path.stat().st_size for path in (tmp_path / "whole/in").glob("*.flac"))
    for limit in (largest - 1000, largest // 2, 20):
        arguments = [str(limit), str(model), str(tmp_path / "in.wav"), str(tmp_path / f"out{limit}")]
        done = subprocess.run([sys.executable, "-c", FULL, *arguments], capture_output=True, text=True)
        assert done.returncode == 1 and "Traceback" not in done.stderr
        assert "cannot be written" in done.stderr
        assert not list((tmp_path / f"out{limit}").rglob("*.flac"))
