"""Kill a recipe at chosen moments, let it go on, and compare what it leaves with what an undisturbed run leaves."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from weaksep.fileio.checkpoint import load_checkpoint
from weaksep.fileio.experiments import DESCRIPTION_NAME
from weaksep.fileio.network import read_network
from weaksep.fileio.yamlfile import write_yaml
from weaksep.seeding import generator

STAGES = 8
# Logs and times, and what says when a file was written; a hash of tables that name the run's place.
NOT_COMPARED = re.compile(
    r"(^|/)(train\.log|stage_times\.tsv|tensorboard/.*|checkpoint\.prev\.pt|([\w.]+\.)?stamp\.json"
    r"|report/tables/(training|time)\.(csv|tex)|source\.sha256)$"
)
LEFTOVER = re.compile(r"(^|/)\.[^/]*")
TIMES = ("seconds", "environment", "training", "stage_times")


def write_tiny_config(recipe: Path, folder: Path) -> Path:
    """A configuration that runs all stages of the small recipe in seconds, every stage in several shards."""
    conf = recipe / "conf" / "short"
    optim = {"max_epochs": 3, "warmup_steps": 2}
    changes: dict[str, dict[str, Any]] = {
        "data": {"recordings_per_class": {"train": 4, "valid": 2, "test": 2}},
        "mix": {"sets": {"train": 160, "valid": 20, "test": 80}},
        "feats": {"shard_clips": 50},
        **{name: {"net": {"units": 24}, "optim": optim} for name in ("strong", "clip")},
        **{f"classifier_{name}": {"optim": optim} for name in ("frame", "clip")},
    }
    for name, change in changes.items():
        write_yaml(folder / f"{name}.yaml", {"base": str(conf / f"{name}.yaml"), **change})
    return folder


class Runs:
    """Runs of one recipe and configuration in different places."""

    def __init__(self, root: Path, config: Path) -> None:
        self.root, self.config = root, config

    def command(self, place: Path, *more: str) -> list[str]:
        folders = [word for name in ("data", "dump", "exp") for word in (f"--{name}dir", str(place / name))]
        script = str(self.root / "egs/mini_urban/run.sh")
        options = ["--config", str(self.config), "--systems", "strong clip", "--ngpu", "0", "--nj", "2"]
        options += ["--checkpoint-minutes", "0.002"]
        return [script, *options, *folders, *more]

    def start(self, place: Path, *more: str) -> subprocess.Popen[str]:
        """A run in a process group of its own, its output read by the caller."""
        # Tests may have set a thread count for themselves; the recipe chooses its own.
        environment = {name: text for name, text in os.environ.items() if name != "OMP_NUM_THREADS"}
        return subprocess.Popen(
            self.command(place, *more),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            start_new_session=True,
            # Ignored in jobs that a shell has put into the background, and what is ignored no script can trap.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def finish(self, place: Path) -> str:
        """Run to the end; its output."""
        process = self.start(place)
        output, _ = process.communicate()
        assert process.returncode == 0, output[-4000:]
        assert "Successfully finished" in output.splitlines()[-1]
        return output

    def kill(self, place: Path, stage: int, delay_s: float, number: int = signal.SIGKILL) -> str:
        """Send a signal to all processes ``delay_s`` after a stage began; what was printed up to the end."""
        process = self.start(place)
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if f" Stage {stage}: " in line:
                break
        time.sleep(delay_s)
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass
        rest = process.stdout.read()
        process.wait()
        return "".join(lines) + rest


def stage_seconds(output: str) -> list[float]:
    """How long each stage took, from the times of a run's log lines (whole seconds)."""
    begun = re.findall(r"^(\S{19}) \(run\.sh:\d+:\w+\) (?:Stage \d+: \w+:|Successfully)", output, re.MULTILINE)
    times = [time.mktime(time.strptime(text, "%Y-%m-%dT%H:%M:%S")) for text in begun]
    return [max(1.0, after - before) for before, after in zip(times, times[1:], strict=False)]


def kill_moments(n_kills: int, seconds: list[float], seed: int) -> Iterator[tuple[int, float]]:
    """(stage, delay) of each kill: of a run's stages as many as there are kills, at a moment drawn from its length."""
    for number in range(n_kills):
        first = number - number % STAGES
        of_run = min(STAGES, n_kills - first)
        stage = int(sorted(generator(seed, "stages", first).permutation(STAGES)[:of_run])[number - first])
        yield stage, float(generator(seed, "kill", number).uniform(0, seconds[stage]))


def check_whole(place: Path) -> None:
    """No file under its final name is half-written, whatever the moment."""
    for path in place.rglob("*"):
        if LEFTOVER.search(str(path.relative_to(place))):
            continue
        if path.suffix == ".pt":
            load_checkpoint(path)
        elif path.name == DESCRIPTION_NAME:
            read_network(path.parent)
        elif path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".jsonl":
            for line in path.read_text().splitlines():
                json.loads(line)
    for table in place.rglob("wav.scp"):
        missing = [line for line in table.read_text().splitlines() if not (table.parent / line.split()[1]).is_file()]
        assert not missing, (table, missing[:3])


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_times(item) for key, item in value.items() if key not in TIMES}
    return [_without_times(item) for item in value] if isinstance(value, list) else value


def _same(one: Any, two: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, two)
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(_same(one[key], two[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(two) and all(map(_same, one, two))
    return bool(one == two or (one != one and two != two))


def _content(path: Path) -> Any:
    """What must be the same of a file."""
    if path.name == "checkpoint.pt":
        return _without_times(load_checkpoint(path))
    if path.name == "history.jsonl":
        return [_without_times(json.loads(line)) for line in path.read_text().splitlines()]
    if path.name in ("summary.json", "results.json"):
        return _without_times(json.loads(path.read_text()))
    if path.name == "RESULTS.md":
        # The tables of results; what stands before and after them tells times, versions and places.
        text = path.read_text()
        return text[text.index("## Separation") : text.index("## Training")]
    if path.name == "index.html":
        # What can be heard, which is most of it; the tables above have been compared.
        heard = r'<script type="(?:application/json|text/plain)"[^>]*>.*?</script>'
        return re.findall(heard, path.read_text(), re.DOTALL)
    return np.frombuffer(path.read_bytes(), dtype=np.uint8).tobytes()


def differences(one: Path, two: Path) -> list[str]:
    """Names of the files that two places do not both have, or that differ; and what should not be there at all."""
    names = [{str(p.relative_to(place)) for p in place.rglob("*") if p.is_file()} for place in (one, two)]
    problems = [f"left over: {name}" for found in names for name in found if LEFTOVER.search(name)]
    kept = [{name for name in found if not NOT_COMPARED.search(name)} for found in names]
    problems += [f"in one alone: {name}" for name in kept[0] ^ kept[1]]
    both = sorted(kept[0] & kept[1])
    for name in both:
        contents = [_content(place / name) for place in (one, two)]
        if name.endswith(".scp"):  # outside the recipe, as here, they name their place, or that of which it is a copy
            contents = [re.sub(f"{one}/|{two}/", "", (place / name).read_text()) for place in (one, two)]
        problems += [] if _same(*contents) else [f"differs: {name}"]
    return problems
