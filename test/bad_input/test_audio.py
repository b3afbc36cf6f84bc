"""Stage 0 and audio that is not as it should be; and odd audio that is all right."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from weaksep.fileio.audio import read_any, read_audio

CLIP = Path("db/audio/fold1/100-3-0-0.wav")
DATA = ("data", "--config", "conf/data.yaml", "--db", "db")
N = 6400
NOISE = 0.1 * np.random.default_rng(1).standard_normal(N)

Spoil = Callable[[Path], object]


def rewrite(change: Callable[[bytes], bytes]) -> Spoil:
    return lambda path: path.write_bytes(change(path.read_bytes()))


def samples(wave: np.ndarray, rate: int = 16000, subtype: str = "FLOAT") -> Spoil:
    return lambda path: soundfile.write(path, wave, rate, subtype=subtype)


def flac(change: Callable[[bytearray], object]) -> Spoil:
    """A FLAC file in place of the WAV file, changed."""

    def spoil(path: Path) -> None:
        path.unlink()
        path = path.with_suffix(".flac")
        soundfile.write(path, NOISE, 16000)
        content = bytearray(path.read_bytes())
        change(content)
        path.write_bytes(content)

    return spoil


def instead(make: Callable[[Path], object]) -> Spoil:
    def spoil(path: Path) -> None:
        path.unlink()
        make(path)

    return spoil


def flac_in_place(change: Callable[[bytearray], object]) -> Spoil:
    """The same sound as FLAC under the same name, changed."""

    def spoil(path: Path) -> None:
        soundfile.write(path, *soundfile.read(path), format="FLAC")
        content = bytearray(path.read_bytes())
        change(content)
        path.write_bytes(content)

    return spoil


def n_flac_samples(count: int) -> Callable[[bytearray], None]:
    """Write another number of samples (36 bits) into the header."""

    def change(content: bytearray) -> None:
        content[21] = (content[21] & 0xF0) | count >> 32
        content[22:26] = struct.pack(">I", count & 0xFFFFFFFF)

    return change


def other_fold(path: Path) -> None:
    os.rename(path, Path("db/audio/fold2") / path.name)


def nan_at(index: int, value: float) -> np.ndarray:
    wave = NOISE.copy()
    wave[index] = value
    return wave


PROMISE = "truncated: its header promises 12800 bytes of sound, it holds"
BAD: dict[str, tuple[Spoil, str]] = {
    "truncated wav": (rewrite(lambda b: b[:5000]), rf"{PROMISE} 4956 \(61.3 % is missing\); get the whole file, or"),
    "half a sample missing": (rewrite(lambda b: b[:-1]), f"{PROMISE} 12799 "),
    "wav header alone": (rewrite(lambda b: b[:44]), f"{PROMISE} 0 "),
    "half a wav header": (rewrite(lambda b: b[:30]), r"cannot be read as audio \(.*\); damaged"),
    "text called wav": (lambda p: p.write_text("not audio\n"), r"cannot be read as audio \(Format not recognised\)"),
    "empty file": (lambda p: p.write_bytes(b""), r"the file is empty \(0 bytes\); get the whole file"),
    "no samples": (samples(np.zeros(0)), "holds no samples; get the whole file"),
    "NaN": (samples(nan_at(100, np.nan)), "holds NaN or infinite samples; make the file again"),
    "infinity": (samples(nan_at(N - 1, -np.inf)), "holds NaN or infinite samples"),
    "silence": (samples(np.zeros(N)), "digital silence, no level can be set"),
    "what no gain can make loud": (samples(np.full(N, 1e-42)), "digital silence, no level can be set"),
    "samples whose squares overflow": (samples(nan_at(9, 3e38)), r"samples as large as 3e\+38 \(full scale is 1\);"),
    "shorter than a sample": (samples(np.array([0.3]), 192_000), "shorter than one sample at 8000 Hz"),
    "truncated flac": (flac(lambda b: b.__delitem__(slice(4000, None))), r"\.flac: cannot be read as audio \(.*sync"),
    "flac of terabytes": (
        flac(n_flac_samples(2**36 - 1)),
        r"\.flac: (its header promises more samples than it can hold|truncated|cannot be read)",
    ),
    "flac of more samples": (
        flac(n_flac_samples(N + 1)),
        r"\.flac: (its header promises more samples than it can hold|truncated|cannot be read)",
    ),
    "no channels": (rewrite(lambda b: b[:22] + b"\0\0" + b[24:]), r"cannot be read as audio \(Channel count is zero\)"),
    "one sample a second": (rewrite(lambda b: b[:24] + struct.pack("<I", 1) + b[28:]), "a sample rate of 1 Hz; is its"),
    "no sample a second": (rewrite(lambda b: b[:24] + struct.pack("<I", 0) + b[28:]), "cannot be read as audio"),
    "a folder": (instead(Path.mkdir), "not a regular file"),
    "a named pipe": (instead(os.mkfifo), "not a regular file"),
    "a link to nowhere": (instead(lambda p: p.symlink_to("nowhere.wav")), "missing .nor is there a .flac.$"),
    "not there": (Path.unlink, "missing .nor is there a .flac.$"),
    "in another fold": (other_fold, "missing .do the metadata name the wrong fold. db/audio/fold2/100-3-0-0.wav is"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_audio_in_a_corpus(recipe: Path, refused, name: str) -> None:
    spoil, message = BAD[name]
    spoil(CLIP)
    refusal = refused(*DATA, match=rf"1 of 12 clips cannot be used: fix them, or see --max-bad-ratio \(1 problem\):\n"
                                   rf"  db/audio/fold1/100-3-0-0.*{message}")  # fmt: skip
    assert refusal.error.count("\n") == 1


def test_all_bad_audio_is_listed_at_once(recipe: Path, refused) -> None:
    for clip in sorted(Path("db/audio").rglob("*.wav"))[:5]:
        clip.write_bytes(clip.read_bytes()[:1000])
    assert refused(*DATA, match="^5 of 12 clips cannot be used").error.count("truncated: ") == 5


LATER: dict[str, tuple[tuple[str, ...], str, str]] = {
    "truncated mixture, feats": (("feats", "--config", "conf/feats.yaml"), "data/test/audio/mix", "truncated"),
    "truncated mixture, infer": (("infer",), "data/test/audio/mix", "cannot be separated .3 problems.*truncated"),
    "truncated mixture, score": (("score",), "data/test/audio/mix", "cannot be scored .3 problems.*truncated"),
    "truncated event, mix": (("mix", "--config", "conf/mix.yaml"), "data/events/test/audio", "truncated"),
    "truncated output, score": (("score",), "exp/separator_strong/separated/test/audio/siren", "truncated"),
}


@pytest.mark.parametrize("name", LATER)
def test_truncated_audio_in_later_stages(recipe: Path, refused, name: str) -> None:
    command, folder, message = LATER[name]
    paths = list(Path(folder).glob("*.wav"))
    for path in paths:
        path.write_bytes(path.read_bytes()[:-100])
    error = refused(*command, match=f"(?s){message}").error
    assert any(f"{path}: truncated: its header promises" in error for path in paths)


DEPTHS = ("PCM_U8", "PCM_S8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")
KINDS = [(suffix, depth) for suffix in ("wav", "flac") for depth in DEPTHS if soundfile.check_format(suffix, depth)]


@pytest.mark.parametrize(("suffix", "subtype"), KINDS)
@pytest.mark.parametrize("channels", [1, 2, 8])
@pytest.mark.parametrize("rate", [8000, 44100])
def test_odd_audio_that_is_all_right(tmp_path: Path, suffix: str, subtype: str, channels: int, rate: int) -> None:
    time = np.arange(rate) / rate
    tone = 0.25 * np.sin(2 * np.pi * 440 * time)
    spread = np.linspace(0.0, 2.0, channels) if channels > 1 else np.ones(1)  # their mean is the tone
    path = tmp_path / f"odd.{suffix}"
    soundfile.write(path, tone[:, None] * spread, rate, subtype=subtype)
    expected = 0.25 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    found = read_any(path, 8000)
    assert found.dtype == np.float32 and found.shape == (8000,)
    step = {"PCM_U8": 2**-7, "PCM_S8": 2**-7, "PCM_16": 2**-15}.get(subtype, 0.0)
    assert np.abs(found - expected)[400:-400].max() < 1e-3 + step  # away from the resampler's ends


ODD: dict[str, Spoil] = {
    "a length that a pipe could not fill in": rewrite(lambda b: b[:40] + b"\xff" * 4 + b[44:]),
    "the same as sox writes it": rewrite(lambda b: b[:40] + struct.pack("<I", 0x7FFFF000) + b[44:]),
    "bytes after the audio": rewrite(lambda b: b + b"LIST" + struct.pack("<I", 4) + b"abcd"),
    "a chunk of odd length before the audio": rewrite(lambda b: b[:36] + b"note\3\0\0\0abc\0" + b[36:]),
    "a long chunk before the audio": rewrite(
        lambda b: b[:36] + b"note" + struct.pack("<I", 5000) + b"x" * 5000 + b[36:]
    ),
    "FLAC out of a pipe, of no known length": flac_in_place(n_flac_samples(0)),
    "no suffix that it deserves": lambda p: soundfile.write(p, soundfile.read(p)[0], 16000, format="FLAC"),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_files_that_are_all_right(recipe: Path, accepted, name: str) -> None:
    written = Path("data/events/train/audio/100-3-0-0.wav")
    before = read_audio(written, 8000)
    ODD[name](CLIP)
    accepted(*DATA)
    np.testing.assert_array_equal(read_audio(written, 8000), before)
