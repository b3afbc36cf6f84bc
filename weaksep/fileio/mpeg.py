"""Frames of an MP3 stream: how long it says it is, and how long it is.

Layout of the frames' headers: ISO 11172-3 and 13818-3. The first frame may hold a Xing, Info or VBRI header in place of
sound, with the numbers of frames and bytes; nothing else tells the length, short of walking through all frames.
"""

from collections.abc import Callable

# kbit/s by the four bits of the header; of MPEG 1 and, after it, of MPEG 2 and 2.5.
_RATES = {
    (3, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (3, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (3, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_HZ = (44_100, 48_000, 32_000)
_PIECE = 1 << 16  # bytes read at once

At = Callable[[int, int], bytes]  # (place, count) -> bytes of the file, fewer at its end


def frame(header: bytes) -> tuple[int, int] | None:
    """(bytes, samples a channel) of the frame with this header of four bytes; None when it is no header."""
    word = int.from_bytes(header[:4], "big")
    version, layer = word >> 19 & 3, 4 - (word >> 17 & 3)
    rate, hz = word >> 12 & 15, word >> 10 & 3
    if len(header) < 4 or word >> 21 != 0x7FF or version == 1 or layer == 4 or rate in (0, 15) or hz == 3:
        return None
    kilobits = _RATES[3 if version == 3 else 2, layer if version == 3 else min(layer, 2)][rate]
    samples = {1: 384, 2: 1152, 3: 1152 if version == 3 else 576}[layer]
    slot = 4 if layer == 1 else 1
    frequency = _HZ[hz] >> (3 - version if version else 2)
    size = samples // 8 * kilobits * 1000 // (frequency * slot) + (word >> 9 & 1)
    return size * slot, samples


def promised(first: bytes) -> tuple[int, int] | None:
    """(frames, bytes) that the header in the first frame promises, 0 for what it leaves out; None without one."""
    if first[36:40] == b"VBRI":
        return int.from_bytes(first[50:54], "big"), int.from_bytes(first[46:50], "big")
    place = max(first.find(b"Xing", 4, 48), first.find(b"Info", 4, 48))
    if place < 0:
        return None
    flags, *numbers = (int.from_bytes(first[at : at + 4], "big") for at in range(place + 4, place + 16, 4))
    frames = numbers.pop(0) if flags & 1 else 0
    return frames, numbers.pop(0) if flags & 2 else 0


def samples(at: At) -> int:
    """Samples a channel of all whole frames that follow one another from the beginning of a file."""
    found, place, begin, piece = 0, 0, 0, b""
    while True:
        if place + 4 > begin + len(piece):
            begin, piece = place, at(place, _PIECE)
        this = frame(piece[place - begin : place - begin + 4])
        if this is None or not at(place + this[0] - 1, 1):
            return found
        place, found = place + this[0], found + this[1]
