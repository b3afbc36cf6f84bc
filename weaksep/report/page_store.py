"""Audio as text for a page: FLAC, which loses nothing, in base64; every distinct clip once, and no more than fits."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from weaksep.fileio.audio import read_audio, to_int16

LIMIT_BYTES = 40_000_000  # of text: what a browser opens at once, and what can still be sent or put on a site


def encode(path: Path, sample_rate: int) -> str:
    """A file's samples at 16 bits as base64 of FLAC, not made louder or softer.

    Raises:
        UserError: the file is missing, damaged or at another rate.
    """
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, to_int16(read_audio(path, sample_rate)), sample_rate, format="FLAC", subtype="PCM_16")
    return base64.b64encode(buffer.getvalue()).decode("ascii")


@dataclass
class AudioStore:
    """Clips as text, by id; equal clips (silence, say) have one id.

    Attributes:
        limit: characters that the clips may have together.
        clips: id -> text.
        size: characters so far.
    """

    limit: int = LIMIT_BYTES
    clips: dict[str, str] = field(default_factory=dict)
    size: int = 0
    _ids: dict[str, str] = field(default_factory=dict)

    def add(self, texts: Iterable[str], share: float = 1.0) -> list[str] | None:
        """Ids of the texts; None, and nothing is added, when they do not all fit into this share of the limit."""
        texts = list(texts)
        new = [text for text in dict.fromkeys(texts) if text not in self._ids]
        size = sum(map(len, new))
        if self.size + size > share * self.limit:
            return None
        self.size += size
        for text in new:
            self._ids[text] = f"audio-{len(self.clips)}"
            self.clips[self._ids[text]] = text
        return [self._ids[text] for text in texts]
