"""Separate while the sound goes on: ``... | weaksep stream --model M --class dog | ...``.

Raw samples come in on stdin and go out on stdout, in the same form and at the same rate, so that ffmpeg, sox or a sound
card can stand on both sides. The output lags by a latency that the log gives, and is otherwise that of the whole sound;
memory does not grow. The end of the input, Ctrl-C or SIGTERM ends it, with everything written that was read.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from weaksep.bin.cli import make_parser, model_help, option, positive_int, run_command
from weaksep.errors import UserError

EXAMPLE = "ffmpeg -i IN -f s16le -ar RATE -ac 1 - | weaksep stream --model M --class dog | ffplay -f s16le -ar RATE -"


def few_channels(text: str) -> int:
    """The argparse type of a number of channels."""
    channels = positive_int(text)
    if channels > 64:
        raise argparse.ArgumentTypeError(f"{text!r} is more than 64 channels")
    return channels


OPTIONS = (
    option(
        "--model",
        type=Path,
        required=True,
        help=f"{model_help()}; its net must be one for streams (docs/streaming.md)",
    ),
    option(
        "--class",
        dest="classes",
        nargs="+",
        required=True,
        metavar="NAME",
        help="what to write, one after the other in the channels: classes, residual (what they leave); or all of them",
    ),
    option("--format", choices=("s16le", "f32le"), default="s16le", help="of the samples, in and out (%(default)s)"),
    option("--rate", type=positive_int, default=None, metavar="HZ", help="of the samples; only the model's will do"),
    option("--channels", type=few_channels, default=1, help="of the input; the net hears their mean (%(default)s)"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Separate stdin into stdout."""
    args = make_parser("stream", __doc__, OPTIONS).parse_args(argv)
    for name, file in (("stdin", sys.stdin), ("stdout", sys.stdout)):
        if file is None or file.isatty():
            what = "closed" if file is None else "a terminal, and samples are no text"
            raise UserError(f"{name} is {what}; use it as in: {EXAMPLE}")

    from weaksep.infer.model import load_separator
    from weaksep.infer.pipes import Pcm, stream_pcm
    from weaksep.infer.source_stream import streaming_net
    from weaksep.jobs.threads import one_thread

    with one_thread():  # of a few frames at a time, threads would wait for each other
        separator = load_separator(args.model)
        streaming_net(separator, args.model)
        pcm = Pcm(args.format, args.rate, args.channels)
        return stream_pcm(separator, args.classes, pcm, sys.stdin.fileno(), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(run_command(main))
