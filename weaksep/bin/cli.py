"""What every command shares: the parser, the log lines, and what happens when something goes wrong.

A command module NAME.py looks like this::

    OPTIONS = (option("--events", type=Path, required=True, help="..."), NJ, FORCE)

    def main(argv: Sequence[str] | None = None) -> None:
        args = make_parser("mix", __doc__, OPTIONS).parse_args(argv)
        from weaksep.mixtures import ...   # heavy imports only now: --help must be quick
        ...

    if __name__ == "__main__":
        sys.exit(run_command(main))
"""

import argparse
import logging
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn, get_args

from weaksep.errors import did_you_mean
from weaksep.fileio.failure import fixable_reason
from weaksep.fileio.logs import printable, set_up_logging
from weaksep.fileio.models import model_names
from weaksep.fileio.names import AudioFormat, one_line, text_problem
from weaksep.fileio.tables import to_float
from weaksep.jobs.interrupt import Interrupted, signals_handled


def str2bool(text: str) -> bool:
    """The argparse type of a switch that takes ``true`` or ``false``, as in ESPnet's recipes."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")


def positive_int(text: str) -> int:
    """The argparse type of a number of things: 1 or more."""
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def whole_number(text: str) -> int:
    """The argparse type of how many times: 0 or more."""
    return 0 if text == "0" else positive_int(text)


def plain_path(text: str) -> Path:
    """The argparse type of every path: an option with ``type=Path`` has it.

    An empty one would be the current folder, or lead to the root of the disk in a script: ``--out "$UNSET"``.
    """
    problem = "is empty" if not text else text_problem(text)
    if problem:
        raise argparse.ArgumentTypeError(f"the path {one_line(text)!r} {problem}")
    return Path(text)


def share(text: str) -> float:
    """The argparse type of a share between 0 and 1."""
    try:
        value = to_float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share between 0 and 1")
    return value


def with_dashes(argv: Sequence[str]) -> list[str]:
    """The arguments with ``--stop_stage`` written ``--stop-stage``; values stay as they are.

    >>> with_dashes(["--batch_size=a_b", "--out", "x_y", "--", "--as_is"])
    ['--batch-size=a_b', '--out', 'x_y', '--', '--as_is']
    """
    end = [*argv, "--"].index("--")
    named = [re.sub("^--[^=]*", lambda name: name[0].replace("_", "-"), argument) for argument in argv[:end]]
    return [*named, *argv[end:]]


def tell(text: str) -> None:
    """Print a command's result, line ends kept."""
    print(printable(text), flush=True)


class CommandParser(argparse.ArgumentParser):
    """argparse that takes ``--a_b`` for ``--a-b`` and names the nearest option on a slip."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.register("type", Path, plain_path)

    def parse_known_args(self, args=None, namespace=None):
        arguments = with_dashes(sys.argv[1:] if args is None else args)
        for argument in arguments[: [*arguments, "--"].index("--")]:
            # Before argparse complains that a required option is missing, which was only misspelt.
            if argument.startswith("--") and argument.partition("=")[0] not in self._option_string_actions:
                self.error(f"unrecognized arguments: {argument}")
        return super().parse_known_args(arguments, namespace)

    def error(self, message: str) -> NoReturn:
        unknown = message.partition("unrecognized arguments: ")[2].split()
        if unknown and unknown[0].startswith("-"):
            name = unknown[0].partition("=")[0]
            # Without the dashes, which all have: they would make strangers look alike.
            known = [option[2:] for option in self._option_string_actions if option.startswith("--")]
            hint = did_you_mean(name.lstrip("-"), known, "").replace("mean ", "mean --")
            message = f"unknown option {name}" + (f"; {hint}" if hint else "")
        self.exit(2, f"{self.prog}: error: {one_line(message)} ({self.prog} --help lists the options)\n")


# What ``add_argument`` takes: names, and settings by keyword.
Option = tuple[tuple[str, ...], dict[str, Any]]


def option(*names: str, **settings: Any) -> Option:
    """A line in a command's table of options."""
    return names, settings


