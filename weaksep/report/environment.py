"""Where and with what a result was made."""

import datetime
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import weaksep
from weaksep.processor import processor_name, usable_cores


def _run(*command: str, folder: Path | None = None) -> str | None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def git_commit(folder: Path) -> str | None:
    """Commit of the working tree that tracks ``folder``'s files, "-dirty" when it has changes; None if none.

    RESULTS.md and results.json do not count as a change: the report rewrites them, and would call its own commit
    dirty.
    """
    # A package inside an ignored virtual environment of some other repository is not that repository's code.
    if not _run("git", "ls-files", ".", folder=folder):
        return None
    commit = _run("git", "rev-parse", "HEAD", folder=folder)
    written = [f":(top,exclude,glob)**/{name}" for name in ("RESULTS.md", "results.json")]
    changes = _run("git", "status", "--porcelain", "--", ":/", *written, folder=folder)
    return f"{commit}-dirty" if commit and changes != "" else commit


def machine() -> dict[str, Any]:
    """CPU, cores, memory and GPUs of this machine; what cannot be found out is null."""
    gpus = _run("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    return {
        "cpu": processor_name() or platform.machine() or None,
        "cores": usable_cores(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "gpu": ", ".join(gpus.splitlines()) if gpus else None,
        "system": f"{platform.system()} {platform.machine()}",
    }


def environment(seed: int | dict[str, int] | None) -> dict[str, Any]:
    """Date (UTC), versions, commit, machine and seed of this run.

    Args:
        seed: the seed of all trainings, or one for each experiment when they differ.
    """
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "weaksep": weaksep.__version__,
        "python": platform.python_version(),
        # By their metadata: importing torch for its number would take seconds.
        **{package: importlib.metadata.version(package) for package in ("torch", "numpy")},
        "commit": git_commit(Path(weaksep.__file__).parent),
        "machine": machine(),
        "seed": seed,
    }


def environment_lines(found: Mapping[str, Any]) -> dict[str, str]:
    """An environment in words, as every page has it."""
    computer, seed = found["machine"], found["seed"]
    parts = [computer["cpu"] or "unknown CPU", f"{computer['cores']} core(s)"]
    if computer["memory_gb"] is not None:
        parts.append(f"{computer['memory_gb']:g} GB of memory")
    parts += [f"GPU {computer['gpu']}" if computer["gpu"] else "no GPU", computer["system"]]
    if isinstance(seed, dict):
        seed = ", ".join(f"{name} {value}" for name, value in seed.items())
    names = {"weaksep": "weaksep", "Python": "python", "PyTorch": "torch", "numpy": "numpy"}
    return {
        "date": found["date"],
        "commit": found["commit"] or "unknown",
        "versions": ", ".join(f"{name} {found[key] or 'unknown'}" for name, key in names.items()),
        "machine": ", ".join(parts),
        "seed": "unknown" if seed is None else str(seed),
    }
