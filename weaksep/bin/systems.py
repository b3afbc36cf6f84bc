"""List the systems that a configuration folder describes, one a line; run.sh --systems all takes them."""

import sys
from collections.abc import Sequence
from pathlib import Path

from weaksep.bin.cli import make_parser, option, run_command, switch, tell

OPTIONS = (
    option("systems", nargs="*", metavar="NAME", help="these alone; one that there is not is an error"),
    option("--config-dir", type=Path, default=Path("conf"), help="folder of the YAMLs (%(default)s)"),
    switch("--about", True, "also what each one is (%(default)s)"),
    option("--init", type=Path, help="fail unless this separator is there to begin with"),
)


def main(argv: Sequence[str] | None = None) -> None:
    """Print the names, or names and descriptions."""
    args = make_parser("systems", __doc__, OPTIONS).parse_args(argv)

    from weaksep.errors import UserError
    from weaksep.fileio.network import read_description
    from weaksep.train.systems import all_systems, check_systems, system_configs

    if args.init:
        read_description(args.init, "separator")
    check_systems(args.config_dir, args.systems)
    names = args.systems or all_systems(args.config_dir)
    if not names:
        raise UserError(f"{args.config_dir}: no YAML of a system")
    if args.about:
        width = max(map(len, names))
        for name, config in system_configs(args.config_dir, names).items():
            tell(f"{name:<{width}}  {config.about}".rstrip())
    else:
        tell("\n".join(names))


if __name__ == "__main__":
    sys.exit(run_command(main))
