"""A folder an experiment, and an experiment a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from weaksep.errors import UserError
from weaksep.fileio.experiments import experiment_dir, named_experiment


def test_every_system_and_tag_has_a_folder_of_its_own() -> None:
    places = {experiment_dir("exp", "separator", *pair) for pair in [("frame", "remix"), ("frame_remix",), ("frame",)]}
    assert places == {Path("exp/separator_frame+remix"), Path("exp/separator_frame_remix"), Path("exp/separator_frame")}
    assert named_experiment("exp", "separator", "separator_frame+b") == Path("exp/separator_frame+b")
    assert named_experiment("exp", "separator", "frame", "b") == Path("exp/separator_frame+b")


@pytest.mark.parametrize("text", ["a+b", "../other", "..", "a b", "a\nb", "x" * 300])
def test_names_and_tags_that_are_none(text: str) -> None:
    for pair in [(text,), ("frame", text)]:
        with pytest.raises(UserError, match="a system's name or a tag is part of a folder's name, and this one"):
            experiment_dir("exp", "separator", *pair)
    with pytest.raises(UserError, match="'separator_x': .* begins with separator_"):
        experiment_dir("exp", "separator", "separator_x")  # its folder's own name would be that of the system x
    with pytest.raises(UserError, match="a system's name"):
        named_experiment("exp", "separator", "separator_/../../other")
