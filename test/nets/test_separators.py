"""Separators of every kind: what all of them promise, and for each trunk something known in closed form."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from weaksep.nets import separators
from weaksep.nets.build import build_separator, find_net
from weaksep.nets.classifier import Classifier
from weaksep.nets.separator import MaskSeparator, MaskSettings
from weaksep.nets.separators import bandsplit, tcn, unet
from weaksep.nets.separators.bandsplit import band_widths
from weaksep.nets.separators.tcn import DilatedBlock
from weaksep.train.precision import gains_by_bfloat16

SMALL: dict[str, dict[str, Any]] = {
    "blstm": {"units": 6, "layers": 2},
    "unet": {"units": 6, "layers": 1, "channels": [4, 6, 8]},
    "bandsplit": {"units": 6, "layers": 2, "bands": 5},
    "bandsplit_steps": {"units": 6, "layers": 1, "bands": 5, "step_frames": 2},
    "tcn": {"units": 6, "layers": 7},
    "streamunet": {"units": 6, "channels": [4, 6, 8]},
    "streamunet_ahead": {"units": 6, "layers": 2, "channels": [4, 6, 8], "look_ahead_frames": 30},
}
LEVELLED = {"streamunet", "streamunet_ahead"}  # which bring what they hear to a level


def small(name: str, n_bins: int = 33, **more: Any) -> MaskSeparator:
    """A separator of three classes with weights of its own seed."""
    torch.manual_seed(0)
    net = build_separator({"kind": name.partition("_")[0], **SMALL[name], **more}, 3, n_bins)
    assert isinstance(net, MaskSeparator)
    return net


def settled(name: str, n_bins: int = 33) -> MaskSeparator:
    """In evaluation mode, after a few training batches: batch normalisation then knows its statistics."""
    net = small(name, n_bins)
    for _ in range(20):
        net(torch.rand(8, 40, n_bins))
    return net.eval()


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize(("frames", "n_bins"), [(1, 33), (7, 33), (1, 1), (2, 3), (50, 5), (9, 40), (13, 65)])
def test_any_number_of_frames_and_bins(name: str, frames: int, n_bins: int) -> None:
    masks = small(name, n_bins)(torch.rand(2, frames, n_bins))
    assert masks.shape == (2, 3, frames, n_bins)
    assert torch.allclose(masks.sum(dim=1), torch.ones(2, frames, n_bins), atol=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_residual_is_a_mask_more_that_shares_in_the_sum(name: str) -> None:
    masks = small(name, residual=True)(torch.rand(2, 7, 33))
    assert masks.shape == (2, 4, 7, 33)
    assert torch.allclose(masks.sum(dim=1), torch.ones(2, 7, 33), atol=1e-5)
    alone = small(name, residual=True, mask="sigmoid")(torch.rand(2, 7, 33))
    assert alone.shape == (2, 4, 7, 33)
    assert not torch.allclose(alone.sum(dim=1), torch.ones(2, 7, 33), atol=1e-2)


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("mask", ["softmax", "sigmoid"])
def test_mask_floor_is_dealt_out_over_all_masks(mask: str, residual: bool) -> None:
    class Sure(MaskSeparator):
        """The first class is sure of everything, the others of nothing."""

        def logits(self, features: torch.Tensor) -> torch.Tensor:
            signs = torch.tensor([1.0, -1.0, -1.0, -1.0])[: self.n_masks].view(1, -1, 1, 1)
            return (1000.0 * signs).expand(len(features), -1, *features.shape[1:])

    masks = Sure(MaskSettings(mask=mask, mask_floor=0.3, residual=residual), 3, 9)(torch.rand(2, 7, 9))
    share = 0.3 / (4 if residual else 3)
    assert torch.allclose(masks[:, 0], torch.full((2, 7, 9), 0.7 + share))
    assert torch.allclose(masks[:, 1:], torch.full_like(masks[:, 1:], share))


@pytest.mark.parametrize("name", sorted(SMALL.keys() - LEVELLED))
def test_the_trunk_sees_the_normalised_logarithm(name: str) -> None:
    net, scaled = settled(name), settled(name)
    magnitude = torch.rand(2, 12, 33) + 0.1
    scaled.frontend.set_statistics(torch.full((33,), torch.tensor(4.0).log()), torch.ones(33))
    assert torch.allclose(net(magnitude), scaled(4.0 * magnitude), atol=1e-5)
    assert not torch.allclose(net(magnitude), net(4.0 * magnitude), atol=1e-4)


@pytest.mark.parametrize("name", SMALL)
def test_a_gradient_reaches_every_parameter(name: str) -> None:
    net = small(name, residual=True)
    masks = net(torch.rand(3, 14, 33))
    (masks * torch.rand_like(masks)).sum().backward()
    # Rounding apart: a parameter that is normalised away has a gradient of 1e-6.
    assert min(p.grad.abs().max().item() for p in net.parameters()) > 1e-4


@pytest.mark.parametrize("name", SMALL)
def test_masks_of_a_clip_do_not_depend_on_the_clips_beside_it(name: str) -> None:
    net = settled(name)
    magnitude = torch.rand(3, 20, 33) * torch.tensor([0.01, 1.0, 100.0]).view(3, 1, 1)
    for clip, masks in zip(magnitude, net(magnitude), strict=True):
        assert torch.allclose(net(clip[None])[0], masks, atol=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_masks_hardly_depend_on_what_is_far_away_nor_on_the_length(name: str) -> None:
    net = settled(name)
    whole = torch.cat([torch.rand(1, 240, 33), 100.0 * torch.rand(1, 240, 33)], dim=1)
    # All nets forget, the new ones step by step and the recurrent ones of small random weights quickly.
    assert torch.allclose(net(whole)[:, :, :100], net(whole[:, :240])[:, :, :100], atol=1e-4)


def swapped(net: torch.nn.Module) -> torch.nn.Module:
    """A net with its first two outputs in each other's place, as its class_axes say; it has four in all."""
    state = net.state_dict()
    for name, axis in net.class_axes().items():  # type: ignore[operator]
        first, second, *others = state[name].tensor_split(4, axis)
        state[name] = torch.cat([second, first, *others], axis)
    net.load_state_dict(state)
    return net


