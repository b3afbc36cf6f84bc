"""Places that are cleared before they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from weaksep.errors import UserError
from weaksep.fileio.place import check_place


def check(folder: Path, *, begun: bool = False, sources: tuple[Path, ...] = ()) -> None:
    check_place(folder, "mixtures", "scenes.jsonl", begun, sources)


def test_new_empty_begun_and_finished_folders_may_be_cleared(tmp_path: Path) -> None:
    check(tmp_path / "new")
    check(tmp_path)
    (tmp_path / ".lock").touch()
    check(tmp_path)
    (tmp_path / "audio").mkdir()
    check(tmp_path, begun=True)
    (tmp_path / "scenes.jsonl").touch()
    check(tmp_path)


def test_what_may_not_be_cleared(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/thesis.pdf").touch()
    with pytest.raises(UserError, match=r"a: holds something else than mixtures \(thesis.pdf\); give another folder"):
        check(tmp_path / "a")
    with pytest.raises(UserError, match="thesis.pdf: is a file; give a folder"):
        check(tmp_path / "a/thesis.pdf")


@pytest.mark.parametrize("source", [".", "audio", "audio/events/test"])
def test_what_is_read_may_not_be_cleared(tmp_path: Path, source: str) -> None:
    (tmp_path / "out" / source).mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "out")
    for folder in (tmp_path / "out", tmp_path / "link"):
        with pytest.raises(UserError, match="which is read here; give another folder"):
            check(folder, begun=True, sources=(tmp_path / "link" / source,))
    check(tmp_path / "out/events", sources=(tmp_path / "out",))
