"""mkdocs.yml on two small pages: what is broken fails a strict build, and what is built loads nothing from elsewhere.

The site itself is built by tools/test.sh.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from page_blocks import ROOT

pytestmark = pytest.mark.skipif(
    not importlib.util.find_spec("mkdocs"), reason="no mkdocs (pip install 'weaksep[docs]')"
)
# The theme, the extensions and the checks of the real one; its pages and its API are left out.
CONFIG = """\
INHERIT: {base}
docs_dir: pages
site_dir: site
hooks: []
extra_css: []
plugins: [search]
nav: [index.md, other.md]
"""


def build(folder: Path, index: str) -> subprocess.CompletedProcess[str]:
    """Build the two pages strictly."""
    (folder / "pages").mkdir()
    (folder / "pages/index.md").write_text(f"# Start\n\n{index}\n")
    (folder / "pages/other.md").write_text("# Other\n\n## A heading\n\nText.\n")
    (folder / "mkdocs.yml").write_text(CONFIG.format(base=ROOT / "mkdocs.yml"))
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_a_built_page_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    done = build(
        tmp_path, "[there](other.md#a-heading), and [outside](https://arxiv.org/abs/1911.02182)\n\n```bash\nls\n```"
    )
    assert done.returncode == 0, done.stderr
    pages = [path.read_text("utf-8") for path in (tmp_path / "site").rglob("*.html")]
    assert len(pages) >= 2
    for page in pages:
        loaded = re.findall(r"<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=[\"']?([^\"' >]+)", page)
        assert loaded and not [address for address in loaded if re.match(r"(https?:)?//", address)]
    for style in (tmp_path / "site").rglob("*.css"):
        assert not re.search(r"url\([\"']?(https?:)?//", style.read_text("utf-8"))


@pytest.mark.parametrize("link", ["[gone](gone.md)", "[gone](other.md#gone)", "[gone](#gone)", "[gone](/other.md)"])
def test_a_link_that_leads_nowhere_fails(tmp_path: Path, link: str) -> None:
    done = build(tmp_path, link)
    told = done.stderr + done.stdout
    assert done.returncode == 1 and link.partition("(")[2].rstrip(")").lstrip("#") in told and "strict mode" in told
