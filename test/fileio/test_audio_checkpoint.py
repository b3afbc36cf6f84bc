"""Audio and checkpoints: what is read back, what is refused, what a failure leaves."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from scipy.io import wavfile

from weaksep.errors import UserError
from weaksep.fileio.audio import _read_plain, audio_info, read_any, read_audio, write_audio
from weaksep.fileio.checkpoint import load_checkpoint, save_checkpoint


def test_int16_is_written_as_it_is(tmp_path: Path) -> None:
    samples = np.array([-32768, -1, 0, 1, 32767], dtype=np.int16)
    write_audio(tmp_path / "a.wav", samples, 8000)
    np.testing.assert_array_equal(soundfile.read(tmp_path / "a.wav", dtype="int16")[0], samples)
    np.testing.assert_array_equal(read_audio(tmp_path / "a.wav", 8000), samples / np.float32(32768))
    wavfile.write(tmp_path / "b.wav", 8000, samples)
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_plain_files_are_read_as_the_decoder_reads_them(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(-32768, 32768, 999).astype(np.int16)
    plain, other, short = tmp_path / "plain.wav", tmp_path / "other.wav", tmp_path / "short.wav"
    write_audio(plain, samples, 8000)
    content = plain.read_bytes()
    # A chunk of notes in front of the sound, as editors write it: not plain, so it takes the long way.
    notes = b"LIST" + (4).to_bytes(4, "little") + b"INFO"
    other.write_bytes(content[:4] + (len(content) + 4).to_bytes(4, "little") + content[8:36] + notes + content[36:])
    short.write_bytes(content[:-100])
    assert _read_plain(plain, 8000) is not None
    assert all(_read_plain(path, rate) is None for path, rate in [(other, 8000), (short, 8000), (plain, 16000)])
    expected = soundfile.read(plain, dtype="float32")[0]
    for path in (plain, other):
        np.testing.assert_array_equal(read_audio(path, 8000), expected)
    with pytest.raises(UserError, match="truncated"):
        read_audio(short, 8000)


def test_float_files_are_those_of_scipy_and_plain_too(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).standard_normal(999).astype(np.float32)
    ours, other, broken, archive = (tmp_path / name for name in ("ours.wav", "other.wav", "nan.wav", "all.ark"))
    write_audio(ours, samples, 8000, "FLOAT")
    wavfile.write(other, 8000, samples)
    assert ours.read_bytes() == other.read_bytes()
    archive.write_bytes(b"utt " + ours.read_bytes() + b"and what follows")
    for place in (ours, f"{archive}:4"):
        found = _read_plain(place, 8000)
        assert found is not None and found.dtype == np.float32
        np.testing.assert_array_equal(found, samples)
    samples[500] = np.nan
    wavfile.write(broken, 8000, samples)
    with pytest.raises(UserError, match="NaN"):
        read_audio(broken, 8000)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 96000])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "PCM_32", "FLOAT"])
def test_any_rate_depth_and_channels(tmp_path: Path, rate: int, subtype: str) -> None:
    time = np.arange(rate) / rate
    left = 0.5 * np.sin(2 * np.pi * 440 * time)
    soundfile.write(tmp_path / "x.wav", np.stack([left, np.zeros_like(left)], axis=1), rate, subtype=subtype)
    mono = read_any(tmp_path / "x.wav", 16000)
    expected = 0.25 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    assert mono.shape == (16000,)
    inner = slice(400, -400)  # away from the resampler's ends
    assert np.abs(mono - expected)[inner].max() < (0.006 if subtype == "PCM_U8" else 1e-3)


def test_wrong_rate_text_empty_nan(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.wav", np.zeros(10), 8000)
    with pytest.raises(UserError, match="8000 Hz with 1 channel"):
        read_audio(tmp_path / "a.wav", 16000)
    (tmp_path / "text.wav").write_text("not audio")
    with pytest.raises(UserError, match="cannot be read as audio"):
        read_any(tmp_path / "text.wav", 8000)
    with pytest.raises(UserError, match="no such file"):
        audio_info(tmp_path / "none.wav")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 8000)
    with pytest.raises(UserError, match="no samples"):
        read_any(tmp_path / "empty.wav", 8000)
    soundfile.write(tmp_path / "nan.wav", np.array([0.0, np.nan]), 8000, subtype="FLOAT")
    with pytest.raises(UserError, match="NaN"):
        read_any(tmp_path / "nan.wav", 8000)


def test_checkpoint_round_trip_and_refusals(tmp_path: Path) -> None:
    path = tmp_path / "c.pt"
    save_checkpoint(path, {"weights": torch.arange(4.0), "epoch": 3})
    assert load_checkpoint(path)["epoch"] == 3
    whole = path.read_bytes()
    (tmp_path / "cut.pt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError):
        load_checkpoint(tmp_path / "cut.pt")
    with pytest.raises(UserError, match="no such checkpoint"):
        load_checkpoint(tmp_path / "none.pt")


def test_a_checkpoint_with_code_is_refused_and_not_run(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "exploded",))

    torch.save({"x": Bomb()}, tmp_path / "bomb.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Bomb()))
    for name in ("bomb.pt", "plain.pt"):
        with pytest.raises(UserError, match="refused"):
            load_checkpoint(tmp_path / name)
    assert not (tmp_path / "exploded").exists()
