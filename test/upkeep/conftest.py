"""Folders to look after: a whole one of five clips, and what stages 0 to 2 make of a small corpus."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from weaksep.corpora.config import Counts, SyntheticConfig
from weaksep.corpora.convert import convert
from weaksep.corpora.synthetic import open_synthetic
from weaksep.feats.config import FeatsConfig
from weaksep.feats.extract import extract
from weaksep.fileio.atomic import write_text
from weaksep.fileio.shards import Shards
from weaksep.fileio.tables import invert, write_table
from weaksep.fileio.tsv import write_tsv
from weaksep.mixtures.config import MixConfig
from weaksep.mixtures.scene import Event, Scene
from weaksep.mixtures.write import write_set

SETS = ("train", "valid", "test")
FEATS = FeatsConfig(window_samples=128, hop_samples=64, shard_clips=2)


def complete(folder: Path, tiny: ModuleType) -> Path:
    """Add what stage 1 writes and tiny_data.py does not; events.tsv as stage 1 sorts it."""
    itself = {utt: utt for utt in tiny.ACTIVITY}
    write_table(folder / "utt2spk", itself)
    write_table(folder / "spk2utt", invert(itself))
    rows, scenes = [], []
    for utt, classes in tiny.ACTIVITY.items():
        times = sorted((on / tiny.SAMPLE_RATE, off / tiny.SAMPLE_RATE, name) for name, (on, off) in classes.items())
        rows += [(f"{utt}.wav", f"{on:.7f}", f"{off:.7f}", name) for on, off, name in times]
        events = tuple(Event(f"{name}-{utt}-00", name, f"{name}-{utt}", on, -26.0) for on, _, name in times)
        scenes.append(Scene(utt, tiny.SECONDS, tiny.SAMPLE_RATE, 0.0, events).to_json())
    columns = ("filename", "onset", "offset", "event_label")
    write_tsv(folder / "events.tsv", columns, [dict(zip(columns, row, strict=True)) for row in rows])
    write_text(folder / "scenes.jsonl", "".join(f"{scene}\n" for scene in scenes))
    return folder


@pytest.fixture(scope="session")
def whole_folder(tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A valid data/test, to be copied."""
    return complete(tiny.make_data(tmp_path_factory.mktemp("whole") / "data" / "test"), tiny)


@pytest.fixture
def folder(whole_folder: Path, tmp_path: Path) -> Path:
    """A valid data/test of the clips mix-1 to mix-5, to be spoilt."""
    return Path(shutil.copytree(whole_folder, tmp_path / "data" / "test"))


@pytest.fixture(scope="session")
def made_by_stages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data and dump as stages 0 to 2 leave them, to be copied."""
    top = tmp_path_factory.mktemp("stages")
    corpus = SyntheticConfig(
        corpus="synthetic",
        sample_rate=8000,
        classes=["siren", "dog_bark", "gun_shot"],
        recordings_per_class=Counts(train=2, valid=1, test=1),
        events_per_recording=2,
    )
    convert(open_synthetic(corpus, None), corpus, Shards(top / "data/events", kind="events"), nj=1, max_bad_ratio=0.0)
    mix = MixConfig(clip_s=0.5, mean_events=2.0, sets={"train": 8, "valid": 3, "test": 3})
    for name in SETS:
        write_set(mix, name, top / "data/events" / name, Shards(top / "data" / name, kind="mixtures"), nj=1)
        extract(top / "data" / name, top / "dump" / name, FEATS, nj=1, references=name != "test")
    return top


@pytest.fixture
def stages(made_by_stages: Path, tmp_path: Path) -> Path:
    """A copy of what stages 0 to 2 leave, to be spoilt."""
    return Path(shutil.copytree(made_by_stages, tmp_path / "recipe"))


@pytest.fixture(scope="session")
def set_line() -> Callable[[Path, int, str | bytes | None], None]:
    """A function that puts a text in the place of a line of a file, or takes the line away."""

    def put(path: Path, number: int, text: str | bytes | None) -> None:
        lines = path.read_bytes().split(b"\n")
        new = text.encode() if isinstance(text, str) else text
        lines[number - 1 : number] = [] if new is None else [new]
        path.write_bytes(b"\n".join(lines))

    return put
