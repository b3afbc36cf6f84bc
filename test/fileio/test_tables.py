"""Kaldi tables and TSV files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weaksep.errors import UserError
from weaksep.fileio.names import id_problem
from weaksep.fileio.tables import invert, read_list, read_table, to_float, write_table
from weaksep.fileio.tsv import read_tsv, write_tsv

KEYS = st.text(max_size=8).filter(lambda key: id_problem(key) is None)
# Among them line separators of other kinds, which do not end a line of a table.
VALUES = st.text(st.characters(blacklist_categories=("Cc", "Cs")), max_size=8).map(str.strip).filter(bool)


@given(st.dictionaries(KEYS, VALUES, min_size=1))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, table: dict[str, str]) -> None:
    path = tmp_path_factory.mktemp("table") / "wav.scp"
    write_table(path, table)
    assert read_table(path) == table
    assert list(read_table(path)) == sorted(table, key=str.encode)


def test_all_problems_are_listed_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "utt2spk"
    path.write_text("b x\na x\na y\nlonely\n\n")
    with pytest.raises(UserError) as error:
        read_table(path)
    for expected in ("utt2spk:2: a comes after b", "utt2spk:3: a again with another value", "utt2spk:4:", "utt2spk:5:"):
        assert expected in str(error.value)


def test_missing_and_not_utf8(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_table(tmp_path / "none")
    (tmp_path / "latin").write_bytes(b"a \xe9\n")
    with pytest.raises(UserError, match="latin:1: not text: 'utf-8' codec"):
        read_table(tmp_path / "latin")


def test_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    write_tsv(path, ["a", "b"], [{"a": 1, "b": None}])
    assert path.read_text() == "a\tb\n1\t\n"
    with pytest.raises(KeyError):
        write_tsv(path, ["a", "b"], [{"a": 2}])
    assert path.read_text() == "a\tb\n1\t\n"
    assert [file.name for file in tmp_path.iterdir()] == ["t.tsv"]


def test_tsv_problems(tmp_path: Path) -> None:
    path = tmp_path / "events.tsv"
    path.write_text("filename\tonset\nx.wav\t0.5\ny.wav\n")
    with pytest.raises(UserError, match=r"events.tsv:1: the first line must name the columns .*offset, each once"):
        read_tsv(path, ["filename", "onset", "offset"])
    with pytest.raises(UserError, match=r"events.tsv:3: 1 cells, the header has 2"):
        read_tsv(path, ["filename"])


@pytest.mark.parametrize("table", [{"a/b": "x"}, {"..": "x"}, {"a b": "x"}, {"a": ""}, {"a": "x\ny z"}, {"a": "x\r"}])
def test_what_could_not_be_read_back_is_not_written(tmp_path: Path, table: dict[str, str]) -> None:
    with pytest.raises(UserError, match="cannot be written .1 problem"):
        write_table(tmp_path / "t", table)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cell", ["a\tb", "a\nb", "a\rb"])
def test_a_cell_that_could_not_be_read_back_is_not_written(tmp_path: Path, cell: str) -> None:
    with pytest.raises(UserError, match="a cell of .* holds a tab or a control character"):
        write_tsv(tmp_path / "t.tsv", ["a", "b"], [{"a": 1, "b": cell}])
    assert list(tmp_path.iterdir()) == []


def test_a_table_that_is_cut_short_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "scores.tsv"
    write_tsv(path, ["utt", "score"], [{"utt": "a", "score": 12.5}])
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(UserError, match="scores.tsv:2: the last line has no end; the file may be cut short"):
        read_tsv(path, ["utt"])


@pytest.mark.parametrize(
    "text", ["nan", "inf", "-Infinity", "1_0", "1e999", "", " 1", "1 ", "0x1", "\u0661", "1,5", "9" * 400]
)
def test_numbers_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        to_float(text)


def test_invert_and_list(tmp_path: Path) -> None:
    assert invert({"u2": "a", "u1": "a", "u3": "b"}) == {"a": "u1 u2", "b": "u3"}
    (tmp_path / "labels.txt").write_text("dog\ncat\ndog\n")
    with pytest.raises(UserError, match="labels.txt:3: dog again, first in line 1"):
        read_list(tmp_path / "labels.txt")
