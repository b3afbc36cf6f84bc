"""Streams: the same as the whole recording, as late as they say and no later, in as much memory as at the beginning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import weaksep
from weaksep.errors import UserError
from weaksep.fileio.network import Description, Features, write_network
from weaksep.infer.in_memory import WaveformSeparator
from weaksep.infer.model import Separator, load_separator, save_untrained, separate_waveform
from weaksep.infer.recordings import net_sources
from weaksep.infer.source_stream import SourceStream
from weaksep.infer.streaming import StreamingSeparator
from weaksep.nets.build import build_separator
from weaksep.signal.stft import Stft

# No look-ahead but that of the grid; with convolutions and both halves of the recurrent layer that look ahead.
NETS: dict[str, dict[str, Any]] = {
    "100ms": {"look_ahead_frames": 4},
    "causal_context": {"look_ahead_frames": 11},
    "1s": {"look_ahead_frames": 60, "residual": True},
}
STFTS = [(256, 128), (128, 20), (64, 32)]


def settled(more: dict[str, Any], n_bins: int) -> torch.nn.Module:
    """A net whose masks depend on everything that they may depend on."""
    torch.manual_seed(0)
    net = build_separator({"kind": "streamunet", "channels": [4, 6, 8], "units": 6, **more}, 2, n_bins)
    for _ in range(5):
        net(torch.rand(4, 40, n_bins))
    for name, parameter in net.named_parameters():
        if name.startswith("context.") or name.startswith("output."):
            parameter.data *= 3.0
    return net.eval()


def separator(name: str, window: int = 256, hop: int = 128) -> Separator:
    stft, more = Stft(window, hop), NETS[name]
    net: Any = settled(more, stft.n_bins)
    return Separator(net, ("dog", "siren"), 8000, stft, torch.device("cpu"), bool(more.get("residual")))


def sound(n_samples: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    """Noise whose level rises and falls, with a pause."""
    rng = np.random.default_rng(seed)
    audio = 0.05 * rng.standard_normal((channels, n_samples)) * (1.2 + np.sin(np.arange(n_samples) / 900.0))
    audio[:, n_samples // 3 : n_samples // 2] = 0.0
    return audio.astype(np.float32)


def streamed(one: Separator, audio: np.ndarray, sizes: list[int]) -> np.ndarray:
    """(K + 1, C, N): blocks of these sizes over and over."""
    stream, pieces, start = SourceStream(one, len(audio)), [], 0
    while start < audio.shape[1]:
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(stream.push(audio[:, start : start + size]))
        start += size
    pieces.append(stream.push(audio[:, :0], last=True))
    return np.concatenate(pieces, axis=2)


@pytest.mark.parametrize(("window", "hop"), STFTS)
@pytest.mark.parametrize("name", NETS)
def test_a_stream_is_the_whole_recording_whatever_the_blocks(name: str, window: int, hop: int) -> None:
    one = separator(name, window, hop)
    for n_samples, blocks in [(1, [1]), (hop - 1, [7]), (1999, [1]), (20_011, [127, 1009, 13]), (40_000, [40_000])]:
        audio = sound(n_samples)
        whole = separate_waveform(one, torch.from_numpy(audio))[0, :2].numpy()
        found = streamed(one, audio, blocks)
        assert found.shape == (3, 1, n_samples)
        peak = np.abs(whole).max()
        assert np.abs(found[:2, 0] - whole).max() < 1e-5 * peak, (n_samples, blocks)
        assert np.abs(found.sum(axis=0) - audio).max() < 1e-6


def test_a_block_is_the_callers_who_may_fill_it_again() -> None:
    one, audio = separator("1s"), sound(9000)
    expected = streamed(one, audio, [1000])
    stream, block, pieces = SourceStream(one, 1), np.zeros((1, 1000), dtype=np.float32), []
    for start in range(0, 9000, 1000):
        block[:] = audio[:, start : start + 1000]
        pieces.append(stream.push(block))
    block[:] = np.nan
    pieces.append(stream.push(block[:, :0], last=True))
    assert np.array_equal(np.concatenate(pieces, axis=2), expected)


def test_all_channels_get_the_masks_of_their_mean() -> None:
    one = separator("1s")
    audio = sound(9000, channels=2)
    found = streamed(one, audio, [1000])
    assert found.shape == (3, 2, 9000)
    spectrum = one.stft.forward(torch.from_numpy(audio))
    with torch.inference_mode():
        masks = one.net(spectrum.mean(dim=0, keepdim=True).abs())
    for channel in range(2):
        expected = one.stft.inverse(masks[0, :2] * spectrum[channel], 9000).numpy()
        assert np.abs(found[:2, channel] - expected).max() < 1e-6


@pytest.mark.parametrize(("window", "hop"), STFTS)
@pytest.mark.parametrize("name", NETS)
def test_the_latency_is_what_it_says_to_the_sample(name: str, window: int, hop: int, tmp_path: Path) -> None:
    one = separator(name, window, hop)
    whole = StreamingSeparator(WaveformSeparator(one))
    latency, audio = whole.latency_samples, sound(window + 100 * hop)[0]
    assert whole.latency_s == latency / 8000
    out, late = 0, []
    for sample in audio:
        late.append(len(late) - out)  # before this block comes: of so many samples nothing is known yet
        out += len(whole.process(np.array([sample]))["dog"])
    assert max(late) == latency
    assert len(whole.flush()["dog"]) == len(audio) - out


@pytest.mark.parametrize("name", NETS)
def test_an_output_depends_on_no_input_after_its_latency(name: str) -> None:
    """An impulse at places all over a block of the net's: the first sample that it changes."""
    one = separator(name)
    latency, hop = StreamingSeparator(WaveformSeparator(one)).latency_samples, one.stft.hop_samples
    first = latency + 10 * hop
    audio = sound(first + 24 * hop, seed=1)
    before = separate_waveform(one, torch.from_numpy(audio))[0]
    reached = []
    for place in range(first, first + 20 * hop, 61):
        changed = audio.copy()
        changed[0, place] += 3.0
        after = separate_waveform(one, torch.from_numpy(changed))[0]
        earliest = int((after != before).any(dim=0).nonzero()[0, 0])
        reached.append(place - earliest)
    assert max(reached) <= latency
    assert max(reached) > latency - 2 * hop  # and that far it does reach


