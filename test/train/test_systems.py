"""The systems beside strong, frame and clip: what they learn from, and that one that fails stops no other."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from runs import assert_resumes, history, plan_of, same, stages, weights

from weaksep.bin import train
from weaksep.errors import UserError
from weaksep.feats.config import FeatsConfig, Knowledge
from weaksep.feats.dataset import TrainingSet
from weaksep.feats.extract import extract
from weaksep.fileio.audio import read_audio, write_audio
from weaksep.fileio.network import read_description, read_network
from weaksep.fileio.yamlfile import read_yaml, write_yaml
from weaksep.losses.strong import strong_loss
from weaksep.nets.build import build_separator
from weaksep.train.config import ClassifierTraining, SeparatorTraining
from weaksep.train.plan import plan_training
from weaksep.train.run import dry_run, run_training
from weaksep.train.systems import all_systems

PLACES = {"datadir": "data", "dumpdir": "dump", "expdir": "exp"}


@pytest.fixture
def recipe(recipe: Path) -> Path:
    """The tiny recipe with more systems."""
    write_yaml("conf/semi.yaml", {"base": "frame.yaml", "strong_share": 0.1, "strong_repeats": 4})
    write_yaml("conf/classifier_mixed.yaml", {"base": "classifier_clip.yaml", "frame_share": 0.5})
    write_yaml("conf/mixed.yaml", {"base": "clip.yaml", "frame_share": 0.5, "classifier": "mixed"})
    write_yaml("conf/nmf.yaml", {"supervision": "strong", "net": {"kind": "nmf", "units": 4}})
    return recipe


def even_loss() -> float:
    """The strong loss of masks that share every bin evenly, over the validation set."""
    (batch,) = TrainingSet(Path("data/valid"), Path("dump/valid"), Knowledge(supervision="strong")).batch(range(10))
    assert batch.sources is not None
    return strong_loss(batch.magnitude, torch.full_like(batch.sources, 1 / 3), batch.sources).item()


@pytest.mark.parametrize("system", ["semi", "mixed", "nmf"])
def test_each_learns(recipe: Path, system: str) -> None:
    if system == "nmf":
        pytest.importorskip("sklearn")
    stages(systems=system)
    rows = history(f"exp/separator_{system}")
    if system == "nmf":  # one row: against dictionaries that know nothing, whose masks are even
        assert rows[0]["valid"]["strong"] < 0.7 * even_loss()
        assert read_yaml("exp/separator_nmf/config.yaml")["train_threads"] == 1
    else:
        assert rows[-1]["valid"]["loss"] < rows[0]["valid"]["loss"]
    description, state = read_network(f"exp/separator_{system}")
    net = build_separator(description.config["net"], 3, 65)
    net.load_state_dict(state)
    masks = net(torch.rand(2, 9, 65))
    assert masks.shape == (2, 3, 9, 65)
    torch.testing.assert_close(masks.sum(dim=1), torch.ones(2, 9, 65))
    if system == "semi":
        assert "strong" in rows[0]["train"] and "strong" not in rows[0]["valid"]


@pytest.mark.parametrize("data", ["strong", "frame", "clip", "semi", "augmented", "remixed"])
def test_clips_of_unequal_length(recipe: Path, data: str) -> None:
    """Every third clip is half as long: two steps of each, and whole trainings."""
    for name in ("train", "valid"):
        for path in [p for p in Path(f"data/{name}").glob("audio/*.wav") if int(p.stem[-3:]) % 3 == 0]:
            write_audio(path, read_audio(path, 8000)[:2000], 8000)
        settings = FeatsConfig(window_samples=128, hop_samples=64)
        extract(Path("data", name), Path("dump", name), settings, nj=1, references=True)
    write_yaml("conf/augmented.yaml", {"base": "frame.yaml", "augment": {"filter_db": 3.0, "speed": 0.1}})
    write_yaml("conf/remixed.yaml", {"base": "clip.yaml", "remix": {}, "augment": {}, "classifier": None})
    parts = dry_run(plan_of(data), "cpu")
    assert len(parts) > 1 and all(torch.isfinite(value) for value in parts.values())
    if data in ("augmented", "remixed"):
        stages(systems=data)
        rows = history(f"exp/separator_{data}")
        assert rows[-1]["valid"]["loss"] < rows[0]["valid"]["loss"]


def test_a_semi_supervised_system_reads_sources_of_the_training_set_alone(recipe: Path) -> None:
    for scp in Path("dump/valid").glob("src_*_feats.scp"):
        scp.unlink()
    stages(systems="semi", options=["--dry-run", "true"])
    for scp in Path("dump/train").glob("src_*_feats.scp"):
        scp.unlink()
    with pytest.raises(UserError, match="rerun stage 2 with a strong system"):
        stages(systems="semi", options=["--dry-run", "true"])


def test_the_help_says_how_many_steps_a_dry_run_takes(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    steps, step = [], torch.optim.Adam.step
    monkeypatch.setattr(torch.optim.Adam, "step", lambda *given: (steps.append(1), step(*given)))
    stages(systems="frame", options=["--dry-run", "true"])
    assert len(steps) == 2 * 2  # a classifier and a separator
    with pytest.raises(SystemExit):
        train.main(["--help"])
    assert "two steps of each, nothing is kept" in " ".join(capsys.readouterr().out.split())


def test_the_strong_share_of_the_command_line_is_for_semi_supervised_systems(recipe: Path) -> None:
    semi, frame = plan_training("separator", "conf", ["semi", "frame"], strong_share=0.5, **PLACES)  # type: ignore
    assert (semi.name, semi.config.strong_share) == ("semi", 0.5)
    assert (frame.name, frame.config.strong_share) == ("frame", 0.0)
    assert semi.config.strong_repeats == 1  # four times a tenth of the clips, before: an epoch stays about as long
    with pytest.raises(UserError, match="--strong-share 1: expected a share above 0 and below 1"):
        plan_training("separator", "conf", ["semi"], strong_share=1.0, **PLACES)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="data/train: such large shares leave no clip with frame labels"):
        options = ["--task", "separator", "--systems", "semi", "--strong-share", "0.999"]
        train.main([*options, "--dry-run", "true"])


@pytest.mark.parametrize("system", ["mixed", "semi"])
def test_what_must_not_be_known_may_be_away(recipe: Path, system: str) -> None:
    write_yaml("conf/semi.yaml", {"base": "clip.yaml", "strong_share": 0.1})
    hidden = "d*/*/src_*.scp" if system == "mixed" else "data/*/events.tsv"
    found = list(Path().glob(hidden))
    for path in found:
        path.unlink()
    stages(systems=system)
    assert found and read_description(f"exp/separator_{system}").task == "separator"


def test_a_mixed_set_goes_on_within_an_epoch_with_the_same_weights(recipe: Path, monkeypatch) -> None:
    assert_resumes(monkeypatch, "semi")


def test_a_dry_run_tries_every_system_and_leaves_nothing(recipe: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    stages(systems=" ".join(all_systems("conf")), options=["--dry-run", "true"])
    assert not Path("exp").exists()
    for name in ("strong", "frame", "clip", "frame_joint", "clip_joint", "semi", "mixed", "nmf"):
        assert f"separator_{name}: " in caplog.text, name


def test_a_dry_run_lists_all_that_cannot_be_trained(recipe: Path) -> None:
    shutil.rmtree("dump/valid")
    with pytest.raises(UserError, match=r"(?s)dry run \(2 problems\).*dump/valid.*dump/valid"):
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
    alone = plan_of("strong", expdir="alone")
    run_training(alone, "cpu")
    assert same(weights("exp/separator_strong"), weights(alone.exp))  # whatever --nj
    assert not Path("exp/separator_bad/stamp.json").exists()
    train.main([*options, "--failed", "failed"])
    assert Path("failed").read_text() == "bad\n"
    with pytest.raises(UserError, match="many' is not a number|IndexError"):  # none is left
        train.main(["--task", "separator", "--systems", "bad", "--nj", nj, "--failed", "failed"])


def test_weights_do_not_depend_on_nj(recipe: Path) -> None:
    write_yaml("conf/other.yaml", {"base": "strong.yaml", "seed": 1})
    for nj in ("1", "2"):
        train.main(["--task", "separator", "--systems", "strong other", "--nj", nj, "--expdir", f"nj{nj}"])
    for name in ("separator_strong", "separator_other"):
        assert same(weights(f"nj1/{name}"), weights(f"nj2/{name}"))
        assert history(f"nj1/{name}") == history(f"nj2/{name}")
    assert not same(weights("nj1/separator_strong"), weights("nj1/separator_other"))


def test_a_classifier_that_fails_takes_its_systems_along(recipe: Path) -> None:
    damaged_mixtures()
    write_yaml("conf/classifier_bad.yaml", {"base": "classifier_frame.yaml", "mixtures": "lost"})
    write_yaml("conf/one.yaml", {"base": "frame.yaml", "classifier": "bad"})
    write_yaml("conf/two.yaml", {"base": "one.yaml", "joint": True})  # trains its own
    train.main(["--task", "classifier", "--systems", "one two frame", "--failed", "failed"])
    assert Path("failed").read_text() == "one\n"
    assert read_description("exp/classifier_frame").task == "classifier"


def test_the_evaluation_classifier_is_trained_whatever_the_systems_need_and_must_not_fail(recipe: Path) -> None:
    options = ["--task", "classifier", "--systems", "strong frame", "--failed", "failed", "--evaluation-classifier"]
    train.main([*options, "clip"])
    for name in ("clip", "frame"):
        read_description(f"exp/classifier_{name}", "classifier")
    train.main(["--task", "separator", "--systems", "strong", "--evaluation-classifier", "clip"])
    assert Path("exp/separator_strong/model.json").exists() and not Path("failed").exists()
    damaged_mixtures()
    write_yaml("conf/classifier_bad.yaml", {"base": "classifier_clip.yaml", "mixtures": "lost"})
    with pytest.raises(UserError, match="(?s)classifier_bad: .*many"):
        train.main([*options, "bad"])
    with pytest.raises(UserError, match="conf/classifier_nobody.yaml"):
        train.main([*options, "nobody"])


def test_only_chosen_settings_and_none_for_the_report_alone_identify_a_run(recipe: Path) -> None:
    plain = SeparatorTraining(supervision="strong")
    assert plain.settings() == {"supervision": "strong"}
    assert (
        SeparatorTraining(supervision="strong", about="isolated", compare_with="frame").settings() == plain.settings()
    )
    semi = SeparatorTraining(supervision="clip", classifier="clip", strong_share=0.1, mixtures="lambda5")
    assert (semi.settings()["strong_share"], semi.settings()["mixtures"]) == (0.1, "lambda5")
    remixed = ClassifierTraining.model_validate({"supervision": "clip", "remix": {}, "wrong_labels": 0.1})
    assert remixed.settings() == {"supervision": "clip", "remix": {}, "wrong_labels": 0.1}
    stages("about=what it is", systems="strong")
    assert not {"about", "compare_with"} & set(read_yaml("exp/separator_strong/config.yaml"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"supervision": "frame", "classifier": "frame", "frame_share": 0.5}, "frame_share: .* with supervision: clip"),
        ({"supervision": "strong", "missing_labels": 0.1}, "missing_labels: .* supervision: clip"),
        ({"supervision": "strong", "strong_share": 0.5}, "all clips have their sources"),
        ({"supervision": "frame", "classifier": "frame", "net": {"kind": "nmf"}}, "learnt from isolated sources"),
        ({"supervision": "strong", "mixtures": "../x"}, "mixtures"),
        ({"supervision": "strong", "strong_repeats": 0}, "strong_repeats"),
        ({"supervision": "strong", "strong_repeats": 2}, "strong_repeats: of the clips of strong_share"),
        ({"supervision": "strong", "remix": {"p_separated": 0.5}}, "only classifiers hear separated sources"),
        ({"supervision": "strong", "net": {"kind": "nmf"}, "remix": {}}, "without remix"),
        ({"supervision": "strong", "net": {"kind": "nmf"}, "augment": {}}, "without remix and augment"),
        ({"supervision": "strong", "net": {"kind": "nmf"}, "calibrate": True}, "no logits, and so no temperature"),
        ({"supervision": "strong", "augment": {"gain_db": [3, -3]}}, "gain_db: expected"),
        ({"supervision": "clip", "joint": True}, "joint"),
    ],
)
def test_settings_that_do_not_go_together(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SeparatorTraining.model_validate(settings)
