"""In Python: a separator as a function of waveforms, ``weaksep.load_separator(path)(waveform, sample_rate)``, and how
loud what comes out is, ``weaksep.sound_levels(waveform, sample_rate)``."""

import math
from pathlib import Path

import numpy as np

from weaksep.errors import UserError
from weaksep.fileio.audioread import refuse_no_sound, samples_problem
from weaksep.fileio.names import RESIDUAL
from weaksep.infer import model
from weaksep.infer.recordings import LEVEL_DB, at_input_rate, net_sources
from weaksep.signal.level import gain_to
from weaksep.signal.meter import LevelMeter, Levels

_BLOCK_S = 5.0
_MAX_CHANNELS = 64  # with fewer samples than channels; up to here a short waveform of many channels is one


class WaveformSeparator:
    """Separates waveforms of any rate, length and number of channels.

    Args:
        separator: see ``model.load_separator``.
        level_db: the level at which the net hears them, dB relative to full scale; None to leave it as it is.
    """

    def __init__(self, separator: model.Separator, level_db: float | None = LEVEL_DB) -> None:
        self.separator = separator
        self.level_db = level_db

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; the residual comes beside them."""
        return self.separator.classes

    @property
    def sample_rate(self) -> int:
        """The net's own rate in Hz."""
        return self.separator.sample_rate

    def __call__(self, waveform: np.ndarray, sample_rate: int) -> dict[str, np.ndarray]:
        """Separate a waveform.

        Args:
            waveform: (N,) or (C, N), real; what soundfile.read gives of several channels is (N, C): hand over its
                ``.T``. More than 64 rows, and more than there are columns, are taken for (N, C) and refused.
            sample_rate: Hz.

        Returns:
            {class or "residual": float32 of the waveform's shape, at its rate}; their sum is the waveform. (The
            command writes at the net's rate unless it is told ``--rate input``.)

        Raises:
            UserError: not of such a shape, no samples, complex, NaN, infinite or huge ones, or no rate; or NaN comes
                out.
        """
        audio = checked_waveform(waveform, sample_rate)
        channels = np.atleast_2d(audio)
        size = max(1, int(_BLOCK_S * sample_rate))
        blocks = (channels[:, start : start + size] for start in range(0, channels.shape[1], size))
        sources = net_sources(self.separator, blocks, sample_rate, gain_to(self.level_db, [channels], sample_rate))
        pieces = at_input_rate(sources, self.separator, iter([channels]), sample_rate, len(channels))
        whole = np.concatenate(list(pieces), axis=2).reshape(-1, *audio.shape)
        refuse_no_sound(whole, "the separated waveform")
        return dict(zip((*self.classes, RESIDUAL), whole, strict=True))


def sound_levels(
    waveform: np.ndarray, sample_rate: int, *, a_weighted: bool = False, calibration_db: float = 0.0
) -> Levels:
    """How loud a sound is, by the second and over all of it: what ``weaksep separate --levels true`` writes.

    A source of a class has nothing above half the rate of the model that separated it, so its A-weighted level misses
    what the class has there.

    Args:
        waveform: (N,) or (C, N), the power of whose channels is averaged; see ``WaveformSeparator.__call__``.
        sample_rate: Hz.
        a_weighted: for dB(A).
        calibration_db: sound pressure level of full scale, an RMS of 1, for dB SPL; 0 for dB relative to full scale.

    Raises:
        UserError: no such waveform, see ``WaveformSeparator.__call__``.

    >>> tone = np.sqrt(2) * np.sin(2 * np.pi * 100 * np.arange(20_000) / 8000)
    >>> levels = sound_levels(tone, 8000, a_weighted=True, calibration_db=94.0)
    >>> levels.by_second_db.shape, round(levels.leq_db, 1)  # A-weighting takes 19.1 dB of 100 Hz
    ((3,), 74.9)
    """
    channels = np.atleast_2d(checked_waveform(waveform, sample_rate))
    meter = LevelMeter(len(channels), sample_rate, a_weighted)
    meter.add(channels)
    return meter.finish(calibration_db)


def checked_waveform(waveform: np.ndarray, sample_rate: float, empty: bool = False) -> np.ndarray:
    """A waveform as float32 (N,) or (C, N); see ``WaveformSeparator.__call__``. With ``empty``, N may be 0."""
    if np.iscomplexobj(waveform):
        raise UserError("a complex waveform; expected real samples (of an analytic signal, its real part)")
    audio = np.asarray(waveform, dtype=np.float32)
    if audio.ndim not in (1, 2) or 0 in audio.shape[: -1 if empty else None]:
        raise UserError(f"a waveform of shape {audio.shape}; expected (samples,) or (channels, samples)")
    if audio.ndim == 2 and len(audio) > max(_MAX_CHANNELS, audio.shape[1]):
        raise UserError(
            f"a waveform of shape {audio.shape}, more channels than samples; expected (channels, samples): give "
            "waveform.T, as of what soundfile.read returns"
        )
    problem = samples_problem(audio)
    if problem:
        raise UserError(f"the waveform holds {problem}")
    if not (math.isfinite(sample_rate) and sample_rate > 0):
        raise UserError(f"a sample rate of {sample_rate} Hz; expected that of the waveform, such as 44100")
    return audio


def load_separator(path: str | Path, device: str = "cpu", level_db: float | None = LEVEL_DB) -> WaveformSeparator:
    """A trained separator to be called with waveforms.

    Args:
        path: the folder of an experiment (exp/separator_remix), a packed model, the name of one that comes with
            weaksep (weaksep/models), or ORG/NAME or ORG/NAME@REVISION on the Hugging Face hub.
        device: "cpu", "cuda" or "cuda:N".
        level_db: see ``WaveformSeparator``.

    Raises:
        UserError: no such model, or a damaged one.

    Here with a net that was never trained, in place of an experiment's folder:

    >>> import tempfile, numpy as np, weaksep
    >>> from weaksep.infer.model import save_untrained
    >>> path = save_untrained(tempfile.mkdtemp(), classes=["dog_bark", "siren"], sample_rate=8000)
    >>> separate = weaksep.load_separator(path)
    >>> stereo = 0.1 * np.random.default_rng(0).standard_normal((2, 44100)).astype(np.float32)
    >>> sources = separate(stereo, 44100)
    >>> {name: source.shape for name, source in sources.items()}
    {'dog_bark': (2, 44100), 'siren': (2, 44100), 'residual': (2, 44100)}
    >>> bool(np.abs(sum(sources.values()) - stereo).max() < 1e-6)
    True
    """
    return WaveformSeparator(model.load_separator(path, device), level_db)
