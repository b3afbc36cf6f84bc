"""Levels against closed forms: tones and noises whose power is known, with and without A-weighting."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import freqz

from weaksep.signal.meter import LevelMeter, Levels
from weaksep.signal.weighting import a_weighting, a_weighting_taps

# IEC 61672-1:2013, table 3: dB at 10 Hz to 20 kHz in thirds of an octave.
TABLE_DB = (
    *(-70.4, -63.4, -56.7, -50.5, -44.7, -39.4, -34.6, -30.2, -26.2, -22.5, -19.1, -16.1, -13.4, -10.9, -8.6, -6.6),
    *(-4.8, -3.2, -1.9, -0.8, 0.0, 0.6, 1.0, 1.2, 1.3, 1.2, 1.0, 0.5, -0.1, -1.1, -2.5, -4.3, -6.6, -9.3),
)


def measured(
    audio: np.ndarray, rate: int, weighting: str = "Z", piece: int = 7919, calibration_db: float = 0.0
) -> Levels:
    meter = LevelMeter(len(audio), rate, weighting == "A")
    for start in range(0, audio.shape[1], piece):
        meter.add(audio[:, start : start + piece])
    return meter.finish(calibration_db)


def tone(frequency: float, rate: int, seconds: float, rms: float = 1.0) -> np.ndarray:
    """(1, N)."""
    return rms * np.sqrt(2) * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)[None]


def test_the_curve_is_that_of_the_standard() -> None:
    exact_hz = 1000 * 10 ** (np.arange(-20, 14) / 10)
    np.testing.assert_allclose(20 * np.log10(a_weighting(exact_hz)), TABLE_DB, atol=0.0501)


@pytest.mark.parametrize("rate", [4000, 8000, 22_050, 44_100])
def test_the_filter_has_the_curve_up_to_half_the_rate(rate: int) -> None:
    frequencies = np.concatenate([np.geomspace(10, rate / 2, 333), [rate / 2]])
    _, response = freqz(a_weighting_taps(rate), worN=frequencies, fs=rate, include_nyquist=True)
    np.testing.assert_allclose(20 * np.log10(np.abs(response)), 20 * np.log10(a_weighting(frequencies)), atol=0.01)


@pytest.mark.parametrize(("frequency", "expected"), [(1000, 94.0), (100, 74.9), (3150, 95.2)])
def test_a_calibrator(frequency: float, expected: float) -> None:
    # 94 dB SPL of which the recorder has made an RMS of 0.1.
    exact = 1000 * 10 ** (round(10 * np.log10(frequency / 1000)) / 10)
    audio = tone(exact, 8000, 5.0, 0.1)
    plain = measured(audio, 8000, calibration_db=114.0)
    weighted = measured(audio, 8000, "A", calibration_db=114.0)
    np.testing.assert_allclose(plain.by_second_db, 94.0, atol=0.01)
    np.testing.assert_allclose(weighted.by_second_db[1:-1], expected, atol=0.06)
    assert plain.leq_db == pytest.approx(94.0, abs=0.005) and weighted.leq_db == pytest.approx(expected, abs=0.06)


@pytest.mark.parametrize("rate", [8000, 32_000])
@pytest.mark.parametrize("colour", ["white", "pink"])
def test_noise(colour: str, rate: int) -> None:
    bins = np.fft.rfftfreq(10 * rate, 1 / rate)
    power = (bins >= 20) * (1.0 if colour == "white" else 1 / np.maximum(bins, 20))
    power /= power.sum()
    phases = np.exp(2j * np.pi * np.random.default_rng(0).uniform(size=bins.size))
    phases[-1] = 1
    audio = np.fft.irfft(np.sqrt(power / 2) * phases, norm="forward")[None]  # of RMS 1, but for the last bin
    assert measured(audio, rate).leq_db == pytest.approx(0.0, abs=0.001)
    expected = 10 * np.log10((power * a_weighting(bins) ** 2).sum())
    found = measured(audio, rate, "A")
    assert found.leq_db == pytest.approx(expected, abs=0.02)
    assert np.abs(found.by_second_db - expected).max() < 1.0


@pytest.mark.parametrize("weighting", ["Z", "A"])
def test_the_seconds_make_up_the_whole_however_the_pieces_come(weighting: str) -> None:
    rng = np.random.default_rng(0)
    audio = rng.standard_normal((2, 27_001)) * np.geomspace(0.001, 1, 27_001)
    whole = measured(audio, 8000, weighting, 27_001)
    lengths = np.array([8000, 8000, 8000, 3001])
    mean = (lengths * 10 ** (whole.by_second_db / 10)).sum() / lengths.sum()
    assert whole.leq_db == pytest.approx(10 * np.log10(mean)) and whole.duration_s == 27_001 / 8000
    for piece in (100, 8000, 1999):
        parts = measured(audio, 8000, weighting, piece)
        np.testing.assert_allclose(parts.by_second_db, whole.by_second_db, atol=1e-9)
        assert parts.leq_db == pytest.approx(whole.leq_db)


def test_the_seconds_are_those_of_the_samples() -> None:
    audio = np.random.default_rng(0).standard_normal((1, 27_001))
    expected = [10 * np.log10(np.square(audio[:, start : start + 8000]).mean()) for start in range(0, 27_001, 8000)]
    np.testing.assert_allclose(measured(audio, 8000).by_second_db, expected)


def test_channels_are_averaged_by_their_power() -> None:
    audio = np.concatenate([tone(500, 8000, 2.0), -0.5 * tone(500, 8000, 2.0), np.zeros((1, 16_000))])
    assert measured(audio, 8000).leq_db == pytest.approx(10 * np.log10((1 + 0.25) / 3))


def test_a_weighted_sound_stays_in_its_second_and_silence_is_silence() -> None:
    audio = np.zeros((1, 5 * 8000))
    audio[:, 12_000:12_800] = tone(1000, 8000, 0.1)
    for weighting in ("Z", "A"):
        levels = measured(audio, 8000, weighting, 40_000)
        assert levels.by_second_db[1] == pytest.approx(-10.0, abs=0.02)
        assert levels.by_second_db[[3, 4]].tolist() == [-np.inf, -np.inf] and levels.by_second_db[0] < -60
    silence = measured(np.zeros((1, 12_000)), 8000, "A", calibration_db=120.0)
    assert silence.by_second_db.tolist() == [-np.inf, -np.inf] and silence.leq_db == -np.inf


def test_nothing_has_no_level() -> None:
    empty = LevelMeter(2, 8000).finish()
    assert empty.by_second_db.size == 0 and empty.leq_db == -np.inf and empty.duration_s == 0
