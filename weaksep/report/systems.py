"""What a system is: the labels it was trained from, and what its recipe's YAML says of it.

Experiments are exp/unprocessed, exp/oracle_NAME and exp/separator_NAME[+TAG]; the YAML is CONFIG_DIR/NAME.yaml.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from weaksep.errors import UserError
from weaksep.fileio.experiments import BASELINES, name_and_tag
from weaksep.fileio.jsontext import finite
from weaksep.fileio.parsed import read_text
from weaksep.fileio.yamlfile import read_yaml
from weaksep.fileio.yamltext import load_yaml

# From what learns nothing to what knows everything.
SUPERVISION_ORDER = ("unprocessed", "clip", "frame", "mixed", "semi", "strong", "oracle")
PREFIX = "separator_"
CLASSIFIER_PREFIX = "classifier_"
ORACLES = {"ibm": "ideal binary mask", "irm": "ideal ratio mask", "psm": "phase-sensitive mask"}
# What there can be beside the labels in what a system was trained from, and the line that explains its words.
LEGENDS = {
    "frame_share": """\
"+ {}" means that for this share of the training clips the times were known too.""",
    "strong_share": """\
"+ {}" means that for this share of the training clips the isolated sources were known too.""",
    "remix": """\
"({})" means trained on remixes: training clips added together afresh in every epoch, so that the part of each clip in
the mixture is known.""",
    "solo_segments": """\
"({})" is a baseline, trained like a strong system on mixtures of segments that were cut out where the frame labels say
that one class sounds alone.""",
    "nmf": """\
"({})" is a baseline: non-negative matrix factorisation with a dictionary of spectra for each class.""",
    "init": """\
"({})" means that the training began with the weights of a network that had been trained before, on other data.""",
    "mixtures": """\
"({})" and the like are the mixtures that a system was trained on: a variant of the configuration's mix.yaml.""",
}


class Origin(NamedTuple):
    """What a system learnt from.

    Attributes:
        supervision: one of SUPERVISION_ORDER; of a baseline that of the labels it needs.
        trained_from: the same for people.
        headline: whether it is one of those that one looks at first: each kind of labels' main system, baselines,
            oracles and the unprocessed mixture.
        variants: what there is beside the labels, a key of LEGENDS each, and its words in ``trained_from``.
    """

    supervision: str
    trained_from: str
    headline: bool
    variants: dict[str, str] = {}


def short_name(experiment: str) -> str:
    """An experiment's name as tables have it.

    >>> short_name("separator_clip+b"), short_name("oracle_irm"), short_name("equal_shares")
    ('clip+b', 'oracle_irm', 'mixture / outputs')
    """
    return BASELINES.get(experiment, experiment.removeprefix(PREFIX))


def system_name(experiment: str) -> str:
    """The name of the YAML that an experiment was trained from.

    >>> system_name("separator_clip+b"), system_name("separator_clip_b")
    ('clip', 'clip_b')
    """
    return name_and_tag(short_name(experiment))[0]


def origin_of(experiment: Path) -> Origin:
    """What a system was told, from its folder's name or its config.yaml.

    Raises:
        UserError: a trained system without a config.yaml that says so.
    """
    name = experiment.name
    if name == "unprocessed":
        return Origin("unprocessed", "nothing", True)
    if name.startswith("oracle_"):
        kind = name.removeprefix("oracle_")
        return Origin("oracle", ORACLES.get(kind, kind), True)
    path = experiment / "config.yaml"
    config = read_yaml(path)
    labels, mixtures, net = config.get("supervision"), config.get("mixtures") or "", config.get("net")
    if labels not in ("strong", "frame", "clip"):
        raise UserError(f"{path}: supervision is {labels!r}, expected strong, frame or clip")
    if mixtures == "alone":
        # Its sources were cut out of mixtures with the help of frame labels: nobody isolated them.
        return Origin("frame", "frame (solo segments)", True, {"solo_segments": "solo segments"})
    supervision, shares = labels, {}
    for key, kind, what in (("frame_share", "mixed", "frame"), ("strong_share", "semi", "strong")):
        share = config.get(key, 0.0)
        if not finite(share, 0, 1):
            raise UserError(f"{path}: {key} is {share!r}, expected a share between 0 and 1")
        if share:
            supervision, shares[key] = kind, f"{100 * share:g} % {what}"
    baseline = isinstance(net, dict) and net.get("kind") == "nmf"
    words = {
        "nmf": ("NMF", baseline),
        "remix": ("remixed", config.get("remix")),
        "init": ("fine-tuned", config.get("init")),
        "mixtures": (str(mixtures), mixtures),
    }
    notes = {key: word for key, (word, true) in words.items() if true}
    told = " + ".join([labels, *shares.values()]) + "".join(f" ({note})" for note in notes.values())
    return Origin(supervision, told, baseline or system_name(name) == supervision, {**shares, **notes})


def system_order(system: Mapping[str, Any]) -> tuple[int, bool, str]:
    """The place of a system in every table: by what it was told, the main one of a kind first, then by name."""
    supervision, name = str(system["supervision"]), str(system["name"])
    return SUPERVISION_ORDER.index(supervision), system_name(name) != supervision, name


def describe_systems(experiments: Iterable[str], config_dir: Path | None) -> dict[str, dict[str, Any]]:
    """``about`` and ``compare_with`` of each trained system whose YAML there is, by its experiment's name.

    A line about a system stands in its own YAML: one that comes from a ``base:`` is about another system. What to
    compare with may be inherited, unless that is the system itself.

    Args:
        experiments: names of folders.
        config_dir: the recipe's configuration folder; None for no descriptions.

    Returns:
        {experiment: {"about": text, "compare_with": name of an experiment or None}}, as JSON can say it.

    Raises:
        UserError: no such folder, a YAML is damaged, or one of the two is no text.
    """
    if config_dir is None:
        return {}
    if not config_dir.is_dir():
        raise UserError(f"{config_dir}: no such configuration folder; fix --config-dir")
    found = {}
    for experiment in experiments:
        name = system_name(experiment)
        path = config_dir / f"{name}.yaml"
        if not experiment.startswith(PREFIX) or not path.is_file():
            continue
        resolved = read_yaml(path)
        own = load_yaml(read_text(path), str(path)) or {}
        about, other = own.get("about", ""), resolved.get("compare_with")
        if not isinstance(about, str) or not (other is None or isinstance(other, str)):
            raise UserError(f"{path}: about and compare_with are texts: put them in quotes")
        against = PREFIX + other + short_name(experiment).removeprefix(name) if other and other != name else None
        found[experiment] = {"about": " ".join(about.split()), "compare_with": against}
    return found