def held_bytes(thing: object, seen: set[int]) -> int:
    """Bytes behind all tensors that an object keeps alive, the net's apart."""
    if id(thing) in seen or isinstance(thing, torch.nn.Module):
        return 0
    seen.add(id(thing))
    if isinstance(thing, torch.Tensor):
        return thing.untyped_storage().nbytes()
    parts = thing if isinstance(thing, list | tuple) else list(getattr(thing, "__dict__", {}).values())
    return sum(held_bytes(part, seen) for part in parts)


@pytest.mark.parametrize("name", NETS)
def test_memory_does_not_grow(name: str) -> None:
    """After a long block no more is held than after short ones, nor after many of them."""
    one, audio = separator(name), sound(200_000)
    short, long = SourceStream(one, 1), SourceStream(one, 1)
    for start in range(0, 32_000, 512):
        short.push(audio[:, start : start + 512])
    after_32_000 = held_bytes(short, set())
    for start in range(32_000, 192_000, 512):
        short.push(audio[:, start : start + 512])
    assert held_bytes(short, set()) <= 1.3 * after_32_000
    long.push(audio[:, :192_000])
    assert held_bytes(long, set()) <= 1.3 * after_32_000
    assert after_32_000 < 500_000


def test_in_python(tmp_path: Path) -> None:
    net = {"kind": "streamunet", "channels": [4, 8], "look_ahead_frames": 3}
    path = save_untrained(tmp_path, ["dog", "siren"], 8000, net)
    separate, audio = weaksep.StreamingSeparator(path), sound(3000)[0]
    assert (separate.classes, separate.sample_rate, separate.latency_s) == (("dog", "siren"), 8000, 639 / 8000)
    expected = separate_waveform(load_separator(path), torch.from_numpy(audio[None]))[0].numpy()
    for _ in range(2):  # flush() begins anew
        first, second, rest = separate.process(audio[:1000]), separate.process(audio[1000:]), separate.flush()
        assert list(first) == ["dog", "siren", "residual"]
        whole = {label: np.concatenate([first[label], second[label], rest[label]]) for label in first}
        assert np.abs(whole["siren"] - expected[1]).max() < 1e-6
        assert np.abs(sum(whole.values()) - audio).max() < 1e-6
    assert {label: part.shape for label, part in separate.flush().items()} == dict.fromkeys(first, (0,))
    stereo = separate.process(np.zeros((2, 1000), dtype=np.float32))
    assert stereo["dog"].shape == (2, 384)  # of seven frames, four make a step; the fourth is not complete


