"""utils/supervise.sh: the status of a command, and signals at any moment."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

SCRIPT = """
set -euo pipefail
. {utils}/supervise.sh
pass_signals_on
{body}
"""


@pytest.fixture
def start(root: Path, tmp_path: Path):
    def begin(body: str) -> subprocess.Popen[str]:
        script = tmp_path / "script.sh"
        script.write_text(SCRIPT.format(utils=root / "utils", body=body))
        return subprocess.Popen(
            ["bash", str(script)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    return begin


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("command", "status"),
    [("true", 0), ("false", 1), ("bash -c 'exit 75'", 75), ("no-such-command", 127), ("bash -c 'kill -9 $$'", 137)],
)
def test_the_status_is_that_of_the_command(start, command: str, status: int) -> None:
    process = start(f"supervised {command}\necho after")
    output, _ = process.communicate()
    assert process.returncode == status
    assert output == ("after\n" if status == 0 else "")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR1, 138)])
def test_a_command_is_asked_to_end_and_waited_for(start, tmp_path: Path, number: int, status: int) -> None:
    command = "trap 'sleep 0.3; touch saved; exit 143' TERM; touch begun; while true; do sleep 0.01; done"
    process = start(f'supervised bash -c "{command}"\necho after')
    wait_for(tmp_path / "begun", process)
    os.kill(process.pid, number)
    output, _ = process.communicate()
    assert (process.returncode, output) == (status, "")
    assert (tmp_path / "saved").exists()


def test_a_command_that_ends_well_all_the_same_ends_the_script(start, tmp_path: Path) -> None:
    command = "trap 'exit 0' TERM; touch begun; while true; do sleep 0.01; done"
    process = start(f'supervised bash -c "{command}"\necho after')
    wait_for(tmp_path / "begun", process)
    os.kill(process.pid, signal.SIGTERM)
    output, _ = process.communicate()
    assert (process.returncode, output) == (143, "")


def test_a_signal_at_any_moment_ends_the_script_and_leaves_no_command(start, tmp_path: Path) -> None:
    for number in range(20):
        process = start("touch begun\nfor i in $(seq 1000); do supervised sleep 0.005; done\necho after")
        wait_for(tmp_path / "begun", process)
        time.sleep(0.003 * number)
        os.kill(process.pid, signal.SIGTERM)
        output, _ = process.communicate()
        assert (process.returncode, output) == (143, "")
        with pytest.raises(ProcessLookupError):  # its group is empty
            os.killpg(process.pid, 0)
        (tmp_path / "begun").unlink()
