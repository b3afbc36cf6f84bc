"""Places that are cleared before they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from weaksep.errors import UserError
from weaksep.fileio.place import check_file, check_list, check_place


def check(folder: Path, *, known: bool = False, sources: tuple[Path, ...] = ()) -> None:
    check_place(folder, "mixtures", known, sources)


def test_new_empty_and_known_folders_may_be_written(tmp_path: Path) -> None:
    check(tmp_path / "new")
    check(tmp_path)
    (tmp_path / ".lock").touch()
    check(tmp_path)
    (tmp_path / "audio").mkdir()
    check(tmp_path, known=True)


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
            check(folder, known=True, sources=(tmp_path / "link" / source,))
    check(tmp_path / "out/events", sources=(tmp_path / "out",))


@pytest.mark.parametrize("link", ["target", "source"])
def test_audio_behind_links_is_compared_too(tmp_path: Path, link: str) -> None:
    """Both ways round: the recordings are where the target's audio leads, or the target where the source's does."""
    target, source = tmp_path / "target", tmp_path / "source"
    for folder in (target, source, tmp_path / "disk/deep"):
        folder.mkdir(parents=True)
    if link == "target":
        (target / "audio").symlink_to(tmp_path / "disk")
        source = tmp_path / "disk/deep/a.wav"
    else:
        (source / "audio").symlink_to(tmp_path / "disk")
        target = tmp_path / "disk/deep"
    with pytest.raises(UserError, match="which is read here; give another folder"):
        check(target, known=True, sources=(source,))


def test_a_recording_that_is_a_link_into_the_folder(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.wav").touch()
    (tmp_path / "a.wav").symlink_to(tmp_path / "out/a.wav")
    with pytest.raises(UserError, match="which is read here; give another folder"):
        check(tmp_path / "out", known=True, sources=(tmp_path / "a.wav",))


def test_files_that_are_not_ours_are_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "page"
    check_file(path, "a page", lambda file: False)
    path.write_text("ours")
    check_file(path, "a page", lambda file: file.read_text() == "ours")
    with pytest.raises(UserError, match="page: is there and not a page; give another name, or move it away"):
        check_file(path, "a page", lambda file: False)
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(UserError, match="link: is there and not a page"):
        check_file(tmp_path / "link", "a page", lambda file: True)
    check_list(None, ["a"])
    path.write_text("a\nb\n")
    check_list(path, ["a", "b", "c"])
    with pytest.raises(UserError, match="page: is there and not an empty file or such a list"):
        check_list(path, ["a"])