def switch(name: str, default: bool | None, help: str) -> Option:
    """An option that takes ``true`` or ``false``."""
    return option(name, type=str2bool, default=default, metavar="true|false", help=help)


def accept_truncated(default: bool | None) -> Option:
    """``--accept-truncated``, of the commands that read the user's own audio; None: as the configuration says."""
    said = "as the configuration says" if default is None else "%(default)s"
    what = "take what is there of audio files that were cut short; the log says how much is missing"
    return switch("--accept-truncated", default, f"{what} ({said})")


def audio_format(default: AudioFormat | None) -> Option:
    """``--audio-format``, of the commands that write clips; None: as the configuration says."""
    said = "as the configuration says" if default is None else "%(default)s"
    what = f"of the clips: wav or flac, a file each, or wav.ark or flac.ark, archives of many ({said})"
    return option("--audio-format", choices=get_args(AudioFormat), default=default, help=what)


NJ = option("--nj", type=positive_int, default=1, help="worker processes (%(default)s)")
RETRIES = option(
    "--retries",
    type=whole_number,
    default=2,
    help="on Slurm, times that a job that failed is tried again (%(default)s)",
)
EXPDIR = option("--expdir", type=Path, default=Path("exp"), help="folder of the experiments (%(default)s)")
SEEDS = option("--seeds", default="", help="'0 1': of trainings, one each: strong+seed0, strong+seed1")
FORCE = switch("--force", False, "do it again although nothing has changed (%(default)s)")


def make_parser(name: str, description: str | None, options: Iterable[Option] = ()) -> argparse.ArgumentParser:
    """The parser of ``weaksep NAME``; ``--debug``, which ``run_command`` reads by itself, is an option of all commands.

    Args:
        name: the command.
        description: text over the options, usually the module's docstring.
        options: the command's own, in the order of the help.
    """
    parser = CommandParser(
        prog=f"weaksep {name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    debug = option("--debug", action="store_true", help="more log lines, and the traceback of an error")
    for names, settings in (debug, *options):
        parser.add_argument(*names, **settings)
    return parser


def model_help() -> str:
    """What an option for a separator takes, for its help."""
    named = "".join(f", or {name}, which comes with weaksep" for name in model_names())
    return f"folder of a trained separator, a packed model, or ORG/NAME[@REVISION] on the Hugging Face hub{named}"


def given(**settings: object) -> list[str]:
    """Options as overrides of a configuration; those that were not given, which are None, are none.

    >>> given(accept_truncated=True, audio_format=None)
    ['accept_truncated=true']
    """
    texts = {name: str(value).lower() if isinstance(value, bool) else value for name, value in settings.items()}
    return [f"{name}={value}" for name, value in texts.items() if value is not None]


def run_command(
    function: Callable[[list[str]], int | None], argv: Sequence[str] | None = None, name: str | None = None
) -> int:
    """Call a command's main and turn its end into an exit status; nothing that a user can fix shows a traceback.

    Args:
        function: takes the arguments (dashes in option names), returns an exit status or None for 0.
        argv: the process's own arguments by default.
        name: of the command, for the error line; the function's module by default.

    Returns:
        the function's status; 1 for a UserError, 130 after Ctrl-C, 143 after SIGTERM, 138 after SIGUSR1. Other
        exceptions, being bugs, pass.
    """
    arguments = with_dashes(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    if name is None:
        name = Path(sys.modules[function.__module__].__file__ or "").stem.replace("_", "-")
    set_up_logging(debug)
    try:
        with signals_handled():
            return function(arguments) or 0
    except BrokenPipeError:
        # The reader (head, less) has gone; Python would complain again when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (Interrupted, KeyboardInterrupt) as error:
        status = error.status if isinstance(error, Interrupted) else 130
        message = "interrupted; the same command (without --force) goes on from what is done"
        print(f"weaksep {name}: {message}", file=sys.stderr)
        return status
    except Exception as error:
        reason = fixable_reason(error, "disk")
        if reason is None:
            raise
        if debug:
            logging.getLogger(__name__).exception("the error came from here")
        print(f"weaksep {name}: error: {printable(reason)}", file=sys.stderr)
        return 1
