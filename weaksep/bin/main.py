"""The console command ``weaksep NAME ...``: find weaksep/bin/NAME.py, import it alone and call its main.

The list of commands is the list of files, so a new command needs no entry here.
"""

import ast
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from weaksep import __version__
from weaksep.bin.cli import run_command
from weaksep.errors import did_you_mean

_NOT_COMMANDS = ("__init__", "__main__", "cli", "main")


def command_files() -> dict[str, Path]:
    """Every command's name (with dashes) and its file, by name."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return {file.stem.replace("_", "-"): file for file in files if file.stem not in _NOT_COMMANDS}


def _usage(commands: dict[str, Path]) -> str:
    lines = ["usage: weaksep NAME [options]      (weaksep NAME --help lists the options)", "", "commands:"]
    for name, file in commands.items():
        # The docstring is read without importing: importing every command would import all they need.
        docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
        lines.append(f"  {name:<12} {docstring.partition(chr(10))[0]}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status (2 when there is no such command).

    Args:
        argv: name and arguments; the process's own by default.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    commands = command_files()
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_usage(commands), file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    if arguments[0] == "--version":
        print(f"weaksep {__version__}")
        return 0
    name = arguments[0].replace("_", "-")
    if name not in commands:
        hint = did_you_mean(name, commands, f"there is: {' '.join(commands)}")
        print(f"weaksep: error: no command {arguments[0]!r}; {hint}", file=sys.stderr)
        return 2
    module = importlib.import_module(f"weaksep.bin.{commands[name].stem}")
    return run_command(module.main, arguments[1:], name=name)
