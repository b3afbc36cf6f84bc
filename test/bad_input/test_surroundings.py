"""Another user's recipe, a language whose decimal point is a comma, and cleaning while a stage runs."""

from __future__ import annotations

import multiprocessing
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from weaksep.bin.main import main
from weaksep.errors import UserError
from weaksep.fileio.yamlfile import write_yaml
from weaksep.upkeep.clean import clean

NOBODY = 65534
LOG_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d \(")
COMMA = "de_DE.UTF-8"


# Root without what makes it more than another user: the files of others are as the file system says.
NO_ROOT = ["setpriv", "--inh-caps=-all", "--bounding-set=-dac_override,-dac_read_search,-fowner"]


def command(folder: Path, *arguments: str, before: Sequence[str] = (), **environment: str) -> CompletedProcess[str]:
    """A command of weaksep in a process of its own."""
    return subprocess.run(
        [*before, sys.executable, "-m", "weaksep.bin", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2]), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def give_away(folder: Path) -> None:
    """Make a folder another user's, or skip the test and say why that cannot be done here."""
    try:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        subprocess.run([*NO_ROOT, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"files cannot be given to another user: {error}")


def test_the_recipe_of_another_user(recipe: Path) -> None:
    """It can be read; whatever would be written is refused, and nothing has changed."""
    give_away(recipe)
    recipe.chmod(0o755)
    before = contents(recipe)
    seen = command(recipe, "validate", "data/test", before=NO_ROOT)
    assert seen.returncode == 0, seen.stderr
    for arguments in (
        ["mix", "--config", "conf/mix.yaml", "--force", "true"],
        ["feats", "--config", "conf/feats.yaml", "--force", "true"],
        ["infer", "--force", "true"],
        ["score", "--force", "true"],
        ["report"],
        ["clean", "--what", "features", "--remove", "true"],
    ):
        refused = command(recipe, *arguments, before=NO_ROOT)
        errors = [line for line in refused.stderr.splitlines() if not LOG_LINE.match(line)]
        told = f"{refused.stdout}{refused.stderr}"
        assert "Traceback" not in told and "Permission denied" in told, f"{arguments}: {told}"
        assert refused.returncode == 1 and len(errors) == 1, f"{arguments}: {told}"
    assert contents(recipe) == before


@pytest.fixture(scope="session")
def comma(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a user who writes 1,5."""
    folder = tmp_path_factory.mktemp("locale")
    made = shutil.which("localedef") and subprocess.run(
        ["localedef", "-i", "de_DE", "-f", "UTF-8", str(folder / COMMA)], capture_output=True, check=False
    )
    environment = {"LOCPATH": str(folder), "LC_ALL": COMMA}
    shown = subprocess.run(
        ["bash", "-c", "printf %.1f 1,5"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if not made or shown.stdout != "1,5":
        pytest.skip("no locale with a comma can be made")
    return environment


def test_a_comma_as_decimal_point_changes_nothing(recipe: Path, comma: dict[str, str]) -> None:
    before = contents(recipe)
    feats = ["feats", "--config", "conf/feats.yaml", "--systems", "strong frame"]
    for arguments in (["mix", "--config", "conf/mix.yaml"], feats, ["score"]):
        ended = command(recipe, *arguments, "--force", "true", **comma)
        assert ended.returncode == 0, ended.stderr
    after = contents(recipe)
    tables = {name for name in before if name.endswith((".tsv", ".scp", ".jsonl", ".ark", ".wav"))}
    assert all(before[name] == after[name] for name in tables)


def _mix_again(folder: Path, status: multiprocessing.Queue) -> None:
    os.chdir(folder)
    write_yaml("conf/mix.yaml", {"clip_s": 0.5, "mean_events": 0.3, "sets": {"train": 40, "valid": 3, "test": 3}})
    for number in range(6):
        status.put(main(["mix", "--config", "conf/mix.yaml", "--seed", str(number)]))


def test_cleaning_beside_a_stage_that_runs(recipe: Path) -> None:
    """Whoever comes second waits or is told so; nothing is half there in the end."""
    context = multiprocessing.get_context("fork")
    status: multiprocessing.Queue = context.Queue()
    stage = context.Process(target=_mix_again, args=(recipe, status))
    stage.start()
    looks = 0
    while stage.is_alive():
        try:
            list(clean(Path("data"), Path("dump"), Path("exp"), ["leftovers", "unfinished", "mixtures"], remove=True))
        except UserError as error:
            assert "works here" in str(error)
        looks += 1
    stage.join()
    assert looks > 5 and [status.get() for _ in range(6)] == [0] * 6
    assert main(["mix", "--config", "conf/mix.yaml"]) == 0
    assert main(["validate", "data/train", "data/valid", "data/test"]) == 0
