"""What all tests share."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pytest

# Small arrays: more threads only slow them down, and tests of the shell start several processes.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root folder."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def tiny() -> ModuleType:
    """test/tiny_data.py: a data folder of five clips, made in a moment."""
    spec = importlib.util.spec_from_file_location("tiny_data", Path(__file__).with_name("tiny_data.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def test_data(tiny: ModuleType, tmp_path: Path) -> Path:
    """data/test of five clips."""
    return tiny.make_data(tmp_path / "data" / "test")
