"""What reading all features finds: each defect by itself."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from weaksep.bin.validate import main as command
from weaksep.errors import UserError
from weaksep.feats.config import FeatsConfig
from weaksep.feats.extract import extract
from weaksep.fileio.ark import write_ark
from weaksep.fileio.audio import read_audio, write_audio
from weaksep.fileio.tables import read_table, write_table
from weaksep.upkeep.feats import dump_folder
from weaksep.upkeep.validate import validate

SetLine = Callable[[Path, int, str | bytes | None], None]
SHAPE = (63, 65)  # 0.5 s at 8 kHz, hop 64, window 128
UTT = "train-000002"


def found(stages: Path, set_name: str = "train", nj: int = 1) -> list[str]:
    """Problems of a set with its features read, without those of the data folder's tables."""
    reports = validate([stages / "data" / set_name], check_feats=True, nj=nj)
    return [str(problem) for report in reports for problem in report.problems]


def put_value(dump: Path, row: int, column: int, value: float) -> None:
    """Change one value of the second clip's matrix."""
    path, offset = read_table(dump / "feats.scp")[UTT].split(":")
    with open(dump / path, "r+b") as file:
        file.seek(int(offset) + 15 + 4 * (row * SHAPE[1] + column))
        file.write(struct.pack("<f", value))


def put_matrix(dump: Path, matrix: np.ndarray) -> None:
    """Another matrix for the second clip, in an archive of its own."""
    offsets = write_ark(dump / "new.ark", [(UTT, matrix.astype(np.float32))])
    write_table(dump / "feats.scp", {**read_table(dump / "feats.scp"), UTT: f"new.ark:{offsets[UTT]}"})


def swap(dump: Path) -> None:
    """The first two clips get each other's matrix."""
    table = read_table(dump / "feats.scp")
    first = "train-000001"
    write_table(dump / "feats.scp", {**table, first: table[UTT], UTT: table[first]})


def without_id(dump: Path) -> None:
    """The first clip's matrix at the very beginning of a file."""
    (dump / "new.ark").write_bytes((dump / "ark/feats.1.ark").read_bytes()[len("train-000001 ") :])
    write_table(dump / "feats.scp", {**read_table(dump / "feats.scp"), UTT: "new.ark:0"})


