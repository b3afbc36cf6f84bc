"""Griffe extension, for the site's API: docstrings as Markdown, which they nearly are.

Doctests become code blocks (Markdown takes ``>>>`` for quotations), and what looks like a tag, as in data/<set>, is
kept from becoming one.
"""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension

EXAMPLE = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)
CODE_OR_TAG = re.compile(r"(``.*?``|^ {4}.*$)|<(?=[\w/])", re.DOTALL | re.MULTILINE)


def as_markdown(docstring: str) -> str:
    """A docstring with its doctests in fences, and its tags escaped where they are not code.

    >>> print(as_markdown("See data/<set> and ``<b>``.\\n\\n>>> 1 + 1\\n2\\n"))
    See data/&lt;set> and ``<b>``.
    <BLANKLINE>
    ```pycon
    >>> 1 + 1
    2
    ```
    <BLANKLINE>
    """
    pieces, end = [], 0
    for example in EXAMPLE.finditer(docstring):
        pieces += [_escaped(docstring[end : example.start()]), f"```pycon\n{example[0]}\n```"]
        end = example.end()
    return "".join([*pieces, _escaped(docstring[end:])])


def _escaped(text: str) -> str:
    return CODE_OR_TAG.sub(lambda found: found[1] or "&lt;", text)


class DocstringsAsMarkdown(Extension):
    """Applies ``as_markdown`` to every docstring as it is read."""

    def on_object(self, *, obj: Any, **kwargs: Any) -> None:
        """Called of every module, class, function and attribute."""
        if obj.docstring:
            obj.docstring.value = as_markdown(obj.docstring.value)
