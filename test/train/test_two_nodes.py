"""Two nodes, as two network namespaces of this machine: they train together, and one is cut off midway.

Needs root and ip netns; ``WEAKSEP_TEST_NODES=true`` asks for it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from runs import same, weights
from test_distributed import checkpoints, command, errors

from weaksep.bin import train

asked = os.environ.get("WEAKSEP_TEST_NODES") == "true"
pytestmark = pytest.mark.skipif(not asked, reason="WEAKSEP_TEST_NODES=true trains in two network namespaces")
TIMEOUT_S = 10


def ip(words: str) -> None:
    subprocess.run(["ip", *words.split()], check=True, capture_output=True, text=True)


@pytest.fixture
def nodes() -> Iterator[tuple[str, str]]:
    """Two namespaces with a line between them, 10.213.0.1 and 10.213.0.2."""
    if os.geteuid() or not shutil.which("ip"):
        pytest.skip("network namespaces need root and the program ip")
    names = (f"weaksep{os.getpid()}a", f"weaksep{os.getpid()}b")
    try:
        for name in names:
            ip(f"netns add {name}")
        ip(f"link add line0 netns {names[0]} type veth peer name line1 netns {names[1]}")
        for number, name in enumerate(names):
            ip(f"-n {name} address add 10.213.0.{number + 1}/24 dev line{number}")
            ip(f"-n {name} link set line{number} up")
            ip(f"-n {name} link set lo up")
        yield names
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespaces here: {error.stderr.strip()}")
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def start(nodes: tuple[str, str], expdir: str) -> list[subprocess.Popen[str]]:
    """One rank in each namespace, with the command that a user would give."""
    found = []
    for number, name in enumerate(nodes):
        place = ["--num-procs", "1", "--num-nodes", "2", "--node-rank", str(number)]
        place += ["--rdzv-endpoint", "10.213.0.1:29513", "--dist-timeout", str(TIMEOUT_S), "--checkpoint-minutes", "0"]
        whole = ["ip", "netns", "exec", name, sys.executable, "-m", "weaksep.bin.train", *command(expdir, *place)]
        found.append(subprocess.Popen(whole, stderr=subprocess.PIPE, text=True))
    return found


def test_a_node_that_is_cut_off_is_one_line_and_the_run_goes_on(recipe: Path, nodes: tuple[str, str]) -> None:
    train.main(command("whole"))
    exp = Path("nodes/separator_strong")
    processes = start(nodes, "nodes")
    checkpoints(processes[0], exp, 5)
    ip(f"-n {nodes[1]} link set line1 down")
    cut_at = time.monotonic()
    texts = [process.communicate()[1] for process in processes]
    print(f"both ended {time.monotonic() - cut_at:.1f} s after the cut", *texts, sep="\n")
    for process, text, other in zip(processes, texts, (1, 0), strict=True):
        assert process.returncode == 1
        (line,) = errors(text)
        assert f"error: no answer from rank {other} on " in line and f"(--dist-timeout {TIMEOUT_S} s)" in line
    ip(f"-n {nodes[1]} link set line1 up")
    for process in (again := start(nodes, "nodes")):
        text = process.communicate()[1]
        assert process.returncode == 0, text
    assert len(again) == 2
    assert same(weights(exp), weights("whole/separator_strong"))
