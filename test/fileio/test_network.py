"""The network file: what is written reads back; whatever is wrong with it is one line, and takes no memory."""

from __future__ import annotations

import hashlib
import json
import resource
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from weaksep.errors import UserError
from weaksep.fileio.models import is_network
from weaksep.fileio.network import (
    Description,
    Features,
    pack_network,
    read_description,
    read_network,
    write_description,
    write_network,
)

FEATURES = {"sample_rate": 8000, "window_samples": 128, "hop_samples": 64}
WEIGHTS = {"output.weight": torch.arange(6.0).view(2, 3), "steps": torch.tensor(7), "empty": torch.zeros(0, 3)}
MEGABYTE = 2**20


def description(**changes: Any) -> Description:
    given = {"task": "separator", "classes": ["dog", "horn"], "config": {"net": {"units": 4}}, "epoch": 3, **changes}
    return Description(features=Features(**FEATURES), **given)


@pytest.fixture
def network(tmp_path: Path) -> Path:
    write_network(tmp_path / "exp", description(), WEIGHTS)
    return tmp_path / "exp"


@pytest.fixture
def packed(network: Path, tmp_path: Path) -> Path:
    pack_network(tmp_path / "model.zip", network, {"README.md": b"what it is"})
    return tmp_path / "model.zip"


