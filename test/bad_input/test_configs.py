"""Configurations that are no YAML, no settings, or a trap."""

from __future__ import annotations

from pathlib import Path

import pytest

MIX = ("mix", "--config", "conf/mix.yaml")
GOOD = "clip_s: 0.5\nmean_events: 2.0\nsets: {train: 4, valid: 3, test: 3}\n"
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

BAD: dict[str, tuple[str | bytes, str]] = {
    "an unknown key": (GOOD + "clip_z: 1\n", r"^conf/mix.yaml: unknown key clip_z \(did you mean clip_s\?\)$"),
    "an unknown key inside": (GOOD.replace("valid", "vaild"), r"(?s)2 problems.*unknown key sets.vaild .did you mean"),
    "text for a number": (GOOD.replace("2.0", "many"), "mix.yaml: mean_events: expected a number, found 'many'$"),
    "yes for a number": (GOOD.replace("4", "yes"), "mix.yaml: sets.train: expected a number, found true or false$"),
    "half a mixture": (GOOD.replace("4", "4.5"), "mix.yaml: sets.train: expected a whole number, found 4.5$"),
    "a list for a number": (GOOD.replace("2.0", "[2.0]"), "mix.yaml: mean_events: expected a number, found .2.0.$"),
    "a missing key": (GOOD.replace("clip_s: 0.5\n", ""), "mix.yaml: clip_s: Field required$"),
    "infinity": (GOOD.replace("0.5", ".inf"), "mix.yaml: clip_s: expected a finite number$"),
    "not a number": (GOOD.replace("2.0", ".nan"), "mix.yaml: mean_events: expected a finite number$"),
    "infinity in a list": (GOOD + "level_db: [-.inf, -25]\n", "mix.yaml: level_db.0: expected a finite number$"),
    "a number of 9000 digits": (GOOD + f"seed: {'9' * 9000}\n", "^conf/mix.yaml: not valid YAML .*; quote the text$"),
    "a number of 9000 hex digits": (GOOD + f"seed: 0x{'f' * 9000}\n", "mix.yaml: seed: expected a finite number$"),
    "a clip of a year": (
        GOOD.replace("0.5", "3.0e7"),
        "mix.yaml: clip_s: .*less than or equal to 3600, found '3.0e7'$",
    ),
    "more mixtures than ids": (
        GOOD.replace("4", "100000000"),
        "mix.yaml: sets.train: .*less than or equal to 99999999",
    ),
    "a tab": (
        GOOD.replace("sets: {train: 4", "sets:\n\t{train: 4"),
        r"^conf/mix.yaml:4: not valid YAML .found character",
    ),
    "a bracket left open": (GOOD + "level_db: [-30\n", "^conf/mix.yaml:5: not valid YAML"),
    "a list": ("- clip_s\n", "^conf/mix.yaml:1: expected 'key: value' lines, found a list$"),
    "a word": ("clip_s\n", "^conf/mix.yaml:1: expected 'key: value' lines, found a str$"),
    "a key twice": (GOOD + "clip_s: 9\n", "^conf/mix.yaml:4: not valid YAML .the key clip_s stands twice in one place"),
    "a key twice inside": (
        GOOD.replace("valid", "train"),
        "^conf/mix.yaml:3: .*the key train stands twice in one place",
    ),
    "a key of two lines": (GOOD + '"a\\nb": 1\n', "^conf/mix.yaml:4: .*a key with a character that cannot be printed"),
    "nothing": ("", r"(?s)^conf/mix.yaml does not fit its schema \(3 problems\):.*clip_s: Field required"),
    "aliases that grow": (LAUGHS + GOOD, r"^conf/mix.yaml:2: not valid YAML \(\*a repeats a value: write it out\)$"),
    "an alias of itself": ("a: &a [*a]\n" + GOOD, r"^conf/mix.yaml:1: not valid YAML \(\*a repeats a value"),
    "a Python object": (
        "a: !!python/object/apply:os.mkdir [sprung]\n",
        "^conf/mix.yaml:1: .*could not determine a con",
    ),
    "a Python name": ("a: !!python/name:os.system\n", "^conf/mix.yaml:1: not valid YAML .could not determine a constr"),
    "brackets ten thousand deep": ("a: " + "[" * 10_000, "^conf/mix.yaml: not valid settings .nested too deeply.$"),
    "a day that there is not": (GOOD + "seed: 2001-02-31\n", "^conf/mix.yaml: not valid YAML .day is out of range"),
    "a wrong tag": (GOOD + "seed: !!bool maybe\n", "^conf/mix.yaml: not valid YAML"),
    "not UTF-8": (GOOD.encode() + b"# caf\xe9\n", "^conf/mix.yaml:4: not UTF-8 text .*; save it as UTF-8$"),
    "a zero byte": (GOOD + "# \0\n", "^conf/mix.yaml: not valid YAML .unacceptable character #x0000"),
    "a base that is its own": ("base: mix.yaml\n", "^conf/mix.yaml: its base leads back to itself; fix one base:"),
    "a base that is not there": ("base: none.yaml\n", "^conf/mix.yaml: its base conf/none.yaml is no file; fix base:"),
    "a base that is a folder": ("base: ..\n", r"conf/mix.yaml: its base conf/\.\. is no file"),
    "two bases": ("base: [a.yaml, b.yaml]\n", "^conf/mix.yaml: base: expected the name of one YAML file, found"),
    "levels the wrong way round": (
        GOOD + "level_db: [-25, -30]\n",
        r"mix.yaml: level_db: expected \[lowest, highest\]",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_configurations(recipe: Path, refused, name: str) -> None:
    text, message = BAD[name]
    Path("conf/mix.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    refused(*MIX, match=message)
    assert not Path("sprung").exists()


def test_bases_in_a_circle(recipe: Path, refused) -> None:
    Path("conf/mix.yaml").write_text("base: b.yaml\n")
    Path("conf/b.yaml").write_text("base: mix.yaml\n")
    refused(*MIX, match="^conf/mix.yaml: its base leads back to itself")


def test_not_there_and_a_folder(recipe: Path, refused) -> None:
    refused("mix", "--config", "conf/mixx.yaml", match="^conf/mixx.yaml: no such configuration file$")
    refused("mix", "--config", "conf", match="^conf: cannot be read .not a regular file.$")


STRONG = "supervision: strong\n"
OTHER_STAGES = {
    "window": ("feats", "window_samples: 1000000000\nhop_samples: 64\n", "window_samples: .* 65536, found 1000000000"),
    "hop": ("feats", "window_samples: 128\nhop_samples: 65\n", "hop_samples from a sixteenth of it to half of it"),
    "learning rate": ("strong", f"{STRONG}optim: {{learning_rate: .inf}}\n", "optim.learning_rate: expected a finite"),
    "units": ("strong", f"{STRONG}net: {{units: 99999999}}\n", "strong.yaml: net: units: .*less than or equal to 8192"),
    "supervision": ("strong", "supervision: weak\n", "'strong', 'frame' or 'clip', found 'weak'"),
    "a classifier": ("strong", f"{STRONG}classifier: frame\n", "strong supervision uses no classifier"),
    "no such classifier": ("frame", "supervision: frame\nclassifier: x\n", "classifier_x.yaml: no such configuration"),
    "another's labels": ("frame", "supervision: clip\nclassifier: frame\n", "classifier frame learns from frame"),
}


@pytest.mark.parametrize("name", OTHER_STAGES)
def test_bad_configurations_of_other_stages(recipe: Path, refused, name: str) -> None:
    stem, text, message = OTHER_STAGES[name]
    Path(f"conf/{stem}.yaml").write_text(text)
    if stem == "feats":
        refused("feats", "--config", "conf/feats.yaml", match=message)
    else:
        refused("train", "--task", "separator", "--config-dir", "conf", "--systems", stem, match=message)


def test_overrides_on_the_command_line(recipe: Path, refused) -> None:
    train = ("train", "--task", "separator", "--config-dir", "conf", "--systems", "strong", "--set")
    refused(*train, "optim.max_epoch=3", match="unknown key optim.max_epoch .did you mean max_epochs")
    refused(*train, "optim.max_epochs", match="^--set 'optim.max_epochs': expected key.subkey=value$")
    refused(*train, "optim.max_epochs=[", match="^--set 'optim.max_epochs=\\[':1: not valid YAML")
    refused(*train, "seed=2001-02-31", match="^--set 'seed=2001-02-31': not valid YAML")
