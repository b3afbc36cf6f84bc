"""What audio files say of their own length, and whether all of it is there.

libsndfile takes what a truncated file still holds for the whole, without a word. Here the length that the file declares
is compared with its size, for each kind of file that libsndfile reads. Some kinds declare none, and programs that write
into a pipe cannot go back to fill it in: then nobody can tell.
"""

import os
import re
import struct
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from weaksep.fileio import mpeg

_MAX_CHUNKS = 1000
_MAX_PAGE = 65_307  # bytes of the largest page of Ogg


class Length(NamedTuple):
    """What is known of a file's length.

    Attributes:
        known: the file declares it.
        missing: what of it is not there, for people; empty for a whole file.
        samples: a channel, that it has at the least.
    """

    known: bool = True
    missing: str = ""
    samples: int = 0


WHOLE, UNKNOWN = Length(), Length(known=False)


class _File(NamedTuple):
    """An open file from a place on, as if it began there."""

    descriptor: int
    size: int
    begin: int = 0

    def at(self, place: int, count: int) -> bytes:
        """Bytes of the file, fewer at its end."""
        return os.pread(self.descriptor, count, self.begin + place) if place < self.size else b""

    def number(self, place: int, kind: str) -> int:
        """A whole number in the file, 0 behind its end; ``kind`` as for struct."""
        content = self.at(place, struct.calcsize(kind))
        return int(struct.unpack(kind, content)[0]) if len(content) == struct.calcsize(kind) else 0

    def holds(self, promised: int, place: int) -> Length:
        """Whether so many bytes are there from a place on."""
        held = max(0, self.size - place)
        if held >= promised:
            return WHOLE
        share = f"{100 * (promised - held) / promised:.3g} % is missing"
        return Length(missing=f"its header promises {promised} bytes of sound, it holds {held} ({share})")


class _Chunks(NamedTuple):
    """A file of named chunks.

    Attributes:
        header: struct of a chunk's name and size.
        first: place of the first chunk.
        data: name of the one with the sound.
        align: sizes are filled up to a multiple of it.
        counted: bytes of a chunk's header that its size includes.
        of_pipes: sizes that mean none, besides those of ``_no_size``.
        elsewhere: place of the sound's size in 64 bits where the chunk's own is 0xFFFFFFFF.
    """

    header: str
    first: int
    data: bytes
    align: int = 2
    counted: int = 0
    of_pipes: range = range(0)
    elsewhere: int = 0


def _no_size(size: int, bits: int) -> bool:
    """Whether a size is one that programs write when they cannot know it yet (sox and ffmpeg into a pipe)."""
    return size <= 0 or (size >= 2**62 if bits == 64 else 0x7FFFF000 <= size <= 0x7FFFFFFF or size >= 0xFFFFF000)


def _chunked(form: _Chunks, file: _File) -> Length:
    place, bits = form.first, 64 if form.header[-1] in "qQ" else 32
    for _ in range(_MAX_CHUNKS):
        header = file.at(place, struct.calcsize(form.header))
        if len(header) < struct.calcsize(form.header):
            break
        name, size = struct.unpack(form.header, header)
        place, size = place + len(header), size - form.counted
        if name == form.data:
            if size == 0xFFFFFFFF and form.elsewhere:
                size, bits = file.number(form.elsewhere, "<Q"), 64
            return UNKNOWN if _no_size(size, bits) or size in form.of_pipes else file.holds(size, place)
        if size < 0:
            break
        place += size + -size % form.align
    return UNKNOWN


def _au(endian: str, file: _File) -> Length:
    size = file.number(8, f"{endian}I")
    return UNKNOWN if size == 0xFFFFFFFF else file.holds(size, file.number(4, f"{endian}I"))


def _avr(file: _File) -> Length:
    channels, width = (2 if file.number(12, ">H") else 1), file.number(14, ">H") // 8
    return file.holds(file.number(26, ">I") * channels * width, 128)


def _flac(file: _File) -> Length:
    """A file cut short is noticed as it is read: its decoder is told how many samples there must be."""
    return WHOLE if file.number(18, ">Q") % 2**36 else UNKNOWN


