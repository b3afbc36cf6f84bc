"""MkDocs hook: the site is docs/, the pages that the repository keeps elsewhere, and pages made of the code itself.

README.md, CONTRIBUTING.md, CHANGELOG.md, egs/README.md and the tables of the recipes stay where their readers look for
them; the site has them as pages, and a link between any two of them that holds in the repository holds there. A link
to a module leads to its place in the API. The API has a page for each folder of weaksep, and ``commands.md`` is what
the commands say of themselves. In the ``nav`` of mkdocs.yml, ``results/*`` and ``api/*`` stand for all such pages.
"""

from __future__ import annotations

import contextlib
import io
import os
import posixpath
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ELSEWHERE = {
    "README.md": "index.md",
    "egs/README.md": "recipes.md",
    "weaksep/models/esc10/README.md": "esc10.md",
    "tools/bench/RESULTS.md": "benchmarks.md",
    "tools/bench/PROFILES.md": "profiles.md",
    "tools/bench/COSTS.md": "costs.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "LICENSE": "LICENSE.txt",
    "CITATION.cff": "CITATION.txt",
}
LINK = re.compile(r"(?<=\]\()(?![a-z]+:)([^()#\s]+)(?=[)#])")
FENCE = re.compile(r"^ *```")
# Those of weaksep/bin are commands, and have their own page.
NO_API = ("bin", "__pycache__", "models", "recipes")


def kept_elsewhere() -> dict[str, str]:
    """Every page outside docs/, by its path in the repository: its path on the site."""
    tables = [*ROOT.glob("egs/*/RESULTS.md"), *ROOT.glob("egs/*/results/*/RESULTS.md")]
    names = {str(path.parent.relative_to(ROOT / "egs")): str(path.relative_to(ROOT)) for path in tables}
    return ELSEWHERE | {names[name]: f"results/{name.replace('/results/', '-')}.md" for name in sorted(names)}


def api_pages() -> dict[str, str]:
    """A page for each folder of weaksep, and one for the modules beside them: its path and its text."""
    folders = [path for path in sorted((ROOT / "weaksep").iterdir()) if path.is_dir() and path.name not in NO_API]
    pages = {f"api/{folder.name}.md": [*modules_in(folder)] for folder in folders}
    pages["api/weaksep.md"] = ["weaksep", *(f"weaksep.{path.stem}" for path in (ROOT / "weaksep").glob("[a-z]*.py"))]
    texts = {}
    for uri, modules in pages.items():
        name = posixpath.basename(uri).removesuffix(".md")
        title = name if name == "weaksep" else f"weaksep.{name}"
        texts[uri] = "\n\n".join([f"# {title}", *(f"::: {module}" for module in sorted(modules))]) + "\n"
    return texts


def modules_in(folder: Path) -> Iterator[str]:
    """Dotted names of a package and of the modules in it."""
    for path in folder.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def commands_page() -> str:
    """What ``weaksep NAME --help`` says of every command, and ``run.sh --help``."""
    from weaksep.bin.main import command_files, main

    os.environ["COLUMNS"] = "100"

    def said(*arguments: str) -> str:
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
            main(arguments)
        return out.getvalue().rstrip()

    recipe = ROOT / "egs/mini_urban"
    script = subprocess.run([recipe / "run.sh", "--help"], capture_output=True, text=True, check=True).stdout.rstrip()
    script = script.replace(str(recipe), "egs/mini_urban")
    blocks = [f"## {name}\n\n```text\n{said(name, '--help')}\n```" for name in command_files()]
    head = "# Commands\n\nWhat the commands say of themselves when they are asked with `--help`."
    return (
        "\n\n".join([head, f"```text\n{said('--help')}\n```", f"## run.sh\n\n```text\n{script}\n```", *blocks]) + "\n"
    )


def on_config(config: Any) -> Any:
    """``results/*`` and ``api/*`` in the navigation become the pages."""
    config.nav = expanded(config.nav, [*kept_elsewhere().values(), *api_pages()])
    return config


def expanded(items: list[Any], made: list[str]) -> list[Any]:
    """Entries of a navigation, with a title and a page in place of ``folder/*`` for each page that is in it.

    >>> expanded([{"All": ["a/*"]}, "b.md"], ["a/x.md", "a/y-z.md", "b.md"])
    [{'All': [{'x': 'a/x.md'}, {'y, z': 'a/y-z.md'}]}, 'b.md']
    """
    entries: list[Any] = []
    for item in items:
        if isinstance(item, dict):
            ((title, value),) = item.items()
            entries.append({title: expanded(value, made) if isinstance(value, list) else value})
        elif item.endswith("/*"):
            pages = [uri for uri in made if uri.startswith(item[:-1])]
            entries += [{posixpath.basename(uri)[:-3].replace("-", ", "): uri} for uri in pages]
        else:
            entries.append(item)
    return entries


def on_files(files: Any, config: Any) -> Any:
    """The pages that are not in docs/."""
    from mkdocs.structure.files import File

    for path, uri in kept_elsewhere().items():
        files.append(File.generated(config, uri, content=(ROOT / path).read_text(encoding="utf-8")))
    for uri, text in {**api_pages(), "commands.md": commands_page()}.items():
        files.append(File.generated(config, uri, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Links that hold in the repository, as they hold on the site."""
    elsewhere = kept_elsewhere()
    here = {uri: path for path, uri in elsewhere.items()}.get(page.file.src_uri, f"docs/{page.file.src_uri}")

    def on_site(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(here), match[1]))
        uri = elsewhere.get(path) or api_place(path) or path.removeprefix("docs/")
        return posixpath.relpath(uri, posixpath.dirname(page.file.src_uri) or ".")

    lines, inside = [], False
    for line in markdown.split("\n"):
        inside ^= bool(FENCE.match(line))
        lines.append(line if inside else LINK.sub(on_site, line))
    return "\n".join(lines)


def api_place(path: str) -> str | None:
    """Where the API has a module or a folder of weaksep; None if the path is neither.

    >>> api_place("weaksep/nets/separators/unet.py"), api_place("weaksep/losses"), api_place("docs/faq.md")
    ('api/nets.md#weaksep.nets.separators.unet', 'api/losses.md', None)
    """
    if not re.fullmatch(r"weaksep/[/\w]+(\.py)?", path) or not (ROOT / path).exists():
        return None
    folder, parts = path.split("/")[1], path.removesuffix(".py").removesuffix("/__init__").split("/")
    page = "api/weaksep.md" if folder.endswith(".py") else f"api/{folder}.md"
    return f"{page}#{'.'.join(parts)}" if path.endswith(".py") else page
