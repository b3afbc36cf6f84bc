"""Feed damaged input to everything that reads files or the command line, and see that it ends as it should.

    tools/fuzz.py --inputs 1000000 --seed 0 --target all

Each input is a good one with a few changes: bits flipped, pieces cut out, doubled or put in, numbers set to their
extremes. The reader must give a value that makes sense, or raise UserError (a parser of options: end with 0 or 2) with
a message for people, and take no more memory than the input justifies. All else is printed with the arguments that
make it again, and the input is kept in a file; the exit status is then 1.
"""

from __future__ import annotations

import argparse
import re
import resource
import sys
import tempfile
import time
import traceback
import tracemalloc
import warnings
from collections import Counter
from pathlib import Path

from fuzz_mutate import Draws
from fuzz_network import Network
from fuzz_options import Options
from fuzz_targets import Ark, Scenes, Scp, Target, Tsv, Wav, Yaml

from weaksep.errors import UserError

TARGETS: dict[str, type[Target]] = {
    "ark": Ark,
    "scp": Scp,
    "tsv": Tsv,
    "options": Options,
    "wav": Wav,
    "yaml": Yaml,
    "scenes": Scenes,
    "network": Network,
}
# Address space beyond what the imports take, and traced memory beyond what an input of that size may need.
SPARE_BYTES = 1 << 30
FREE_BYTES = 300_000
TRACE_EVERY = 50


def limit_memory() -> None:
    """From now on, no more address space than ``SPARE_BYTES`` beyond what is in use."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + SPARE_BYTES, resource.RLIM_INFINITY))


def for_people(message: str) -> bool:
    """One line, or a heading with a line for each problem; nothing that would move the cursor of a terminal."""
    heading, *lines = message.split("\n")
    control = any(ord(character) < 32 or ord(character) == 127 for line in (heading, *lines) for character in line)
    listed = re.search(r"\((\d+) problems?\):$", heading)
    as_many = int(listed[1] if listed else 0) == len(lines)
    return bool(heading) and not control and as_many and all(line.startswith("  ") for line in lines)


def run(target: Target, content: object, draws: Draws, traced: bool) -> str:
    """Feed one input; how it ended. Whatever should not happen is raised."""
    if traced:
        tracemalloc.start()
    try:
        value = target.feed(content, draws)
        assert value is not None, "no value and no error"
        return "a value"
    except UserError as error:
        assert for_people(str(error)), f"not a message for people: {str(error)!r}"
        return "an error that says why"
    finally:
        if traced:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            allowed = FREE_BYTES + target.bytes_a_byte * len(target.kept(content))
            assert peak <= allowed, f"{peak} bytes of memory for an input of {len(target.kept(content))}"


def fuzz(name: str, target: Target, seed: int, first: int, count: int, keep: Path) -> tuple[Counter[str], list[str]]:
    """Feed ``count`` inputs from number ``first`` on: how they ended, and the failures."""
    ends: Counter[str] = Counter()
    failures = []
    for index in range(first, first + count):
        draws = Draws(seed, name, index)
        content = target.make(draws)
        try:
            ends[run(target, content, draws, traced=index % TRACE_EVERY == 0)] += 1
        except Exception as error:
            ends["A FAILURE"] += 1
            kept = keep / f"fuzz-{name}-{seed}-{index}"
            kept.write_bytes(target.kept(content))
            where = traceback.extract_tb(error.__traceback__)[-1]
            again = f"tools/fuzz.py --target {name} --seed {seed} --first {index} --inputs 1"
            failures.append(f"{type(error).__name__}: {error} ({where.filename}:{where.lineno}); {again}; {kept}")
    return ends, failures


def main() -> int:
    """Command line; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=10_000, help="in all, shared by the targets (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other inputs (%(default)s)")
    parser.add_argument("--first", type=int, default=0, help="number of the first input (%(default)s)")
    parser.add_argument("--target", choices=[*TARGETS, "all"], default="all", help="what to feed (%(default)s)")
    parser.add_argument(
        "--keep", type=Path, default=Path(tempfile.gettempdir()), help="for inputs that fail (%(default)s)"
    )
    arguments = parser.parse_args()
    names = list(TARGETS) if arguments.target == "all" else [arguments.target]
    warnings.simplefilter("error")  # a warning is a message nobody meant for the user
    limit_memory()
    failed = 0
    began = time.monotonic()
    memory = Path("/dev/shm")  # a disk would be the slowest part
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        for position, name in enumerate(names):
            place = Path(folder) / name
            place.mkdir()
            started = time.monotonic()
            count = arguments.inputs // len(names) + (position < arguments.inputs % len(names))
            ends, failures = fuzz(name, TARGETS[name](place), arguments.seed, arguments.first, count, arguments.keep)
            seconds = time.monotonic() - started
            ended = ", ".join(f"{end} {number}" for end, number in sorted(ends.items()))
            print(f"{name}: {count} inputs in {seconds:.1f} s, {count / seconds:.0f} a second: {ended}", flush=True)
            for failure in failures[:20]:
                print(f"  {failure}", flush=True)
            failed += len(failures)
    print(f"{arguments.inputs} inputs in {time.monotonic() - began:.0f} s, failures: {failed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
