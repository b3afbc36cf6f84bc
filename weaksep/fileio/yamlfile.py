"""YAML configurations checked against a typed schema.

Order: defaults of the schema < the ``base:`` file < the file < ``a.b=value`` overrides of the command line.
An unknown key dies with the file, the key and the nearest valid one.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from weaksep.errors import UserError, did_you_mean, raise_problems
from weaksep.fileio.atomic import write_text
from weaksep.fileio.parsed import read_text
from weaksep.fileio.yamltext import dump_yaml, load_yaml, yaml_line

Model = TypeVar("Model", bound=BaseModel)
MAX_YAML_BYTES = 1_000_000
MAX_SHOWN = 40  # of a value, in messages
# What YAML calls the types of the schema, by pydantic's names of errors.
_EXPECTED = {
    **dict.fromkeys(["list_type", "tuple_type"], "a list ([a, b])"),
    **dict.fromkeys(["dict_type", "model_type"], "keys with values ({{a: b}})"),
    **dict.fromkeys(["int_type", "int_parsing", "int_from_float"], "a whole number"),
    **dict.fromkeys(["float_type", "float_parsing"], "a number"),
    **dict.fromkeys(["bool_type", "bool_parsing"], "true or false"),
    "string_type": "a text (in quotes if it looks like a number, yes or no)",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
}


def merge(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Nested dictionaries merged; what ``over`` says wins. One of another ``kind`` takes nothing over.

    >>> merge({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}})
    {'a': {'b': 3, 'c': 2}}
    >>> merge({"net": {"kind": "unet", "channels": [8]}}, {"net": {"kind": "tcn", "units": 8}})
    {'net': {'kind': 'tcn', 'units': 8}}
    """
    if over.get("kind", under.get("kind")) != under.get("kind"):
        return dict(over)
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
        raise UserError(f"{path}: its base leads back to itself; fix one base: of the loop")
    value = load_yaml(read_text(path, MAX_YAML_BYTES, "configuration file"), str(path))
    if not isinstance(value, dict | None):
        raise UserError(f"{path}:1: expected 'key: value' lines, found a {type(value).__name__}")
    value = value or {}
    base = value.pop("base", None)
    if base is None:
        return value
    if not isinstance(base, str):
        raise UserError(f"{path}: base: expected the name of one YAML file, found {base!r}")
    under = path.parent / base
    if not under.is_file():
        raise UserError(f"{path}: its base {under} is no file; fix base: or leave it out")
    return merge(read_yaml(under, (*_chain, path.resolve())), value)


def write_yaml(path: str | Path, value: Any) -> None:
    """Write YAML atomically, keys in the given order."""
    write_text(path, dump_yaml(value))


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
    place[last] = load_yaml(text, f"--set {override!r}")


def _is_model(kind: Any) -> bool:
    """Whether it is a model's class. For Python 3.10 ``dict[str, int]`` is a type too, and no class."""
    return isinstance(kind, type) and get_origin(kind) is None and issubclass(kind, BaseModel)


def _fields_at(model: type[BaseModel], location: Sequence[Any]) -> list[str]:
    """Names that are valid beside the one at ``location`` (walks into nested models)."""
    current: Any = model
    for part in location[:-1]:
        field = current.model_fields.get(part)
        if field is None:
            break
        candidates = [field.annotation, *get_args(field.annotation)]
        current = next(filter(_is_model, candidates), current)
    return list(current.model_fields)


def _describe(model: type[BaseModel], origin: str, error: Any) -> str:
    location = error["loc"]
    key = ".".join(map(str, location))
    if error["type"] != "extra_forbidden":
        what, found = _EXPECTED.get(error["type"], ""), error["input"]
        message = f"expected {what.format_map(error.get('ctx', {}))}" if what else error["msg"]
        message = message.removeprefix("Value error, ").replace("Input should be", "expected")
        if what or isinstance(found, (str, int, float)):
            text = repr(found) if isinstance(found, str) else yaml_line(found)
            message += f", found {text if len(text) <= MAX_SHOWN else f'{text[:MAX_SHOWN]}...'}"
        return f"{origin}: {key}: {message}" if key else f"{origin}: {message}"
    valid = _fields_at(model, location)
    hint = did_you_mean(str(location[-1]), valid, f"valid: {', '.join(valid)}", cutoff=0.4)
    return f"{origin}: unknown key {key} ({hint})"


def _parts(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """A value and all that it holds, each with its dotted key."""
    yield key, value
    lists, mappings = isinstance(value, (list, tuple)), isinstance(value, (dict, BaseModel))
    for name, part in enumerate(value) if lists else dict(value).items() if mappings else ():
        yield from _parts(part, f"{key}.{name}" if key else str(name))


def _no_number(value: Any) -> bool:
    """Infinite, NaN or of more than 64 bits: no setting means anything by it."""
    if isinstance(value, float):
        return not math.isfinite(value)
    return isinstance(value, int) and not -(2**63) <= value < 2**63


def _switches_for_numbers(value: Any, checked: BaseModel) -> list[str]:
    """Keys with a true or yes that the schema has taken for the number 1."""
    taken = dict(_parts(checked))
    return [key for key, part in _parts(value) if isinstance(part, bool) and not isinstance(taken.get(key, part), bool)]


def check_config(model: type[Model], value: dict[str, Any], origin: str) -> Model:
    """Validate a mapping against a schema.

    Raises:
        UserError: every unknown key (with the nearest valid one) and every wrong value, each with its file.
    """
    title = f"{origin} does not fit its schema"
    infinite = [f"{origin}: {key}: expected a finite number" for key, part in _parts(value) if _no_number(part)]
    raise_problems(title, infinite, one_alone=True)
    try:
        checked = model.model_validate(value)
        switches = _switches_for_numbers(value, checked)
        problems = [f"{origin}: {key}: expected a number, found true or false" for key in switches]
    except ValidationError as error:
        problems = [_describe(model, origin, item) for item in error.errors()]
    raise_problems(title, problems, one_alone=True)
    return checked


def load_config(model: type[Model], path: str | Path | None, overrides: Sequence[str] = ()) -> Model:
    """Read, merge and check a configuration.

    Args:
        model: a pydantic class with ``extra="forbid"``.
        path: the YAML file; None for the schema's defaults.
        overrides: ``a.b=value`` strings, values in YAML; they win over the file.

    Raises:
        UserError: see ``read_yaml`` and ``check_config``.
    """
    value = {} if path is None else read_yaml(path)
    for override in overrides:
        _apply_override(value, override)
    return check_config(model, value, "--set" if path is None else str(path))
