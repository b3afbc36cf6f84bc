"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Small arrays: more threads only slow them down, and tests of the shell start several processes.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root folder."""
    return Path(__file__).resolve().parents[1]
