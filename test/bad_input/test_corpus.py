"""UrbanSound8K's metadata and the configuration of stage 0, spoilt; and the odd forms that are all right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from weaksep.fileio.tables import read_table

CSV = Path("db/metadata/UrbanSound8K.csv")
DATA = ("data", "--config", "conf/data.yaml", "--db", "db")
ROW = "100-3-0-0.wav,100,0.0,0.4,1,1,3,dog_bark"  # line 2

Spoil = Callable[[bytes], bytes]


def row(old: str, new: str) -> Spoil:
    """Change one cell of the first row."""
    assert ROW.replace(old, new, 1) != ROW
    return lambda content: content.replace(ROW.encode(), ROW.replace(old, new, 1).encode())


def more(line: str) -> Spoil:
    """A row at the end, which is line 14."""
    return lambda content: content + line.encode() + b"\n"


BAD: dict[str, tuple[Spoil, str]] = {
    "a column missing": (lambda c: c.replace(b",fold,", b",folder,"), r"csv:1: missing columns: fold \(expected slice"),
    "another separator": (lambda c: c.replace(b",", b";"), "csv:1: missing columns: slice_file_name, fsID"),
    "empty": (lambda c: b"", "csv:1: missing columns: slice_file_name"),
    "no rows": (
        lambda c: c.splitlines()[0],
        r"(?s)no such class as data.yaml asks for .2 problems.*dog_bark; there are: none",
    ),
    "not UTF-8": (lambda c: c.replace(b"siren", b"sir\xe8n"), "csv:4: not UTF-8 text .*; save it as UTF-8"),
    "UTF-16": (lambda c: c.decode().encode("utf-16"), "csv:1: not UTF-8 text"),
    "fold 0": (row(",1,1,3", ",1,0,3"), "csv:2: fold '0' is not one of 1 to 10"),
    "fold 11": (row(",1,1,3", ",1,11,3"), "csv:2: fold '11' is not one of 1 to 10"),
    "fold of letters": (row(",1,1,3", ",1,one,3"), "csv:2: fold 'one' is not a whole number"),
    "fold of a superscript": (row(",1,1,3", ",1,¹,3"), "csv:2: fold '¹' is not a whole number"),
    "id of thousands of digits": (row(",100,", "," + "9" * 5000 + ","), "csv:2: fsID '9+' is not a whole number"),
    "class id of letters": (row(",3,dog", ",x,dog"), "csv:2: classID 'x' is not a whole number"),
    "salience 3": (row(",1,1,3", ",3,1,3"), "csv:2: salience '3' is neither 1 nor 2"),
    "end before start": (row("0.0,0.4", "0.4,0.0"), "csv:2: start 0.4 to end 0.0 is no span of time"),
    "end not a number": (row("0.0,0.4", "0.0,nan"), "csv:2: start '0.0', end 'nan' are not seconds"),
    "end of no end": (row("0.0,0.4", "0.0,inf"), "csv:2: start '0.0', end 'inf' are not seconds"),
    "end with an underscore": (row("0.0,0.4", "0.0,1_0"), "csv:2: start '0.0', end '1_0' are not seconds"),
    "a name in another folder": (row("100-3", "../100-3"), r"csv:2: slice_file_name '\.\./100-3-0-0\.wav' is not the"),
    "a name that begins with a dot": (row("100-3", ".100-3"), r"csv:2: slice_file_name '\.100-3-0-0\.wav' is not the"),
    "a name of other kind": (row("0.wav", "0.mp3"), "csv:2: slice_file_name '100-3-0-0.mp3' is not the name of a .wav"),
    "a name with a bell": (row("0.wav", "\a.wav"), r"csv:2: slice_file_name '100-3-0-\\x07\.wav' is not the name"),
    "a cell too many": (row("dog_bark", "dog_bark,x"), "csv:2: the number of cells is not that of the header"),
    "a cell too few": (row(",dog_bark", ""), "csv:2: the number of cells is not that of the header"),
    "no class": (row("dog_bark", " "), "csv:2: class is empty"),
    "a row twice": (more(ROW), "csv:14: 100-3-0-0 is already on line 2"),
    "a quote that does not end": (row("dog_bark", '"dog_bark' + "x" * 200_000), "csv:2: not CSV .field larger than"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_metadata(recipe: Path, refused, name: str) -> None:
    spoil, message = BAD[name]
    before = CSV.read_bytes()
    CSV.write_bytes(spoil(before))
    assert CSV.read_bytes() != before
    refused(*DATA, match=message)


def test_every_bad_row_is_listed(recipe: Path, refused) -> None:
    CSV.write_text(CSV.read_text().replace(",0.4,1,", ",0.4,7,"))
    error = refused(*DATA, match="UrbanSound8K.csv cannot be read .12 problems").error
    assert all(f"UrbanSound8K.csv:{line}: salience '7'" in error for line in range(2, 14))


GOOD: dict[str, Spoil] = {
    "a byte order mark": lambda c: b"\xef\xbb\xbf" + c,
    "Windows line ends": lambda c: c.replace(b"\n", b"\r\n"),
    "quoted cells": lambda c: b"\n".join(b",".join(b'"%s"' % x for x in line.split(b",")) for line in c.splitlines()),
    "blanks around cells": lambda c: c.replace(b",", b" , "),
    "other columns as well": lambda c: c.replace(b"\n", b",x,\n").replace(b"class,x,", b"class,x,y"),
    "columns in another order": lambda c: b"\n".join(b",".join(line.split(b",")[::-1]) for line in c.splitlines()),
    "a clip of a fold that no set has": more("999-3-0-0.wav,999,0.0,0.4,1,10,3,dog_bark"),
    "a clip of a class that is not asked for": more("999-3-0-0.wav,999,0.0,0.4,1,1,9,street_music"),
}


@pytest.mark.parametrize("name", GOOD)
def test_odd_metadata_that_are_all_right(recipe: Path, accepted, name: str) -> None:
    expected = {name: read_table(f"data/events/{name}/utt2class") for name in ("train", "valid", "test")}
    CSV.write_bytes(GOOD[name](CSV.read_bytes()))
    log = accepted(*DATA, "--force", "true")
    assert {name: read_table(f"data/events/{name}/utt2class") for name in expected} == expected
    assert ("1 clips are in folds that split does not name (10): left out" in log) == (name.endswith("no set has"))


def no_folder() -> None:
    Path("db").rename("elsewhere")


def a_file_for_a_folder() -> None:
    no_folder()
    Path("db").write_text("")


def no_metadata() -> None:
    CSV.unlink()


PLACES = {
    "no folder": (no_folder, "^db: no such folder; expected the folder of UrbanSound8K .*--db DIR"),
    "a file": (a_file_for_a_folder, "^db: no such folder; expected the folder of UrbanSound8K"),
    "no metadata": (no_metadata, "^db: holds no metadata/UrbanSound8K.csv; expected"),
}


@pytest.mark.parametrize("name", PLACES)
def test_wrong_places(recipe: Path, refused, name: str) -> None:
    spoil, message = PLACES[name]
    spoil()
    refused(*DATA, match=message)


CONFIGS = {
    "a fold that there is not": ("- 1\n", "- 12\n", "data.yaml: split: no fold 12; UrbanSound8K has 1 to 10"),
    "a fold on two sides": ("- 1\n", "- 2\n", "data.yaml: split: folds named more than once: 2"),
    "a fold without clips": ("- 1\n", "- 9\n", r"(?s)split of the corpus.*train: no event of class siren"),
    "another corpus": (
        "urbansound8k",
        "urbansound9k",
        "'urbansound9k' is not a known corpus .did you mean urbansound8k",
    ),
    "a list of corpora": (
        "urbansound8k",
        "[urbansound8k]",
        r"\['urbansound8k'\] is not a known corpus .did you mean urbansound8k",
    ),
    "a class of another folder": ("siren", "../siren", r"class '\.\./siren': use letters, digits and _"),
    "a class called no": ("siren", "no", "data.yaml: classes.1: expected a text .in quotes if .*, found false"),
    "a rate of gigahertz": (
        "8000",
        "8000000000",
        "data.yaml: sample_rate: .*less than or equal to 192000, found 8000000",
    ),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_wrong_data_yaml(recipe: Path, refused, name: str) -> None:
    old, new, message = CONFIGS[name]
    path = Path("conf/data.yaml")
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    refused(*DATA, match=message)
