"""Configurations: bases, overrides, and what a slip is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from weaksep.errors import UserError
from weaksep.fileio.yamlfile import load_config, read_yaml, write_yaml
from weaksep.recordings.config import PrepareConfig
from weaksep.train.config import SeparatorTraining


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    units: int = 5


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    net: Inner = Inner()
    rate: float = 1.0


def test_defaults_then_base_then_file_then_command_line(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("rate: 2.0\nnet: {units: 7}\n")
    (tmp_path / "top.yaml").write_text("base: base.yaml\nrate: 3.0\n")
    assert load_config(Outer, tmp_path / "top.yaml") == Outer(net=Inner(units=7), rate=3.0)
    assert load_config(Outer, tmp_path / "top.yaml", ["net.units=9"]).net.units == 9


def test_unknown_key_names_file_key_and_nearest(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("net: {unitz: 7}\n")
    with pytest.raises(UserError, match=r"c.yaml: unknown key net.unitz \(did you mean units\?\)"):
        load_config(Outer, tmp_path / "c.yaml")


def test_wrong_type_bad_yaml_circle_missing(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text("rate: fast\n")
    with pytest.raises(UserError, match=r"t.yaml: rate: .*number"):
        load_config(Outer, tmp_path / "t.yaml")
    (tmp_path / "tab.yaml").write_text("net:\n\tunits: 3\n")
    with pytest.raises(UserError, match=r"tab.yaml:2: not valid YAML"):
        read_yaml(tmp_path / "tab.yaml")
    (tmp_path / "a.yaml").write_text("base: a.yaml\n")
    with pytest.raises(UserError, match="leads back to itself"):
        read_yaml(tmp_path / "a.yaml")
    with pytest.raises(UserError, match="no such configuration"):
        read_yaml(tmp_path / "none.yaml")
    with pytest.raises(UserError, match="expected key.subkey=value"):
        load_config(Outer, write(tmp_path, {}), ["units"])


def write(folder: Path, value: dict) -> Path:
    write_yaml(folder / "w.yaml", value)
    return folder / "w.yaml"


def test_a_strong_system_with_a_classifier_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="strong supervision uses no classifier"):
        load_config(SeparatorTraining, write(tmp_path, {"supervision": "strong", "classifier": "frame"}))


def test_a_value_that_stands_twice_is_written_out(tmp_path: Path) -> None:
    shared = {"units": [7]}
    write_yaml(tmp_path / "w.yaml", {"a": shared, "b": shared})
    assert "&" not in (tmp_path / "w.yaml").read_text()
    assert read_yaml(tmp_path / "w.yaml") == {"a": shared, "b": shared}


def test_a_switch_is_no_number_and_a_number_no_switch(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="net.units: expected a number, found true or false"):
        load_config(Outer, write(tmp_path, {"net": {"units": True}}))
    with pytest.raises(UserError, match="joint: expected true or false, found 2"):
        load_config(SeparatorTraining, write(tmp_path, {"supervision": "frame", "classifier": "frame", "joint": 2}))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("classes: [dog]", "classes: expected a list of at least 2, found [dog]"),
        ("classes: dog", "classes: expected a list ([a, b]), found 'dog'"),
        ("classes: {dog: 1}", "classes: expected a list ([a, b]), found {dog: 1}"),
        ("classes: [dog, {cat: 1}]", "classes.1: expected a text (in quotes if it looks like a number, yes or no), "
         "found {cat: 1}"),
        ("rename: [dog, cat]", "rename: expected keys with values ({a: b}), found [dog, cat]"),
        ("split: [0.8, 0.1, 0.1]", "split: expected keys with values ({a: b}), found [0.8, 0.1, 0.1]"),
        ("clip_s: [10]", "clip_s: expected a number, found [10]"),
        ("clip_s: 0", "clip_s: expected greater than 0.1, found 0"),
        ("seed: null", "seed: expected a whole number, found null"),
        (f"clip_s: [{', '.join('1' * 40)}]", f"clip_s: expected a number, found [{'1, ' * 13}..."),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_in_words_of_yaml(tmp_path: Path, settings: str, said: str) -> None:
    (tmp_path / "p.yaml").write_text(f"{settings}\n")
    with pytest.raises(UserError) as error:
        load_config(PrepareConfig, tmp_path / "p.yaml")
    assert str(error.value) == f"{tmp_path}/p.yaml: {said}"
