"""What a system is, from its folder and its recipe's YAML."""

from __future__ import annotations

from pathlib import Path

import pytest

from weaksep.errors import UserError
from weaksep.fileio.atomic import write_text
from weaksep.fileio.yamlfile import write_yaml
from weaksep.report.systems import Origin, describe_systems, origin_of, system_order

ORIGINS = {
    "separator_clip": ({"supervision": "clip"}, Origin("clip", "clip", True)),
    "separator_clip_max": ({"supervision": "clip"}, Origin("clip", "clip", False)),
    "separator_clip_semi": (
        {"supervision": "clip", "strong_share": 0.01},
        Origin("semi", "clip + 1 % strong", False, {"strong_share": "1 % strong"}),
    ),
    "separator_mixed": (
        {"supervision": "clip", "frame_share": 0.5},
        Origin("mixed", "clip + 50 % frame", True, {"frame_share": "50 % frame"}),
    ),
    "separator_both": (
        {"supervision": "clip", "frame_share": 0.125, "strong_share": 0.02},
        Origin(
            "semi",
            "clip + 12.5 % frame + 2 % strong",
            False,
            {"frame_share": "12.5 % frame", "strong_share": "2 % strong"},
        ),
    ),
    "separator_solo_segments": (
        {"supervision": "strong", "mixtures": "alone"},
        Origin("frame", "frame (solo segments)", True, {"solo_segments": "solo segments"}),
    ),
    "separator_nmf": (
        {"supervision": "strong", "net": {"kind": "nmf"}},
        Origin("strong", "strong (NMF)", True, {"nmf": "NMF"}),
    ),
    "separator_remix": (
        {"supervision": "clip", "remix": {"max_clips": 3}},
        Origin("clip", "clip (remixed)", False, {"remix": "remixed"}),
    ),
    "separator_tuned": (
        {"supervision": "frame", "init": "model.zip"},
        Origin("frame", "frame (fine-tuned)", False, {"init": "fine-tuned"}),
    ),
    "separator_frame_lambda5": (
        {"supervision": "frame", "mixtures": "lambda5", "net": {"kind": "blstm"}, "strong_share": 0.0},
        Origin("frame", "frame (lambda5)", False, {"mixtures": "lambda5"}),
    ),
    "unprocessed": ({}, Origin("unprocessed", "nothing", True)),
    "oracle_psm": ({}, Origin("oracle", "phase-sensitive mask", True)),
}


@pytest.mark.parametrize("name", ORIGINS)
def test_what_a_system_was_trained_from(tmp_path: Path, name: str) -> None:
    config, origin = ORIGINS[name]
    write_yaml(tmp_path / name / "config.yaml", config)
    assert origin_of(tmp_path / name) == origin


def test_a_tag_is_no_part_of_the_name(tmp_path: Path) -> None:
    for name in ("separator_clip+b", "separator_clip_b"):
        write_yaml(tmp_path / name / "config.yaml", {"supervision": "clip"})
    assert origin_of(tmp_path / "separator_clip+b").headline
    assert not origin_of(tmp_path / "separator_clip_b").headline


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"seed": 1}, "config.yaml: supervision is None, expected strong, frame or clip"),
        ({"supervision": "clip", "frame_share": "half"}, "frame_share is 'half', expected a share between 0 and 1"),
        ({"supervision": "clip", "strong_share": 2}, "strong_share is 2, expected a share"),
        ({"supervision": "clip", "strong_share": True}, "strong_share is True, expected a share"),
    ],
)
def test_settings_that_are_none(tmp_path: Path, config: dict, said: str) -> None:
    write_yaml(tmp_path / "separator_x/config.yaml", config)
    with pytest.raises(UserError, match=said):
        origin_of(tmp_path / "separator_x")


def test_order() -> None:
    rows = [
        ("unprocessed", "unprocessed"),
        ("separator_clip", "clip"),
        ("separator_clip_blstm", "clip"),
        ("separator_frame", "frame"),
        ("separator_frame_a", "frame"),
        ("separator_frame_solo", "frame"),
        ("separator_mixed", "mixed"),
        ("separator_clip_semi", "semi"),
        ("separator_frame_semi", "semi"),
        ("separator_strong", "strong"),
        ("separator_nmf", "strong"),
        ("separator_strong_short", "strong"),
        ("oracle_ibm", "oracle"),
        ("oracle_irm", "oracle"),
    ]
    systems = [{"name": name, "supervision": supervision} for name, supervision in rows]
    assert sorted(systems[::-1], key=system_order) == systems
    tagged = [{"name": f"separator_{name}+b", "supervision": "frame"} for name in ("frame", "a", "frame_a")]
    assert sorted(tagged[::-1], key=system_order) == tagged


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    write_text(tmp_path / "conf/frame.yaml", "supervision: frame\nabout: The main one.\ncompare_with: frame\n")
    write_text(tmp_path / "conf/frame_short.yaml", "base: frame.yaml\nabout: >\n  Half\n  as long.\n")
    write_text(tmp_path / "conf/frame_crnn.yaml", "base: frame_short.yaml\nabout: Other.\ncompare_with: frame_short\n")
    write_text(tmp_path / "conf/frame_joint.yaml", "base: frame_crnn.yaml\n")
    return tmp_path / "conf"


def test_descriptions(conf: Path) -> None:
    names = ["frame", "frame_short", "frame_crnn", "frame_joint", "nowhere"]
    found = describe_systems(["unprocessed", "oracle_ibm", *(f"separator_{name}" for name in names)], conf)
    assert found == {
        "separator_frame": {"about": "The main one.", "compare_with": None},  # not with itself
        "separator_frame_short": {"about": "Half as long.", "compare_with": "separator_frame"},
        "separator_frame_crnn": {"about": "Other.", "compare_with": "separator_frame_short"},
        "separator_frame_joint": {"about": "", "compare_with": "separator_frame_short"},  # about is its base's
    }
    assert describe_systems(["separator_frame"], None) == {}


def test_descriptions_with_a_tag(conf: Path) -> None:
    # The system frame with the tag crnn, beside the system frame_crnn.
    found = describe_systems(["separator_frame_crnn+b", "separator_frame_crnn", "separator_frame+crnn"], conf)
    assert {name: (row["about"], row["compare_with"]) for name, row in found.items()} == {
        "separator_frame_crnn+b": ("Other.", "separator_frame_short+b"),
        "separator_frame_crnn": ("Other.", "separator_frame_short"),
        "separator_frame+crnn": ("The main one.", None),
    }


def test_descriptions_that_are_none(conf: Path) -> None:
    with pytest.raises(UserError, match="no such configuration folder"):
        describe_systems([], conf / "x")
    write_text(conf / "frame.yaml", "about: 5\n")
    with pytest.raises(UserError, match="frame.yaml: about and compare_with are texts"):
        describe_systems(["separator_frame"], conf)
    write_text(conf / "frame.yaml", "about: [\n")
    with pytest.raises(UserError, match="frame.yaml:2: not valid YAML"):
        describe_systems(["separator_frame"], conf)