@pytest.mark.parametrize("name", SMALL)
def test_class_axes_are_all_that_depends_on_the_classes(name: str) -> None:
    net, magnitude = small(name, residual=True).eval(), torch.rand(2, 9, 33)
    other = build_separator({"kind": name.partition("_")[0], **SMALL[name]}, 7, 33).state_dict()
    depend = {key for key, tensor in net.state_dict().items() if tensor.shape != other[key].shape}
    assert depend == net.class_axes().keys()
    assert torch.allclose(swapped(small(name, residual=True).eval())(magnitude), net(magnitude)[:, [1, 0, 2, 3]])


@pytest.mark.parametrize("name", SMALL)
def test_dropout_in_training_alone(name: str) -> None:
    net = small(name, dropout=0.5)
    magnitude = torch.rand(2, 12, 33)
    assert not torch.equal(net(magnitude), net(magnitude))
    net.eval()
    assert torch.equal(net(magnitude), net(magnitude))


@pytest.mark.parametrize("name", SMALL)
def test_bfloat16_is_for_the_trunk_in_training_alone(name: str) -> None:
    net, magnitude = small(name), torch.rand(4, 12, 33)
    exact = net(magnitude)
    net.bf16 = True
    try:
        masks = net(magnitude)
    except RuntimeError as error:
        if gains_by_bfloat16(torch.device("cpu")) or "LSTM" not in str(error):
            raise
        pytest.skip("this processor has no LSTM in bfloat16, and set_precision asks for none there")
    assert masks.dtype == torch.float32 and not torch.equal(masks, exact)
    torch.testing.assert_close(masks, exact, atol=0.02, rtol=0)
    torch.testing.assert_close(masks.sum(dim=1), torch.ones(4, 12, 33))
    masks.square().sum().backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in net.parameters())
    net.eval()
    own = net(magnitude)
    net.bf16 = False
    assert torch.equal(net(magnitude), own)


