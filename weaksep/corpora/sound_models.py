"""Simple physical models of five urban sounds: the SYNTHETIC classes of the built-in corpus.

They are made to be quick, varied and alike in pitch range, not to pass for recordings. Each model gives one event, a
waveform (N,). It has two generators: `rng`, which begins alike for all events of a recording, draws what they share
(which horn, which dog), then `draw` what changes from one event to the next (length, jitter, phase). All frequencies
are drawn below 3.6 kHz, so the sounds keep their character at 8 kHz.
"""

from collections.abc import Callable

import numpy as np

from weaksep.corpora.sound_parts import convolve, harmonic_tone, log_uniform, ramp, resonances, shaped_noise


def car_horn(rng: np.random.Generator, draw: np.random.Generator, sample_rate: int) -> np.ndarray:
    """Two or three reeds a third apart, slightly out of tune, heard through one flared horn; 0.2 to 2 s."""
    base_hz = log_uniform(rng, 300.0, 480.0)
    ratios = np.array([1.0, rng.uniform(1.18, 1.28), rng.uniform(1.45, 1.53)])[: rng.integers(2, 4)]
    strengths = rng.uniform(0.6, 1.0, len(ratios))
    flare = resonances(
        np.array([log_uniform(rng, 500.0, 1000.0), log_uniform(rng, 1500.0, 3200.0)]),
        rng.uniform(400.0, 1500.0, 2),
        np.array([1.0, rng.uniform(0.4, 1.2)]),
        floor=0.08,
    )
    attack_s, release_s = rng.uniform(0.01, 0.04), rng.uniform(0.02, 0.07)

    n = int(log_uniform(draw, 0.2, 2.0) * sample_rate)
    t = np.arange(n) / sample_rate
    pressure = 1.0 - 0.03 * np.exp(-t / 0.03)  # the pitch settles as the membrane comes up to pressure
    wave = np.zeros(n)
    for ratio, strength in zip(ratios, strengths, strict=True):
        f0_hz = base_hz * ratio * pressure * (1.0 + 0.004 * draw.standard_normal())
        wave += strength * harmonic_tone(f0_hz, flare, sample_rate, draw.uniform(0, 2 * np.pi, 12))
    return wave * ramp(n, attack_s, release_s, sample_rate)


def dog_bark(rng: np.random.Generator, draw: np.random.Generator, sample_rate: int) -> np.ndarray:
    """One to three barks: a voice whose pitch jumps up and falls through moving formants, and breath."""
    size = log_uniform(rng, 0.6, 1.4)  # 1: a middle-sized dog; small dogs bark higher
    peak_hz = 480.0 / size * rng.uniform(0.8, 1.25)
    throat = resonances(
        np.array([750.0, 1500.0, 2700.0]) / size**0.5 * rng.uniform(0.9, 1.1, 3),
        np.array([180.0, 300.0, 450.0]) * rng.uniform(0.7, 1.4, 3),
        np.array([1.0, 0.6, 0.3]),
        floor=0.02,
    )
    breath, roughness = rng.uniform(0.15, 0.5), rng.uniform(0.0, 0.03)
    typical_s = rng.uniform(0.15, 0.3)

    parts: list[np.ndarray] = []
    for i in range(draw.integers(1, 4)):
        if i:
            parts.append(np.zeros(int(draw.uniform(0.01, 0.04) * sample_rate)))
        n = int(np.clip(typical_s * draw.uniform(0.8, 1.25), 0.15, 0.35) * sample_rate)
        x = (np.arange(n) + 0.5) / n
        arch = np.sin(np.pi * x**0.55)  # up fast, down slowly: pitch and mouth opening together
        wander = np.cumsum(draw.standard_normal(n)) / np.sqrt(n)
        pitch_hz = peak_hz * draw.uniform(0.9, 1.1) * (0.6 + 0.4 * arch) * (1.0 + roughness * wander)
        f0_hz = np.clip(pitch_hz, 60.0, 0.4 * sample_rate)
        voice = harmonic_tone(f0_hz, throat, sample_rate, draw.uniform(0, 2 * np.pi, 8), 0.75 + 0.35 * arch)
        voice /= np.sqrt(np.mean(np.square(voice)) + 1e-20)
        wave = voice + breath * shaped_noise(draw, n, throat, sample_rate)
        bark = wave * arch**0.7 * ramp(n, 0.008, 0.05, sample_rate)
        parts.append(bark * draw.uniform(0.7, 1.0))
    return np.concatenate(parts)


