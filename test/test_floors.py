"""A module of weaksep imports only lower floors or its own folder, and there is no cycle of imports.

The rule is checked on the source (ast), so imports inside functions and under TYPE_CHECKING count as well.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

# Folder (or module right under weaksep/) -> floor. All import those of the ground, which import nothing.
FLOORS = {
    **dict.fromkeys(["errors", "processor", "seeding"], -1),
    **dict.fromkeys(["signal", "fileio"], 0),
    "jobs": 1,
    **dict.fromkeys(["corpora", "mixtures", "recordings", "feats", "nets", "losses", "metrics"], 2),
    **dict.fromkeys(["train", "infer", "score", "report", "upkeep"], 3),
    "bin": 4,
}
# Imports that the floors would allow, but which part the two: nets and losses never see disk.
PARTED = {("nets", "fileio"), ("losses", "fileio")}


def modules_of(package: Path) -> dict[str, Path]:
    """Dotted name -> file, for every module of a package, packages' __init__ under the package's name."""
    modules = {}
    for file in sorted(package.rglob("*.py")):
        parts = [package.name, *file.relative_to(package).with_suffix("").parts]
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return modules


def imports_of(name: str, file: Path, modules: dict[str, Path]) -> Iterator[tuple[int, str]]:
    """(line, module) for each import of a module of the same package."""
    top = name.partition(".")[0]
    package = name.split(".") if file.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        targets: list[str] = []
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            # `from weaksep.nets import build` may mean the module build or a name in nets/__init__.py.
            members = [f"{base}.{alias.name}" for alias in node.names]
            targets = [member if member in modules else base for member in members]
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in (
            "import_module",
            "__import__",
        ):
            targets = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        for target in targets:
            if target.split(".")[0] == top:
                yield node.lineno, target


def problems_of(package: Path) -> list[str]:
    """One line for everything that breaks the rule."""
    modules = modules_of(package)
    problems = []
    graph: dict[str, list[str]] = {name: [] for name in modules}
    for name, file in modules.items():
        folder = name.split(".")[1] if "." in name else ""
        if folder and folder not in FLOORS:
            problems.append(f"{name}: {folder} stands on no floor (FLOORS in {Path(__file__).name})")
            continue
        for line, target in imports_of(name, file, modules):
            place = f"{file.relative_to(package.parent)}:{line}"
            if target not in modules:
                problems.append(f"{place}: there is no module {target}")
                continue
            graph[name].append(target)
            other = target.split(".")[1] if "." in target else ""
            if not folder:
                problems.append(f"{place}: weaksep/__init__.py imports {target}")
            elif (folder, other) in PARTED:
                problems.append(f"{place}: {folder} imports {other}")
            elif other and other != folder and FLOORS.get(other, 99) >= FLOORS[folder]:
                problems.append(f"{place}: {folder} (floor {FLOORS[folder]}) imports {target}")
    return problems + [f"cycle: {' -> '.join(cycle)}" for cycle in cycles_of(graph)]


def cycles_of(graph: dict[str, list[str]]) -> list[list[str]]:
    """The cycles that a depth-first walk meets; none if and only if the graph has none."""
    cycles: list[list[str]] = []
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> None:
        if name in path:
            cycles.append([*path[path.index(name) :], name])
        elif name not in done:
            for target in graph[name]:
                walk(target, [*path, name])
            done.add(name)

    for name in graph:
        walk(name, [])
    return cycles


def made_up(folder: Path, files: dict[str, str]) -> Path:
    """A package weaksep with these files."""
    for name, text in {"__init__.py": "", **files}.items():
        path = folder / "weaksep" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / "weaksep"


def test_weaksep_keeps_to_its_floors(root: Path) -> None:
    assert len(modules_of(root / "weaksep")) > 20
    assert problems_of(root / "weaksep") == []


def test_no_module_is_over_250_lines(root: Path) -> None:
    lengths = {name: len(file.read_text().splitlines()) for name, file in modules_of(root / "weaksep").items()}
    assert {name: length for name, length in lengths.items() if length > 250} == {}


def test_every_floor_is_there(root: Path) -> None:
    there = {path.stem for path in (root / "weaksep").iterdir() if path.is_dir() or path.suffix == ".py"}
    assert set(FLOORS) - there == set(), "CONTRIBUTING.md and FLOORS name folders that are not there"


def test_what_is_allowed(tmp_path: Path) -> None:
    package = made_up(
        tmp_path,
        {
            "errors.py": "import os\n",
            "fileio/__init__.py": "from weaksep.fileio.tables import read\n",
            "fileio/tables.py": "from weaksep.errors import UserError\nread = 1\n",
            "nets/build.py": "import torch\nfrom . import blstm\nfrom weaksep.signal.stft import Stft\n",
            "nets/blstm.py": "",
            "signal/stft.py": "Stft = 1\n",
            "train/run.py": "def f():\n    import weaksep.fileio\n    from weaksep.nets import build\n",
            "bin/train.py": "import weaksep.train.run\nfrom weaksep import __version__, errors\n",
        },
    )
    assert problems_of(package) == []


def test_a_climb_is_found_inside_a_function(tmp_path: Path) -> None:
    package = made_up(
        tmp_path,
        {"signal/stft.py": "\ndef f():\n    from weaksep.nets import build\n", "nets/build.py": ""},
    )
    assert problems_of(package) == ["weaksep/signal/stft.py:3: signal (floor 0) imports weaksep.nets.build"]


def test_a_neighbour_on_the_same_floor_is_found(tmp_path: Path) -> None:
    package = made_up(tmp_path, {"nets/a.py": "from ..losses import b\n", "losses/b.py": ""})
    assert problems_of(package) == ["weaksep/nets/a.py:1: nets (floor 2) imports weaksep.losses.b"]


def test_import_module_and_parted_folders_are_found(tmp_path: Path) -> None:
    source = "import importlib\nimportlib.import_module('weaksep.fileio.ark')\n"
    package = made_up(tmp_path, {"nets/a.py": source, "fileio/ark.py": ""})
    assert problems_of(package) == ["weaksep/nets/a.py:2: nets imports fileio"]


def test_a_cycle_inside_a_folder_is_found(tmp_path: Path) -> None:
    package = made_up(
        tmp_path,
        {
            "nets/a.py": "from weaksep.nets.b import x\n",
            "nets/b.py": "from weaksep.nets import c\n",
            "nets/c.py": "def f():\n    import weaksep.nets.a\n",
        },
    )
    assert problems_of(package) == ["cycle: weaksep.nets.a -> weaksep.nets.b -> weaksep.nets.c -> weaksep.nets.a"]


def test_strangers_and_misspellings_are_found(tmp_path: Path) -> None:
    package = made_up(tmp_path, {"utils.py": "", "train/a.py": "from weaksep.nets.missing import x\n"})
    assert problems_of(package) == [
        "weaksep/train/a.py:1: there is no module weaksep.nets.missing",
        f"weaksep.utils: utils stands on no floor (FLOORS in {Path(__file__).name})",
    ]
