"""The U-Net with a bounded look-ahead, and its level: against the U-Net, plain convolutions, and sums written out."""

from __future__ import annotations

from itertools import accumulate

import pytest
import torch
from torch.nn import functional

from weaksep.infer.recordings import LEVEL_DB
from weaksep.nets.build import build_separator
from weaksep.nets.running_level import TARGET_DB, RunningLog, heard_nothing
from weaksep.nets.separators import streamunet, unet
from weaksep.nets.separators.unet import convolution
from weaksep.nets.streaming import ConvolutionStream, Line


def settled(look_ahead: int, channels: tuple[int, ...] = (4, 6, 8), weights: float = 3.0) -> streamunet.Net:
    """In evaluation mode, after a few training batches."""
    torch.manual_seed(0)
    settings = {"kind": "streamunet", "channels": channels, "units": 5, "look_ahead_frames": look_ahead}
    net = build_separator(settings, 3, 33)
    assert isinstance(net, streamunet.Net)
    for _ in range(5):
        net(torch.rand(4, 40, 33))
    for parameter in net.context.parameters():
        parameter.data *= weights  # by 3 it does not forget too soon to be seen
    return net.eval()


@pytest.mark.parametrize("look_ahead", [3, 6, 9, 20, 21, 28, 60])
@pytest.mark.parametrize("channels", [(4, 6), (4, 6, 8), (4, 5, 6, 7)])
def test_no_frame_sees_beyond_the_look_ahead(look_ahead: int, channels: tuple[int, ...]) -> None:
    net, reached = settled(look_ahead, channels), []
    assert net.look_ahead_frames in range(look_ahead - 3, look_ahead + 1)
    before = torch.randn(1, 120, 33)
    for place in range(64, 64 + 4 * net.context.block):
        after = before.clone()
        after[:, place] += 5.0
        changed = (net.logits(after) != net.logits(before)).any(dim=3).any(dim=1)[0]
        reached.append(place - int(changed.nonzero()[0, 0]))
    assert max(reached) == net.look_ahead_frames


@pytest.mark.parametrize("look_ahead", [3, 20, 60])
def test_pieces_of_a_stream_are_the_whole(look_ahead: int) -> None:
    net, steps = settled(look_ahead), (1, 4, 2, 1, 3)
    for frames in (1, 3, 4, 50, 161):
        magnitude = torch.rand(2, frames, 33) * torch.linspace(0.1, 10, frames).view(1, -1, 1)
        stream, edges = net.stream(), [0, *accumulate([4 * steps[n % 5] for n in range(frames // 8)]), frames]
        masks = [stream.push(magnitude[:, a:b], b == frames) for a, b in zip(edges, edges[1:], strict=False)]
        torch.testing.assert_close(torch.cat(masks, dim=2), net(magnitude), atol=1e-5, rtol=0)


def test_with_all_of_a_clip_ahead_it_is_the_unet() -> None:
    """The convolutions are the U-Net's, and so is the recurrent layer once a block is longer than the clip."""
    ahead = settled(500, weights=1.0)
    assert ahead.context.block > 40
    torch.manual_seed(1)
    net = build_separator({"kind": "unet", "channels": (4, 6, 8), "units": 5}, 3, 33).eval()
    assert isinstance(net, unet.Net)
    weights = ahead.state_dict()
    for name, tensor in net.state_dict().items():
        layer = name.removeprefix("context.blstm.").removesuffix("_reverse")
        half = "backwards" if name.endswith("_reverse") else "forwards"
        tensor.copy_(weights[f"context.{half}.{layer}" if "blstm" in name else name])
    # Behind the end the U-Net has nothing, and a block has zeros, which are soon forgotten.
    features = torch.randn(2, 160, 33)
    found, expected = (one.logits(features)[:, :, :80] for one in (ahead, net))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


def test_a_convolution_in_pieces() -> None:
    for stride, before in [(1, 1), (1, 2), (2, 1)]:
        torch.manual_seed(0)
        layer = convolution(2, 3, (stride, 2)).eval()
        for frames in range(1, 12):
            maps = torch.randn(1, 2, frames, 9)
            padded = functional.pad(maps, (1, 1, before, 2))
            whole = functional.conv2d(padded, layer[0].weight, None, (stride, 2))[:, :, : -(-frames // stride)]
            expected = layer[1:](whole)
            for size in (1, 2, 5, 20):
                stream, pieces = ConvolutionStream(layer, before), []
                for start in range(0, frames, size):
                    pieces.append(stream.push(maps[:, :, start : start + size], start + size >= frames))
                torch.testing.assert_close(torch.cat(pieces, dim=2), expected, atol=1e-5, rtol=0)


def test_a_line_keeps_nothing_alive() -> None:
    line = Line(1)
    line.add(torch.rand(1, 1000))
    assert line.take(999, keep=2).shape == (1, 999)
    assert line.held is not None and line.held.untyped_storage().nbytes() == 3 * 4


def test_the_running_level() -> None:
    assert TARGET_DB == LEVEL_DB
    torch.manual_seed(0)
    frontend, magnitude = RunningLog(5, 100), torch.rand(2, 700, 5)
    magnitude[:, :10] = 0.0
    magnitude[0, 300:400] = 1e-6  # a pause
    gains, _ = frontend.gains(magnitude, heard_nothing(magnitude))
    for item in range(2):
        total, weight = 0.0, 0.0
        for frame, power in enumerate(magnitude[item].double().square().mean(dim=1).tolist()):
            if power > 1e-8:
                total, weight = total * 0.99004983 + power, weight * 0.99004983 + 1.0
            expected = 10 ** (-27 / 20) * (weight / total) ** 0.5 if weight else 1.0
            assert float(gains[item, frame]) == pytest.approx(expected, rel=1e-4)


def test_the_level_that_came_in_does_not_matter_and_later_sounds_neither() -> None:
    frontend, magnitude = RunningLog(33, 64), torch.rand(1, 500, 33) + 0.01
    features = frontend(magnitude)
    torch.testing.assert_close(frontend(100.0 * magnitude), features, atol=1e-4, rtol=0)
    louder = magnitude.clone()
    louder[:, 300:] *= 1000.0
    assert torch.equal(frontend(louder)[:, :300], features[:, :300])
    assert not torch.equal(frontend(louder)[:, 300], features[:, 300])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"look_ahead_frames": 2}, "greater than or equal to 3"),
        ({"level_frames": 10}, "greater than or equal to 64"),
        ({"channels": [4]}, "at least 2 items"),
        ({"look_ahead": 4}, "Extra inputs"),
    ],
)
def test_settings_that_are_none(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        build_separator({"kind": "streamunet", **wrong}, 3, 33)
