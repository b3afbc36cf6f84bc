"""The pages of the documentation, their fenced blocks, and the options that their commands name."""

from __future__ import annotations

import importlib
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from weaksep.bin.main import command_files

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "egs/README.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
BLOCK = re.compile(
    r"(?:^<!-- (?P<note>[^\n]*?) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
NOTE = re.compile(r"not run: \S.{8,}|run by (?P<test>[\w/]+\.(?:py|sh))\b.*")
CODE = re.compile(r"(?<!`)`((?:weaksep|[\w/.]*(?:run|tools/\w+|utils/\w+)\.sh|mkdocs) [^`]+)`(?!`)")
RECIPE_SCRIPT = ROOT / "egs/urbansound_mix/run.sh"


class Block(NamedTuple):
    """A fenced block: where it is, what it holds, and what the comment right before it says of it ("" for none)."""

    place: str
    language: str
    text: str
    note: str


def blocks_in(page: str, place: str) -> Iterator[Block]:
    """The blocks of a page's text."""
    for found in BLOCK.finditer(page):
        line = page.count("\n", 0, found.start("text"))
        yield Block(f"{place}:{line}", found["language"], found["text"], found["note"] or "")


def all_blocks(*languages: str) -> list[Block]:
    """The blocks of all pages in these languages."""
    found = (block for page in PAGES for block in blocks_in(page.read_text("utf-8"), str(page.relative_to(ROOT))))
    return [block for block in found if block.language in languages]


def note_problem(note: str) -> str:
    """What is wrong with the comment before a block that is not run here; empty if nothing is."""
    match = NOTE.fullmatch(note)
    if not match:
        return "the comment before it is neither 'not run: <why>' nor 'run by <test>'"
    return f"there is no {match['test']}" if match["test"] and not (ROOT / match["test"]).exists() else ""


def commands_in(text: str) -> Iterator[list[str]]:
    """The words of each simple command of a shell text, without comments and settings of variables."""
    for line in text.replace("\\\n", " ").split("\n"):
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if word and not word.strip(";&|"):
                if words:
                    yield words
                words = []
            elif words or not re.match(r"\w+=", word):
                words.append(word)


def documented(script: Path) -> set[str]:
    """The options that a script's help lists."""
    return {"--help", *re.findall(r"^ +(--[a-z][a-z-]*)", script.read_text("utf-8"), re.MULTILINE)}


def known_options(words: list[str]) -> set[str] | None:
    """The options of a command of ours; None of another program."""
    program = words[0]
    if program == "weaksep" and words[1] in command_files():
        module = importlib.import_module(f"weaksep.bin.{command_files()[words[1]].stem}")
        return {"--help", "--debug", *(name for names, _ in module.OPTIONS for name in names)}
    if program.endswith("run.sh"):
        return documented(RECIPE_SCRIPT)
    if re.fullmatch(r"utils/(validate|fix)_data_dir\.sh", program):
        return known_options(["weaksep", program.removeprefix("utils/").partition("_")[0]])
    if re.fullmatch(r"(tools|utils|test/slurm)/\w+\.sh", program):
        return documented(ROOT / program)
    return None


def command_problems(words: list[str]) -> list[str]:
    """Options, recipes, configurations and systems in a command that there are not."""
    if words[0] == "weaksep" and re.fullmatch("[a-z-]+", words[1]) and words[1] not in command_files():
        return [f"no command weaksep {words[1]}"]
    known = known_options(words)
    if known is None:
        return []
    given = [word.partition("=") for word in words[1:] if word.startswith("--") and word != "--"]
    problems = [f"{words[0]} has no option {name}" for name, _, _ in given if name.replace("_", "-") not in known]
    recipe = re.fullmatch(r"egs/(\w+)/run\.sh", words[0])
    if recipe:
        problems += recipe_problems(ROOT / "egs" / recipe[1], words)
    return problems


def recipe_problems(recipe: Path, words: list[str]) -> list[str]:
    """Whether what a command of a recipe names is there."""
    if not recipe.is_dir():
        return [f"no recipe {recipe.name}"]
    values = dict(pairwise(words))
    default = re.search(r"^config=(\S+)", (recipe / "conf/defaults.sh").read_text("utf-8"), re.MULTILINE)
    assert default
    config = recipe / values.get("--config", default[1])
    names = [name for name in values.get("--systems", "").split() if name != "all"]
    wanted = [config / f"{name}.yaml" for name in names] if config.is_dir() else [config]
    return [f"{path.relative_to(ROOT)} is not there" for path in wanted if not path.exists()]
