"""The temperature of the masks: its measure in closed form, how it is chosen, and when."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from runs import plan_of, same, stages, weights

from weaksep.errors import UserError
from weaksep.feats.batch import Batch
from weaksep.fileio.network import TEMPERATURES, read_description, read_network
from weaksep.fileio.yamlfile import write_yaml
from weaksep.nets.build import build_separator
from weaksep.nets.separator import MaskSeparator
from weaksep.train.calibrate import (
    LIMIT_DB,
    chosen_temperature,
    mean_scores,
    of_classes_alone,
    submixture_scores,
    validation_remixes,
)
from weaksep.train.run import dry_run, run_training
from weaksep.train.sets import training_sets

CPU = torch.device("cpu")
CLIP = Path("exp/separator_clip")


def batch_of(submixtures: list[list[float]], labels: list[list[float]]) -> Batch:
    """One remix of two clips, in one frame."""
    wanted = torch.tensor(submixtures)[None, None, :, None]
    asked = torch.tensor(labels, dtype=torch.float32)[None, None]
    return Batch(wanted.sum(dim=2)[:, 0], submixtures=wanted, submixture_labels=asked)


def test_the_measure_by_hand() -> None:
    batch = batch_of([[3.0, 0.0], [0.0, 4.0]], [[1, 0, 0], [0, 1, 0]])
    masks = torch.tensor([[0.6, 0.4], [0.4, 0.6], [0.0, 0.0]])[None, :, None]
    # The first submixture is given (1.8, 1.6) of (3, 0), the second (1.2, 2.4) of (0, 4).
    si_sdr = 10 * np.log10([1.8**2 / 1.6**2, 2.4**2 / 1.2**2])
    snr = 10 * np.log10([9 / (1.2**2 + 1.6**2), 16 / (1.2**2 + 1.6**2)])
    np.testing.assert_allclose(submixture_scores(batch.magnitude, masks, batch)[0], (si_sdr + snr) / 2, rtol=1e-5)


def test_the_measure_is_bounded_and_asks_nothing_of_a_single_clip() -> None:
    batch = batch_of([[3.0, 0.0], [0.0, 4.0]], [[1, 0, 0], [0, 1, 0]])
    perfect = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])[None, :, None]
    assert submixture_scores(batch.magnitude, perfect, batch)[0].tolist() == [LIMIT_DB, LIMIT_DB]
    swapped = perfect[:, [1, 0, 2]]  # SI-SDR at its floor; what is left of the target is all of it, and as much again
    snr = 10 * np.log10([9 / 25, 16 / 25])
    np.testing.assert_allclose(submixture_scores(batch.magnitude, swapped, batch)[0], (snr - LIMIT_DB) / 2, rtol=1e-5)
    single = batch_of([[3.0, 4.0], [0.0, 0.0]], [[1, 0, 0], [0, 0, 0]])
    assert submixture_scores(single.magnitude, perfect, single).isnan().all()


def test_a_class_of_both_clips_may_explain_either() -> None:
    batch = batch_of([[3.0, 1.0], [0.0, 4.0]], [[1, 1, 0], [0, 1, 1]])  # the remix is (3, 5)
    masks = torch.tensor([[0.5, 0.0], [0.5, 0.5], [0.0, 0.5]])[None, :, None]
    # The class of both has (1.5, 2.5): the first clip lacks (1.5, 1) of (3, 1), the second then gets (0, 2.5 + 1.5).
    assert submixture_scores(batch.magnitude, masks, batch)[0].tolist() == [LIMIT_DB, LIMIT_DB]
    swapped = masks[:, [2, 1, 0]]
    assert (submixture_scores(batch.magnitude, swapped, batch)[0] < LIMIT_DB / 2).all()


def test_a_residual_output_has_no_part_in_it() -> None:
    masks = torch.rand(2, 3, 4, 5)
    assert of_classes_alone(masks, 3) is masks
    alone = masks / masks.sum(dim=1, keepdim=True)
    with_residual = torch.cat([0.3 * alone, torch.full((2, 1, 4, 5), 0.7)], dim=1)
    torch.testing.assert_close(of_classes_alone(with_residual, 3), alone)
    silent = of_classes_alone(torch.zeros(2, 4, 4, 5), 3)
    assert torch.equal(silent, torch.zeros(2, 3, 4, 5)), "not NaN"


def test_frame_labels_count_over_the_whole_clip() -> None:
    clip = [[1.0, 0, 0], [0, 1.0, 0]]
    batch = batch_of([[3.0, 0.0], [0.0, 4.0]], clip)
    frames = dataclasses.replace(batch, submixture_labels=torch.tensor(clip)[None, None, :, None])
    masks = torch.rand(1, 3, 1, 2)
    assert torch.equal(*(submixture_scores(batch.magnitude, masks, own) for own in (frames, batch)))


def trained(exp: Path) -> MaskSeparator:
    description, state = read_network(exp)
    net = build_separator(description.config["net"], 3, 65).eval()
    assert isinstance(net, MaskSeparator)
    net.load_state_dict(state)
    return net


@pytest.mark.parametrize("system", ["strong", "frame", "clip"])
def test_a_net_that_is_twice_as_confident_gets_twice_the_temperature(recipe: Path, system: str) -> None:
    stages(systems=system)
    plan = plan_of(system)
    net, clips = trained(plan.exp), validation_remixes(plan)
    as_it_is, _ = mean_scores(net, clips, CPU)
    assert list(as_it_is) == list(TEMPERATURES) and net.temperature == 1.0
    with torch.no_grad():
        net.output.weight.mul_(2.0)  # type: ignore[union-attr]
        net.output.bias.mul_(2.0)  # type: ignore[union-attr]
    surer, _ = mean_scores(net, clips, CPU)
    for low, high in ((0.7, 1.4), (1.0, 2.0), (2.0, 4.0), (4.0, 8.0)):
        assert surer[high] == pytest.approx(as_it_is[low], abs=1e-3)


def test_where_nothing_is_won_the_masks_stay_as_they_are(recipe: Path) -> None:
    net = build_separator({"layers": 1, "units": 4}, 3, 65)
    assert isinstance(net, MaskSeparator)
    torch.nn.init.zeros_(net.output.weight)  # type: ignore[arg-type]
    torch.nn.init.zeros_(net.output.bias)  # type: ignore[arg-type]
    # Equal masks at every temperature.
    assert chosen_temperature(net, [validation_remixes(plan_of("strong"))], CPU, "even") == 1.0


def test_clips_that_all_have_a_class_in_common_are_remixed_all_the_same(
    recipe: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("train", "valid"):
        table = Path(f"data/{name}/utt2labels")
        lines = enumerate(table.read_text().splitlines())
        table.write_text("".join(f"{line.split()[0]} {('high,low', 'middle,low')[n % 2]}\n" for n, line in lines))
    plan = plan_of("clip")
    apart, shared = (validation_remixes(plan, shared) for shared in (False, True))
    net = build_separator({"layers": 1, "units": 4}, 3, 65)
    assert isinstance(net, MaskSeparator)
    assert mean_scores(net, apart, CPU) == ({}, set())
    means, pairs = mean_scores(net, shared, CPU)
    assert list(means) == list(TEMPERATURES)
    assert chosen_temperature(net, [apart], CPU, "apart") == 1.0
    caplog.clear()
    assert chosen_temperature(net, [apart, shared], CPU, "both") == chosen_temperature(net, [shared], CPU, "shared")
    drawn = {frozenset(own) for own in shared.remixed(range(len(shared)))}
    kind = {utt: own for utt, own in shared.data.clip_labels().items()}
    assert pairs == {own for own in drawn if len({kind[utt] for utt in own}) == 2}  # both have a class of their own
    told = f"chosen on {len(pairs)} remixes of {len(set().union(*pairs))} validation clips that share classes ("
    assert told in caplog.text and caplog.text.count("; of so few it is a rough guess") == 2


def test_it_is_said_of_how_many_remixes_it_is(
    recipe: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO")
    net, clips = build_separator({"layers": 1, "units": 4}, 3, 65), validation_remixes(plan_of("clip"))
    assert isinstance(net, MaskSeparator)
    pairs = mean_scores(net, clips, CPU)[1]
    for fewest in (len(pairs), len(pairs) + 1):
        monkeypatch.setattr("weaksep.train.calibrate.FEWEST_REMIXES", fewest)
        chosen_temperature(net, [clips], CPU, "net")
    enough, few = [record.getMessage() for record in caplog.records if "temperature" in record.getMessage()]
    assert f"chosen on {len(pairs)} remixes of {len(set().union(*pairs))} validation clips (" in enough
    assert "rough guess" not in enough and few == f"{enough}; of so few it is a rough guess"
    assert caplog.records[-1].levelname == "WARNING"


def test_it_knows_no_better_labels_than_the_training(recipe: Path) -> None:
    poor, clean = (validation_remixes(plan_of("clip", *more)) for more in (["wrong_labels=0.5"], []))
    (_, valid) = training_sets(plan_of("clip", "wrong_labels=0.5"))
    labels = [torch.cat([batch.labels for batch in clips.batch(range(10))]) for clips in (poor, clean)]  # type: ignore
    assert not torch.equal(*labels)
    names = {utt: own.tolist() for utt, own in zip(valid.utts["clip"], valid.batch(range(10))[0].labels, strict=True)}
    assert {utt: own.tolist() for utt, own in poor._labels.items()} == names


@pytest.mark.parametrize("lost", ["data/valid/utt2labels", "data/valid/wav.scp"])
def test_what_it_needs_is_looked_for_before_the_training(recipe: Path, lost: str) -> None:
    if lost.endswith("wav.scp"):
        for path in sorted(Path("data/valid/audio").glob("mix-*.wav"))[1:]:  # the first one is looked at anyway
            path.unlink()
    else:
        Path(lost).unlink()
    plan = plan_of("strong", "calibrate=true")
    for begin in (run_training, dry_run):
        with pytest.raises(UserError, match="no such file|cannot be opened|utt2labels"):
            begin(plan, "cpu")
    assert not plan.exp.exists()


@pytest.mark.parametrize("cleaned", [False, True])
def test_it_is_chosen_and_taken_back_without_training_again(recipe: Path, cleaned: bool) -> None:
    stages(systems="clip")
    before = weights(CLIP)
    for name in ("checkpoint.pt", "checkpoint.prev.pt") if cleaned else ():  # as weaksep clean removes them
        (CLIP / name).unlink()
    assert read_description(CLIP).temperature == 1.0
    stages("calibrate=true", systems="clip")
    chosen = read_description(CLIP).temperature
    means, _ = mean_scores(trained(CLIP), validation_remixes(plan_of("clip")), CPU)
    assert chosen == max(means, key=lambda temperature: means[temperature]) != 1.0
    stages("calibrate=true", "optim.max_epochs=3", systems="clip")
    assert read_description(CLIP).temperature == chosen
    stages(systems="clip")
    assert read_description(CLIP).temperature == 1.0
    assert same(weights(CLIP), before) and not (CLIP / "earlier").exists()


def test_one_that_was_stopped_halfway_is_taken_back_too(recipe: Path) -> None:
    stages("calibrate=true", systems="clip")
    plan_of("clip", "calibrate=true").calibration_step().shards().open_again()
    assert read_description(CLIP).temperature != 1
    stages(systems="clip")
    assert read_description(CLIP).temperature == 1


def test_a_training_that_begins_again_is_calibrated_again(recipe: Path) -> None:
    """With the same weights as before the calibration seemed to be up to date."""
    stages("calibrate=true", systems="clip")
    chosen = read_description(CLIP).temperature
    stages("calibrate=true", systems="clip", options=["--resume", "false"])
    assert read_description(CLIP).temperature == chosen != 1.0
    assert read_description(CLIP / "earlier/1").temperature == chosen


def test_without_remixes_it_stays_as_it_is(recipe: Path, caplog: pytest.LogCaptureFixture) -> None:
    names = Path("data/valid/utt2labels")
    names.write_text("".join(f"{line.split()[0]} low,middle,high\n" for line in names.read_text().splitlines()))
    stages("calibrate=true", systems="clip")
    assert read_description(CLIP).temperature == 1.0
    assert "no two validation clips can be remixed" in caplog.text


def test_dictionaries_have_none(recipe: Path) -> None:
    write_yaml("conf/nmf.yaml", {"supervision": "strong", "calibrate": True, "net": {"kind": "nmf", "units": 4}})
    with pytest.raises(UserError, match="net.kind nmf has no logits"):
        stages(systems="nmf")
