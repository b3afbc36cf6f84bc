"""The one exception a user meets: something in the input, the options or the files that the user can fix."""

from __future__ import annotations

from collections.abc import Sequence


class UserError(Exception):
    """A mistake outside the code. The message says what is wrong, where (file:line or id) and what to do."""


def raise_problems(title: str, problems: Sequence[str]) -> None:
    """Raise one UserError that lists every problem; do nothing when there is none.

    Args:
        title: what was being checked, e.g. "data/train is not a valid data folder".
        problems: one line each.
    """
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise UserError(f"{title} ({len(problems)} problem{'s' if len(problems) != 1 else ''}):\n{lines}")
