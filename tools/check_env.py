"""Say what this machine has for weaksep and what is missing: versions, devices, programs, disk.

Run it with the Python in question, e.g. ``tools/venv/bin/python tools/check_env.py``. It needs nothing but
the standard library, so that it can report what is not there. Exit status 1 if something needed is missing.
"""

from __future__ import annotations

import ast
import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MIN_PYTHON = (3, 10)
MIN_BASH = (4, 4)  # empty arrays under `set -u`
INSTEAD = {"kaldiio": "kaldi_native_io"}  # which weaksep takes where the first is missing
FREE_DISK_GB = 5  # an installation, and the small recipe's data


def requirement_tables() -> tuple[list[str], dict[str, list[str]]]:
    """REQUIREMENTS and EXTRAS of setup.py, read without running it."""
    tables = {}
    for node in ast.parse((ROOT / "setup.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name in ("REQUIREMENTS", "EXTRAS"):
                tables[name] = ast.literal_eval(node.value)
    return tables["REQUIREMENTS"], tables["EXTRAS"]


def numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version.

    >>> numbers("2.13.0+cpu"), numbers("5.2.15(1)-release")
    ((2, 13, 0), (5, 2, 15))
    """
    match = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in match.group().split(".")) if match else ()


def package_problem(requirement: str) -> str | None:
    """Print the line of one package; returns what is wrong with it, if anything."""
    name, _, least = requirement.partition(">=")
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        print(f"  {name:<20} -")
        if name in INSTEAD:
            return package_problem(INSTEAD[name])
        return f"package {name} is not installed"
    print(f"  {name:<20} {version}")
    if numbers(version) < numbers(least):
        return f"package {name} is {version}; needed: {least} or newer"
    return None


def device_lines() -> list[str]:
    """CPU cores, and what torch can compute on."""
    lines = [f"  cpu                  {len(os.sched_getaffinity(0))} cores"]
    try:
        import torch
    except ImportError:
        return [*lines, "  gpu                  unknown without torch"]
    if not torch.cuda.is_available():
        return [*lines, "  gpu                  none that torch can use"]
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        name = torch.cuda.get_device_name(index)
        lines.append(f"  cuda:{index}               {name}, {free / 1e9:.0f} of {total / 1e9:.0f} GB free")
    return lines


def program_problem(name: str, least: tuple[int, ...], needed_for: str) -> str | None:
    """Print the line of one program; returns what is wrong with it, if anything."""
    if shutil.which(name) is None:
        print(f"  {name:<20} -")
        return f"program {name} is not installed ({needed_for})"
    output = subprocess.run([name, "--version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"\d+(\.\d+)+\S*", output)
    version = match.group() if match else "there"
    print(f"  {name:<20} {version}")
    if numbers(version) < least:
        return f"program {name} is {version}; needed: {'.'.join(map(str, least))} or newer ({needed_for})"
    return None


def main() -> int:
    """Print the report; 1 if something needed is missing."""
    requirements, extras = requirement_tables()
    problems: list[str | None] = []
    print(f"python {platform.python_version()} ({sys.executable}), {platform.platform()}")
    if sys.version_info < MIN_PYTHON:
        problems.append("python is older than " + ".".join(map(str, MIN_PYTHON)))
    print("needed:")
    problems += [package_problem(requirement) for requirement in [f"weaksep>={own_version()}", *requirements]]
    for extra, members in extras.items():
        print(f"extra [{extra}]:")
        notes = [note for note in map(package_problem, members) if note]
        if notes:
            print(f"  incomplete: pip install -e '.[{extra}]'")
    print("system:")
    problems.append(program_problem("bash", MIN_BASH, "recipes"))
    problems += [program_problem(name, (), "recipes") for name in ("awk", "sort")]
    program_problem("git", (), "the commit in RESULTS.md")
    free_gb = shutil.disk_usage(ROOT).free / 1e9
    print(f"  free disk            {free_gb:.0f} GB" + (" (little!)" if free_gb < FREE_DISK_GB else ""))
    print("devices:")
    print("\n".join(device_lines()))
    missing = [problem for problem in problems if problem]
    for problem in missing:
        print(f"MISSING: {problem}; run tools/install.sh" if "package" in problem else f"MISSING: {problem}")
    if not missing:
        print("all that is needed is there")
    return 1 if missing else 0


def own_version() -> str:
    """The version that this source tree has."""
    match = re.search(r'__version__ = "(.+)"', (ROOT / "weaksep/__init__.py").read_text(encoding="utf-8"))
    assert match, "weaksep/__init__.py has no __version__"
    return match.group(1)


if __name__ == "__main__":
    sys.exit(main())
