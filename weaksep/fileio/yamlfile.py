"""YAML configurations checked against a typed schema.

Order: defaults of the schema < the ``base:`` file < the file < ``a.b=value`` overrides of the command line.
An unknown key dies with the file, the key and the nearest valid one.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.atomic import write_text

Model = TypeVar("Model", bound=BaseModel)


def _parse(path: Path) -> dict[str, Any]:
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such configuration file") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UserError(f"{path}:{line}: not valid YAML ({error.problem})") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: cannot be read as YAML ({error})") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UserError(f"{path}:1: expected 'key: value' lines, found a {type(value).__name__}")
    return value


def merge(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Nested dictionaries merged; what ``over`` says wins.

    >>> merge({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}})
    {'a': {'b': 3, 'c': 2}}
    """
    merged = dict(under)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def read_yaml(path: str | Path, _chain: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Read a YAML file; a top-level ``base: other.yaml`` (relative to the file) is read first and built upon.

    Raises:
        UserError: missing, not valid YAML, not a mapping, or bases that form a circle.
    """
    path = Path(path)
    if path.resolve() in _chain:
        raise UserError(f"{path}: its base leads back to itself")
    value = _parse(path)
    base = value.pop("base", None)
    if base is None:
        return value
    return merge(read_yaml(path.parent / str(base), (*_chain, path.resolve())), value)


def write_yaml(path: str | Path, value: Any) -> None:
    """Write YAML atomically, keys in the given order."""
    write_text(path, yaml.safe_dump(value, sort_keys=False, allow_unicode=True))


def _apply_override(config: dict[str, Any], override: str) -> None:
    dotted, equals, text = override.partition("=")
    if not equals or not dotted.strip():
        raise UserError(f"--set {override!r}: expected key.subkey=value")
    *parents, last = dotted.strip().split(".")
    place = config
    for parent in parents:
        if not isinstance(place.get(parent), dict):
            place[parent] = {}
        place = place[parent]
    try:
        place[last] = yaml.safe_load(text)
    except yaml.YAMLError:
        raise UserError(f"--set {override!r}: {text!r} is not a YAML value") from None


def _fields_at(model: type[BaseModel], location: Sequence[Any]) -> list[str]:
    """Names that are valid beside the one at ``location`` (walks into nested models)."""
    current: Any = model
    for part in location[:-1]:
        field = current.model_fields.get(part)
        if field is None:
            break
        candidates = [field.annotation, *get_args(field.annotation)]
        current = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), current)
    return list(current.model_fields)


def _describe(model: type[BaseModel], origin: str, error: Any) -> str:
    location = error["loc"]
    key = ".".join(map(str, location))
    if error["type"] != "extra_forbidden":
        message = error["msg"].removeprefix("Value error, ")
        return f"{origin}: {key}: {message}" if key else f"{origin}: {message}"
    valid = _fields_at(model, location)
    near = difflib.get_close_matches(str(location[-1]), valid, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]}?" if near else f"valid: {', '.join(valid)}"
    return f"{origin}: unknown key {key} ({hint})"


def check_config(model: type[Model], value: dict[str, Any], origin: str) -> Model:
    """Validate a mapping against a schema.

    Raises:
        UserError: every unknown key (with the nearest valid one) and every wrong value, each with its file.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problems = [_describe(model, origin, item) for item in error.errors()]
    if len(problems) == 1:
        raise UserError(problems[0])
    raise_problems(f"{origin} does not fit its schema", problems)
    raise AssertionError("unreachable")


def load_config(model: type[Model], path: str | Path, overrides: Sequence[str] = ()) -> Model:
    """Read, merge and check a configuration.

    Args:
        model: a pydantic class with ``extra="forbid"``.
        path: the YAML file.
        overrides: ``a.b=value`` strings, values in YAML; they win over the file.

    Raises:
        UserError: see ``read_yaml`` and ``check_config``.
    """
    value = read_yaml(path)
    for override in overrides:
        _apply_override(value, override)
    return check_config(model, value, str(path))
