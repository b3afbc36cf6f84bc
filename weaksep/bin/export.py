"""A trained separator for programs without weaksep: ``weaksep export MODEL --to onnx|torch --out FILE``.

What is exported takes any number of clips of any length. --part separator: waveforms (B, N) in, one source a class and
the residual out, (B, K + 1, N), with all that lies between. --part chunk: the same for pieces of a long recording, with
the recording's gain as a second input. --part masker: the net alone, magnitudes (B, T, F) in, masks (B, K, T, F) out.
docs/export.md says how to use them.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from weaksep.bin.cli import make_parser, model_help, option, run_command, tell
from weaksep.errors import UserError

OPTIONS = (
    option("model", type=Path, metavar="MODEL", help=model_help()),
    option("--to", choices=("onnx", "torch"), required=True, help="ONNX, or what torch.export.load reads"),
    option("--part", choices=("separator", "chunk", "masker"), default="separator", help="what of it (%(default)s)"),
    option("--out", type=Path, required=True, metavar="FILE", help="the file to write: .onnx, or .pt2 of torch"),
)


def main(argv: Sequence[str] | None = None) -> None:
    """Export a separator."""
    args = make_parser("export", __doc__, OPTIONS).parse_args(argv)

    from weaksep.fileio.models import is_exported
    from weaksep.fileio.place import check_file
    from weaksep.infer.export import SUFFIXES, export

    if args.out.suffix != SUFFIXES[args.to]:
        raise UserError(f"{args.out}: with --to {args.to} the file's name ends in {SUFFIXES[args.to]}")
    check_file(args.out, "an exported model", is_exported)
    export(args.model, args.out, args.to, args.part)
    tell(f"written: {args.out}")


if __name__ == "__main__":
    sys.exit(run_command(main))
