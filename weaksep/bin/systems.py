"""List the systems that a configuration folder describes, one a line; run.sh --systems all takes them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from weaksep.bin.cli import make_parser, run_command, str2bool, tell


def main(argv: Sequence[str] | None = None) -> None:
    """Print the names, or names and descriptions."""
    parser = make_parser("systems", __doc__)
    parser.add_argument("--config-dir", type=Path, default=Path("conf"), help="folder of the YAMLs (%(default)s)")
    parser.add_argument("--about", type=str2bool, default=True, help="also what each one is (%(default)s)")
    arguments = parser.parse_args(argv)

    from weaksep.errors import UserError
    from weaksep.train.plan import all_systems, system_configs

    names = all_systems(arguments.config_dir)
    if not names:
        raise UserError(f"{arguments.config_dir}: no YAML of a system")
    if not arguments.about:
        tell("\n".join(names))
        return
    width = max(map(len, names))
    for name, config in system_configs(arguments.config_dir, names).items():
        tell(f"{name:<{width}}  {config.about}".rstrip())


if __name__ == "__main__":
    sys.exit(run_command(main))
