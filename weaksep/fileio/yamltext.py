"""YAML text to a value and back, for settings: a strict loader that takes no more than it needs.

No aliases, so that a few lines cannot stand for gigabytes; no key twice, since PyYAML would quietly take the last; no
Python objects; no key that would spoil a message. Whatever PyYAML raises becomes one line.
"""

import math
from typing import Any

import yaml
import yaml.composer
import yaml.constructor

from weaksep.errors import UserError
from weaksep.fileio.names import one_line


class _Loader(yaml.SafeLoader):
    """See the module."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()
            raise yaml.composer.ComposerError(
                None, None, f"*{event.anchor} repeats a value: write it out", event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            name = (key.tag, str(key.value))
            shown = str(key.value).isprintable()
            if not shown or name in seen:
                twice = f"the key {key.value} stands twice in one place: leave one of them out"
                problem = twice if shown else "a key with a character that cannot be printed: rename it"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)


class _Dumper(yaml.SafeDumper):
    """Writes no aliases, since the loader takes none."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def load_yaml(text: str, origin: str) -> Any:
    """The value that a text stands for.

    Args:
        text: YAML.
        origin: its file, or what else it is, for messages.

    Raises:
        UserError: one line, with the line's number where it is known.
    """
    try:
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        reason = (error.problem or error.context or "").partition("\n")[0]
        raise UserError(f"{origin}:{line}: not valid YAML ({reason})") from None
    except yaml.YAMLError as error:
        raise UserError(f"{origin}: not valid YAML ({str(error).partition(chr(10))[0]})") from None
    except RecursionError:
        raise UserError(f"{origin}: not valid settings (nested too deeply)") from None
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        # What PyYAML lets through: a date that is none, an integer of thousands of digits, !!bool maybe.
        raise UserError(f"{origin}: not valid YAML ({str(error).partition(chr(10))[0]}); quote the text") from None


def dump_yaml(value: Any) -> str:
    """YAML of a value, keys in the given order."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def yaml_line(value: Any) -> str:
    """YAML of a value on one line, for messages.

    >>> yaml_line({"dog: barks": ["dog", "yes"]}), yaml_line(None)
    ("{'dog: barks': [dog, 'yes']}", 'null')
    """
    text = yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=True, width=math.inf
    )
    return one_line(text.removesuffix("...\n").rstrip("\n"))
