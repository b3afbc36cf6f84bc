"""What is said of the machine and the code, and when the code counts as changed."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from weaksep.report.environment import environment, git_commit


@pytest.fixture
def repository(tmp_path):
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    package = tmp_path / "repository/package"
    package.mkdir(parents=True)

    def git(*arguments):
        name = ("-c", "user.name=n", "-c", "user.email=e@example.org")
        subprocess.run(["git", *name, *arguments], cwd=package.parent, check=True, capture_output=True)

    (package / "code.py").write_text("a = 1\n")
    (package / "RESULTS.md").write_text("old\n")
    (package / "results.json").write_text("old\n")
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    return package


def test_clean_and_dirty(repository):
    clean = git_commit(repository)
    assert clean is not None and len(clean) == 40
    for name in ("RESULTS.md", "results.json"):
        (repository / name).write_text("new\n")
        assert git_commit(repository) == clean
    (repository / "code.py").write_text("a = 2\n")
    assert git_commit(repository) == f"{clean}-dirty"


def test_a_new_file_elsewhere_in_the_tree_is_a_change(repository):
    clean = git_commit(repository)
    (repository.parent / "more.py").write_text("")
    assert git_commit(repository) == f"{clean}-dirty"


def test_code_that_is_not_tracked_has_no_commit(repository, tmp_path):
    inside = repository / "venv"
    inside.mkdir()
    (inside / "code.py").write_text("")
    assert git_commit(inside) is None
    (tmp_path / "plain").mkdir()
    assert git_commit(tmp_path / "plain") is None


def test_environment_is_json():
    found = environment(7)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["seed"] == 7 and found["date"].endswith("Z")
    assert found["machine"]["cores"] >= 1 and found["python"].startswith("3.")