def test_bands_are_hidden_from_the_trunk_in_training_alone() -> None:
    net = small("unet", 64, hidden_bands=2)
    seen: list[torch.Tensor] = []
    net.logits = lambda features: (seen.append(features), torch.zeros(len(features), 3, 12, 64))[1]  # type: ignore
    magnitude = torch.rand(200, 12, 64) + 0.5
    net(magnitude)
    hidden = (seen[0] == 0).all(dim=1)
    assert ((seen[0] == 0).any(dim=1) == hidden).all(), "in all frames of a clip"
    assert 0.05 < hidden.float().mean() < 0.125 and hidden.sum(dim=1).max() <= 16
    assert not torch.equal(hidden[0], hidden[1]) and hidden.any(dim=0).all()
    net.eval()
    net(magnitude)
    assert torch.equal(seen[1], net.frontend(magnitude))


@pytest.mark.parametrize("name", SMALL)
def test_sizes_are_known_without_memory(name: str) -> None:
    expected = {key: tensor.shape for key, tensor in small(name).state_dict().items()}
    with torch.device("meta"):
        net = small(name)
    assert {key: tensor.shape for key, tensor in net.state_dict().items()} == expected


def test_blstm_is_what_it_was() -> None:
    """Names in checkpoints, the order of random draws and the formula; others have trained with them."""
    net = small("blstm")
    torch.manual_seed(0)
    blstm, output = nn.LSTM(33, 6, 2, batch_first=True, bidirectional=True), nn.Linear(12, 99)
    expected = {
        "frontend.mean": torch.zeros(33),
        "frontend.std": torch.ones(33),
        **{f"blstm.{key}": value for key, value in blstm.state_dict().items()},
        **{f"output.{key}": value for key, value in output.state_dict().items()},
    }
    state = net.state_dict()
    assert list(state) == list(expected)
    assert all(torch.equal(state[key], expected[key]) for key in expected)
    magnitude = torch.rand(2, 7, 33)
    logits = output(blstm(magnitude.clamp_min(1e-5).log())[0]).view(2, 7, 3, 33).transpose(1, 2)
    assert torch.equal(net(magnitude), logits.softmax(dim=1))


@pytest.mark.parametrize("name", ["blstm", "unet", "bandsplit", "tcn", "streamunet", "nmf"])
def test_settings_read_back_and_know_nothing_of_other_nets(name: str) -> None:
    schema = find_net(separators, {"kind": name}).Settings
    settings = schema.model_validate({"mask_floor": 0.1, "units": 7})
    assert schema.model_validate(settings.model_dump(mode="json")) == settings
    assert settings.model_dump()["kind"] == name
    assert ("bands" in schema.model_fields) == (name == "bandsplit")
    assert ("channels" in schema.model_fields) == (name in ("unet", "streamunet"))
    for more in ({"kind": "blsmt"}, {"widths": 3}):
        with pytest.raises(ValueError, match="did you mean blstm|Extra inputs"):
            build_separator({"kind": name, **more}, 3, 33)


def test_unet_takes_a_shifted_picture_for_the_same_one_shifted() -> None:
    net = settled("unet", 129)
    assert isinstance(net, unet.Net)
    nn.init.zeros_(net.context.back.weight)  # the BLSTM alone knows where it is
    nn.init.zeros_(net.context.back.bias)
    patch = torch.randn(1, 8, 16)
    pictures = torch.zeros(2, 61, 129)
    pictures[0, 20:28, 48:64] = patch
    pictures[1, 28:36, 72:88] = patch  # by multiples of the coarsest level's 4 frames and 8 bins
    first, second = net.logits(pictures)
    assert float(first[:, 16:32, 40:72].detach().std()) > 0.01
    assert torch.allclose(first[:, 16:32, 40:72], second[:, 24:40, 64:96], atol=1e-4)


def test_unet_carries_detail_past_its_deeper_levels() -> None:
    net = settled("unet", 129)
    assert isinstance(net, unet.Net)
    for layer in net.enlarge:
        nn.init.zeros_(layer.weight)  # nothing comes up from below
    before = torch.zeros(1, 61, 129)
    after = before.clone()
    after[:, 30, 60] = 3.0
    changed = (net.logits(after) != net.logits(before)).any(dim=1)[0].nonzero()
    # Two convolutions of 3 x 3, at every second frame and bin.
    assert changed.min(dim=0).values.tolist() == [28, 58]
    assert changed.max(dim=0).values.tolist() == [33, 63]