def gun_shot(rng: np.random.Generator, draw: np.random.Generator, sample_rate: int) -> np.ndarray:
    """A Friedlander blast, (1 - t/t0) exp(-b t/t0), echoes, and a tail of band-limited decaying noise."""
    positive_s, steepness = rng.uniform(0.0008, 0.004), rng.uniform(0.8, 2.0)
    decay_s = log_uniform(rng, 0.25, 1.0)  # time in which the tail falls by 60 dB
    body = resonances(
        np.array([log_uniform(rng, 250.0, 900.0), log_uniform(rng, 900.0, 2800.0)]),
        np.array([rng.uniform(300.0, 900.0), rng.uniform(900.0, 2500.0)]),
        np.array([1.0, rng.uniform(0.3, 1.0)]),
        floor=0.1,
    )
    echo_s, echo_gain = rng.uniform(0.015, 0.12, 3), rng.uniform(0.1, 0.4, 3)
    tail_gain = rng.uniform(0.25, 0.7)

    n = int((0.75 * decay_s + 0.15) * sample_rate)  # past -40 dB; `trim` finds the very end
    t = np.arange(n) / sample_rate
    blast = (1.0 - t / positive_s) * np.exp(-steepness * t / positive_s)
    fall = np.exp(-6.91 * t / (decay_s * draw.uniform(0.85, 1.15)))
    onset = 1.0 - np.exp(-t / 0.002)
    wave = blast + tail_gain * draw.uniform(0.8, 1.2) * onset * fall * shaped_noise(draw, n, body, sample_rate)
    heard = wave.copy()
    for delay_s, gain in zip(echo_s * draw.uniform(0.95, 1.05, 3), echo_gain, strict=True):
        late = int(delay_s * sample_rate)
        heard[late:] += gain * wave[: n - late]
    return heard


def jackhammer(rng: np.random.Generator, draw: np.random.Generator, sample_rate: int) -> np.ndarray:
    """Blows at 8 to 25 Hz that ring the modes of tool and ground, with grit at each blow and exhaust air."""
    rate_hz, jitter = rng.uniform(8.0, 25.0), rng.uniform(0.005, 0.04)
    modes_hz = np.exp(rng.uniform(np.log(250.0), np.log(3400.0), 6))
    ring_s, weights = rng.uniform(0.004, 0.025, 6), rng.uniform(0.3, 1.0, 6)
    t_ring = np.arange(int(0.12 * sample_rate)) / sample_rate
    ringing = sum(
        weight * np.exp(-t_ring / decay_s) * np.sin(2 * np.pi * mode_hz * t_ring)
        for mode_hz, decay_s, weight in zip(modes_hz, ring_s, weights, strict=True)
    )
    ringing /= np.abs(ringing).max()
    grit_s, grit, air = rng.uniform(0.008, 0.03), rng.uniform(0.2, 0.6), rng.uniform(0.05, 0.12)
    dust = resonances(np.array([log_uniform(rng, 800.0, 3000.0)]), np.array([2000.0]), np.array([1.0]), floor=0.2)

    duration_s = draw.uniform(0.5, 2.0)
    n = int(duration_s * sample_rate)
    gaps_s = (1.0 + jitter * draw.standard_normal(int(duration_s * rate_hz * 1.5) + 3)) / rate_hz
    blows = ((draw.uniform(0.0, 0.3) / rate_hz + np.cumsum(gaps_s) - gaps_s[0]) * sample_rate).astype(int)
    blows = blows[blows < n]
    train = np.zeros(n)
    train[blows] = draw.uniform(0.7, 1.0, len(blows))
    burst = convolve(train, np.exp(-t_ring / grit_s))[:n]
    dusty = (grit * burst + air) * shaped_noise(draw, n, dust, sample_rate)
    return (convolve(train, ringing)[:n] + dusty) * ramp(n, 0.005, 0.02, sample_rate)


def siren(rng: np.random.Generator, draw: np.random.Generator, sample_rate: int) -> np.ndarray:
    """A harmonic tone that wails (slow sweep), yelps (fast) or alternates high and low; 0.8 to 2.5 s."""
    kind = ("wail", "yelp", "hi_lo")[rng.integers(3)]
    low_hz = log_uniform(rng, 420.0, 750.0)
    span = rng.uniform(1.2, 1.45) if kind == "hi_lo" else rng.uniform(1.7, 2.5)
    rate_hz = {"wail": rng.uniform(0.25, 0.6), "yelp": rng.uniform(2.0, 4.5), "hi_lo": rng.uniform(0.7, 1.4)}[kind]
    horn = resonances(
        np.array([log_uniform(rng, 600.0, 1200.0), log_uniform(rng, 1600.0, 3000.0)]),
        np.array([rng.uniform(500.0, 1200.0), rng.uniform(500.0, 1500.0)]),
        np.array([1.0, rng.uniform(0.1, 0.5)]),
        floor=0.02,
    )

    n = int(draw.uniform(0.8, 2.5) * sample_rate)
    cycle = np.arange(n) / sample_rate * rate_hz * draw.uniform(0.95, 1.05) + draw.uniform()
    wail = 0.5 - 0.5 * np.cos(2 * np.pi * cycle)
    sweep = 0.5 + 0.5 * np.tanh(12.0 * np.sin(2 * np.pi * cycle)) if kind == "hi_lo" else wail
    f0_hz = low_hz * np.power(span, sweep)
    wave = harmonic_tone(f0_hz, horn, sample_rate, draw.uniform(0, 2 * np.pi, 8))
    return wave * ramp(n, 0.03, 0.06, sample_rate)


MODELS: dict[str, Callable[[np.random.Generator, np.random.Generator, int], np.ndarray]] = {
    "car_horn": car_horn,
    "dog_bark": dog_bark,
    "gun_shot": gun_shot,
    "jackhammer": jackhammer,
    "siren": siren,
}
