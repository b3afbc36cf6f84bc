"""The systems beside strong, frame and clip: what they learn from, and that one that fails stops no other."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from weaksep.bin import train
from weaksep.errors import UserError
from weaksep.feats.dataset import LabelledSet
from weaksep.fileio.checkpoint import load_checkpoint
from weaksep.fileio.yamlfile import read_yaml, write_yaml
from weaksep.infer.model import load_separator
from weaksep.losses.strong import strong_loss
from weaksep.train.config import ClassifierTraining, LossConfig, SeparatorTraining
from weaksep.train.objectives import (
    MixedTensorBatch,
    TensorBatch,
    WeakObjective,
    strong_losses,
    to_device,
    weighted_sum,
)
from weaksep.train.plan import all_systems, plan_training
from weaksep.train.schedule import Weights


@pytest.fixture
def recipe(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny recipe with more systems."""
    folder = tmp_path / "recipe"
    shutil.copytree(prepared, folder)
    monkeypatch.chdir(folder)
    write_yaml("conf/semi.yaml", {"base": "frame.yaml", "strong_share": 0.1, "strong_repeats": 4})
    write_yaml("conf/classifier_mixed.yaml", {"base": "classifier_clip.yaml", "frame_share": 0.5})
    write_yaml("conf/mixed.yaml", {"base": "clip.yaml", "frame_share": 0.5, "classifier": "mixed"})
    write_yaml("conf/nmf.yaml", {"supervision": "strong", "net": {"kind": "nmf", "units": 4}})
    return folder


def stages(*arguments: str, systems: str) -> None:
    """Stages 3 and 4 as run.sh calls them."""
    for task in ("classifier", "separator"):
        train.main(["--task", task, "--systems", systems, *arguments])


def even_loss() -> float:
    """The strong loss of masks that share every bin evenly, over the validation set."""
    batch = to_device(LabelledSet("data/valid", "dump/valid", "strong").batch(range(10)), torch.device("cpu"))
    masks = torch.full_like(batch.sources, 1 / 3)
    return strong_loss(batch.magnitude, masks, batch.sources).item()


@pytest.mark.parametrize("system", ["semi", "mixed", "nmf"])
def test_each_learns(recipe: Path, system: str) -> None:
    if system == "nmf":
        pytest.importorskip("sklearn")
    stages(systems=system)
    history = [json.loads(line) for line in Path(f"exp/separator_{system}/history.jsonl").read_text().splitlines()]
    if system == "nmf":  # one row: against dictionaries that know nothing, whose masks are even
        assert history[0]["valid"]["strong"] < 0.7 * even_loss()
    else:
        assert history[-1]["valid"]["loss"] < history[0]["valid"]["loss"]
    net = load_separator(f"exp/separator_{system}").net
    masks = net(torch.rand(2, 9, 65))
    assert masks.shape == (2, 3, 9, 65)
    torch.testing.assert_close(masks.sum(dim=1), torch.ones(2, 9, 65))
    if system == "semi":
        assert "strong" in history[0]["train"] and "strong" not in history[0]["valid"]


def test_a_semi_supervised_system_reads_sources_of_the_training_set_alone(recipe: Path) -> None:
    for scp in Path("dump/valid").glob("src_*_feats.scp"):
        scp.unlink()
    stages("--dry-run", "true", systems="semi")
    for scp in Path("dump/train").glob("src_*_feats.scp"):
        scp.unlink()
    with pytest.raises(UserError, match="rerun stage 2 with a strong system"):
        stages("--dry-run", "true", systems="semi")


