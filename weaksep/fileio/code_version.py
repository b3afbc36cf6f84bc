"""Which source files a step runs: a module and all of the package that it imports, directly or not."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
# Not the parser: this runs at the start of every command, and our imports are all of these two forms.
_IMPORT = re.compile(r"^\s*(?:from\s+(weaksep[\w.]*)\s+import\s+(\(?)([^#\n]*)|import\s+(weaksep[\w.]*))", re.MULTILINE)


def _file(module: str) -> Path | None:
    path = PACKAGE.joinpath(*module.split(".")[1:])
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


@cache
def _read(module: str) -> tuple[str, tuple[str, ...]]:
    """(hash, modules imported) of one module."""
    file = _file(module)
    if file is None:
        raise ValueError(f"no module {module}")
    text = file.read_text(encoding="utf-8")
    imported = []
    for base, _, names, plain in _IMPORT.findall(text):
        imported.append(base or plain)
        # `from weaksep.nets import build`: build may be a module
        imported += [f"{base}.{name.split()[0]}" for name in names.split(",") if base and name.strip(" ()")]
    return hashlib.sha256(text.encode()).hexdigest()[:16], tuple(name for name in imported if _file(name))


def code_version(modules: Iterable[str]) -> dict[str, str]:
    """Hash of the source of every module of the package that ``modules`` run, by name."""
    found: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in found:
            found[module], imported = _read(module)
            waiting += imported
    return dict(sorted(found.items()))
