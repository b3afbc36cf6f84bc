"""Entries of scp files: from the recipe's folder Kaldi's tools open them, and weaksep from any."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType

import kaldi_native_io as kaldi
import numpy as np
import pytest

from weaksep.bin import validate
from weaksep.errors import UserError
from weaksep.feats.config import FeatsConfig
from weaksep.feats.extract import extract
from weaksep.feats.features import FeatureSet
from weaksep.fileio.audio import read_audio
from weaksep.fileio.datadir import DataDir, read_scp
from weaksep.fileio.scp import locator, scp_entries
from weaksep.fileio.tables import read_table, write_table, write_tables
from weaksep.infer.dataset import write_unprocessed


def touched(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def make(tiny: ModuleType, data: Path, dump: Path) -> None:
    """A data folder whose scp tables weaksep has written, and its features."""
    tiny.make_data(data)
    utts = list(tiny.ACTIVITY)
    scps = {path.name: read_table(path) for path in data.glob("*.scp")}
    write_tables(data, tiny.CLASSES, {utt: utt for utt in utts}, scps)
    extract(data, dump, FeatsConfig(window_samples=256, hop_samples=128), nj=1, references=True)


@pytest.fixture
def recipe(tiny: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """data/test, dump/test and exp/unprocessed/separated/test of a recipe, the current folder."""
    folder = tmp_path / "my recipe"
    touched(folder / "path.sh")
    monkeypatch.chdir(folder)
    make(tiny, Path("data/test"), Path("dump/test"))
    write_unprocessed(DataDir.load("data/test"), Path("exp/unprocessed/separated/test"))
    return folder


def check(data: Path, dump: Path) -> None:
    """Every entry is found, and what is found is the folder's own."""
    loaded = DataDir.load(data)
    files = [*loaded.wav.values(), *(file for own in loaded.references().values() for file in own.values())]
    assert all(file.is_file() and data.resolve() in file.resolve().parents for file in files)
    features = FeatureSet(dump, loaded)
    table = data.absolute().parents[1] / "exp/unprocessed/separated/test/bark.scp"
    if data.absolute().name == "test" and table.exists():
        mixtures = [file.resolve() for file in loaded.wav.values()]
        assert [file.resolve() for file in read_scp(table).values()] == mixtures
    assert all(np.isfinite(features.read(utt)).all() for utt in loaded.wav)


def test_kaldi_opens_every_entry_from_the_recipes_folder(recipe: Path, tiny: ModuleType) -> None:
    data, ours = DataDir.load("data/test"), FeatureSet("dump/test", DataDir.load("data/test"))
    assert (Path("data/test/wav.scp").read_text()).startswith("mix-1 data/test/audio/mix/mix-1.wav\n")
    with kaldi.SequentialWaveReader("scp:data/test/wav.scp") as reader:
        for utt, wave in reader:
            np.testing.assert_array_equal(wave.data.numpy()[0] / 32768, read_audio(data.wav[utt], 8000))
    with kaldi.SequentialFloatMatrixReader("scp:dump/test/feats.scp") as reader:
        read = {utt: np.array(matrix) for utt, matrix in reader}
    assert list(read) == list(data.wav)
    for utt, matrix in read.items():
        np.testing.assert_array_equal(matrix, ours.read(utt))
    others = [*Path("data/test").glob("src_*.scp"), *Path("exp").rglob("*.scp")]
    assert len(others) == 2 * len(tiny.CLASSES)
    for scp in others:
        with kaldi.SequentialWaveReader(f"scp:{scp}") as reader:
            assert [utt for utt, _ in reader] == list(read_table(scp))
    for scp in Path("dump").rglob("src_*.scp"):
        with kaldi.SequentialFloatMatrixReader(f"scp:{scp}") as reader:
            assert [utt for utt, _ in reader] == list(read_table(scp))


def test_lhotse_imports_them_from_the_recipes_folder(recipe: Path) -> None:
    lhotse_kaldi = pytest.importorskip("lhotse.kaldi")
    recordings, _, _ = lhotse_kaldi.load_kaldi_data_dir(Path("data/test"), sampling_rate=8000)
    data = DataDir.load("data/test")
    assert {recording.id for recording in recordings} == set(data.wav)
    for recording in recordings:
        np.testing.assert_allclose(recording.load_audio()[0], read_audio(data.wav[recording.id], 8000), atol=1e-6)