def test_the_help_says_how_many_steps_a_dry_run_takes(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps, step = [], torch.optim.Adam.step
    monkeypatch.setattr(torch.optim.Adam, "step", lambda *given: (steps.append(1), step(*given)))
    stages("--dry-run", "true", systems="frame")
    assert len(steps) == 2 * 2  # a classifier and a separator
    assert "two steps of each, nothing is kept" in " ".join(train.get_parser().format_help().split())


def test_the_strong_share_of_the_command_line_is_for_semi_supervised_systems(recipe: Path) -> None:
    places = {"datadir": "data", "dumpdir": "dump", "expdir": "exp"}
    plans = plan_training("separator", "conf", ["semi", "frame"], strong_share=0.5, **places)
    assert {plan.name: plan.strong_share for plan in plans} == {"semi": 0.5, "frame": 0.0}
    semi = next(plan for plan in plans if plan.name == "semi")
    assert semi.config.strong_repeats == 1  # four times a tenth of the clips, before: an epoch stays about as long
    with pytest.raises(UserError, match="--strong-share 1: expected a share above 0 and below 1"):
        plan_training("separator", "conf", ["semi"], strong_share=1.0, **places)
    with pytest.raises(UserError, match="data/train: such large shares leave no clip with frame labels"):
        stages("--dry-run", "true", "--strong-share", "0.999", systems="semi")


@pytest.mark.parametrize("system", ["mixed", "semi"])
def test_what_must_not_be_known_may_be_away(recipe: Path, system: str) -> None:
    write_yaml("conf/semi.yaml", {"base": "clip.yaml", "strong_share": 0.1})
    hidden = "d*/*/src_*.scp" if system == "mixed" else "data/*/events.tsv"
    found = list(Path().glob(hidden))
    for path in found:
        path.unlink()
    stages(systems=system)
    assert found and Path(f"exp/separator_{system}/best.pt").exists()


def test_a_mixed_set_goes_on_within_an_epoch_with_the_same_weights(
    recipe: Path, stopped_and_resumed: Callable[[str], None]
) -> None:
    stopped_and_resumed("semi")


def test_a_mixed_batch_weighs_its_parts_by_their_clips() -> None:
    torch.manual_seed(0)
    magnitude, sources = torch.rand(5, 6, 4), torch.rand(5, 2, 6, 4)
    labels = (torch.rand(5, 2) > 0.5).float()
    net = torch.nn.Module()
    net.forward = lambda x: torch.full((len(x), 2, *x.shape[1:]), 0.5)  # type: ignore[method-assign]
    objective = WeakObjective(net, None, torch.ones(2), LossConfig(classification_weight=0.0), joint=False)
    weak = TensorBatch(magnitude[:3], labels[:3], None)
    strong = TensorBatch(magnitude[3:], None, sources[3:])
    whole = objective(MixedTensorBatch((weak, strong)), Weights(0.0, 0.3))
    alone = objective(weak, Weights(0.0, 0.3))
    masked = strong_losses(strong, torch.full((2, 2, 6, 4), 0.5), 100.0 * 2)  # two classes
    assert whole["loss"].item() == pytest.approx((3 * alone["loss"].item() + 2 * masked["loss"].item()) / 5)
    assert whole["mixture"].item() == pytest.approx(3 / 5 * alone["mixture"].item())
    assert weighted_sum([(3, alone)]) is alone


def test_a_dry_run_tries_every_system_and_leaves_nothing(recipe: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    systems = " ".join(all_systems("conf"))
    stages("--dry-run", "true", systems=systems)
    assert not Path("exp").exists()
    for name in ("strong", "frame", "clip", "frame_joint", "clip_joint", "semi", "mixed", "nmf"):
        assert f"separator_{name}: " in caplog.text, name


def test_a_dry_run_lists_all_that_cannot_be_trained(recipe: Path) -> None:
    shutil.rmtree("dump/valid")
    with pytest.raises(UserError, match=r"(?s)dry run \(2 problems\).*separator_frame: .*separator_strong: "):
        train.main(["--task", "separator", "--systems", "strong frame", "--dry-run", "true"])


def damaged_mixtures() -> None:
    """Sets by the name of ``lost`` whose features are damaged, which shows only when a training opens them."""
    for name in ("train", "valid"):
        for kind in ("data", "dump"):
            shutil.copytree(f"{kind}/{name}", f"{kind}/{name}_lost")
        Path(f"dump/{name}_lost/utt2num_frames").write_text("utt-000 many\n")


@pytest.mark.parametrize("nj", ["1", "2"])
@pytest.mark.parametrize("bug", [False, True])
def test_one_that_fails_stops_no_other(recipe: Path, nj: str, bug: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if bug and nj == "2":
        pytest.skip("worker processes do not see what a test has changed")
    damaged_mixtures()
    write_yaml("conf/bad.yaml", {"base": "strong.yaml", "mixtures": "lost"})
    if bug:
        write_yaml("conf/bad.yaml", {"base": "strong.yaml", "seed": 7})
        real = torch.manual_seed
        monkeypatch.setattr(torch, "manual_seed", lambda seed: real(seed) if seed != 7 else [][0])
    options = ["--task", "separator", "--systems", "bad strong", "--nj", nj]
    reason = "many' is not a number of frames|IndexError: list"
    with pytest.raises(UserError, match=rf"(?s)1 of 2 trainings failed .*separator_bad: .*({reason})"):
        train.main(options)
    assert load_checkpoint(Path("exp/separator_strong/best.pt"))["task"] == "separator"
    assert not Path("exp/separator_bad/stamp.json").exists()
    train.main([*options, "--failed", "failed"])
    assert Path("failed").read_text() == "bad\n"
    with pytest.raises(UserError, match="many' is not a number|IndexError"):  # none is left
        train.main(["--task", "separator", "--systems", "bad", "--nj", nj, "--failed", "failed"])


def test_a_classifier_that_fails_takes_its_systems_along(recipe: Path) -> None:
    damaged_mixtures()
    write_yaml("conf/classifier_bad.yaml", {"base": "classifier_frame.yaml", "mixtures": "lost"})
    write_yaml("conf/one.yaml", {"base": "frame.yaml", "classifier": "bad"})
    write_yaml("conf/two.yaml", {"base": "one.yaml", "joint": True})  # trains its own
    train.main(["--task", "classifier", "--systems", "one two frame", "--failed", "failed"])
    assert Path("failed").read_text() == "one\n"
    assert Path("exp/classifier_frame/best.pt").exists()


def test_a_judge_is_trained_whatever_the_systems_need_and_must_not_fail(recipe: Path) -> None:
    options = ["--task", "classifier", "--systems", "strong frame", "--failed", "failed"]
    train.main([*options, "--judge", "clip"])
    assert all(Path(f"exp/classifier_{name}/best.pt").exists() for name in ("clip", "frame"))
    train.main(["--task", "separator", "--systems", "strong", "--judge", "clip"])
    assert Path("exp/separator_strong/best.pt").exists() and not Path("failed").exists()
    damaged_mixtures()
    write_yaml("conf/classifier_bad.yaml", {"base": "classifier_clip.yaml", "mixtures": "lost"})
    with pytest.raises(UserError, match="(?s)classifier_bad: .*many"):
        train.main([*options, "--judge", "bad"])
    with pytest.raises(UserError, match="conf/classifier_nobody.yaml"):
        train.main([*options, "--judge", "nobody"])


def test_runs_of_the_first_release_are_not_taken_for_others() -> None:
    plain = SeparatorTraining(supervision="strong")
    assert set(plain.settings()) == {"supervision", "classifier", "joint", "net", "loss", "optim", "seed"}
    assert set(ClassifierTraining(supervision="frame").settings()) == {"supervision", "net", "optim", "seed"}
    semi = SeparatorTraining(supervision="clip", classifier="clip", strong_share=0.1, mixtures="lambda5")
    assert (semi.settings()["strong_share"], semi.settings()["mixtures"]) == (0.1, "lambda5")


def test_what_only_the_report_reads_is_no_part_of_a_run(recipe: Path) -> None:
    plain = SeparatorTraining(supervision="strong")
    told = SeparatorTraining(supervision="strong", about="isolated sources", compare_with="frame")
    assert told.settings() == plain.settings()
    stages(systems="strong")
    assert not {"about", "compare_with"} & set(read_yaml("exp/separator_strong/config.yaml"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"supervision": "frame", "classifier": "frame", "frame_share": 0.5}, "frame_share: .* with supervision: clip"),
        ({"supervision": "strong", "strong_share": 0.5}, "all clips have their sources"),
        ({"supervision": "frame", "classifier": "frame", "net": {"kind": "nmf"}}, "learnt from isolated sources"),
        ({"supervision": "strong", "mixtures": "../x"}, "mixtures"),
        ({"supervision": "strong", "strong_repeats": 0}, "strong_repeats"),
    ],
)
def test_settings_that_do_not_go_together(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SeparatorTraining.model_validate(settings)