def put_statistics(dump: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    matrix = np.frombuffer((dump / "cmvn.ark").read_bytes()[22:], dtype="<f4").reshape(2, 66)
    write_ark(dump / "cmvn.ark", [("global", change(matrix.copy()))])


def with_value(matrix: np.ndarray, row: int, column: int, value: float) -> np.ndarray:
    matrix[row, column] = value
    return matrix


def edit(name: str, number: int, text: str | None) -> Callable[[Path, SetLine], None]:
    """A defect that replaces a line."""
    return lambda dump, set_line: set_line(dump / name, number, text)


CASES: dict[str, tuple[Callable[[Path, SetLine], object], str, str]] = {
    "no features": (edit("feats.scp", 2, None), "data/train/wav.scp:2", f"{UTT} is not in "),
    "no frame count": (edit("utt2num_frames", 2, None), "data/train/wav.scp:2", f"{UTT} is not in "),
    "features of no clip": (edit("feats.scp", 9, "train-9 ark/feats.1.ark:13\n"), "feats.scp:9", "train-9 is not in "),
    "frames of no clip": (edit("utt2num_frames", 9, "train-9 63\n"), "utt2num_frames:9", "train-9 is not in "),
    "sorting": (edit("utt2num_frames", 1, f"{UTT} 63"), "utt2num_frames:2", f"{UTT} again, first in line 1"),
    "no number": (edit("utt2num_frames", 2, f"{UTT} many"), "utt2num_frames:2", f"{UTT}: 'many' is not a number"),
    "frames": (edit("utt2num_frames", 2, f"{UTT} 64"), "feats.scp:2", f"{UTT}: 63 frames, utt2num_frames has 64"),
    "a pipe": (edit("feats.scp", 2, f"{UTT} cat a.ark |"), "feats.scp:2", f"{UTT}: "),
    "no archive": (edit("feats.scp", 2, f"{UTT} ark/none.ark:13"), "feats.scp:2", f"{UTT}: "),
    "wrong offset": (edit("feats.scp", 2, f"{UTT} ark/feats.1.ark:20"), "feats.scp:2", f"{UTT}: "),
    "another clip's": (lambda dump, _: swap(dump), "feats.scp:2", f"{UTT}: ark/feats.1.ark:13 is the matrix of anoth"),
    "without its id": (lambda dump, _: without_id(dump), "feats.scp:2", f"{UTT}: new.ark:0 is the matrix of another"),
    "cut short": (
        lambda dump, _: (dump / "ark/feats.1.ark").write_bytes((dump / "ark/feats.1.ark").read_bytes()[:-4]),
        "feats.scp:2",
        f"{UTT}: ",
    ),
    "NaN": (lambda dump, _: put_value(dump, 5, 7, np.nan), "feats.scp:2", f"{UTT}: holds NaN or infinite values"),
    "infinite": (lambda dump, _: put_value(dump, 0, 0, np.inf), "feats.scp:2", f"{UTT}: holds NaN or infinite"),
    "negative": (lambda dump, _: put_value(dump, 5, 7, -1e-9), "feats.scp:2", f"{UTT}: holds negative magnitudes (do"),
    "bins": (
        lambda dump, _: put_matrix(dump, np.ones((63, 64))),
        "feats.scp:2",
        f"{UTT}: 64 bins, by feats.yaml there should be 65",
    ),
    "one frame more": (
        lambda dump, _: put_matrix(dump, np.ones((64, 65))),
        "feats.scp:2",
        f"{UTT}: 64 frames, its audio now gives 63",
    ),
    "statistics missing": (lambda dump, _: (dump / "cmvn.ark").unlink(), "cmvn.ark", ""),
    "statistics NaN": (
        lambda dump, _: put_statistics(dump, lambda matrix: with_value(matrix, 1, 3, np.nan)),
        "cmvn.ark",
        "statistics that are NaN or infinite",
    ),
    "statistics of another shape": (
        lambda dump, _: put_statistics(dump, lambda matrix: matrix[:, 1:]),
        "cmvn.ark",
        "a matrix of shape (2, 65), expected (2, 66)",
    ),
    "statistics of other clips": (
        lambda dump, _: put_statistics(dump, lambda matrix: with_value(matrix, 0, 65, 503)),
        "cmvn.ark",
        "statistics of 503 frames, utt2num_frames has 504 in all",
    ),
    "no settings": (lambda dump, _: (dump / "feats.yaml").unlink(), "feats.yaml", ""),
    "no table": (lambda dump, _: (dump / "feats.scp").unlink(), "feats.scp", "no such file"),
    "no frame counts": (
        lambda dump, _: (dump / "utt2num_frames").unlink(),
        "utt2num_frames",
        "no such",
    ),
    "no reference table": (
        lambda dump, _: (dump / "src_siren_feats.scp").unlink(),
        "src_siren_feats.scp",
        "no such f",
    ),
    "reference of no clip": (
        edit("src_siren_feats.scp", 1, "a ark/feats.1.ark:13"),
        "src_siren_feats.scp:1",
        "a is not in ",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_defect_is_found(stages: Path, set_line: SetLine, name: str) -> None:
    spoil, where, what = CASES[name]
    spoil(stages / "dump/train", set_line)
    place = stages / where if where.startswith("data") else stages / "dump/train" / where
    lines = [line for line in found(stages) if line.startswith(f"{place}: {what}")]
    assert lines and all(line.endswith("; run.sh --stage 2") for line in lines), found(stages)
    assert len(found(stages)) == 1 or "no such f" not in what, "a table that is missing is one problem"
    assert not [p for report in validate([stages / "data/train"]) for p in report.problems], "only when asked to"


def test_features_as_stage_2_makes_them_are_fine(stages: Path) -> None:
    for name in ("train", "valid", "test"):
        assert found(stages, name) == []


def test_compressed_features_are_fine_but_for_their_own_defects(stages: Path) -> None:
    config = FeatsConfig(window_samples=128, hop_samples=64, compress=True)
    extract(stages / "data/test", stages / "dump/test", config, nj=1)
    assert found(stages, "test") == []
    table = read_table(stages / "dump/test/feats.scp")
    offsets = write_ark(stages / "dump/test/new.ark", [("test-000001", -np.ones(SHAPE, np.float32))], compress=True)
    write_table(stages / "dump/test/feats.scp", {**table, "test-000001": f"new.ark:{offsets['test-000001']}"})
    assert len(found(stages, "test")) == 1


def test_other_audio_than_the_features_were_made_of(stages: Path) -> None:
    path = stages / "data/train/audio/mix/train-000002.wav"
    write_audio(path, read_audio(path, 8000)[:3000], 8000)
    assert f"{stages}/dump/train/feats.scp:2: {UTT}: 63 frames, its audio now gives 47; run.sh --stage 2" in found(
        stages
    )


def test_every_matrix_is_read_in_any_number_of_workers(stages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weaksep.upkeep.feats.SHARD_MATRICES", 2)
    for archive in (stages / "dump/train/ark").glob("feats.*.ark"):
        archive.write_bytes(archive.read_bytes()[:-4])
    one = found(stages)
    assert len(one) == 4
    assert found(stages, nj=2) == one


def test_a_missing_dump_folder_and_another_place(stages: Path) -> None:
    (stages / "dump").rename(stages / "elsewhere")
    assert found(stages) == [f"{stages}/dump/train/feats.yaml: no such configuration file; run.sh --stage 2"]
    reports = validate([stages / "data/train"], check_feats=True, dump=stages / "elsewhere")
    assert [report.problems for report in reports] == [[]]


def test_the_command_reads_features_when_asked_to(stages: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (stages / "dump").rename(stages / "elsewhere")
    data = stages / "data"
    with pytest.raises(UserError, match="3 problems"):
        command(["--check-feats", str(data)])
    command([str(data), "--check_feats", "--dump", str(stages / "elsewhere")])
    assert capsys.readouterr().out.count(" s, features read)\n") == 3
    command([str(data)])


def test_the_dump_folder_beside_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert dump_folder(Path("data/train"), None) == Path("dump/train")
    (tmp_path / "data/train").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "data/train")
    assert dump_folder(Path("."), None) == Path("../../dump/train")


def test_features_that_are_not_stored_have_lengths_and_statistics_alone(stages: Path) -> None:
    config = FeatsConfig(window_samples=128, hop_samples=64, feats_type="raw")
    extract(stages / "data/test", stages / "dump/raw/test", config, nj=1)
    reports = validate([stages / "data/test"], check_feats=True, dump=stages / "dump/raw")
    assert [report.problems for report in reports] == [[]]
    frames = stages / "dump/raw/test/utt2num_frames"
    frames.write_text(frames.read_text().replace(" 63", " x", 1))
    reports = validate([stages / "data/test"], check_feats=True, dump=stages / "dump/raw")
    assert len([problem for report in reports for problem in report.problems]) == 2  # the line, and the sum
