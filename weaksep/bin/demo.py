"""A page that separates sounds in the browser: ``weaksep demo MODEL``.

Open the address that it prints, drop a file or record something, hear and see its sources, and save them. The model
runs in the browser: no sound leaves it, and nothing is fetched from elsewhere. Ctrl-C ends it. docs/demo.md says what
it needs.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from weaksep.bin.cli import make_parser, model_help, option, run_command, tell, whole_number


def port(text: str) -> int:
    """The argparse type of a port; 0 is any that is free."""
    number = whole_number(text)
    if number > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; there are 65535")
    return number


OPTIONS = (
    option("model", type=Path, metavar="MODEL", help=model_help()),
    option("--port", type=port, default=8000, help="where the page is, on this machine alone; 0: any (%(default)s)"),
)


def main(argv: Sequence[str] | None = None) -> None:
    """Serve the page until Ctrl-C."""
    args = make_parser("demo", __doc__, OPTIONS).parse_args(argv)

    from weaksep.infer.demo import HOST, Served, make_server, served_files
    from weaksep.jobs.interrupt import Interrupted

    files: dict[str, Served] = {}
    with make_server(files, args.port) as server:  # a port that is taken comes up before the work of the next line
        files.update(served_files(args.model))
        tell(f"http://{HOST}:{server.server_port}/  (Ctrl-C to end)")
        try:
            server.serve_forever()
        except (Interrupted, KeyboardInterrupt):
            tell("ended")


if __name__ == "__main__":
    sys.exit(run_command(main))
