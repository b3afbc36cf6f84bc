"""What pages owe their readers: figures with their source, a short first page, a picture and an API as the code is."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from page_blocks import ROOT

DOCS = sorted((ROOT / "docs").rglob("*.md"))
FIGURE = re.compile(r"(?<![\d.])-?\d+\.\d dB")
COMMIT = re.compile(r"`([0-9a-f]{7})`")


def tool(name: str) -> ModuleType:
    """A script of tools/."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"tools/{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sourceless(page: str) -> list[str]:
    """The sections with a figure in dB that name no page of results and no commit."""
    sections = re.split(r"^(?=## )", page, flags=re.MULTILINE)
    of_results = [
        FIGURE.search(section) and not ("RESULTS.md" in section or COMMIT.search(section)) for section in sections
    ]
    return [section.partition("\n")[0] for section, bad in zip(sections, of_results, strict=True) if bad]


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.stem)
def test_figures_say_where_they_were_measured(page: Path) -> None:
    text = page.read_text("utf-8")
    assert sourceless(text) == []
    if (ROOT / ".git").exists():
        for commit in COMMIT.findall(text):
            known = subprocess.run(["git", "cat-file", "-e", f"{commit}^{{commit}}"], cwd=ROOT, capture_output=True)
            assert known.returncode == 0 or (ROOT / ".git/shallow").exists(), f"{page.name}: no commit {commit}"


def test_a_figure_without_a_source_is_found() -> None:
    page = "# A\n\n3.5 dB, [page](x/RESULTS.md)\n\n## B\n\nIt has 3.5 dB.\n\n## C\n\n-30 dB; 2.0 dB at `0123abc`\n"
    assert sourceless(page) == ["## B"]


def test_the_first_page_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) < 150


@pytest.mark.parametrize("name", ["architecture.svg", "mini_urban.svg"])
def test_the_pictures_are_up_to_date(name: str) -> None:
    drawn = tool("docs_figures").FIGURES[name]()
    assert (ROOT / "docs/img" / name).read_text("utf-8") == drawn, "python tools/docs_figures.py draws them anew"


def test_every_public_function_is_in_the_api_and_says_what_it_is() -> None:
    listed = " ".join(tool("docs_pages").api_pages().values()).split()
    bare = []
    for file in sorted((ROOT / "weaksep").rglob("*.py")):
        parts = file.relative_to(ROOT).with_suffix("").parts
        if parts[1] in ("bin", "recipes", "models"):
            continue
        assert ".".join(parts[:-1] if parts[-1] == "__init__" else parts) in listed
        for node in ast.parse(file.read_text("utf-8")).body:
            public = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
            if public and not ast.get_docstring(node):  # type: ignore[arg-type]
                bare.append(f"{file.relative_to(ROOT)}: {node.name}")  # type: ignore[attr-defined]
    assert bare == []


def test_links_lead_where_they_do_in_the_repository() -> None:
    """The hook's rewriting, without MkDocs."""
    pages = tool("docs_pages")

    class Page:
        class file:  # noqa: N801
            src_uri = "index.md"

    text = (
        "[a](docs/faq.md#x) [b](egs/README.md) ![c](docs/img/a.svg) [d](weaksep/losses/mixture.py) [e](https://x.y/z)"
    )
    there = "[a](faq.md#x) [b](recipes.md) ![c](img/a.svg) [d](api/losses.md#weaksep.losses.mixture) [e](https://x.y/z)"
    assert pages.on_page_markdown(f"{text}\n```\n{text}\n```", Page, None, None) == f"{there}\n```\n{text}\n```"
    Page.file.src_uri = "method/remix.md"
    text, there = "[a](../../README.md#b) [c](backgrounds.md)", "[a](../index.md#b) [c](backgrounds.md)"
    assert pages.on_page_markdown(text, Page, None, None) == there


def test_what_is_checked_before_a_commit_is_installed() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"]
    assert all(hook["language"] == "system" for hook in hooks[0]["hooks"])
    setup = (ROOT / "setup.py").read_text("utf-8")
    for hook in hooks[0]["hooks"]:
        assert f'"{hook["entry"].split()[0]}' in setup, hook["id"]


def test_the_citation_is_of_this_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    version = re.search(r'__version__ = "(.+)"', (ROOT / "weaksep/__init__.py").read_text("utf-8"))
    assert version and cited["version"] == version[1] and cited["license"] == "Apache-2.0"
    assert cited["references"][0]["identifiers"][0]["value"] == "arXiv:1911.02182"
