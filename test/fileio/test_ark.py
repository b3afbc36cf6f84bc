"""Archives, both ways against kaldi_native_io, and damaged ones."""

from __future__ import annotations

import pickle
import struct
import sys
from pathlib import Path

import kaldi_native_io as kaldi
import numpy as np
import pytest

from weaksep.errors import UserError
from weaksep.fileio.ark import ArkReader, parse_entry, write_ark


def hide(monkeypatch: pytest.MonkeyPatch, *libraries: str) -> None:
    for library in libraries:
        monkeypatch.setitem(sys.modules, library, None)


@pytest.fixture(autouse=True, params=["kaldiio", "kaldi_native_io"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which of the two is used: kaldi_native_io where kaldiio is not installed."""
    if request.param == "kaldi_native_io":
        hide(monkeypatch, "kaldiio", "kaldiio.matio")
    return request.param


def matrices() -> list[tuple[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    shapes = {"utt-1": (7, 5), "utt-2": (7, 5), "utt-3": (1, 3), "ütt-4": (20, 129)}
    return [(key, rng.standard_normal(shape).astype(np.float32)) for key, shape in shapes.items()]


def test_what_we_write_kaldi_native_io_reads(tmp_path: Path) -> None:
    offsets = write_ark(tmp_path / "a.ark", matrices())
    for key, matrix in matrices():
        np.testing.assert_array_equal(np.array(kaldi.FloatMatrix.read(f"{tmp_path}/a.ark:{offsets[key]}")), matrix)
    with kaldi.SequentialFloatMatrixReader(f"ark:{tmp_path}/a.ark") as reader:
        read = {key: np.array(value) for key, value in reader}
    assert list(read) == [key for key, _ in matrices()]


@pytest.mark.parametrize("kind", ["float", "double", "compressed"])
def test_what_kaldi_native_io_writes_we_read(tmp_path: Path, kind: str) -> None:
    specifier = f"ark,scp:{tmp_path}/b.ark,{tmp_path}/b.scp"
    if kind == "compressed":
        with kaldi.CompressedMatrixWriter(specifier) as writer:
            for key, matrix in matrices():
                writer.write(key, matrix, kaldi.CompressionMethod.kSpeechFeature)
    else:
        writer_class = kaldi.FloatMatrixWriter if kind == "float" else kaldi.DoubleMatrixWriter
        with writer_class(specifier) as writer:
            for key, matrix in matrices():
                writer.write(key, matrix.astype(np.float64 if kind == "double" else np.float32))
    reader = ArkReader()
    entries = dict(line.split(" ", 1) for line in (tmp_path / "b.scp").read_text().splitlines())
    for key, matrix in matrices():
        read = reader.read(*parse_entry(entries[key], tmp_path))
        assert read.dtype == np.float32
        np.testing.assert_allclose(read, matrix, atol=0.05 if kind == "compressed" else 1e-6)


def test_our_compressed_archive_is_read_by_both(tmp_path: Path) -> None:
    offsets = write_ark(tmp_path / "c.ark", matrices(), compress=True)
    reader = ArkReader()
    for key, matrix in matrices():
        ours = reader.read(tmp_path / "c.ark", offsets[key])
        np.testing.assert_allclose(ours, matrix, atol=0.05)
        theirs = kaldi.FloatMatrix.read(f"{tmp_path}/c.ark:{offsets[key]}")
        np.testing.assert_allclose(np.array(theirs), ours, atol=1e-5)


def test_wrong_offset_truncation_and_missing_file_are_one_line_each(tmp_path: Path) -> None:
    path = tmp_path / "d.ark"
    offsets = write_ark(path, matrices())
    reader = ArkReader()
    with pytest.raises(UserError, match="no Kaldi matrix here"):
        reader.read(path, offsets["utt-2"] + 1)
    with pytest.raises(UserError, match="cannot be opened"):
        reader.read(tmp_path / "none.ark", 0)
    cut = tmp_path / "cut.ark"
    cut.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(UserError, match="ends before"):
        ArkReader().read(cut, offsets["ütt-4"])


def test_a_huge_row_count_allocates_nothing(tmp_path: Path) -> None:
    path = tmp_path / "huge.ark"
    path.write_bytes(b"\0BFM " + struct.pack("<bibi", 4, 2**31 - 1, 4, 2**31 - 1) + b"\0" * 64)
    with pytest.raises(UserError, match="ends before"):
        ArkReader().read(path, 0)


@pytest.mark.parametrize("smallest, value_range", [(0.0, 7.9e34), (np.nan, 1.0), (0.0, np.inf), (-np.inf, 1.0)])
@pytest.mark.parametrize("kind", [b"CM ", b"CM2 ", b"CM3 "])
def test_a_compressed_matrix_whose_values_would_not_be_numbers(
    tmp_path: Path, kind: bytes, smallest: float, value_range: float
) -> None:
    path = tmp_path / "odd.ark"
    path.write_bytes(b"\0B" + kind + struct.pack("<ffii", smallest, value_range, 2, 3) + b"\xff" * 64)
    with pytest.raises(UserError, match="odd.ark:0: no Kaldi matrix here"):
        ArkReader().read(path, 0)


@pytest.mark.parametrize("kind", [b"FM ", b"DM "])
def test_a_size_that_is_not_four_bytes_is_no_size(tmp_path: Path, kind: bytes) -> None:
    for sizes in ((8, 2, 4, 3), (4, 2, 8, 3)):
        (tmp_path / "odd.ark").write_bytes(b"\0B" + kind + struct.pack("<bibi", *sizes) + bytes(64))
        with pytest.raises(UserError, match="odd.ark:0: no Kaldi matrix here"):
            ArkReader().read(tmp_path / "odd.ark", 0)


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "exploded",))

    (tmp_path / "p.ark").write_bytes(b"PKL" + pickle.dumps(Bomb()))
    with pytest.raises(UserError):
        ArkReader().read(tmp_path / "p.ark", 0)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("entry", ["touch x |", "| touch x", "feats.ark", "feats.ark:", "feats.ark:-1", "x.ark:3[0:2]"])
def test_entries_that_are_refused(entry: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="file.ark:offset"):
        parse_entry(entry, tmp_path)


def test_an_archive_that_is_cut_while_it_is_open_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "open.ark"
    offsets = write_ark(path, matrices())
    reader = ArkReader()
    reader.read(path, offsets["utt-1"])
    path.write_bytes(path.read_bytes()[: offsets["ütt-4"] + 100])
    with pytest.raises(UserError, match="ends before"):
        reader.read(path, offsets["ütt-4"])


def test_matrices_of_one_size_are_each_their_own_and_whole(tmp_path: Path) -> None:
    path, alike = tmp_path / "alike.ark", np.arange(36, dtype=np.float32).reshape(3, 3, 4)
    offsets = write_ark(path, [(str(index), matrix) for index, matrix in enumerate(alike)])
    reader = ArkReader()
    for index in (0, 2, 1):
        np.testing.assert_array_equal(reader.read(path, offsets[str(index)]), alike[index])
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match="ends before"):
        reader.read(path, offsets["2"])


@pytest.mark.parametrize("compress", [False, True])
def test_both_libraries_write_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compress: bool) -> None:
    many = [*matrices(), ("constant", np.ones((9, 3), dtype=np.float32))]
    offsets = write_ark(tmp_path / "a, b.ark", many, compress=compress)
    hide(monkeypatch, "kaldiio", "kaldiio.matio")
    assert write_ark(tmp_path / "c.ark", many, compress=compress) == offsets
    first, second = ((tmp_path / name).read_bytes() for name in ("a, b.ark", "c.ark"))
    if not compress:
        assert first == second
    reader = ArkReader()
    for key, _ in many:  # the lossy form rounds to 255 steps between four percentiles; read with kaldi_native_io
        one, two = (reader.read(tmp_path / name, offsets[key]) for name in ("a, b.ark", "c.ark"))
        assert np.abs(one - two).max() <= (np.ptp(one) / 1000 if compress else 0), key


def test_without_either_library_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "kaldiio", "kaldiio.matio", "kaldi_native_io")
    with pytest.raises(UserError, match="need kaldiio or kaldi_native_io"):
        write_ark(tmp_path / "a.ark", matrices())


def test_an_archive_that_found_no_room_is_not_taken_for_whole() -> None:
    with pytest.raises(OSError, match="No space left"):
        write_ark(Path("/dev/full"), matrices())
