"""JSON that was written by this toolkit, read back with distrust: whatever is wrong with it is one line."""

import json
from typing import Any, NoReturn

from weaksep.errors import UserError


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def load_object(text: str, where: str, remedy: str) -> dict[str, Any]:
    """A JSON object.

    Args:
        text: the JSON.
        where: file, or file:line, for the message.
        remedy: what to do when it is damaged.

    Raises:
        UserError: not JSON, not an object, or with NaN or infinity, for which JSON has no word.
    """
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        reason = getattr(error, "msg", "") or str(error) or type(error).__name__
        raise UserError(f"{where}: not JSON ({reason}); {remedy}") from None
    if not isinstance(value, dict):
        raise UserError(f"{where}: expected a JSON object, found a {type(value).__name__}; {remedy}")
    return value


def finite(value: object, low: float = -1e300, high: float = 1e300) -> bool:
    """Whether a value is a number, and between the two.

    >>> finite(0.5), finite(True), finite(2, 0, 1)
    (True, False, False)
    """
    return isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high