def _mat4(endian: str, file: _File) -> Length:
    place = 0
    for _ in range(2):  # the sample rate, then the sound
        kind, rows, columns, _, name = (file.number(place + 4 * i, f"{endian}I") for i in range(5))
        size = rows * columns * {0: 8, 1: 4, 2: 4, 3: 2, 4: 2, 5: 1}.get(kind // 10 % 10, 0)
        place += 20 + name + size
    return file.holds(size, place - size)


def _mat5(endian: str, file: _File) -> Length:
    place = 128 + 8 + file.number(132, f"{endian}I") + 8  # behind the sample rate comes the sound,
    for _ in range(3):  # of which there are flags, sizes and the name first
        size = file.number(place + 4, f"{endian}I")
        place += 8 + size + -size % 8
    return file.holds(file.number(place + 4, f"{endian}I"), place + 8)


def _mpc2k(file: _File) -> Length:
    return file.holds(file.number(30, "<I") * 2 * (1 + file.number(21, "B")), 42)


def _nist(file: _File) -> Length:
    fields = dict(re.findall(rb"(\w+) -i (\d{1,18})\s", file.at(0, 1024)))
    names = (b"sample_count", b"channel_count", b"sample_n_bytes")
    if not fields.keys() >= set(names[:1]):
        return UNKNOWN
    frames, channels, width = (int(fields.get(name, b"1")) for name in names)
    return file.holds(frames * channels * width, int(file.at(8, 8).strip() or b"1024"))


def _ogg(file: _File) -> Length:
    """The last page says that it is the last, and all that its table of segments promises is there."""
    start = max(0, file.size - _MAX_PAGE)
    end = file.at(start, _MAX_PAGE)
    place = end.rfind(b"OggS\0")
    page = end[place:]
    if place >= 0 and len(page) > 26 and len(page) >= 27 + page[26] + sum(page[27 : 27 + page[26]]) and page[5] & 4:
        return WHOLE
    return Length(missing="the page that ends its stream is missing")


def _voc(file: _File) -> Length:
    """The first block of sound: libsndfile reads no others, and neither it nor sox counts right where it ends."""
    place = file.number(20, "<H")
    for _ in range(_MAX_CHUNKS):
        kind, size = file.number(place, "B"), file.number(place + 1, "<I") & 0xFFFFFF
        if kind in (1, 9):
            return file.holds(size, place + 4)
        place += 4 + size
    return UNKNOWN


def _sds(file: _File) -> Length:
    """Packets of 127 bytes, 120 of them samples in groups of seven bits."""
    low, middle, high = file.at(10, 3)
    of_packet = 120 // (-(-file.number(6, "B") // 7) or 1) or 1
    return file.holds(-(-(low | middle << 7 | high << 14) // of_packet) * 127, 21)


def _xi(file: _File) -> Length:
    size = file.number(298, "<I")
    return file.holds(size, 338) if size else UNKNOWN


def _mp3(file: _File) -> Length:
    first = file.at(0, 200)
    promised = mpeg.promised(first) if mpeg.frame(first) else None
    if promised is None or promised == (0, 0):
        return Length(known=False, samples=mpeg.samples(file.at))
    return file.holds(promised[1], 0)


_RIFF = _Chunks("<4sI", 12, b"data")
_RF64 = partial(_chunked, _RIFF._replace(elsewhere=28))
_AIFF = _Chunks(">4sI", 12, b"SSND", of_pipes=range(0x7EFFFF00, 0x7F000100))  # sox's
_W64 = _Chunks("<16sQ", 40, b"data" + bytes.fromhex("f3acd3118cd100c04f8edb8a"), align=8, counted=24)

# Bytes at the beginning of a file, as a regular expression -> how its length is checked.
_KINDS: dict[bytes, Callable[[_File], Length]] = {
    rb"RIFF....WAVE": partial(_chunked, _RIFF),
    rb"RIFX....WAVE": partial(_chunked, _RIFF._replace(header=">4sI")),
    rb"RF64....WAVE": _RF64,
    rb"BW64....WAVE": _RF64,
    rb"riff\x2e\x91\xcf\x11": partial(_chunked, _W64),
    rb"FORM....AIF[FC]": partial(_chunked, _AIFF),
    rb"FORM....(8SVX|16SV)": partial(_chunked, _Chunks(">4sI", 12, b"BODY")),
    rb"caff": partial(_chunked, _Chunks(">4sq", 8, b"data", align=1)),
    rb"\.snd": partial(_au, ">"),
    rb"dns\.": partial(_au, "<"),
    rb"2BIT": _avr,
    rb"fLaC": _flac,
    rb"OggS": _ogg,
    rb"NIST_1A": _nist,
    rb"Creative Voice File\x1a": _voc,
    rb"MATLAB 5\.0 MAT-file.{107}MI": partial(_mat5, ">"),
    rb"MATLAB 5\.0 MAT-file.{107}IM": partial(_mat5, "<"),
    rb"\x00\x00\x03\xe8\x00\x00\x00\x01": partial(_mat4, ">"),
    rb"\x00\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00": partial(_mat4, "<"),
    rb"\x01\x04": _mpc2k,
    rb"ALawSoundFile\*\*\x00": lambda file: file.holds(file.number(18, ">I"), 32),
    rb"Extended Instrument: ": _xi,
    rb"\xf0\x7e.\x01.{17}": _sds,
    rb"\xff[\xe2-\xff]": _mp3,
}


def length(descriptor: int) -> Length:
    """What an open file says of its own length, and what of it is there.

    Raises:
        OSError: the file cannot be read.
    """
    file = _File(descriptor, os.fstat(descriptor).st_size)
    if file.at(0, 3) == b"ID3":  # a tag in front, of MP3 above all
        sizes = zip(file.at(6, 4), (21, 14, 7, 0), strict=False)
        tag = 10 + sum((byte & 127) << shift for byte, shift in sizes)
        file = _File(descriptor, file.size - tag, tag)
    if 2 * file.number(0, ">I") + 12 == file.size:  # HTK, which has nothing else to be known by
        return WHOLE
    head = file.at(0, 128)
    kinds = (check for magic, check in _KINDS.items() if re.match(magic, head, re.DOTALL))
    return next(kinds, lambda file: UNKNOWN)(file)
