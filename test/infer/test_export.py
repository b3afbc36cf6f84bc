"""Exported separators: what they give is what weaksep gives, for every net, any length and number of clips."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from weaksep.bin import export, pack
from weaksep.errors import UserError
from weaksep.fileio.models import is_exported
from weaksep.fileio.network import network_hash, read_network, write_network
from weaksep.fileio.yamlfile import write_yaml
from weaksep.infer import export as exporting
from weaksep.infer import parts
from weaksep.infer.in_memory import WaveformSeparator
from weaksep.infer.model import Separator, load_separator, save_untrained
from weaksep.infer.recordings import LEVEL_DB
from weaksep.signal.level import gain_to

RATE = 1000
NETS: dict[str, dict[str, Any]] = {
    "blstm": {"units": 6, "layers": 2, "mask": "sigmoid"},
    "unet": {"units": 6, "layers": 1, "channels": [4, 6], "residual": True, "mask_floor": 0.1},
    "bandsplit": {"units": 6, "layers": 1, "bands": 3, "step_frames": 2, "residual": True},
    "tcn": {"units": 6, "layers": 7},
}
Run = Callable[..., np.ndarray]


def experiment(folder: Path, net: str, temperature: float = 1.4) -> Path:
    """A separator with a temperature, whose features have statistics that matter."""
    save_untrained(folder, ["bark", "horn"], RATE, {"kind": net, **NETS[net]})
    description, weights = read_network(folder)
    generator = torch.Generator().manual_seed(5)
    weights["frontend.mean"] = torch.randn(weights["frontend.mean"].shape, generator=generator) - 5.0
    weights["frontend.std"] = 1.0 + torch.rand(weights["frontend.std"].shape, generator=generator)
    write_network(folder, description.model_copy(update={"temperature": temperature}), weights)
    write_yaml(folder / "config.yaml", {"supervision": "clip"})
    return folder


def exported(model: Path, out: Path, form: str, part: str = "separator") -> Run:
    """What the command has written, as another program runs it."""
    file = out / {"onnx": "x.onnx", "torch": "x.pt2"}[form]
    export.main([str(model), "--to", form, "--part", part, "--out", str(file)])
    if form == "torch":
        module = torch.export.load(file).module()
        return lambda **given: module(*map(torch.from_numpy, given.values())).detach().numpy()
    session = onnxruntime().InferenceSession(str(file), providers=["CPUExecutionProvider"])
    return lambda **given: session.run(None, given)[0]


def onnxruntime() -> Any:
    pytest.importorskip("onnxscript", reason="onnxscript is not installed (weaksep[export])")
    return pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (weaksep[export])")


def sounds(clips: int, samples: int) -> np.ndarray:
    """Noise of clips at different levels, with a pause that says nothing of the level."""
    rng = np.random.default_rng([clips, samples])
    noise = rng.standard_normal((clips, samples)) * 10.0 ** rng.uniform(-3, 0, (clips, 1))
    noise[:, : samples // 2] *= 1e-4
    return noise.astype(np.float32)


def wanted(separator: Separator, audio: np.ndarray) -> np.ndarray:
    """What weaksep makes of the clips, one by one."""
    separate = WaveformSeparator(separator)
    return np.stack([np.stack(list(separate(clip, RATE).values())) for clip in audio])


def assert_same(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.shape == expected.shape and found.dtype == np.float32
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("form", ["onnx", "torch"])
@pytest.mark.parametrize("net", NETS)
def test_the_separator_gives_what_weaksep_gives(tmp_path: Path, net: str, form: str) -> None:
    if form == "onnx":
        onnxruntime()
    model = experiment(tmp_path / "exp", net)
    run, separator = exported(model, tmp_path, form), load_separator(model)
    for clips, samples in ((1, 1), (1, 127), (3, 128), (2, 1000), (1, 3001), (5, 640), (1, 29_000)):
        audio = sounds(clips, samples)
        assert_same(run(waveform=audio), wanted(separator, audio))


@pytest.mark.parametrize(("net", "form"), [("blstm", "onnx"), ("unet", "onnx"), ("unet", "torch")])
def test_the_masker_takes_any_number_of_frames_and_clips(tmp_path: Path, net: str, form: str) -> None:
    if form == "onnx":
        onnxruntime()
    model = experiment(tmp_path / "exp", net)
    run, separator = exported(model, tmp_path, form, "masker"), load_separator(model)
    for clips, frames in ((1, 1), (2, 2), (1, 6), (4, 17), (1, 301)):
        magnitude = np.random.default_rng(frames).random((clips, frames, 129), dtype=np.float32)
        with torch.no_grad():
            assert_same(run(magnitude=magnitude), separator.net(torch.from_numpy(magnitude)).numpy())


def test_chunks_are_heard_with_the_gain_of_the_whole(tmp_path: Path) -> None:
    model = experiment(tmp_path / "exp", "blstm")
    run, separator = exported(model, tmp_path, "torch", "chunk"), load_separator(model)
    audio = sounds(2, 2000)
    gain = np.array([gain_to(LEVEL_DB, [clip[None]], RATE) for clip in audio], dtype=np.float32)
    assert_same(run(waveform=audio, gain=gain), wanted(separator, audio))
    assert np.abs(run(waveform=audio, gain=0.01 * gain) - wanted(separator, audio)).max() > 1e-2 * np.abs(audio).max()


@pytest.mark.parametrize("level", [0.0, 1e-11, 1e-8, 1.0, 300.0])
def test_the_gain_is_that_of_the_level(tmp_path: Path, level: float) -> None:
    whole = parts.Whole(load_separator(experiment(tmp_path, "blstm")))
    for samples in (1, 99, 100, 101, 1234):
        audio = np.float32(level) * sounds(1, samples)
        expected = gain_to(LEVEL_DB, [audio], RATE)
        assert whole.gain(torch.from_numpy(audio)).item() == pytest.approx(expected, rel=1e-5)


def test_silence_stays_silent(tmp_path: Path) -> None:
    run = exported(experiment(tmp_path / "exp", "tcn"), tmp_path, "torch")
    assert not run(waveform=np.zeros((2, 700), np.float32)).any()


def test_what_a_program_must_know_is_in_the_file(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="onnx is not installed (weaksep[export])")
    onnxruntime()
    model = experiment(tmp_path / "exp", "unet")
    pack.main([str(model), str(tmp_path / "model.zip")])
    exported(tmp_path / "model.zip", tmp_path, "onnx", "chunk")
    exported(model, tmp_path, "torch", "chunk")
    loaded = onnx.load(tmp_path / "x.onnx")
    onnx.checker.check_model(loaded, full_check=True)
    notes = {one.key.removeprefix("weaksep."): one.value for one in loaded.metadata_props}
    extra = {"weaksep.json": ""}
    torch.export.load(tmp_path / "x.pt2", extra_files=extra)
    same = json.loads(extra["weaksep.json"])
    assert {key: value if isinstance(value, str) else json.dumps(value) for key, value in same.items()} == notes
    assert (same["classes"], same["residual"], same["part"]) == (["bark", "horn"], True, "chunk")
    assert (same["sample_rate"], same["window_samples"], same["hop_samples"]) == (RATE, 256, 128)
    assert same["model"] == network_hash(model) and same["chunk_samples"] % same["step_samples"] == 0
    shapes = {
        value.name: [size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim]
        for value in (*loaded.graph.input, *loaded.graph.output)
    }
    assert shapes == {"waveform": ["batch", "samples"], "gain": ["batch"], "sources": ["batch", 3, "samples"]}
    assert {node.domain for node in loaded.graph.node} == {""}, "plain operators alone"
    content = (tmp_path / "x.onnx").read_bytes()
    assert b"/weaksep/" not in content and str(Path.home()).encode() not in content


def test_what_libraries_log_of_a_graph_is_not_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    onnxruntime()
    caplog.set_level("INFO")
    exported(experiment(tmp_path / "exp", "blstm"), tmp_path, "onnx", "masker")
    assert caplog.messages == []


@pytest.mark.parametrize(("newer", "advice"), [("999.0", "; torch 999.0 can"), ("1.0", "")])
def test_what_torch_cannot_export_is_one_line_and_says_which_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, newer: str, advice: str
) -> None:
    def fails(*of: object) -> bytes:
        raise RuntimeError("Failed to decompose. \x1b[96mThis is step 2/3\x1b[0m\nNext steps: ...")

    monkeypatch.setattr(exporting, "EXPORTS", newer)
    monkeypatch.setattr(exporting, "_torch", fails)
    with pytest.raises(UserError) as caught:
        exporting.exported(load_separator(experiment(tmp_path / "exp", "blstm")), "torch", "masker", {})
    said = f"torch {torch.__version__} cannot export this net: Failed to decompose. This is step 2/3{advice}"
    assert str(caught.value) == said


def test_an_exported_file_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    model = experiment(tmp_path / "exp", "blstm")
    exported(model, tmp_path, "torch", "masker")
    first = (tmp_path / "x.pt2").read_bytes()
    assert is_exported(tmp_path / "x.pt2")
    exported(model, tmp_path, "torch", "masker")
    (tmp_path / "y.pt2").write_bytes(b"a thesis")
    with pytest.raises(UserError, match=r"y.pt2: is there and not an exported model"):
        export.main([str(model), "--to", "torch", "--out", str(tmp_path / "y.pt2")])
    assert (tmp_path / "y.pt2").read_bytes() == b"a thesis"
    assert len((tmp_path / "x.pt2").read_bytes()) == len(first)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["exp", "--to", "onnx", "--out", "x.pt2"], "x.pt2: with --to onnx the file's name ends in .onnx"),
        (["exp", "--to", "torch", "--out", "x.onnx"], "x.onnx: with --to torch the file's name ends in .pt2"),
        (["lost", "--to", "torch", "--out", "x.pt2"], "lost: no such model"),
        (["dictionary", "--to", "torch", "--out", "x.pt2"], "NMF is no net"),
        (["stream", "--to", "torch", "--out", "x.pt2"], "a streamunet goes .* piece by piece.*; use weaksep separate"),
        (["long", "--to", "torch", "--out", "x.pt2"], "window of 16384 samples is longer than 8192.* --part masker"),
    ],
)
def test_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str) -> None:
    monkeypatch.chdir(tmp_path)
    experiment(Path("exp"), "blstm")
    save_untrained("dictionary", ["bark", "horn"], RATE, {"kind": "nmf", "units": 2})
    save_untrained("stream", ["bark", "horn"], RATE, {"kind": "streamunet", "channels": [4, 8], "units": 4})
    net = {"units": 2, "layers": 1}
    save_untrained("long", ["bark", "horn"], RATE, net)
    description = json.loads(Path("long/model.json").read_text())
    description["features"] |= {"window_samples": 16384, "hop_samples": 8192}
    Path("long/model.json").write_text(json.dumps(description))
    if arguments[0] == "long":
        widen(Path("long"), net)
    with pytest.raises(UserError, match=said) as error:
        export.main(arguments)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.glob("x.*")) and not list(tmp_path.glob(".x*"))


def widen(folder: Path, net: dict[str, Any]) -> None:
    """Weights of a net for as many bins as the description says."""
    from weaksep.fileio.network import read_description
    from weaksep.nets.build import build_separator

    weights = build_separator(net, 2, 8193).state_dict()
    write_network(folder, read_description(folder), weights)


def test_without_the_packages_it_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    with pytest.raises(UserError, match=r"needs onnxscript: pip install 'weaksep\[export\]'"):
        export.main([str(experiment(tmp_path / "exp", "blstm")), "--to", "onnx", "--out", str(tmp_path / "x.onnx")])


def test_what_gives_something_else_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(content: bytes) -> Any:
        module = torch.export.load(io.BytesIO(content)).module()
        return lambda inputs: module(*inputs) * 1.001

    monkeypatch.setattr(exporting, "_run_torch", wrong)
    with pytest.raises(UserError, match="gives something else"):
        export.main([str(experiment(tmp_path / "exp", "blstm")), "--to", "torch", "--out", str(tmp_path / "x.pt2")])
    assert not (tmp_path / "x.pt2").exists()
