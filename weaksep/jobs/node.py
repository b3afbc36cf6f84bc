"""What a Slurm job runs on its node: one call, with a log that says what, where and when, and how it ended.

The log opens with

    # weaksep.mixtures.write.mix_shard, data/train, shard 3
    # Running on node12 (job 4711_2)
    # Started at 2026-11-22T18:00:00

and closes with ``# Ended (code 0) at ..., elapsed time 12 s``. Without this last line the job was killed; there what
Slurm has to say of it stands then.
"""

import json
import os
import signal
import socket
import time
import traceback
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from weaksep.fileio.atomic import write_text
from weaksep.fileio.failure import fixable_reason
from weaksep.fileio.logs import printable, set_up_logging
from weaksep.fileio.names import one_line
from weaksep.jobs.interrupt import Interrupted, signals_handled
from weaksep.jobs.threads import one_thread

SHOWN_LINES = 5
MAX_SHOWN_BYTES = 20_000


def _now() -> str:
    return datetime.now().isoformat(timespec="seconds")


def run_job(function: Callable[[Any], Any], item: Any, what: str, outcome: Path) -> None:
    """Call a function, and leave its result for those who wait for it.

    Args:
        function: is given the item, and returns anything that JSON can say.
        item: its argument.
        what: for the log.
        outcome: a JSON file to write: ``{"result": ...}``, or ``{"error": ...}``, which is null for a bug. A job that
            was ended by a signal leaves none.

    Raises:
        SystemExit: at its end, so that submitit pickles no result; not 0, and Slurm counts the job as failed.
    """
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # submitit would requeue the job
    signal.signal(signal.SIGCONT, signal.SIG_DFL)  # and talk about it
    set_up_logging()
    node, number = os.environ.get("SLURMD_NODENAME") or socket.gethostname(), os.environ.get("SLURM_JOB_ID")
    array = os.environ.get("SLURM_ARRAY_JOB_ID")
    number = f"{array}_{os.environ.get('SLURM_ARRAY_TASK_ID')}" if array else number
    print(f"# {one_line(what)}\n# Running on {node} (job {number})\n# Started at {_now()}", flush=True)
    started, status = time.monotonic(), 1
    try:
        with signals_handled(), one_thread():
            result = function(item)
            write_text(outcome, json.dumps({"result": result}))
        status = 0
    except (Interrupted, KeyboardInterrupt) as error:
        status = error.status if isinstance(error, Interrupted) else 130
    except Exception as error:
        reason = fixable_reason(error, "disk")
        print(traceback.format_exc() if reason is None else f"error: {printable(reason)}", flush=True)
        write_text(outcome, json.dumps({"error": reason}))
    finally:
        print(f"# Ended (code {status}) at {_now()}, elapsed time {time.monotonic() - started:.0f} s", flush=True)
    raise SystemExit(status)


def last_lines(log: Path) -> list[str]:
    """The end of a log, without empty lines; nothing where there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - MAX_SHOWN_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return []
    return [one_line(line) for line in text.splitlines() if line.strip()][-SHOWN_LINES:]