def test_tcn_block_is_a_dilated_convolution() -> None:
    torch.manual_seed(0)
    for step, frames in [(1, 9), (4, 21), (4, 3), (8, 1), (32, 100)]:
        block, inside = DilatedBlock(6, step, 0.0), torch.rand(2, frames, 6)
        taps = block.along.weight.squeeze(3)
        peer = functional.conv1d(inside.transpose(1, 2), taps, block.along.bias, 1, step, step, groups=6)
        assert torch.allclose(block.neighbours(inside), peer.transpose(1, 2), atol=1e-6)


def test_tcn_sees_as_far_as_it_says_and_no_farther() -> None:
    net = settled("tcn")
    assert isinstance(net, tcn.Net)
    assert net.reach == 1 + 2 + 4 + 8 + 16 + 32 + 1
    # Weights of one: no path through the net may vanish by chance.
    for block in net.blocks:
        nn.init.ones_(block.along.weight)
    before, middle = torch.rand(1, 161, 33), 80
    after = before.clone()
    after[:, middle] *= 100.0
    changed = (net(after) != net(before)).any(dim=3).any(dim=1)[0].nonzero()[:, 0]
    assert changed.min() == middle - net.reach
    assert changed.max() == middle + net.reach


def test_bands_are_narrow_at_the_bottom_and_leave_no_bin_out() -> None:
    assert band_widths(144, 12) == list(range(1, 25, 2))
    assert band_widths(5, 8) == [1, 1, 1, 1, 1]
    for n_bins in range(1, 300):
        for n_bands in (1, 2, 7, 12, 40, 299):
            widths = band_widths(n_bins, n_bands)
            assert len(widths) == min(n_bins, n_bands)
            assert sum(widths) == n_bins
            assert min(widths) >= 1
    widths = band_widths(129, 12)
    assert widths == sorted(widths)


def test_bandsplit_puts_every_band_back_in_its_place() -> None:
    net = small("bandsplit_steps")
    assert isinstance(net, bandsplit.Net)
    lower = 0
    for layer, width in zip(net.output, net.widths, strict=True):
        # Each output says of which class, frame of the step and bin it is.
        k, frame, own = torch.meshgrid(torch.arange(3), torch.arange(2), torch.arange(width), indexing="ij")
        nn.init.zeros_(layer.weight)
        with torch.no_grad():
            layer.bias.copy_((10000 * k + 1000 * frame + lower + own).flatten())
        lower += width
    k, frame, own = torch.meshgrid(torch.arange(3), torch.arange(7), torch.arange(33), indexing="ij")
    expected = (10000 * k + 1000 * (frame % 2) + own).float()
    assert torch.equal(net.logits(torch.rand(1, 7, 33))[0], expected)


def test_bandsplit_tells_bands_and_steps_apart_until_its_passes_join_them() -> None:
    net = small("bandsplit_steps")
    assert isinstance(net, bandsplit.Net)
    before = torch.rand(1, 12, 33)
    after = before.clone()
    after[:, 4, 10] += 10.0
    joined = (net.logits(after) != net.logits(before)).any(dim=1)[0]
    assert all(bool(band.any(dim=1).all()) for band in joined.split(net.widths, dim=1))
    for one in (*net.along_time, *net.along_bands):
        nn.init.zeros_(one.linear.weight)
    lower = sum(net.widths[:2])
    assert net.widths == [1, 4, 7, 9, 12] and lower <= 10 < lower + net.widths[2]
    expected = torch.zeros(12, 33, dtype=torch.bool)
    expected[4:6, lower : lower + net.widths[2]] = True
    assert torch.equal((net.logits(after) != net.logits(before)).any(dim=1)[0], expected)


@pytest.mark.parametrize(("base", "missing"), [(MaskSeparator, "logits"), (Classifier, "features")])
def test_a_net_without_its_function_cannot_be_made(base: type, missing: str) -> None:
    with pytest.raises(TypeError, match=f"abstract .*{missing}"):
        type("Net", (base,), {})(MaskSettings(), 3, 9)
