"""Building blocks of the synthetic sounds: harmonic tones, shaped noise, resonances, a small room, trimming.

Conventions: waveforms are float64 (N,); frequencies in Hz, times in seconds; everything stays below
`BAND_EDGE` times the sample rate, so that nothing aliases.
"""

from collections.abc import Callable

import numpy as np

BAND_EDGE = 0.45  # highest frequency, in parts of the sample rate
TRIM_DB = 40.0  # what lies more than this below the loudest 10 ms is not part of an event

Spectrum = Callable[[np.ndarray], np.ndarray]


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """One draw whose logarithm is uniform in [log low, log high]."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def convolve(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The whole convolution of two waveforms, (N + M - 1,)."""
    from scipy.signal import fftconvolve  # slow to import, and only work needs it: not a look at what is up to date

    return fftconvolve(one, other)


def band_taper(frequency_hz: np.ndarray, sample_rate: int) -> np.ndarray:
    """Gain 1 up to 0.40 of the sample rate, a raised cosine down to 0 at `BAND_EDGE`."""
    x = np.clip((frequency_hz / sample_rate - 0.40) / (BAND_EDGE - 0.40), 0.0, 1.0)
    return 0.5 + 0.5 * np.cos(np.pi * x)


def resonances(centres_hz: np.ndarray, widths_hz: np.ndarray, gains: np.ndarray, floor: float = 0.03) -> Spectrum:
    """Sum of resonance magnitudes, each g / sqrt(1 + (2 (f - centre) / width)^2), over a floor."""

    def gain(frequency_hz: np.ndarray) -> np.ndarray:
        total = np.full_like(frequency_hz, floor)
        for centre, width, peak in zip(centres_hz, widths_hz, gains, strict=True):
            total += peak / np.sqrt(1.0 + np.square((frequency_hz - centre) * (2.0 / width)))
        return total

    return gain


def harmonic_tone(
    f0_hz: np.ndarray,
    spectrum: Spectrum,
    sample_rate: int,
    phases: np.ndarray,
    shift: np.ndarray | float = 1.0,
) -> np.ndarray:
    """Additive tone with a moving fundamental.

    Args:
        f0_hz: fundamental at every sample, (N,).
        spectrum: gain of a partial at a frequency.
        phases: starting phase of partial 1, 2, ...; partials past its end start at 0.
        shift: the spectrum is stretched by this factor, scalar or (N,): formants that move.
    """
    turns = np.exp(2j * np.pi * np.cumsum(f0_hz) / sample_rate)
    power = np.ones_like(turns)
    wave = np.zeros(len(f0_hz))
    for k in range(1, int(BAND_EDGE * sample_rate / f0_hz.min()) + 1):
        power = power * turns  # e^{ik theta} from e^{i(k-1) theta}: no sine for every partial
        partial_hz = k * f0_hz
        gain = spectrum(partial_hz / shift) * band_taper(partial_hz, sample_rate)
        phase = phases[k - 1] if k <= len(phases) else 0.0
        wave += gain * (power.imag * np.cos(phase) + power.real * np.sin(phase))
    return wave


def shaped_noise(rng: np.random.Generator, n_samples: int, spectrum: Spectrum, sample_rate: int) -> np.ndarray:
    """Gaussian noise with the given magnitude spectrum, unit RMS, (N,)."""
    white = np.fft.rfft(rng.standard_normal(n_samples))
    frequency_hz = np.fft.rfftfreq(n_samples, 1.0 / sample_rate)
    wave = np.fft.irfft(white * spectrum(frequency_hz) * band_taper(frequency_hz, sample_rate), n_samples)
    return wave / np.sqrt(np.mean(np.square(wave)) + 1e-20)


def ramp(n_samples: int, attack_s: float, release_s: float, sample_rate: int) -> np.ndarray:
    """Envelope (N,): a raised-cosine rise, 1, a raised-cosine fall; squeezed if the sound is too short."""
    t = np.arange(n_samples) / sample_rate
    end = n_samples / sample_rate
    squeeze = min(1.0, end / (attack_s + release_s))
    rise = np.clip((t + 0.5 / sample_rate) / (attack_s * squeeze), 0.0, 1.0)
    fall = np.clip((end - t - 0.5 / sample_rate) / (release_s * squeeze), 0.0, 1.0)
    return (0.5 - 0.5 * np.cos(np.pi * rise)) * (0.5 - 0.5 * np.cos(np.pi * fall))


def room_response(rng: np.random.Generator, sample_rate: int) -> np.ndarray:
    """Impulse response of one place: the direct sound and 30 to 90 ms of decaying reflections, (N,)."""
    n = int(rng.uniform(0.03, 0.09) * sample_rate)
    tail = rng.standard_normal(n) * np.exp(-6.9 * np.arange(n) / n)  # -60 dB at its end
    tail *= rng.uniform(0.15, 0.45) / np.sqrt(np.sum(np.square(tail)))
    tail[: int(0.002 * sample_rate)] = 0.0
    tail[0] = 1.0
    return tail


def colour(rng: np.random.Generator) -> Spectrum:
    """Distance and microphone of one recording: a tilt of -4 to +2 dB an octave and one broad bump or dip."""
    slope = rng.uniform(-4.0, 2.0) / 6.02
    centre_hz, bump = log_uniform(rng, 400.0, 3000.0), rng.uniform(0.5, 2.0)

    def gain(frequency_hz: np.ndarray) -> np.ndarray:
        octaves = np.log2(np.maximum(frequency_hz, 50.0) / centre_hz)
        return np.power(np.maximum(frequency_hz, 100.0) / 1000.0, slope) * (1.0 + (bump - 1.0) * np.exp(-(octaves**2)))

    return gain


def minimum_phase(spectrum: Spectrum, sample_rate: int) -> np.ndarray:
    """Causal filter with the given magnitude, 30 ms long, (N,): the real cepstrum folded onto positive times.

    Oppenheim and Schafer, "Discrete-Time Signal Processing", section on minimum-phase sequences.
    """
    n_fft = 4096
    cepstrum = np.fft.irfft(np.log(spectrum(np.fft.rfftfreq(n_fft, 1.0 / sample_rate))), n_fft)
    cepstrum[1 : n_fft // 2] *= 2.0
    cepstrum[n_fft // 2 + 1 :] = 0.0
    return np.fft.irfft(np.exp(np.fft.rfft(cepstrum)), n_fft)[: int(0.03 * sample_rate)]


def trim(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """Cut the head and tail that lie `TRIM_DB` below the loudest 10 ms, fade the last 3 ms, (M <= N,)."""
    hop = sample_rate // 100
    blocks = np.pad(wave, (0, -len(wave) % hop)).reshape(-1, hop)
    energy = np.sum(np.square(blocks), axis=1)
    loud = np.flatnonzero(energy > energy.max() * 10.0 ** (-TRIM_DB / 10.0))
    kept = wave[loud[0] * hop : (loud[-1] + 1) * hop].copy()
    n_fade = min(len(kept), int(0.003 * sample_rate))
    kept[len(kept) - n_fade :] *= np.linspace(1.0, 0.0, n_fade + 1)[1:] * 0.9 + 0.1
    return kept