@contextmanager
def little_memory(more: int = 64 * MEGABYTE) -> Iterator[None]:
    """No more memory than there is now, and a little."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def refused(place: Path, match: str, task: str = "separator") -> None:
    """One line that begins with the place."""
    with little_memory(), pytest.raises(UserError, match=match) as raised:
        read_network(place, task)
    assert str(raised.value).startswith(str(place)) and "\n" not in str(raised.value)


def test_it_reads_back_as_it_was_written(network: Path, packed: Path) -> None:
    for place in (network, packed):
        read, weights = read_network(place, "separator")
        assert read == read_description(place) == description()
        assert weights.keys() == WEIGHTS.keys() and all(torch.equal(weights[name], WEIGHTS[name]) for name in WEIGHTS)
    assert is_network(network)
    write_description(network, description(temperature=2.8))
    assert read_network(network)[0].temperature == 2.8


def test_equal_networks_are_equal_files(network: Path, packed: Path, tmp_path: Path) -> None:
    write_network(tmp_path / "again", description(), {name: WEIGHTS[name].clone() for name in reversed(WEIGHTS)})
    pack_network(tmp_path / "again.zip", tmp_path / "again", {"README.md": b"what it is"})
    for name in ("model.safetensors", "model.json"):
        assert (network / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    assert packed.read_bytes() == (tmp_path / "again.zip").read_bytes()


def test_views_of_one_tensor_and_of_a_gpu_are_written_whole(tmp_path: Path) -> None:
    whole = torch.arange(12.0).view(3, 4)
    write_network(tmp_path, description(), {"column": whole[:, 1], "whole": whole, "transposed": whole.t()})
    _, weights = read_network(tmp_path)
    assert torch.equal(weights["column"], whole[:, 1]) and torch.equal(weights["transposed"], whole.t())


def safetensors(header: bytes, data: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def one_tensor(**changes: Any) -> bytes:
    return json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}}).encode()


EIGHT = bytes(8)
WRONG_WEIGHTS: dict[str, bytes] = {
    "nothing": b"",
    "a pickle": b"\x80\x04cos\nsystem\n(S'touch sprung'\ntR.",
    "no header": safetensors(b""),
    "a header that is no JSON": safetensors(b"{]"),
    "a header that is a list": safetensors(b"[]"),
    "a header of 2 ** 60 bytes": safetensors(one_tensor(), EIGHT, 2**60),
    "a header of 90 million bytes": safetensors(one_tensor(), EIGHT, 90_000_000),
    "nested headers": safetensors(b'{"w":' * 100_000),
    "a tensor of 4 TB": safetensors(one_tensor(shape=[2**40], data_offsets=[0, 2**42]), EIGHT),
    "a shape that overflows": safetensors(one_tensor(shape=[2**63, 2**63]), EIGHT),
    "a shape that does not fit its data": safetensors(one_tensor(shape=[9]), EIGHT),
    "a negative shape": safetensors(one_tensor(shape=[-2]), EIGHT),
    "offsets the wrong way round": safetensors(one_tensor(data_offsets=[8, 0]), EIGHT),
    "more data than tensors": safetensors(one_tensor(), EIGHT + EIGHT),
    "no data": safetensors(one_tensor()),
    "a dtype that there is not": safetensors(one_tensor(dtype="OBJECT"), EIGHT),
    "NaN": safetensors(one_tensor(), struct.pack("<ff", 1.0, float("nan"))),
    "infinity": safetensors(one_tensor(), struct.pack("<ff", 1.0, float("-inf"))),
    "an 8-bit NaN": safetensors(one_tensor(dtype="F8_E5M2", shape=[8]), b"\x7f" * 8),
}


@pytest.mark.parametrize("name", WRONG_WEIGHTS)
def test_wrong_weights(network: Path, name: str) -> None:
    (network / "model.safetensors").write_bytes(WRONG_WEIGHTS[name])
    refused(network, "model.safetensors: (damaged .*|w holds NaN or infinity); restore it or train again$")


@pytest.mark.parametrize("bit", range(8))
def test_a_turned_bit_of_a_weight(network: Path, bit: int) -> None:
    path = network / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[content.index(WEIGHTS["output.weight"].numpy().tobytes()) + 4] ^= 1 << bit
    path.write_bytes(content)
    refused(network, "model.safetensors: damaged .the weights do not match their checksum.; restore it or train again$")


def changed(**changes: Any) -> bytes:
    return json.dumps({**description().model_dump(mode="json"), **changes}).encode()


def features(**changes: Any) -> bytes:
    return changed(features={**FEATURES, **changes})


WRONG_DESCRIPTIONS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "not JSON"),
    "half": (changed()[:40], "not JSON"),
    "a list": (b"[]", "expected a JSON object, found a list"),
    "brackets without end": (b'{"a":' + b"[" * 200_000, "not JSON"),
    "a number of 9000 digits": (changed(epoch=0).replace(b'"epoch": 0', b'"epoch": ' + b"9" * 9000), "not JSON"),
    "no text": (b"\xff\xfe", "not JSON"),
    "two million bytes": (b'{"task": "' + b"x" * 2_000_000, "more than 1000000 bytes; is it a model"),
    "another task": (changed(task="classifier"), "describes a classifier, expected a separator; give the folder of a"),
    "no such task": (changed(task="virus"), "task: "),
    "an unknown key": (changed(more=1), "more: Extra inputs"),
    "no classes": (changed(classes=[]), "classes: "),
    "a class that leads elsewhere": (changed(classes=["../dog"]), "'../dog': holds a slash"),
    "a class twice": (changed(classes=["dog", "dog"]), "a name occurs twice"),
    "classes as a word": (changed(classes="dog"), "classes: "),
    "a class that is a number": (changed(classes=[1]), "classes.0: "),
    "an epoch as text": (changed(epoch="3"), "epoch: "),
    "a negative epoch": (changed(epoch=-1), "epoch: "),
    "a config that is a list": (changed(config=[]), "config: "),
    "a temperature as text": (changed(temperature="2"), "temperature: "),
    "a temperature of 0": (changed(temperature=0.0), "temperature: "),
    "an infinite temperature": (changed(temperature=0).replace(b'"temperature": 0', b'"temperature": 1e999'), "temper"),
    "NaN": (changed(temperature=float("nan")), "NaN is no JSON"),
    "no features": (changed(features=None), "features: "),
    "a rate as text": (features(sample_rate="8000"), "features.sample_rate: "),
    "a rate of 1 Hz": (features(sample_rate=1), "features.sample_rate: "),
    "a rate of 1 THz": (features(sample_rate=10**12), "features.sample_rate: "),
    "a hop as true": (features(hop_samples=True), "features.hop_samples: "),
    "a window of 2 ** 40": (features(window_samples=2**40, hop_samples=2**39), "features.window_samples: "),
    "an odd window": (features(window_samples=127), "features: "),
    "a hop of 1": (features(hop_samples=1), "hop_samples from a sixteenth of it to half of it"),
    "a hop beyond half": (features(hop_samples=65), "hop_samples from a sixteenth"),
}


@pytest.mark.parametrize("name", WRONG_DESCRIPTIONS)
def test_wrong_descriptions(network: Path, name: str) -> None:
    content, message = WRONG_DESCRIPTIONS[name]
    (network / "model.json").write_bytes(content)
    refused(network, f"model.json: .*{message}")


def test_what_is_missing_or_no_file(network: Path, tmp_path: Path) -> None:
    refused(tmp_path / "none", "no such model; give an experiment's folder or a packed model ")
    for name in ("model.safetensors", "model.json"):
        path = network / name
        content = path.read_bytes()
        path.unlink()
        refused(network, f"{name}: no such file .train first")
        assert is_network(network) == (name == "model.safetensors")
        path.mkdir()
        refused(network, f"{name}: not a file")
        path.rmdir()
        path.write_bytes(content)
    read_network(network)


def members(**changes: Any) -> dict[str, bytes]:
    header = json.dumps({"__metadata__": {"sha256": hashlib.sha256(EIGHT).hexdigest()}, **json.loads(one_tensor())})
    weights = safetensors(header.encode(), EIGHT)
    return {"model.json": changed(), "model.safetensors": weights, **changes}


def write_zip(path: Path, compression: int = zipfile.ZIP_STORED, twice: str = "", **files: bytes) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
            if name == twice:
                archive.writestr(name, content)


@pytest.mark.parametrize("name", ["model.json", "model.safetensors"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_wrong_packed_models(tmp_path: Path, name: str) -> None:
    path = tmp_path / "model.zip"
    where = f"model.zip .{name}.: "
    write_zip(path, **members())
    read_network(path)
    write_zip(path, twice=name, **members())
    refused(path, f"{where}is 2 times in it, expected once")
    write_zip(path, **{key: content for key, content in members().items() if key != name})
    refused(path, f"{where}is 0 times in it")
    for compression, size in ((zipfile.ZIP_DEFLATED, 100 * MEGABYTE), (zipfile.ZIP_LZMA, 9)):
        write_zip(path, compression, **members(**{name: bytes(size)}))  # the first is a bomb
        refused(path, "compressed, as no model that weaksep has packed is; pack it again")
    path.write_bytes(b"PK\x03\x04 or so")
    refused(path, "model.zip .model.json.: cannot be read")


def test_a_member_that_says_it_is_larger_than_the_file(packed: Path) -> None:
    content = bytearray(packed.read_bytes())
    place = content.rfind(b"PK\x01\x02", 0, content.rfind(b"PK\x01\x02", 0, content.rfind(b"PK\x01\x02")))
    assert content[place + 46 :].startswith(b"model.json")
    for field in (20, 24):  # compressed and whole size
        content[place + field : place + field + 4] = struct.pack("<I", 900_000)
    packed.write_bytes(content)
    refused(packed, "model.json")


@pytest.mark.parametrize("harm", ["cut", "flip"])
@pytest.mark.parametrize("what", ["model.json", "model.safetensors", "model.zip"])
def test_any_damage_is_a_users_error_or_none(network: Path, packed: Path, what: str, harm: str) -> None:
    path = packed if what == "model.zip" else network / what
    whole, place, rng = path.read_bytes(), packed if what == "model.zip" else network, np.random.default_rng(0)
    damages: dict[str, Callable[[], bytes]] = {
        "cut": lambda: whole[: rng.integers(len(whole))],
        "flip": lambda: flipped(whole, rng),
    }
    refusals = 0
    for _ in range(150):
        path.write_bytes(damages[harm]())
        try:
            read_network(place, "separator")
        except UserError as error:
            refusals += "\n" not in str(error)
    assert refusals > (140 if harm == "cut" else 20)


def flipped(content: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(content)
    for position in rng.integers(len(content), size=3):
        changed[position] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def test_the_models_of_a_recipe_are_named(packed: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "my_sounds"
    for place in ("exp/separator_remix", "exp/classifier_clip", "exp_b/separator_clip+x"):
        write_network(recipe / place, description(), WEIGHTS)
    (recipe / "run.sh").touch()
    (recipe / "exp/separator_begun").mkdir()
    (recipe / "sounds.zip").write_bytes(b"PK")
    packed.rename(recipe / "model.zip")
    remix = recipe / "exp/separator_remix"
    found = f"{remix}, {recipe}/exp_b/separator_clip+x, {recipe}/model.zip"
    for place, said in (
        (recipe, f"{recipe} is a recipe, no model; its models: {found}"),
        (recipe / "exp", f"{recipe}/exp is a folder, no model; its models: {remix}"),
        (recipe / "exp/separator_begun", f"{recipe}/exp/separator_begun/model.json: no such file (train first: "),
    ):
        with pytest.raises(UserError) as error:
            read_description(place)
        assert str(error.value).startswith(said)
