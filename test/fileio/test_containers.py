"""What every kind of audio file says of its length: cut short it is refused, or taken with a word in the log."""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from weaksep.errors import UserError
from weaksep.fileio import mpeg
from weaksep.fileio.audio import read_any
from weaksep.fileio.audioread import opened, read_blocks, samples_problem

RATE = 8000
NOISE = 0.1 * np.random.default_rng(0).standard_normal(5001).astype(np.float32)
# Kinds that say how long they are, and those that libsndfile writes and that do not.
DECLARED = (
    *("AIFF", "AU", "AVR", "CAF", "FLAC", "HTK", "MAT4", "MAT5", "MP3", "MPC2K", "NIST", "OGG", "RF64", "SDS", "SVX"),
    *("VOC", "W64", "WAV", "WAVEX", "WVE"),
)
UNDECLARED = ("IRCAM", "PAF", "PVF")
UNKNOWN = "does not say how long it is: whether it is whole cannot be checked"


def write(path: Path, kind: str, subtype: str | None = None, endian: str = "FILE") -> bytes:
    soundfile.write(path, NOISE, RATE, subtype, endian, kind)
    return path.read_bytes()


def length(path: Path, accept_truncated: bool | None = None) -> int:
    return sum(block.shape[1] for block in read_blocks(path, accept_truncated))


