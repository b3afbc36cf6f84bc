"""What counts as other code: a constant does, a comment or a docstring does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from weaksep.fileio import code_version as module
from weaksep.fileio.code_version import bare_source, code_version

SOURCE = '''"""A module."""

import math

LIMIT = 3  # as many as there are


def area(radius: float) -> float:
    """Of a circle.

    Args:
        radius: of it.
    """
    text = f"{radius} # no comment"
    return math.pi * radius**2 if text else 0.0
'''


def test_only_comments_docstrings_and_empty_lines_are_cut() -> None:
    assert bare_source(SOURCE).splitlines() == [
        "import math",
        "LIMIT = 3",
        "def area(radius: float) -> float:",
        '    text = f"{radius} # no comment"',
        "    return math.pi * radius**2 if text else 0.0",
    ]


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("# as many as there are", "# no more", True),
        ("Of a circle.", "The area of a circle.", True),
        ('"""A module."""\n', "", True),
        ("LIMIT = 3", "LIMIT = 4", False),
        ("# no comment", "# another text", False),
        ("    return", "        return", False),
    ],
)
def test_a_comment_redoes_nothing_and_a_constant_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, same: bool
) -> None:
    monkeypatch.setattr(module, "PACKAGE", tmp_path)

    def versions(text: str, known: dict[str, tuple[str, str]] | None = None) -> tuple[str, str]:
        (tmp_path / "part.py").write_text(text)
        module._read.cache_clear()
        module._bare_hash.cache_clear()
        bare, files = code_version(["weaksep.part"], known)
        return files["weaksep.part"], bare["weaksep.part"]

    before = versions(SOURCE)
    after = versions(SOURCE.replace(old, new), {"weaksep.part": before})
    assert after[0] != before[0] and (after[1] == before[1]) == same
    # What is known of a file that is as it was is not worked out again.
    assert versions(SOURCE, {"weaksep.part": (before[0], "known")}) == (before[0], "known")
    module._read.cache_clear()
    module._bare_hash.cache_clear()


def test_every_module_of_the_package_can_be_cut() -> None:
    for path in sorted(module.PACKAGE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        assert bare_source(bare_source(text)) == bare_source(text), path
