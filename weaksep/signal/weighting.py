"""A-weighting: how loud a sound of each frequency is to people, as sound level meters have it (IEC 61672-1).

The standard gives the curve; a bilinear transform of its poles would bend it far below half the sample rate. So the
filter's response is the curve itself at every 4 Hz up to half the rate, without a phase: the sound stays in its place.
"""

import numpy as np

# The poles of the curve in Hz, of which the outer two are double, and its gain at 1 kHz (IEC 61672-1:2013, annex E).
POLES_HZ = (20.598997, 107.65265, 737.86223, 12194.217)
AT_1_KHZ_DB = -2.0
# The lowest pole rings down by 140 dB in an eighth of a second.
REACH_S = 0.125


def a_weighting(frequency_hz: np.ndarray) -> np.ndarray:
    """Amplitude factors of frequencies in Hz, of any shape.

    >>> (20 * np.log10(a_weighting(np.array([100.0, 1000.0, 10_000.0])))).round(2).tolist()
    [-19.14, 0.0, -2.49]
    """
    square = np.square(frequency_hz, dtype=np.float64)
    first, second, third, fourth = (square + pole**2 for pole in POLES_HZ)
    gain = (POLES_HZ[-1] * square) ** 2 / 10.0 ** (AT_1_KHZ_DB / 20.0)
    return gain / (first * np.sqrt(second * third) * fourth)


def a_weighting_taps(sample_rate: int) -> np.ndarray:
    """The filter: an odd number of coefficients, float64, the middle one of which is for the sample itself."""
    reach = int(REACH_S * sample_rate)
    gains = a_weighting(np.fft.rfftfreq(2 * reach + 1, 1.0 / sample_rate))
    return np.roll(np.fft.irfft(gains, 2 * reach + 1), reach)
