"""What tools/fuzz.py feeds to the commands' parsers: words that look like options, in all their forms."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io

from fuzz_mutate import Draws, mutate
from fuzz_targets import Target

from weaksep.bin.cli import CommandParser
from weaksep.bin.main import command_files
from weaksep.errors import UserError

VALUES = (
    *("", "0", "1", "-1", "2", "true", "False", "yes", "nan", "1e999", "0.5", "1_0", "\u00b9", "9" * 400, "x" * 5000),
    *("-", "--", "---", "--x", "-x", "=", "a=b", "--nj=2", "--help", "-h", "--debug", "optim.max_epochs=3", "@file"),
    *("x", "a b", "../..", "/", "strong frame", "classifier", "%s", "%(prog)s", "{}", "\n", "a\nb", "\33[2J"),
    *("\ud800", "\u2028"),
)


class Options(Target):
    """The options of every command, as words."""

    def prepare(self) -> list[list[str]]:
        self.parsers = [_parser_of(file.stem) for file in command_files().values()]
        # Their own texts take milliseconds to lay out; how they end is what is looked at.
        for parser in self.parsers:
            parser.format_help = lambda: "help\n"  # type: ignore[method-assign]
        return [[word for word in parser._option_string_actions if word.startswith("-")] for parser in self.parsers]

    def make(self, draws: Draws) -> tuple[int, list[str]]:
        number = draws.below(len(self.good))
        words: list[str] = []
        for _ in range(draws.below(9)):
            option = draws.of(self.good[number])
            if draws.below(4) == 0:
                option = mutate(option.encode(), draws).decode(errors="surrogateescape").replace("\0", "0")
            form = draws.below(5)
            words += [[option, draws.of(VALUES)], [option], [f"{option}={draws.of(VALUES)}"], [draws.of(VALUES)], [
                option.replace("-", "_"), draws.of(VALUES)]][form]  # fmt: skip
        return number, words

    def kept(self, content: tuple[int, list[str]]) -> bytes:
        return "\n".join([self.parsers[content[0]].prog, *content[1]]).encode(errors="backslashreplace")

    def feed(self, content: tuple[int, list[str]], draws: Draws) -> object:
        output, errors = io.StringIO(), io.StringIO()
        parser = self.parsers[content[0]]
        try:
            with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
                return parser.parse_args(content[1])
        except SystemExit as end:
            said = errors.getvalue()
            if end.code == 0:
                assert output.getvalue() == "help\n" and not said
                return end
            assert end.code == 2 and said.startswith(f"{parser.prog}: error: ")
            raise UserError(said.removesuffix("\n")) from None


class _Caught(Exception):
    """Carries a parser out of its command."""


def _parser_of(name: str) -> argparse.ArgumentParser:
    """The parser of a command, caught when it is about to parse: most commands make it inside their main."""

    def catch(self: argparse.ArgumentParser, *_: object) -> None:
        raise _Caught(self)

    module = importlib.import_module(f"weaksep.bin.{name}")
    before, CommandParser.parse_args = CommandParser.parse_args, catch  # type: ignore[assignment, method-assign]
    try:
        module.main([])
    except _Caught as caught:
        return caught.args[0]
    finally:
        CommandParser.parse_args = before  # type: ignore[method-assign]
    raise AssertionError(f"weaksep {name} parses no options")
