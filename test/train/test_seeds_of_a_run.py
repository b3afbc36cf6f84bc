"""``--seeds``: every training once a seed, in folders of their own, on the same data."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from runs import plan_of, same, stages, weights

from weaksep.bin import train
from weaksep.errors import UserError
from weaksep.fileio.network import read_description
from weaksep.infer.systems import find_systems
from weaksep.score.targets import find_targets
from weaksep.train.run import run_training


def test_each_seed_has_its_own_folders(recipe: Path, caplog: pytest.LogCaptureFixture) -> None:
    shutil.rmtree("data/train/audio")
    options = ["--seeds", "0 3", "--tag", "b"]
    stages("optim.max_epochs=1", systems="strong clip", options=options)
    names = [f"{system}+b-seed{seed}" for system in ("strong", "clip") for seed in (0, 3)]
    found = sorted(path.name for path in Path("exp").iterdir())
    assert found == sorted([f"separator_{name}" for name in names] + [f"classifier_{name}" for name in names[2:]])
    one = plan_of("strong", "optim.max_epochs=1", "seed=3", expdir="one")
    run_training(one, "cpu")
    own = {seed: weights(f"exp/separator_strong+b-seed{seed}") for seed in (0, 3)}
    assert same(own[3], weights(one.exp)) and not same(own[3], own[0])
    config = read_description("exp/separator_clip+b-seed3").config
    assert (config["name"], config["seed"], config["classifier_training"]["seed"]) == ("clip", 3, 3)
    assert not same(*(weights(f"exp/classifier_clip+b-seed{seed}") for seed in (0, 3)))
    folders = find_systems(Path("exp"), "strong clip", ["b-seed0", "b-seed3"], [])
    assert [folder.name for folder in folders] == [f"separator_{names[n]}" for n in (0, 2, 1, 3)]
    for folder in folders:
        (folder / "separated/valid").mkdir(parents=True)
    targets, _ = find_targets(Path("exp"), Path("data/valid"), Path("dump/valid"), ["clip"], ["b-seed0", "b-seed3"])
    assert {target.path.name for target in targets} == {
        f"{task}_{n}" for task in ("separator", "classifier") for n in names[2:]
    }
    caplog.set_level("INFO")
    stages("optim.max_epochs=1", systems="strong clip", options=options)
    assert caplog.text.count("up to date") == 6


def test_what_is_no_seed(recipe: Path) -> None:
    with pytest.raises(UserError, match="strong.yaml: seed: expected a whole number, found 'x'"):
        train.main(["--task", "separator", "--systems", "strong", "--seeds", "0 x"])


@pytest.mark.parametrize("seeds", ["0 0", "3 03", "10 2 1_0"])
def test_a_seed_that_comes_twice(seeds: str) -> None:
    """Its trainings would be the same, and their spread too small."""
    with pytest.raises(UserError, match=f"^--seeds {seeds}: a seed comes twice; give each once$"):
        train.main(["--task", "separator", "--systems", "strong", "--seeds", seeds])
