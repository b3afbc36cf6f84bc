"""Which source a step runs: a module and all of the package that it imports, directly or not.

What is compared is the source without comments and docstrings, so that a better comment redoes nothing. Cutting them
out takes a while, so a stamp also holds hashes of the files as they are: only where one has changed is the file cut.
"""

import hashlib
import io
import re
import tokenize
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
# Not the parser: this runs at the start of every command, and our imports are all of these two forms.
_IMPORT = re.compile(r"^\s*(?:from\s+(weaksep[\w.]*)\s+import\s+(\(?)([^#\n]*)|import\s+(weaksep[\w.]*))", re.MULTILINE)


def short_hash(content: bytes) -> str:
    """What tells a content from others, in a stamp."""
    return hashlib.sha256(content).hexdigest()[:16]


def _file(module: str) -> Path | None:
    path = PACKAGE.joinpath(*module.split(".")[1:])
    return next(filter(Path.is_file, (path.with_suffix(".py"), path / "__init__.py")), None)


def found_by_name(package: str, name: object) -> list[str]:
    """The module of a net or a loss, which no import names; none where there is no such module."""
    module = f"{package}.{name}"
    return [module] if isinstance(name, str) and name.isidentifier() and _file(module) else []


@cache
def _read(module: str) -> tuple[str, tuple[str, ...]]:
    """(source, modules imported) of one module."""
    file = _file(module)
    if file is None:
        raise ValueError(f"no module {module}")
    text = file.read_text(encoding="utf-8")
    imported = []
    for base, _, names, plain in _IMPORT.findall(text):
        imported.append(base or plain)
        # `from weaksep.nets import build`: build may be a module
        imported += [f"{base}.{name.split()[0]}" for name in names.split(",") if base and name.strip(" ()")]
    return text, tuple(name for name in imported if _file(name))


def bare_source(text: str) -> str:
    """Python source without comments, docstrings, empty lines and blanks at the ends of lines.

    Cut out of the text, not printed from a syntax tree: every version of Python does it in the same way.

    >>> bare_source('def f():\\n    "What f does."\\n    return "a"  # a word\\n')
    'def f():\\n    return "a"\\n'
    """
    lines = text.splitlines()
    before = tokenize.NEWLINE
    cuts = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        begins = before in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)  # a statement
        docstring = token.type == tokenize.STRING and begins
        if token.type == tokenize.COMMENT or docstring:
            cuts.append((token.start, token.end))
        if token.type not in (tokenize.COMMENT, tokenize.NL):
            before = token.type
    for (first, start), (last, end) in reversed(cuts):
        lines[first - 1 : last] = [lines[first - 1][:start] + lines[last - 1][end:]]
    return "".join(f"{line.rstrip()}\n" for line in lines if line.strip())


@cache
def _bare_hash(module: str) -> str:
    return short_hash(bare_source(_read(module)[0]).encode())


def code_version(
    modules: Iterable[str], known: Mapping[str, tuple[str, str]] | None = None
) -> tuple[dict[str, str], dict[str, str]]:
    """Hashes of the source of every module of the package that ``modules`` run, by name.

    Args:
        modules: which do the work.
        known: hashes by name as this function gave them before: of the file, of the bare source.

    Returns:
        of the bare sources, which are to be compared; and of the files.
    """
    bare: dict[str, str] = {}
    files: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in bare:
            text, imported = _read(module)
            files[module] = short_hash(text.encode())
            before = (known or {}).get(module, ("", ""))
            bare[module] = before[1] if before[0] == files[module] else _bare_hash(module)
            waiting += imported
    return dict(sorted(bare.items())), dict(sorted(files.items()))