def test_weaksep_reads_them_from_any_folder_and_after_a_move(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in (Path("/"), tmp_path, recipe / "data"):
        monkeypatch.chdir(folder)
        check(recipe / "data/test", recipe / "dump/test")
    check(Path("test"), Path("../dump/test"))
    shutil.copytree(recipe, tmp_path / "copy/of it")
    check(tmp_path / "copy/of it/data/test", tmp_path / "copy/of it/dump/test")
    monkeypatch.chdir(tmp_path)
    recipe.rename("moved")
    check(Path("moved/data/test"), Path("moved/dump/test"))
    (tmp_path / "moved/data").rename("a disk")
    (tmp_path / "moved/data").symlink_to(tmp_path / "a disk")
    check(Path("moved/data/test"), Path("moved/dump/test"))
    check(Path("a disk/test"), Path("moved/dump/test"))
    with pytest.raises(UserError) as caught:
        validate.main(["moved/data/test"])
    assert "scp" not in str(caught.value)  # tiny data has no scenes; every file is found


def test_a_folder_handed_over_under_another_name_has_its_own_files(recipe: Path, tmp_path: Path) -> None:
    for place in ("data/again", "data/other/test", str(tmp_path / "handed over")):
        shutil.copytree("data/test", place)
        shutil.copytree("dump/test", f"{place}_dump")
        check(Path(place), Path(f"{place}_dump"))
    Path("data/again/audio/mix/mix-1.wav").unlink()
    Path("data/test/audio/mix/mix-2.wav").unlink()
    assert [utt for utt, file in read_scp("data/again/wav.scp").items() if not file.exists()] == ["mix-1"]
    assert [utt for utt, file in read_scp("data/test/wav.scp").items() if not file.exists()] == ["mix-2"]
    write_table("data/all/wav.scp", {**read_table("data/test/wav.scp"), "far": "corpus/far.wav"})
    touched(Path("corpus/far.wav"))  # as Kaldi's own tools combine tables
    found = read_scp("data/all/wav.scp")
    assert found["mix-1"] == recipe / "data/test/audio/mix/mix-1.wav" and found["far"] == recipe / "corpus/far.wav"


def test_data_elsewhere(tiny: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--datadir of a recipe: absolute; of none: relative to the table."""
    touched(tmp_path / "recipe/path.sh")
    monkeypatch.chdir(tmp_path / "recipe")
    make(tiny, tmp_path / "disk/data/test", tmp_path / "disk/dump/test")
    write_unprocessed(DataDir.load(tmp_path / "disk/data/test"), tmp_path / "disk/exp/unprocessed/separated/test")
    check(tmp_path / "disk/data/test", tmp_path / "disk/dump/test")
    shutil.copytree(tmp_path / "disk", tmp_path / "copy")
    check(tmp_path / "copy/data/test", tmp_path / "copy/dump/test")
    kinds = {"data/test/wav": kaldi.SequentialWaveReader, "dump/test/feats": kaldi.SequentialFloatMatrixReader}
    for scp, kind in kinds.items():
        with kind(f"scp:{tmp_path}/disk/{scp}.scp") as reader:
            assert len(list(reader)) == len(tiny.ACTIVITY)
    (tmp_path / "disk").rename(tmp_path / "other disk")
    check(tmp_path / "other disk/data/test", tmp_path / "other disk/dump/test")
    monkeypatch.chdir(tmp_path)
    assert scp_entries(Path("disk/data/test"), {"a": "audio/a.wav"}) == {"a": "audio/a.wav"}
    assert scp_entries(Path("recipe/data/x"), {"a": "audio/a.wav"}) == {"a": "data/x/audio/a.wav"}


@pytest.mark.parametrize(
    ("table", "there", "entry", "file"),
    [
        ("r/data/test", [], "data/test/audio/a.wav", "r/data/test/audio/a.wav"),  # also where it is missing
        ("r/data/test", [], "audio/a.wav", "r/data/test/audio/a.wav"),
        ("r/data/test", [], "/data/a.wav", "/data/a.wav"),
        ("r/data/test", ["r/data/test/audio/a.wav"], "/data/valid/audio/a.wav", "/data/valid/audio/a.wav"),
        ("r/data/test", ["r/data/test/audio/a.wav"], "/data/test/audio/a.wav", "r/data/test/audio/a.wav"),
        # Mixtures of another place are not those beside the experiments, though they have the same names.
        ("r/exp/u/test", ["r/data/test/audio/a.wav"], "/x/data/test/audio/a.wav", "/x/data/test/audio/a.wav"),
        ("r/data/test", [], "../a.wav", "r/data/test/../a.wav"),
        ("r/data/test", [], "a.wav", "r/data/test/a.wav"),
        ("r/audio", ["r/audio/audio/a.wav"], "audio/a.wav", "r/audio/audio/a.wav"),
        ("r/audio", ["r/audio/a.wav"], "audio/a.wav", "r/audio/a.wav"),
        # A missing file is not looked for in other sets, nor in folders above the recipe.
        ("r/data/test", ["data/test/audio/a", "r/data/test/a"], "data/test/audio/a", "r/data/test/audio/a"),
        ("r/data/test", ["r/data/a.wav", "data/a.wav"], "data/a.wav", "r/data/a.wav"),
        ("r/data/test", ["x/a.wav"], "x/a.wav", "r/data/test/x/a.wav"),
    ],
)  # fmt: skip
def test_where_an_entry_leads(tmp_path: Path, table: str, there: list[str], entry: str, file: str) -> None:
    touched(tmp_path / "r/path.sh", tmp_path / table / "wav.scp", *(tmp_path / name for name in there))
    assert locator(tmp_path / table)(entry) == tmp_path / file