@pytest.mark.parametrize("kind", DECLARED)
def test_a_file_that_says_its_length(tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a"
    content = write(path, kind)
    assert length(path) >= len(NOISE) and caplog.text == ""
    for kept in (len(content) // 3, len(content) // 2, len(content) - 600):
        path.write_bytes(content[:kept])
        with pytest.raises(UserError, match="truncated|cannot be read as audio"):
            length(path)


@pytest.mark.parametrize("kind", UNDECLARED)
def test_a_file_that_does_not(tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a"
    write(path, kind)
    assert length(path) == length(path) == len(NOISE)
    assert caplog.text.count(UNKNOWN) == 1, "said once"


@pytest.mark.parametrize(("kind", "subtype", "endian"), [
    ("WAV", "PCM_16", "BIG"), ("AU", "PCM_16", "LITTLE"), ("MAT4", "FLOAT", "BIG"), ("MAT5", "DOUBLE", "BIG"),
    ("WAV", "GSM610", "FILE"), ("WAV", "IMA_ADPCM", "FILE"), ("AIFF", "ULAW", "FILE"), ("OGG", "OPUS", "FILE"),
    ("CAF", "ALAC_16", "FILE"), ("VOC", "ULAW", "FILE"), ("VOC", "PCM_U8", "FILE"), ("W64", "GSM610", "FILE"),
])  # fmt: skip
def test_other_codings(tmp_path: Path, kind: str, subtype: str, endian: str, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a"
    content = write(path, kind, subtype, endian)
    assert length(path) >= len(NOISE) and len(read_any(path, RATE)) >= len(NOISE) and caplog.text == ""
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="truncated|cannot be read as audio"):
        length(path)


def wav_size(size: int) -> Callable[[bytes], bytes]:
    return lambda content: content[:40] + struct.pack("<I", size) + content[44:]


def chunk_size(name: bytes, size: bytes) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        place = content.index(name) + len(name)
        return content[:place] + size + content[place + len(size) :]

    return change


W64_DATA = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
PIPES: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "ffmpeg's WAV": ("WAV", wav_size(0xFFFFFFFF)),
    "sox's WAV": ("WAV", wav_size(0x7FFFF000)),
    "sox's WAV of 24 bits": ("WAV", wav_size(0x7FFFFFFE)),
    "ffmpeg's AIFF": ("AIFF", chunk_size(b"SSND", bytes(4))),
    "sox's AIFF": ("AIFF", chunk_size(b"SSND", struct.pack(">I", 0x7F000008))),
    "anybody's AU": ("AU", chunk_size(b".snd\0\0\0\x18", b"\xff" * 4)),
    "ffmpeg's W64": ("W64", chunk_size(W64_DATA, struct.pack("<Q", 2**63 - 1))),
    "sox's NIST": ("NIST", lambda content: content.replace(b"sample_count -i 5001\n", b"                    \n")),
    "ffmpeg's FLAC": ("FLAC", lambda content: content[:21] + bytes([content[21] & 0xF0, 0, 0, 0, 0]) + content[26:]),
}


@pytest.mark.parametrize("name", PIPES)
def test_what_programs_write_into_a_pipe(tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    kind, change = PIPES[name]
    path = tmp_path / "a"
    content = change(write(path, kind))
    path.write_bytes(content)
    assert length(path) == len(read_any(path, RATE)) == len(NOISE)
    assert caplog.text.count(UNKNOWN) == 1


@pytest.mark.parametrize("size", [2_147_479_551, 0x80000000, 3_000_000_000, 0xFFFFEFFF])
def test_a_wav_file_of_gigabytes_that_are_not_there(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a"
    path.write_bytes(wav_size(size)(write(path, "WAV")))
    with pytest.raises(UserError, match=rf"truncated: its header promises {size} bytes of sound, it holds 10002 "):
        length(path)


EXTRA: dict[str, Callable[[bytes], bytes]] = {
    "metadata before the sound": lambda c: c[:36] + b"bext" + struct.pack("<I", 700) + bytes(700) + c[36:],
    "metadata of odd length": lambda c: c[:36] + b"note\3\0\0\0abc\0" + c[36:],
    "metadata behind it": lambda c: c + b"LIST\x1a\0\0\0INFOISFT\x0e\0\0\0Lavf59.27.100\0" + b"id3 \4\0\0\0abcd",
    "metadata behind it, cut short": lambda c: c + b"LIST\x1a\0\0\0INFO",
    "bytes behind it": lambda c: c + b"TAG" + bytes(125),
}


@pytest.mark.parametrize("name", EXTRA)
def test_wav_files_with_more_in_them(tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a"
    path.write_bytes(EXTRA[name](write(path, "WAV")))
    assert length(path) == len(NOISE) and caplog.text == ""


def without_length(content: bytes) -> bytes:
    """An MP3 stream without its first frame, which holds its length and no sound."""
    first = mpeg.frame(content[:4])
    assert first is not None and mpeg.promised(content[:200]) is not None
    return content[first[0] :]


def test_mp3_with_and_without_its_length(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a"
    content = write(path, "MP3")
    tagged = b"ID3\4\0\0\0\0\1\0" + bytes(128) + content
    path.write_bytes(tagged)
    assert length(path) == len(NOISE) and caplog.text == ""
    path.write_bytes(tagged[:-100])
    with pytest.raises(UserError, match="truncated: its header promises"):
        length(path)
    soundfile.write(path, NOISE, RATE, format="MP3", bitrate_mode="CONSTANT", compression_level=0.5)
    path.write_bytes(without_length(path.read_bytes()))
    assert length(path) > len(NOISE) - 2000, "what the encoder has put in front stays"
    assert UNKNOWN in caplog.text


def test_mp3_of_varying_rate_without_its_length(tmp_path: Path) -> None:
    """libsndfile guesses its length by the first frame, and leaves out what is behind that."""
    path = tmp_path / "a"
    sound = np.concatenate([np.random.default_rng(0).uniform(-1, 1, 8 * RATE), np.zeros(60 * RATE)])
    with soundfile.SoundFile(path, "w", RATE, 1, format="MP3", bitrate_mode="VARIABLE", compression_level=0.5) as file:
        file.write(sound)
    path.write_bytes(without_length(path.read_bytes()))
    with pytest.raises(UserError, match="samples, of which libsndfile would read .*convert it, to FLAC for example"):
        length(path)


def test_the_last_page_of_ogg(tmp_path: Path) -> None:
    path = tmp_path / "a"
    content = write(path, "OGG")
    last = content.rindex(b"OggS")
    path.write_bytes(content + bytes(100))
    assert length(path) == len(NOISE)
    for kept in (last, last + 20, len(content) - 1):
        path.write_bytes(content[:kept])
        with pytest.raises(UserError, match="truncated: the page that ends its stream is missing"):
            length(path)
    path.write_bytes(content[: last + 5] + bytes([content[last + 5] & ~4]) + content[last + 6 :])
    with pytest.raises(UserError, match="truncated: the page"):
        length(path)


def test_a_tag_in_front_of_flac(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"ID3\4\0\0\0\0\0\x0a" + bytes(10) + write(path, "FLAC"))
    assert length(path) == len(NOISE)


@pytest.mark.parametrize(("kind", "missing"), [
    ("WAV", "promises 10002 bytes of sound, it holds 5000 (50 % is missing)"),
    ("AIFF", "bytes of sound, it holds"),
    ("FLAC", "promises 5001 samples, 4096 can be read (18.1 % is missing)"),
    ("MP3", "bytes of sound, it holds"),
])  # fmt: skip
def test_what_is_there_is_taken(tmp_path: Path, kind: str, missing: str, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a"
    content = write(path, kind)
    path.write_bytes(content[:5044] if kind == "WAV" else content[: len(content) * 9 // 10])
    with pytest.raises(UserError, match="get the whole file, or see --accept-truncated|lost sync"):
        length(path, accept_truncated=False)
    assert caplog.text == ""
    held = length(path, accept_truncated=True)
    assert 0 < held < len(NOISE) and len(read_any(path, RATE, accept_truncated=True)) == held
    assert caplog.text.count(missing) == 1 and caplog.text.count("what is there is taken") == 1


def test_lengths_are_read_where_no_header_says_them(tmp_path: Path) -> None:
    path = tmp_path / "a"
    content = write(path, "WAV")
    for size in (*range(0, 48), len(content)):
        path.write_bytes(content[:size])
        try:
            with opened(path, accept_truncated=True) as file:
                assert file.frames >= 0
        except UserError as error:
            assert "\n" not in str(error)


def test_what_is_no_sound() -> None:
    assert samples_problem(np.zeros(0)) is None and samples_problem(np.array([-1e12, 1e12])) is None
    assert samples_problem(np.array([0.1, -1e20])) == "samples as large as 1e+20 (full scale is 1)"
    for value in (np.nan, np.inf, -np.inf):
        assert samples_problem(np.array([[0.1, value]])) == "NaN or infinite samples"


def test_messages_are_logged_as_warnings(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    write(tmp_path / "a", "PAF")
    length(tmp_path / "a")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
