"""utils/parse_options.sh against a model of its rules, written anew in Python, on command lines drawn at random.

Each command line runs in a subshell of one bash, which tells what became of it; values are compared byte for byte.
WEAKSEP_FUZZ_INPUTS=20000 draws more of them (two or three minutes), WEAKSEP_FUZZ_SEED=1 others.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

# Options, their defaults, and the kind that follows from each default.
DEFAULTS = {
    "stop_stage": ("7", "whole"),
    "offset": ("-3", "whole"),
    "tag": ("", "text"),
    "t": ("x", "filled"),
    "db_dir": ("a b", "filled"),
    "ratio": ("0.0", "number"),
    "rate": ("1e-3", "number"),
    "skip_train": ("false", "switch"),
    "resume": ("true", "switch"),
}
SWITCHES = [name for name, (_, kind) in DEFAULTS.items() if kind == "switch"]
TAKES = {"switch": b"true or false", "whole": b"a whole number", "number": b"a number", "filled": b"a value"}
# What may not be set although it is set: in capitals, the parser's own, or not at the beginning of a line of the help.
DOCUMENTED = ["PATH", "IFS", "BASH_ENV", "LD_PRELOAD", "HOME", "help_message", "_options", "_option_value"]
NOT_OPTIONS = [*DOCUMENTED, "hidden"]
HELP = "Usage: driver.sh --hidden\n" + "".join(f"    --{name} VALUE, --hidden\n" for name in [*DEFAULTS, *DOCUMENTED])

# stdin: for every command line the number of words and the words, all ended by NUL.
# stdout: for every command line either `ok`, `changed`, the values, the number of positional words and these words, all
# ended by NUL; or the help; or the error line. Then the status and a line that no input can hold.
DRIVER = """
export BASH_ENV= LD_PRELOAD= hidden=text
. "${UTILS}/log.sh"
names=(%s)
end=$1
parse_and_tell() {
    set -euo pipefail
    . "${UTILS}/parse_options.sh"
    [ "$(state)" = "${before}" ] && changed=no || changed=yes
    printf '%%s\\0' ok "${changed}"
    for name in "${names[@]}"; do printf '%%s\\0' "${!name}"; done
    printf '%%s\\0' "$#" "$@"
}
%s
help_message=${HELP%%$'\\n'}
# Every variable's value but those of the options, of bash's moving ones, and of those this driver works with.
state() {
    declare -F
    shopt
    compgen -v
    declare -p ${canaries}
}
canaries=
for name in $(compgen -v); do
    case ${name} in
        _ | BASH | BASHPID | BASH_[!E]* | FUNCNAME | LINENO | PIPESTATUS | RANDOM | SRANDOM | SECONDS | EPOCH* | %s) ;;
        *) canaries+=" ${name}" ;;
    esac
done
canaries=${canaries/ name / }
words=() word='' count='' before='' changed='' _option_name=''
# After a parse, so that the parser's own variables and functions are there.
after_one() {
    set -euo pipefail
    . "${UTILS}/parse_options.sh"
    printf '%%s' "$(state)"
}
before=$(after_one --tag=)
# LC_ALL=C: in UTF-8 `read` would take a NUL after half a letter for a part of it.
while IFS= LC_ALL=C read -r -d '' count; do
    words=()
    for ((; count > 0; count--)); do
        IFS= LC_ALL=C read -r -d '' word
        words+=("${word}")
    done
    (parse_and_tell ${words[@]+"${words[@]}"}) </dev/null 2>&1
    printf '%%s\\0%%s\\n' "$?" "${end}"
