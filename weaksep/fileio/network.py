"""The network file: what training leaves for use, and all that using it takes.

``model.safetensors`` holds the weights, ``model.json`` beside it describes them. A packed model is a zip file with the
same two in it, stored as they are, or a folder for the hub, where ``model.json`` is called ``config.json``. Reading any
takes memory in proportion to the file's size: a safetensors file cannot describe more than it holds, members of a zip
file are not compressed, and what decides the size of anything else has bounds.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from weaksep.errors import UserError
from weaksep.fileio.atomic import atomic_path, write_json
from weaksep.fileio.experiments import DESCRIPTION_NAME, WEIGHTS_NAME
from weaksep.fileio.jsontext import load_object
from weaksep.fileio.models import EPOCH, find_model, models_in, network_file
from weaksep.fileio.names import doubled, label_problem, one_line

if TYPE_CHECKING:
    import torch

# Of a separator's masks: those that training tries (train/calibrate.py).
TEMPERATURES = (0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.7, 8.0)
CHECKSUM = "sha256"  # in the metadata of the weights: safetensors itself has none
MAX_BYTES = {DESCRIPTION_NAME: 1_000_000, WEIGHTS_NAME: 4_000_000_000}


class StftSettings(BaseModel):
    """Window and step of an STFT with root-Hann windows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    window_samples: int = Field(..., ge=16, le=65_536)
    hop_samples: int = Field(..., ge=1)

    @model_validator(mode="after")
    def _windows_overlap(self) -> StftSettings:
        # Root-Hann windows rebuild the signal when they overlap by half or more; by 15/16 they cost 16 times as much.
        if self.window_samples % 2 or not self.window_samples // 16 <= self.hop_samples <= self.window_samples // 2:
            raise ValueError("window_samples must be even, and hop_samples from a sixteenth of it to half of it")
        return self


class Features(StftSettings):
    """What a network must be given."""

    sample_rate: int = Field(..., ge=1000, le=768_000)


class Description(BaseModel):
    """What ``model.json`` says.

    Args:
        task: what the network is.
        classes: their names, in the order of its outputs.
        features: what it must be given.
        config: resolved settings of its training.
        epoch: after which its weights were taken.
        temperature: of a separator's masks, one of ``TEMPERATURES``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: Literal["separator", "classifier"]
    classes: list[str] = Field(..., min_length=1, max_length=10_000)
    features: Features
    config: dict[str, Any]
    epoch: int = Field(0, ge=0)
    temperature: float = Field(1.0, ge=0.01, le=100.0)

    @model_validator(mode="after")
    def _named(self) -> Description:
        for name in self.classes:
            if problem := label_problem(name):
                raise ValueError(f"classes: {name!r}: {problem}")
        if doubled(self.classes):
            raise ValueError("classes: a name occurs twice")
        if not isinstance(self.config.get("net", {}), dict):
            raise ValueError("config.net: not settings")
        return self


Weights = dict[str, "torch.Tensor"]


def write_network(folder: str | Path, description: Description, weights: Weights) -> None:
    """Write both files, the description last: where it is, the network is whole."""
    from safetensors.torch import save

    folder = Path(folder)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    content = save(tensors, {CHECKSUM: _checksum(save(tensors))})
    with atomic_path(folder / WEIGHTS_NAME) as temporary:
        temporary.write_bytes(content)
    write_description(folder, description)


def write_description(folder: str | Path, description: Description) -> None:
    """Write ``model.json`` alone."""
    write_json(Path(folder) / DESCRIPTION_NAME, description.model_dump(mode="json"))


def read_description(place: str | Path, task: str | None = None) -> Description:
    """The description of a network.

    Args:
        place: an experiment's folder, a packed model, or a name (``find_model``).
        task: what it has to be; None for either.

    Raises:
        UserError: missing, damaged, or of another task.
    """
    where, text = _member(place, DESCRIPTION_NAME)
    value = load_object(text.decode("utf-8", errors="replace"), where, "train again, or get the whole model")
    try:
        description = Description.model_validate(value, strict=True)
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()[:3])
        raise UserError(f"{where}: does not describe a network of weaksep ({one_line(reasons)}); train again") from None
    if task not in (None, description.task):
        raise UserError(f"{where}: describes a {description.task}, expected a {task}; give the folder of a {task}")
    return description


def read_network(place: str | Path, task: str | None = None) -> tuple[Description, Weights]:
    """A network's description, and its weights on the CPU.

    Args:
        place, task: see ``read_description``.

    Raises:
        UserError: missing, damaged, of another task, or with weights that are not finite numbers.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load

    description = read_description(place, task)
    where, content = _member(place, WEIGHTS_NAME)
    try:
        weights = load(content)
        header = json.loads(content[8 : _header_end(content)])
        if header.get("__metadata__", {}).get(CHECKSUM) != _checksum(content):
            raise ValueError("the weights do not match their checksum")
        bad = [name for name, tensor in weights.items() if not torch.isfinite(tensor).all()]
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(f"{where}: damaged ({reason}); restore it or train again") from None
    if bad:
        raise UserError(f"{where}: {bad[0]} holds NaN or infinity; restore it or train again")
    return description, weights


