"""Files that cannot be written for want of room: one line, nothing half-written, what was there stays."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from weaksep.errors import UserError
from weaksep.fileio import audiostream
from weaksep.fileio.atomic import atomic_path, write_text
from weaksep.fileio.checkpoint import load_checkpoint, load_latest, save_checkpoint


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_one_line_and_leaves_what_was_there(tmp_path: Path, number: int) -> None:
    path = tmp_path / "table.tsv"
    write_text(path, "before")
    with pytest.raises(
        UserError, match=r"table\.tsv: cannot be written \(.*\); nothing half-written is left"
    ) as caught:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise OSError(number, os.strerror(number))
    assert "\n" not in str(caught.value)
    assert path.read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["table.tsv"]


def test_other_errors_of_the_disk_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), atomic_path(tmp_path / "a") as temporary:
        temporary.write_text("half")
        raise PermissionError(errno.EACCES, "denied")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError), atomic_path(tmp_path / "file" / "a"):
        pytest.fail("there is no such folder")


def test_only_the_disk_itself_says_that_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise soundfile.LibsndfileError(157)

    monkeypatch.setattr(soundfile.SoundFile, "write", fail)
    audio, path = np.zeros((1, 1, 9), dtype=np.float32), tmp_path / "a.flac"
    with pytest.raises(UserError, match=r"a\.flac: cannot be written \(.+\); give another --format") as caught:
        with audiostream.writers([path], 8000, 1, 9) as writing:
            writing.write(audio)
    assert "free some space" not in str(caught.value)

    def no_room(path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(audiostream, "_check_room", no_room)
    with pytest.raises(UserError, match=r"a\.flac: cannot be written \(No space left on device\); .* free some space"):
        with audiostream.writers([path], 8000, 1, 9) as writing:
            writing.write(audio)
    assert list(tmp_path.iterdir()) == []


SAVE = """
import resource, sys, torch
from weaksep.errors import UserError
from weaksep.fileio.checkpoint import save_checkpoint
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    save_checkpoint(sys.argv[1], {"x": torch.zeros(100_000)})
except UserError as error:
    print(error)
"""


def test_a_checkpoint_that_does_not_fit_leaves_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"epoch": 1})
    said = subprocess.run([sys.executable, "-c", SAVE, str(path)], capture_output=True, text=True, check=True).stdout
    assert f"{path}: cannot be written (File too large)" in said
    assert load_checkpoint(path) == {"epoch": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]


def test_the_checkpoint_before_survives_a_bad_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "checkpoint.pt"
    assert load_latest(path) is None
    for epoch in (1, 2, 3):
        save_checkpoint(path, {"epoch": epoch})
    assert sorted(file.name for file in tmp_path.iterdir()) == ["checkpoint.prev.pt", "checkpoint.pt"]
    assert load_latest(path) == {"epoch": 3}
    whole = path.read_bytes()
    for damage in (whole[:100], b"", b"no checkpoint"):
        path.write_bytes(damage)
        caplog.clear()
        assert load_latest(path) == {"epoch": 2}
        assert "checkpoint.pt: " in caplog.text and "going on from checkpoint.prev.pt" in caplog.text
        assert (tmp_path / "checkpoint.damaged.pt").read_bytes() == damage
        assert not path.exists()
    save_checkpoint(path, {"epoch": 4})
    assert load_checkpoint(tmp_path / "checkpoint.prev.pt") == {"epoch": 2}, "the damaged one did not take its place"
    path.write_bytes(b"")
    (tmp_path / "checkpoint.prev.pt").write_bytes(b"")
    with pytest.raises(UserError, match=r"checkpoint\.pt: .*checkpoint\.prev\.pt: .*begin again with --resume false"):
        load_latest(path)


def test_killed_between_its_two_renames_a_checkpoint_leaves_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"epoch": 1})
    os.link(path, tmp_path / "checkpoint.prev.pt")
    save_checkpoint(path, {"epoch": 2})
    assert sorted(file.name for file in tmp_path.iterdir()) == ["checkpoint.prev.pt", "checkpoint.pt"]
    assert load_checkpoint(tmp_path / "checkpoint.prev.pt") == {"epoch": 1}


def test_without_links_the_checkpoint_before_is_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*args: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", no_links)
    for epoch in (1, 2):
        save_checkpoint(tmp_path / "checkpoint.pt", {"epoch": epoch})
    assert load_checkpoint(tmp_path / "checkpoint.prev.pt") == {"epoch": 1}


def test_equal_states_give_equal_files(tmp_path: Path) -> None:
    for name in ("a.pt", "b.pt"):
        torch.manual_seed(0)
        save_checkpoint(tmp_path / name, {"model": torch.nn.LSTM(3, 4).state_dict(), "epoch": 3})
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()
