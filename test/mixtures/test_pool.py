"""The events folder: what is wrong with it is said at once; its audio is held in bounded memory."""

from __future__ import annotations

import numpy as np
import pytest

from weaksep.errors import UserError
from weaksep.fileio.atomic import write_text
from weaksep.fileio.audio import write_audio
from weaksep.fileio.tables import write_table
from weaksep.mixtures.pool import EventAudio, EventPool


def make(folder, rate_of=lambda number: 8000, **tables):
    events = {f"e{number}": f"audio/e{number}.wav" for number in range(4)}
    for number, path in enumerate(events.values()):
        write_audio(folder / path, np.full(1000, 0.25 * number), rate_of(number), "FLOAT")
    defaults = {
        "wav.scp": events,
        "utt2class": dict(zip(events, "abab", strict=True)),
        "utt2spk": dict(zip(events, "rstu", strict=True)),
    }
    for name, table in {**defaults, **tables}.items():
        write_table(folder / name, table)
    write_text(folder / "labels.txt", "b\na\n")
    return folder


def test_load(tmp_path):
    pool = EventPool.load(make(tmp_path))
    assert pool.classes == ("b", "a") and pool.sample_rate == 8000
    assert pool.by_class["a"] == (("e0", "r"), ("e2", "t"))


def test_what_is_wrong_is_listed_at_once(tmp_path):
    make(tmp_path, utt2class={"e1": "a", "e2": "c", "e3": "a"}, utt2spk={"e0": "r", "e1": "s", "e2": "t"})
    with pytest.raises(UserError) as caught:
        EventPool.load(tmp_path)
    for line in ("e0: not in utt2class", "e3: not in utt2spk", "e2: class c", "class b: no event"):
        assert line in str(caught.value)


def test_no_folder(tmp_path):
    with pytest.raises(UserError, match="nothing.*wav.scp is missing; stage 0 writes it"):
        EventPool.load(tmp_path / "nothing")


def test_audio_errors(tmp_path):
    audio = EventAudio(EventPool.load(make(tmp_path, rate_of=lambda n: 16000 if n == 2 else 8000)))
    with pytest.raises(UserError, match=r"e0\.wav: digital silence"):
        audio("e0")
    with pytest.raises(UserError, match=r"e2\.wav: 16000 Hz"):
        audio("e2")


def test_memory_is_bounded_and_the_last_used_stay(tmp_path):
    audio = EventAudio(EventPool.load(make(tmp_path)), cache_bytes=8000)  # two files of 4000 bytes
    first, level = audio("e1")
    assert level == pytest.approx(0.25) and audio("e1")[0] is first
    audio("e2")
    assert audio("e1")[0] is first
    audio("e3")  # e2 goes, being the longest unused
    assert audio("e1")[0] is first and list(audio._held) == ["e3", "e1"]
    assert audio._bytes == 8000
