"""Changes to good inputs, for tools/fuzz.py: what a bad disk, a broken line, a careless or an evil hand would do."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from typing import Any

from weaksep.seeding import generator

EXTREMES = (-1, 0, 1, 2, 4, 127, 128, 255, 2**15, 2**16, 2**31 - 1, -(2**31), 2**32 - 1)
PIECES = (
    *(b"\0B", b"FM ", b"DM ", b"CM ", b"CM2 ", b"CM3 ", b"PKL", b"AUDIO", b"NPY", b"RIFF", b"data", b"fmt ", b"\0"),
    *(b" ", b"\n", b"\r\n", b"\t", b"|", b"../", b"/", b":", b"-", b"nan", b"1e999", b"9" * 400, b"x" * 300, b"~"),
    *(b"*a", b"&a", b"!!python/name:os", b"[", b"{", b'"', b"\xef\xbb\xbf", b"\xff", "\u2028\u202e\u00b9".encode()),
)


# In place of a whole cell, number or word.
WORDS = (
    *(b"", b"0", b"-1", b"nan", b"inf", b"-inf", b"1e300", b"1e999", b"0x10", b"1_0", b"0,5", b"9" * 400, b"9" * 5000),
    *(
        b"true",
        b"null",
        b"[]",
        b"{}",
        b"~",
        b"..",
        b"../../x",
        b"/tmp/x",
        b"-",
        b"mix",
        b".hidden",
        b"a|",
        b"2001-02-31",
    ),
    *(b'"\\ud800"', rb'"a\nb"', rb'"\u001b[2J"', b"\x1b[2J", "\u00b9".encode(), "\u0665".encode(), "\u200b".encode()),
    *(b"NaN", b"Infinity", b"onset", b"u1.wav", b"dog"),
)
_WORD = re.compile(rb"[^\s:,/=\[\]{}]+")


class Draws:
    """Whole numbers of one input, drawn at once: a call for each would take longer than the reading."""

    def __init__(self, seed: int, target: str, index: int) -> None:
        self._numbers = iter(generator(seed, "fuzz", target, index).integers(0, 2**31, 400).tolist())

    def below(self, end: int) -> int:
        """0 up to, not including, ``end``; 0 when there is nothing to choose from."""
        return next(self._numbers) % end if end > 0 else 0

    def of(self, choices: Sequence[Any]) -> Any:
        """One of several."""
        return choices[self.below(len(choices))]


def mutate(content: bytes, draws: Draws) -> bytes:
    """Up to five changes; one input in eight stays as it is."""
    if draws.below(8) == 0:
        return content
    changed = bytearray(content)
    for _ in range(1 + draws.below(5)):
        # Half of the changes are where headers are.
        kind, place = draws.below(10), draws.below(min(len(changed), draws.of((64, len(changed)))))
        length = 1 + draws.below(draws.of((4, 20, 200)))
        if kind == 0 and changed:
            changed[place] ^= 1 << draws.below(8)
        elif kind == 1:
            del changed[place:]
        elif kind == 2:
            del changed[place : place + length]
        elif kind == 3:
            changed[place:place] = changed[place : place + length]
        elif kind == 4:
            changed[place:place] = bytes(draws.below(256) for _ in range(min(length, 20)))
        elif kind == 5 and len(changed) >= place + 4:
            struct.pack_into("<I", changed, place, draws.of(EXTREMES) % 2**32)
        elif kind == 6 and changed:
            changed[place] = draws.below(256)
        elif kind == 7:
            changed[place:place] = draws.of(PIECES)
        elif word := _WORD.search(changed, place):
            changed[word.start() : word.end()] = draws.of(WORDS)
    return bytes(changed)
