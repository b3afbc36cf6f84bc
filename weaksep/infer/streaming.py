"""In Python: separation while the sound goes on, ``weaksep.StreamingSeparator(path).process(block)``."""

from pathlib import Path

import numpy as np

from weaksep.errors import UserError
from weaksep.fileio.audioread import refuse_no_sound
from weaksep.fileio.names import RESIDUAL
from weaksep.infer.in_memory import WaveformSeparator, checked_waveform
from weaksep.infer.model import load_separator
from weaksep.infer.source_stream import SourceStream, latency_samples, streaming_net


class StreamingSeparator:
    """Separates a sound while it goes on.

    Args:
        model: the folder of an experiment, a packed model, the name of one that comes with weaksep, or what
            ``load_separator`` returns.

    Raises:
        UserError: no such model, a damaged one, or one whose net cannot take streams.

    Here with a net that was never trained, in place of an experiment's folder:

    >>> import tempfile, numpy as np, weaksep
    >>> from weaksep.infer.model import save_untrained
    >>> net = {"kind": "streamunet", "channels": [4, 8], "look_ahead_frames": 3}
    >>> path = save_untrained(tempfile.mkdtemp(), classes=["dog_bark", "siren"], sample_rate=8000, net=net)
    >>> separate = weaksep.StreamingSeparator(path)
    >>> separate.latency_samples, round(separate.latency_s, 4)
    (639, 0.0799)
    >>> sound = 0.1 * np.random.default_rng(0).standard_normal(8000).astype(np.float32)
    >>> pieces = [separate.process(sound[start : start + 1000]) for start in range(0, 8000, 1000)] + [separate.flush()]
    >>> {name: sum(len(piece[name]) for piece in pieces) for name in pieces[0]}
    {'dog_bark': 8000, 'siren': 8000, 'residual': 8000}
    """

    def __init__(self, model: str | Path | WaveformSeparator) -> None:
        self.separator = model.separator if isinstance(model, WaveformSeparator) else load_separator(model)
        streaming_net(self.separator, model if isinstance(model, str | Path) else "this model")
        self._stream: SourceStream | None = None
        self._mono = True

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; the residual comes beside them."""
        return self.separator.classes

    @property
    def sample_rate(self) -> int:
        """The net's rate in Hz, which is that of all blocks."""
        return self.separator.sample_rate

    @property
    def latency_samples(self) -> int:
        """An output sample n is there when input sample n + latency_samples is, and depends on no later one."""
        return latency_samples(self.separator)

    @property
    def latency_s(self) -> float:
        """The same in seconds; what computing takes comes on top."""
        return self.latency_samples / self.sample_rate

    def process(self, block: np.ndarray) -> dict[str, np.ndarray]:
        """The next samples of a sound in, what is known by now out.

        Args:
            block: (n,), or (C, n) with as many channels in every block; any n, at ``sample_rate``.

        Returns:
            {class or "residual": float32 (n',) or (C, n')}; together they are the sound.

        Raises:
            UserError: not of such a shape, other channels than before, complex, NaN, infinite or huge samples; or NaN
                comes out.
        """
        audio = checked_waveform(block, self.sample_rate, empty=True)
        channels = np.atleast_2d(audio)
        self._stream = self._stream or SourceStream(self.separator, len(channels))
        if len(channels) != (before := len(self._stream.samples)):
            raise UserError(f"a block of {len(channels)} channels after blocks of {before}; flush() ends a sound")
        self._mono = audio.ndim == 1
        return self._named(self._stream.push(channels))

    def flush(self) -> dict[str, np.ndarray]:
        """End the sound: what is left of it out, as ``process``. The next block begins another."""
        stream, self._stream = self._stream or SourceStream(self.separator, 1), None
        return self._named(stream.push(np.zeros((len(stream.samples), 0), dtype=np.float32), last=True))

    def _named(self, sources: np.ndarray) -> dict[str, np.ndarray]:
        refuse_no_sound(sources, "the separated sound")
        return dict(zip((*self.classes, RESIDUAL), sources[:, 0] if self._mono else sources, strict=True))
