"""Raw samples from one pipe, separated, into another, as long as there are any."""

import logging
import os
import select
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import numpy as np

from weaksep.errors import UserError, count, raise_problems, unknown_names
from weaksep.fileio.audioread import refuse_no_sound, samples_problem
from weaksep.fileio.names import RESIDUAL
from weaksep.fileio.pcm import PCM, decode, encode
from weaksep.infer.model import Separator
from weaksep.infer.source_stream import SourceStream, latency_samples
from weaksep.jobs.interrupt import Interrupted, deferred

logger = logging.getLogger(__name__)

ALL = "all"
READ_BYTES = 65_536  # at most; a pipe gives what is there


@dataclass(frozen=True)
class Pcm:
    """What the bytes are: a key of ``PCM``, the sample rate in Hz (None: the model's), and the number of channels."""

    form: str = "s16le"
    sample_rate: int | None = None
    channels: int = 1


def chosen_outputs(separator: Separator, names: Sequence[str]) -> list[int]:
    """Which outputs are asked for, in this order: classes, the residual, or all of them.

    Raises:
        UserError: there is no such output.
    """
    outputs = [*separator.classes, RESIDUAL]
    if list(names) == [ALL]:
        return list(range(len(outputs)))
    if ALL in names and ALL not in outputs:
        raise UserError(f"--class {' '.join(names)}: {ALL} has every class and the residual; give it alone")
    raise_problems("no such class", [f"--class {line}" for line in unknown_names(names, outputs)], one_alone=True)
    return [outputs.index(name) for name in names]


@contextmanager
def _told_as(name: str) -> Iterator[None]:
    """A pipe's error by the pipe's name; that nobody reads any more is none."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UserError(f"{name}: {error.strerror}; what came out before is separated") from None


def _read(source: int) -> bytes:
    """What there is; waits where a pipe would not by itself, as another program that has it open may have set it."""
    with _told_as("stdin"):
        while True:
            try:
                return os.read(source, READ_BYTES)
            except BlockingIOError:
                select.select([source], [], [])


def _write(sink: int, content: bytes) -> None:
    """All of it; see ``_read``."""
    view = memoryview(content)
    with _told_as("stdout"):
        while view:
            try:
                view = view[os.write(sink, view) :]
            except BlockingIOError:
                select.select([], [sink], [])


class _Pipe:
    """Bytes in, bytes out."""

    def __init__(self, separator: Separator, chosen: Sequence[int], pcm: Pcm, sink: int) -> None:
        self.stream, self.chosen, self.pcm, self.sink = SourceStream(separator, pcm.channels), list(chosen), pcm, sink
        self.size = PCM[pcm.form][0].itemsize * pcm.channels
        self.waiting = b""  # of a sample that has not come whole
        self.clipped = 0

    def push(self, content: bytes, last: bool = False) -> None:
        """Separate, and write what is known by now."""
        content = self.waiting + content
        whole = len(content) // self.size * self.size
        self.waiting = content[whole:]
        block = decode(content[:whole], self.pcm.form, self.pcm.channels)
        if problem := samples_problem(block):
            raise UserError(f"stdin holds {problem}; is it {self.pcm.form}?")
        sources = self.stream.push(block, last)[self.chosen]
        refuse_no_sound(sources, "stdout")
        encoded, clipped = encode(np.concatenate(list(sources)), self.pcm.form)
        self.clipped += clipped
        _write(self.sink, encoded)


def stream_pcm(separator: Separator, names: Sequence[str], pcm: Pcm, source: int, sink: int) -> int:
    """Separate what comes out of one file descriptor into another, until it ends or a signal comes.

    What is known is written at once; at the end, and after a signal too, what is left of all that was read.

    Args:
        separator: whose net can take streams.
        names: outputs, see ``chosen_outputs``. Written are the channels of the first, then those of the second ...
        pcm: what is read. Written is the same form and rate.
        source, sink: file descriptors.

    Returns:
        exit status: 0, or 128 + the number of the signal.

    Raises:
        UserError: the net takes no streams, has no such outputs or another rate; the input is no sound, or ends within
            a sample; or one of the two cannot be read or written.
        BrokenPipeError: nobody reads any more.
    """
    rate, late, status = separator.sample_rate, latency_samples(separator), 0
    chosen, outputs = chosen_outputs(separator, names), [*separator.classes, RESIDUAL]
    if pcm.sample_rate not in (None, rate):
        raise UserError(
            f"--rate {pcm.sample_rate}: this model hears {rate} Hz; convert in front of it: "
            f"ffmpeg -i IN -f {pcm.form} -ar {rate} -ac {pcm.channels} - | weaksep stream ..."
        )
    pipe = _Pipe(separator, chosen, pcm, sink)
    told = f"{', '.join(outputs[index] for index in chosen)}: {count(len(chosen) * pcm.channels, 'channel')}"
    logger.info("%s of %s at %d Hz, %d samples (%.0f ms) late", told, pcm.form, rate, late, 1000 * late / rate)
    try:
        while content := _read(source):
            with deferred():  # a signal comes between two blocks, when what was read is separated and written
                pipe.push(content)
    except Interrupted as signal:
        status = signal.status
    with suppress(Interrupted), deferred():
        pipe.push(b"", last=True)
    if pipe.clipped:
        logger.warning("%d samples are beyond full scale and were clipped", pipe.clipped)
    if pipe.waiting and not status:
        raise UserError(
            f"stdin ends within a sample: {len(pipe.waiting)} of {pipe.size} bytes ({pcm.form}, channels: "
            f"{pcm.channels}); what came before is separated; are --format and --channels right?"
        )
    return status