def test_what_is_no_block_is_one_line(tmp_path: Path) -> None:
    net = {"kind": "streamunet", "channels": [4, 8]}
    separate = weaksep.StreamingSeparator(save_untrained(tmp_path, ["dog", "siren"], 8000, net))
    separate.process(np.zeros(0))
    for block, line in [
        (np.array([np.nan]), "NaN"),
        (np.zeros((0, 4)), "shape"),
        (np.zeros((2, 1)), "2 channels after blocks of 1"),
        (np.zeros(3, dtype=complex), "complex"),
    ]:
        with pytest.raises(UserError, match=line):
            separate.process(block)


def test_a_block_that_is_refused_changes_nothing(tmp_path: Path) -> None:
    net = {"kind": "streamunet", "channels": [4, 8]}
    separate = weaksep.StreamingSeparator(save_untrained(tmp_path, ["dog", "siren"], 8000, net))
    separate.process(np.zeros((2, 300)))
    with pytest.raises(UserError, match="1 channels after blocks of 2"):
        separate.process(np.zeros(300))
    assert separate.flush()["dog"].shape[0] == 2


def test_a_net_that_cannot_stream_says_which_ones_can(tmp_path: Path) -> None:
    for kind in ("blstm", "unet"):
        path = save_untrained(tmp_path / kind, ["dog", "siren"], 8000, {"kind": kind, "units": 4})
        with pytest.raises(UserError, match=f"{kind}.* to the end .*streamunet.*remix_stream_100ms") as caught:
            weaksep.StreamingSeparator(path)
        assert "\n" not in str(caught.value)
        with pytest.raises(UserError, match="^this model: "):
            weaksep.StreamingSeparator(weaksep.load_separator(path))


def test_files_are_separated_by_the_stream(tmp_path: Path) -> None:
    """No chunks, whose beginnings would have no past; and no level of the whole recording."""
    one, audio = separator("1s"), sound(300_000)
    masks: list[torch.Tensor] = []
    blocks = (audio[:, start : start + 40_000] for start in range(0, 300_000, 40_000))
    pieces = list(net_sources(one, blocks, 8000, 1000.0, lambda found, _: masks.append(found)))
    assert len(pieces) == 9 and min(piece.shape[2] for piece in pieces) > 0
    expected = separate_waveform(one, torch.from_numpy(audio))[0, :2].numpy()
    assert np.abs(np.concatenate(pieces, axis=2)[:2, 0] - expected).max() < 1e-5 * np.abs(expected).max()
    assert sum(found.shape[2] for found in masks) == 1 + 300_000 // 128 and masks[0].shape[1] == 2


def test_weights_of_a_stream_come_from_files(tmp_path: Path) -> None:
    """A written net streams as it did before."""
    net = settled(NETS["1s"], 129)
    features = Features(sample_rate=8000, window_samples=256, hop_samples=128)
    settings = {"kind": "streamunet", "channels": [4, 6, 8], "units": 6, **NETS["1s"]}
    about = Description(task="separator", classes=["dog", "siren"], features=features, config={"net": settings})
    write_network(tmp_path, about, net.state_dict())
    audio = sound(12_000)
    expected = streamed(separator("1s"), audio, [4000])
    assert np.array_equal(streamed(load_separator(tmp_path), audio, [4000]), expected)
