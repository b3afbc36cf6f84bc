"""What reading all audio finds: each defect by itself, and folders that are not read further than asked."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy.io import wavfile

from weaksep.fileio.audio import write_audio
from weaksep.upkeep.validate import validate

RATE = 8000
MIX = "audio/mix/mix-2.wav"
BARK = "audio/bark/mix-2.wav"


def read(path: Path) -> np.ndarray:
    """Samples of a file, int16 (N,)."""
    return soundfile.read(path, dtype="int16")[0]


def cut(path: Path, n_bytes: int) -> None:
    """Take bytes off the end of a file."""
    path.write_bytes(path.read_bytes()[:-n_bytes])


def spoil_one_sample(path: Path, step: int) -> None:
    samples = read(path)
    samples[1234] += step
    write_audio(path, samples, RATE)


def one_sample(path: Path, value: float) -> None:
    samples = (read(path) / 32768).astype(np.float32)
    samples[1234] = value
    wavfile.write(path, RATE, samples)


CASES: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "no audio": (lambda d: (d / MIX).write_bytes(b"RIFF"), "wav.scp:2", f"{MIX}: cannot be read as audio ("),
    "cut short": (
        lambda d: cut(d / MIX, 2000),
        "wav.scp:2",
        f"{MIX}: truncated: its header promises 8000 bytes of sound, it holds 6000 (25 % is missing)",
    ),
    "reference cut short": (lambda d: cut(d / BARK, 1), "src_bark.scp:2", f"{BARK}: truncated: its header promises"),
    "silent": (
        lambda d: write_audio(d / MIX, np.zeros(4000), RATE),
        "wav.scp:2",
        f"{MIX}: silent, all samples are 0",
    ),
    "silent reference": (
        lambda d: write_audio(d / BARK, np.zeros(4000), RATE),
        "src_bark.scp:2",
        f"{BARK}: silent, all samples are 0",
    ),
    "no samples": (lambda d: write_audio(d / MIX, np.zeros(0), RATE), "wav.scp:2", f"{MIX}: holds no samples"),
    "NaN": (lambda d: one_sample(d / MIX, np.nan), "wav.scp:2", f"{MIX}: holds NaN or infinite samples"),
    "infinite": (lambda d: one_sample(d / BARK, -np.inf), "src_bark.scp:2", f"{BARK}: holds NaN or infinite"),
    "rate": (
        lambda d: write_audio(d / MIX, read(d / MIX), 16000),
        "wav.scp:2",
        f"{MIX}: 16000 Hz, expected 8000 Hz",
    ),
    "rate of a reference": (
        lambda d: write_audio(d / BARK, read(d / BARK), 4000),
        "src_bark.scp:2",
        f"{BARK}: 4000 Hz, expected 8000 Hz",
    ),
    "channels": (
        lambda d: wavfile.write(d / MIX, RATE, np.stack([read(d / MIX)] * 2, axis=1)),
        "wav.scp:2",
        f"{MIX}: 2 channels, expected one",
    ),
    "length": (
        lambda d: write_audio(d / MIX, read(d / MIX)[:-1], RATE),
        "wav.scp:2",
        f"{MIX}: 3999 samples at 8000 Hz, utt2dur has 0.5 s (4000.0 samples)",
    ),
    "length of a reference": (
        lambda d: write_audio(d / BARK, read(d / BARK)[:-1], RATE),
        "src_bark.scp:2",
        f"{BARK}: 3999 samples, the mixture has 4000",
    ),
    "sum": (
        lambda d: spoil_one_sample(d / BARK, 3),
        "wav.scp:2",
        f"{MIX}: the references do not sum to the mixture (they are off by up to 9.16e-05)",
    ),
}


def found(folder: Path, *, nj: int = 1) -> list[str]:
    """All problems with the audio read, one line each."""
    return [str(problem) for report in validate([folder], check_audio=True, nj=nj) for problem in report.problems]


@pytest.mark.parametrize("name", CASES)
def test_a_defect_of_a_file_is_found(folder: Path, name: str) -> None:
    spoil, where, what = CASES[name]
    assert found(folder) == []
    spoil(folder)
    lines = found(folder)
    assert len([line for line in lines if line.startswith(f"{folder}/{where}: mix-2: {what}")]) == 1, lines
    assert all(": mix-2: " in line and line.endswith("; run.sh --stage 1") for line in lines)
    # A length or a rate that is not the others' contradicts two tables at once.
    assert len(lines) == 1 or name in ("rate", "length")
    assert not [problem for report in validate([folder]) for problem in report.problems], "only read when asked to"


def test_a_step_a_reference_is_rounding(folder: Path) -> None:
    spoil_one_sample(folder / BARK, 1)
    spoil_one_sample(folder / "audio/drill/mix-2.wav", 1)
    assert found(folder) == []
    spoil_one_sample(folder / BARK, 1)
    assert len(found(folder)) == 1


def test_all_clips_are_looked_at_in_any_number_of_workers(folder: Path) -> None:
    for number in range(1, 6):
        spoil_one_sample(folder / f"audio/mix/mix-{number}.wav", 100)
    (folder / "audio/mix/mix-5.wav").unlink()
    one = found(folder, nj=1)
    assert len(one) == 5 and "no file audio/mix/mix-5.wav" in one[0]
    assert found(folder, nj=2) == one


def test_a_clip_is_only_summed_when_all_its_references_are_named(
    folder: Path, set_line: Callable[[Path, int, str | None], None]
) -> None:
    set_line(folder / "src_bark.scp", 2, None)
    assert not any("do not sum" in line for line in found(folder))


def test_the_rate_of_most_files_counts_where_no_scene_says_it(folder: Path) -> None:
    (folder / "scenes.jsonl").unlink()
    write_audio(folder / MIX, read(folder / MIX), 4000)
    assert f"{folder}/wav.scp:2: mix-2: {MIX}: 4000 Hz, expected 8000 Hz; run.sh --stage 1" in found(folder)


def test_a_folder_without_any_audio(folder: Path) -> None:
    shutil.rmtree(folder / "audio")
    (folder / "scenes.jsonl").unlink()
    lines = found(folder)
    assert len([line for line in lines if "no file audio/" in line]) == 14, "5 mixtures and 9 references"


def test_long_files_are_read_in_blocks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weaksep.fileio.audioread.BLOCK_S", 300 / RATE)  # 4000 is no multiple of it
    assert found(folder) == []
    spoil_one_sample(folder / MIX, 100)
    assert len(found(folder)) == 1


def test_a_flac_file_that_ends_early(folder: Path, set_line: Callable[[Path, int, str | None], None]) -> None:
    whole = folder / "mix-1.flac"
    soundfile.write(whole, read(folder / "audio/mix/mix-1.wav"), RATE)
    set_line(folder / "wav.scp", 1, "mix-1 mix-1.flac")
    assert found(folder) == []
    whole.write_bytes(whole.read_bytes()[:-1500])
    (line,) = found(folder)
    assert line.startswith(f"{folder}/wav.scp:1: mix-1: mix-1.flac: cannot be read as audio (")


def test_a_decoder_that_gives_less_than_the_header_says(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = soundfile.SoundFile.read
    monkeypatch.setattr(soundfile.SoundFile, "read", lambda self, **options: read(self, **options)[:3000])
    monkeypatch.setattr("weaksep.fileio.audioread.BLOCK_S", 4000 / RATE)
    what = "truncated: its header promises 4000 samples, 3000 can be read"
    assert len([line for line in found(folder) if what in line]) == 14
