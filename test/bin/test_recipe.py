"""weaksep recipe in a checkout; what the wheel has is in test/shell/test_wheel.py."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from weaksep.bin import recipe
from weaksep.bin.cli import run_command
from weaksep.upkeep.recipe import HOME, make_recipe


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_checkout_gives_its_own(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert root == HOME
    recipe.main([])
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert {"mini_urban", "urbansound_mix", "esc50_mix", "labelled_recordings"} <= set(listed)
    recipe.main(["urbansound_mix", "a/b c"])
    assert capsys.readouterr().out.startswith("made a/b c: name its corpus in db.sh; a/b c/run.sh --help")
    recipe.main(["mini_urban", "urban"])
    assert capsys.readouterr().out == "made urban: urban/run.sh --help lists the options\n"
    made, own = contents(Path("a/b c")), root / "egs/urbansound_mix"
    for name, content in made.items():
        assert content == (own / name).read_bytes(), name
    assert {"run.sh", "path.sh", "cmd.sh", "db.sh", "conf/paper/remix.yaml", "utils/log.sh"} <= set(made)
    assert not any(name.split("/")[0] in ("data", "exp", "results", "RESULTS.md", "results.json") for name in made)
    assert Path("a/b c/run.sh").stat().st_mode & 0o111 and not any(path.is_symlink() for path in Path("a").rglob("*"))


def test_a_copy_cites_no_document_that_it_lacks(root: Path) -> None:
    """Where a recipe was copied to there is no egs and no README; RESULTS.md and DATA.md it makes itself."""
    for name in ("mini_urban", "urbansound_mix", "esc50_mix", "labelled_recordings"):
        make_recipe(name, Path(name))
    texts = {**contents(Path()), "data_page.py": (root / "weaksep/report/data_page.py").read_bytes()}
    lines = [(name, line) for name, content in texts.items() for line in content.decode().splitlines()]
    cited = {(name, line) for name, line in lines if re.search(r"(?<!RESULTS)(?<!DATA)\.md\b", line)}
    assert len(cited) >= 8
    assert [(name, line) for name, line in cited if "in weaksep's repository" not in line] == []


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--from", "esc50_mix", "mine"], 1, "mine: is there already"),
        (["mini_urban", "link"], 1, "link: is there already"),
        (["mini_urban", "."], 1, ".: is there already"),
        (["mini_urban", "mine/.x"], 1, "begins with a dot"),
        (["mini_urbn", "x"], 1, "no recipe 'mini_urbn'; did you mean mini_urban?"),
        (["../egs", "x"], 1, "no recipe '../egs'; "),
        (["--from", "labelled_recordings", "x"], 1, "has no conf/mix.yaml; take desed or esc50_mix or"),
        (["mini_urban", "mine/file/x"], 1, "Not a directory"),
    ],
)
def test_nothing_is_written_over(
    words: list[str], status: int, said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    Path("mine").mkdir()
    Path("mine/file").write_text("mine")
    Path("link").symlink_to("nowhere")
    before = contents(tmp_path)
    assert run_command(recipe.main, words) == status
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert contents(tmp_path) == before and {path.name for path in tmp_path.iterdir()} == {"mine", "link"}


def test_a_name_alone_is_not_enough(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        recipe.main(["mini_urban"])
    assert "give a recipe and the folder to make" in capsys.readouterr().err


def test_a_copy_that_failed_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*names: object) -> None:
        raise PermissionError

    monkeypatch.setattr("shutil.copy", fail)
    with pytest.raises(PermissionError):
        make_recipe("mini_urban", Path("mine"))
    assert list(tmp_path.iterdir()) == []