done
"""


class Outcome(NamedTuple):
    """What becomes of a command line: status, then values and positional words, or how the output begins."""

    status: int
    values: dict[str, bytes]
    rest: list[bytes]
    output: bytes = b""


def refused(message: bytes) -> Outcome:
    return Outcome(2, {}, [], b"driver.sh: error: " + message)


def fits(kind: str, value: bytes) -> bool:
    """Whether an option of a kind takes a value."""
    if kind == "switch":
        return value in (b"true", b"false")
    if kind == "whole":
        return bool(re.fullmatch(rb"0|-?[1-9][0-9]{0,17}", value))
    if kind == "number":
        mantissa, *exponent = re.split(rb"[eE]", value, maxsplit=1)
        plain = re.fullmatch(rb"-?([0-9]*)\.?([0-9]*)", mantissa)
        digits = plain is not None and (plain[1] or plain[2]) and len(plain[1]) <= 18
        return bool(digits) and all(re.fullmatch(rb"[-+]?[0-9]{1,2}", part) for part in exponent)
    return kind == "text" or bool(value)


def model(words: list[bytes]) -> Outcome:
    """The rules at the top of utils/parse_options.sh."""
    values = {name: default.encode() for name, (default, _) in DEFAULTS.items()}
    words = list(words)
    while words and words[0].startswith(b"-"):
        word = words.pop(0)
        if word in (b"-h", b"--help"):
            return Outcome(0, {}, [], HELP.encode())
        if word == b"--":
            break
        typed, equals, value = word.partition(b"=")
        if typed == b"--help":
            return refused(b"option --help takes no value\n")
        name = typed.removeprefix(b"--").replace(b"-", b"_").decode("latin-1")
        if not typed.startswith(b"--") or name not in DEFAULTS:
            return refused(b"unknown option -")
        kind = DEFAULTS[name][1]
        if not equals:
            if words and words[0] != b"-h" and not words[0].startswith(b"--"):
                value = words.pop(0)
            elif kind == "switch":
                value = b"true"
            else:
                return refused(b"option " + typed + b" needs a value")
        if not fits(kind, value):
            return refused(b"option --" + name.replace("_", "-").encode() + b" takes " + TAKES[kind] + b", not '")
        values[name] = value
    return Outcome(0, values, words)


PIECES = [
    *[b"$(touch evil)", b"`touch evil`", b"';touch evil;'", b'";touch evil;"', b"a[$(touch evil)]", b"${IFS}"],
    *[b"$((1))", b"!!", b"~", b"*", b"?", b"\\", b"\\n", b"\n", b"\r\n", b"\t", b" ", b"=", b"-", b"--", b"'", b'"'],
    *[b"#", b"&", b"%s", b"%n", b"\x1b[31m", b"\x01", b"\xff", b"\xc3", b"\xc3\xa4", b"\xf0\x9f\x8e\xb5", b"x" * 300],
]
NUMBERS = (
    b"0 1 7 -1 -0 00 08 -08 +3 3.5 .5 5. . - 1e3 1e-3 1E+3 1e 1e333 e5 0x1f 1_0 1,5 nan inf -inf NaN 3- 3a "
    b"999999999999999999 1000000000000000000 -999999999999999999 99999999999999999999999999.5 \xd9\xa3 \xc2\xb2"
).split()


def draw_value(rng: random.Random) -> bytes:
    kind = rng.randrange(6)
    if kind == 0:
        return rng.choice([b"true", b"false", b"True", b"yes", b"", b"--help", b"-h", b"--tag", b"--x", b"-x"])
    if kind <= 2:
        return rng.choice(NUMBERS) + rng.choice([b""] * 8 + [b" ", b"\n", b"0"])
    if kind == 3:
        return b"".join(rng.choice(PIECES) for _ in range(rng.randrange(5)))
    if kind == 4:
        return bytes(rng.randrange(1, 256) for _ in range(rng.randrange(12)))
    return rng.choice([b"a", b"word", b"two words", b"a=b c=d"])


def draw_name(rng: random.Random) -> bytes:
    kind = rng.randrange(20)
    if kind == 0:
        return rng.choice(NOT_OPTIONS).encode()
    if kind == 1:
        return draw_value(rng)
    name = rng.choice(list(DEFAULTS))
    if kind == 2:  # a slip
        letters = list(name)
        letters[rng.randrange(len(letters))] = rng.choice("abc_-$[XY ")
        name = "".join(letters)
    return "".join(rng.choice("_-") if letter == "_" else letter for letter in name).encode()


def draw_words(rng: random.Random) -> list[bytes]:
    words: list[bytes] = []
    for _ in range(rng.randrange(7)):
        kind = rng.randrange(40)
        if kind == 0:
            words.append(rng.choice([b"--", b"-", b"---", b"--=x", b"-=", b"-n", b"-h", b"--help", b"--help=x", b""]))
        elif kind == 1:
            words.append(draw_value(rng))
        elif kind == 2:
            words.append(b"-" + draw_name(rng))
        elif kind == 3:
            words.append(b"--" + rng.choice(SWITCHES).encode())
        else:
            name = draw_name(rng)
            value = draw_good_value(rng, name) if rng.random() < 0.7 else draw_value(rng)
            words += [b"--" + name + b"=" + value] if rng.random() < 0.5 else [b"--" + name, value]
    return [word.replace(b"\0", b"") for word in words]


def draw_good_value(rng: random.Random, name: bytes) -> bytes:
    """Often one that the option takes, so that more than the first option of a line is looked at."""
    kind = DEFAULTS.get(name.replace(b"-", b"_").decode("latin-1"), ("", "text"))[1]
    if kind == "switch":
        return rng.choice([b"true", b"false"])
    if kind in ("text", "filled"):
        return draw_value(rng)
    return str(rng.randrange(-(10**6), 10**6)).encode()


def run_driver(folder: Path, utils: Path, inputs: list[list[bytes]], locale: str) -> list[tuple[int, bytes]]:
    """(status, output) of each command line."""
    end = "an end that no input holds"
    options = "\n".join(f"{name}='{default}'" for name, (default, _) in DEFAULTS.items())
    script = folder.parent / "driver.sh"
    script.write_text(DRIVER % (" ".join(DEFAULTS), options, " | ".join(DEFAULTS)))
    stdin = folder.parent / "inputs"
    stdin.write_bytes(b"".join(b"%d\0" % len(words) + b"".join(word + b"\0" for word in words) for words in inputs))
    environment = {"PATH": os.environ["PATH"], "UTILS": str(utils), "HELP": HELP, "LC_ALL": locale}
    with stdin.open("rb") as file:
        result = subprocess.run(
            ["bash", str(script), end], stdin=file, capture_output=True, cwd=folder, env=environment, check=True
        )
    assert result.stderr == b""
    blocks = result.stdout.split(b"\0" + end.encode() + b"\n")
    assert blocks.pop() == b""
    # What a command line prints ends in a NUL or a line end; the status follows at once.
    matches = [re.fullmatch(rb"(.*[\0\n])([0-9]+)", block, re.DOTALL) for block in blocks]
    return [(int(match[2]), match[1]) for match in matches if match is not None]


def complaint(words: list[bytes], status: int, output: bytes) -> str | None:
    """How an outcome differs from the model's, or None."""
    expected = model(words)
    if status != expected.status:
        return f"status {status} instead of {expected.status}"
    if expected.status == 0 and not expected.output:
        values = [*expected.values.values(), b"%d" % len(expected.rest), *expected.rest]
        told = b"".join(value + b"\0" for value in (b"ok", b"no", *values))
        return None if output == told else "other values, or a variable has changed"
    if not output.startswith(expected.output):
        return f"not {expected.output!r}"
    if expected.status == 2 and (output.count(b"\n") != 1 or re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", output)):
        return "the error is more than one plain line"
    return None


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_the_parser_does_what_its_rules_say(root: Path, tmp_path: Path, locale: str) -> None:
    rng = random.Random(f"{os.environ.get('WEAKSEP_FUZZ_SEED', '0')} {locale}")
    inputs = [draw_words(rng) for _ in range(int(os.environ.get("WEAKSEP_FUZZ_INPUTS", "300")))]
    folder = tmp_path / "where it runs"
    folder.mkdir()
    outcomes = run_driver(folder, root / "utils", inputs, locale)
    assert len(outcomes) == len(inputs)
    wrong = []
    for words, (status, output) in zip(inputs, outcomes, strict=True):
        text = complaint(words, status, output)
        if text:
            wrong.append(f"{words}: {text}: {output!r}")
    assert not wrong, "\n".join([f"{len(wrong)} of {len(inputs)}", *wrong[:10]])
    assert list(folder.iterdir()) == [], "something was evaluated"


def test_the_draws_reach_every_ending() -> None:
    """Else the comparison would say little."""
    rng = random.Random(0)
    outcomes = [model(draw_words(rng)) for _ in range(1000)]
    accepted = [o for o in outcomes if o.status == 0 and not o.output]
    assert len(accepted) > 200
    assert sum(len([n for n, v in o.values.items() if v != DEFAULTS[n][0].encode()]) > 1 for o in accepted) > 50
    endings = ["unknown", "needs a value", "--help takes", "Usage", *(takes.decode() for takes in TAKES.values())]
    for ending in endings:
        assert sum(re.search(ending.encode(), outcome.output) is not None for outcome in outcomes) > 2, ending
