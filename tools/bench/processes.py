"""What runs in a process of its own: commands of weaksep, and peers in an environment made by tools/bench/setup.sh."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


def output_of(command: list[object]) -> str:
    """What a command prints; what it says beside it is shown, and this script ended, where it fails."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stderr}\n{' '.join(map(str, command))} has failed with status {done.returncode}")
    return done.stdout


def weaksep(*arguments: object) -> str:
    """``weaksep ARGUMENTS``; what it prints."""
    return output_of([sys.executable, "-m", "weaksep.bin", *arguments])


def _python(environment: str) -> Path:
    return HERE / f"venv-{environment}/bin/python"


def has_peer(environment: str) -> bool:
    """Whether the environment of a peer has been made; says so where it has not."""
    if not _python(environment).exists():
        print(f"no {_python(environment)}: run tools/bench/setup.sh; measured without")
        return False
    return True


def run_peer(environment: str, script: str, *arguments: object) -> dict[str, Any]:
    """Run tools/bench/peers/SCRIPT in tools/bench/venv-ENVIRONMENT; the JSON of the last line that it prints."""
    if not _python(environment).exists():
        sys.exit(f"no {_python(environment)}: run tools/bench/setup.sh")
    return json.loads(output_of([_python(environment), HERE / "peers" / script, *arguments]).splitlines()[-1])
