"""Ranks: who they are, how they end, and that only the cause is said of what goes wrong."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest

from weaksep.errors import UserError
from weaksep.jobs import interrupt, ranks
from weaksep.jobs.interrupt import Interrupted
from weaksep.jobs.launch import Nodes, interface_towards, launch
from weaksep.jobs.ranks import Place, leave_reason, own_place, read_reason

# What each rank does, by its number.
MODULE = """
import os, signal, sys, time
from weaksep.errors import UserError
from weaksep.jobs.ranks import own_place, told_once
from weaksep.jobs.interrupt import Interrupted

rank, deed = own_place().rank, sys.argv[1:][own_place().rank]
open(f"begun{rank}", "w").close()
with told_once():
    if deed == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if deed == "bug":
        raise SystemExit(7)
    if deed == "lost":
        time.sleep(1.0)
        raise UserError("no answer from another rank")
    if deed == "disk":
        raise UserError(f"rank {rank}: no space left")
    if deed == "interrupted":
        raise Interrupted(signal.SIGTERM)
    if deed == "waits":
        time.sleep(60.0)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path) -> Path:
    """The current folder, where the module is."""
    (tmp_path / "deeds.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{root}")
    return tmp_path


@pytest.mark.parametrize(
    ("deeds", "message"),
    [
        (["lost", "killed"], r"^rank 1 was killed \(SIGKILL; out of memory\?\); the same command goes on"),
        (["lost", "disk", "lost"], "^rank 1: no space left$"),
        (["bug", "lost"], "^rank 0 has ended with status 7, see above$"),
        (["lost", "ends"], "^no answer from another rank$"),
    ],
)
def test_the_cause_is_said_and_not_what_it_has_led_to(place: Path, deeds: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        launch("deeds", deeds, Nodes(len(deeds)))


def test_ranks_that_end_well(place: Path) -> None:
    launch("deeds", ["ends", "ends"], Nodes(2))
    assert (place / "begun0").exists() and (place / "begun1").exists()


def test_ranks_that_have_been_interrupted(place: Path) -> None:
    with pytest.raises(Interrupted) as caught:
        launch("deeds", ["interrupted", "interrupted"], Nodes(2))
    assert caught.value.status == 143


def test_a_rank_that_does_not_end_beside_one_that_has_failed_is_ended(place: Path, monkeypatch) -> None:
    monkeypatch.setattr("weaksep.jobs.launch.GRACE_S", 0.5)
    with pytest.raises(UserError, match="no space left"):
        launch("deeds", ["waits", "disk"], Nodes(2))


def test_signals_are_passed_on(place: Path) -> None:
    def send() -> None:
        while not ((place / "begun0").exists() and (place / "begun1").exists()):
            threading.Event().wait(0.01)
        signal.raise_signal(signal.SIGTERM)

    with interrupt.signals_handled():
        threading.Thread(target=send).start()
        with pytest.raises(Interrupted) as caught:
            launch("deeds", ["waits", "waits"], Nodes(2))
    assert caught.value.status == 143


def test_who_a_rank_is() -> None:
    environment = Nodes(here=3, count=2, number=1, endpoint="127.0.0.1:29500").environment(local_rank=2)
    assert own_place(environment) == Place(5, 6, 2, "127.0.0.1", 29500)
    assert environment["LOCAL_WORLD_SIZE"] == "3" and environment["GLOO_SOCKET_IFNAME"] == "lo"
    assert own_place({}) is None
    del environment["MASTER_PORT"]
    with pytest.raises(UserError, match="not all of torchrun's variables are right"):
        own_place(environment)


@pytest.mark.parametrize("endpoint", ["", "here", "here:", ":29500", "here:port", "here:70000"])
def test_no_endpoint(endpoint: str) -> None:
    with pytest.raises(UserError, match="expected HOST:PORT of the first node"):
        Nodes(1, 2, 0, endpoint).environment(0)


def test_the_interface_of_this_machine() -> None:
    assert interface_towards("127.0.0.1", 1) == "lo"
    assert interface_towards("no such host", 1) is None


def test_a_reason_is_left_where_torchrun_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

    place = tmp_path / "reason.json"
    monkeypatch.delenv(ranks.REASON_VARIABLE, raising=False)
    assert not leave_reason("nobody asks")
    monkeypatch.setenv(ranks.REASON_VARIABLE, str(place))
    assert read_reason(place) is None
    assert leave_reason("dog.wav: no such file")
    assert read_reason(place) == "dog.wav: no such file"
    assert ProcessFailure(0, 1, 1, str(place)).message["message"] == "dog.wav: no such file"
