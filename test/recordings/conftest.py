"""A folder of labelled recordings that no mixing has made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

RATE = 16_000


def make_tone(seconds: float, hertz: float, rate: int = RATE) -> np.ndarray:
    return (0.1 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def write_sound(path: Path, audio: np.ndarray, rate: int = RATE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio, rate)
    return path


@pytest.fixture
def tone() -> Callable[..., np.ndarray]:
    """tone(seconds, hertz, rate)."""
    return make_tone


@pytest.fixture
def write() -> Callable[..., Path]:
    """write(path, audio, rate)."""
    return write_sound


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Twelve recordings of a dog (400 Hz), a horn (1,000 Hz) or both, of 2 to 5 s, two rates, one and two channels."""
    folder = tmp_path / "corpus"
    lines = ["filename\tevent_labels"]
    for number in range(12):
        names = (["dog"], ["horn"], ["dog", "horn"])[number % 3]
        seconds, rate = (2.0, 3.0, 5.0)[number % 3], (16_000, 44_100)[number % 2]
        audio = sum(make_tone(seconds, {"dog": 400, "horn": 1000}[name], rate) for name in names)
        suffix = "wav" if number % 2 else "flac"
        if number % 4 == 0:
            audio = np.stack([audio, audio], axis=1)
        write_sound(folder / f"audio/r{number:02d}.{suffix}", audio, rate)
        lines.append(f"r{number:02d}.{suffix}\t{','.join(names)}")
    (folder / "clip_labels.tsv").write_text("\n".join(lines) + "\n")
    return folder
