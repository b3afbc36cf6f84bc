"""The tiny data folder that the tests of inference, scoring and report share."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location(
    "tiny_data", Path(__file__).resolve().parents[1] / "score" / "tiny_data.py"
)
assert _spec is not None and _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)


@pytest.fixture
def tiny():
    """The module test/score/tiny_data.py."""
    return _module


@pytest.fixture
def test_data(tmp_path):
    """data/test of five clips."""
    return _module.make_data(tmp_path / "data" / "test")