def pack_network(path: str | Path, folder: str | Path, files: dict[str, bytes]) -> None:
    """Write a packed model: the two files of a network's folder, and others by their names in it."""
    own = {name: (Path(folder) / name).read_bytes() for name in MAX_BYTES}
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, content in {**own, **files}.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_STORED)


def network_hash(place: str | Path) -> str:
    """What tells a network from others: of its weights and classes, the same for a folder and what was packed of it.

    Args:
        place: see ``read_description``.

    Raises:
        UserError: missing or damaged.
    """
    parts = [_checksum(_member(place, WEIGHTS_NAME)[1]), *read_description(place).classes]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def network_files(place: str | Path) -> dict[str, Path]:
    """The files of a network by the names that they have in messages.

    Args:
        place: see ``read_description``.

    Raises:
        UserError: there is none.
    """
    place = find_model(place)
    return {name: network_file(place, name) for name in MAX_BYTES} if place.is_dir() else {place.name: place}


def _header_end(content: bytes) -> int:
    """Where the header of a safetensors file ends: JSON, behind its length in eight bytes."""
    return 8 + int.from_bytes(content[:8], "little")


def _checksum(content: bytes) -> str:
    """Of what follows the header of a safetensors file."""
    return hashlib.sha256(memoryview(content)[_header_end(content) :]).hexdigest()


def _member(place: str | Path, name: str) -> tuple[str, bytes]:
    """Where one of the two files is, for messages, and its content: no more bytes than it may have, nor than are there.

    Raises:
        UserError: it is missing, too large, compressed or damaged.
    """
    place = find_model(place)
    path = network_file(place, name)
    where = str(path) if place.is_dir() else f"{place} ({name})"
    try:
        if place.is_dir():
            if path.exists() and not path.is_file():
                raise UserError(f"{path}: not a file")
            _require_size(where, path.stat().st_size, MAX_BYTES[name])
            return where, path.read_bytes()
        with zipfile.ZipFile(place) as archive:
            found = [entry for entry in archive.infolist() if entry.filename == name]
            if len(found) != 1:
                raise UserError(f"{where}: is {len(found)} times in it, expected once; get the whole model")
            (info,) = found
            if info.compress_type != zipfile.ZIP_STORED or info.file_size > place.stat().st_size:
                raise UserError(f"{where}: compressed, as no model that weaksep has packed is; pack it again")
            _require_size(where, info.file_size, MAX_BYTES[name])
            return where, archive.read(info)
    except FileNotFoundError:
        if models := models_in(place):
            what = "a recipe" if (place / "run.sh").is_file() else "a folder"
            raise UserError(f"{place} is {what}, no model; its models: {', '.join(map(str, models))}") from None
        raise UserError(f"{where}: no such file (train first: stages 3 and 4)") from None
    # What zipfile raises, on whatever damaged bytes lead it to.
    except (OSError, ValueError, EOFError, struct.error, zipfile.BadZipFile, RuntimeError) as error:
        reason = (str(error) or "damaged").splitlines()[0]
        raise UserError(f"{where}: cannot be read ({reason}); restore it or train again") from None


def _require_size(where: str, size: int, limit: int) -> None:
    if size > limit:
        raise UserError(f"{where}: more than {limit} bytes; is it a model?")
