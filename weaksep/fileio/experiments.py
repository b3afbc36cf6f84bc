"""Experiment folders: exp/<task>_<name>[+<tag>], so that a folder says which system it is of; what is in them.

Neither a name nor a tag holds the +: ``frame`` with the tag ``remix`` and the system ``frame_remix`` are two folders.
"""

from contextlib import suppress
from pathlib import Path

from weaksep.errors import UserError
from weaksep.fileio.checkpoint import previous_of
from weaksep.fileio.datadir import SOURCE_NAME
from weaksep.fileio.names import id_problem
from weaksep.fileio.shards import STAMP_NAME

TAG_MARK = "+"
WEIGHTS_NAME = "model.safetensors"
DESCRIPTION_NAME = "model.json"
# Of a classifier that was trained together with a separator: a folder in the separator's, with the two files.
JOINT_CLASSIFIER = "classifier"
CHECKPOINT_NAME = "checkpoint.pt"
CHECKPOINTS = (previous_of(Path(CHECKPOINT_NAME)).name, CHECKPOINT_NAME)
HISTORY_NAME = "history.jsonl"
CALIBRATION_STAMP = f"calibration.{STAMP_NAME}"
# What separates nothing, for comparison, has a folder of its scores: its name, and what tables call it.
EQUAL_SHARES = "equal_shares"
BASELINES = {EQUAL_SHARES: "mixture / outputs", "random_masks": "random masks"}
EARLIER_NAME = "earlier"  # a folder of runs that were put aside
BOARD_FILES = "tensorboard/events.out.tfevents.*"
# Patterns of what a run writes, its scores among them. The checkpoints last: while they lie there, a process that is
# killed while it puts a run aside begins again with it.
RUN_FILES = (
    *(f"scores/*/{name}" for name in ("scores.tsv", "tagging.json", "sources.json", SOURCE_NAME, f"*{STAMP_NAME}")),
    *(CALIBRATION_STAMP, DESCRIPTION_NAME, WEIGHTS_NAME),
    *(f"{JOINT_CLASSIFIER}/{name}" for name in (DESCRIPTION_NAME, WEIGHTS_NAME)),
    *(HISTORY_NAME, BOARD_FILES, "train.log", "config.yaml", *CHECKPOINTS),
)


def experiment_dir(expdir: str | Path, task: str, name: str, tag: str = "") -> Path:
    """The folder of a system or classifier.

    Args:
        expdir: of the experiments.
        task: "separator" or "classifier".
        name: as its YAML is called.
        tag: empty for none.

    Raises:
        UserError: name or tag cannot be part of a folder's name, or would make it that of another system.
    """
    for text in (name, *([tag] if tag else [])):
        problem = id_problem(text)
        if TAG_MARK in text:
            problem = f"holds the {TAG_MARK} that stands between the two"
        elif text is name and name.startswith(f"{task}_"):
            problem = f"begins with {task}_, as the folders do"
        if problem:
            raise UserError(f"{text!r}: a system's name or a tag is part of a folder's name, and this one {problem}")
    return Path(expdir) / (f"{task}_{name}" + (f"{TAG_MARK}{tag}" if tag else ""))


def seed_tags(tag: str, seeds: str) -> dict[str, list[str]]:
    """Tags of the experiments of several seeds, each with the setting that makes it; the tag itself without seeds.

    Raises:
        UserError: two of the seeds are the same number, however it is written: what they would train is the same.

    >>> seed_tags("", "0 1"), seed_tags("b", "3"), seed_tags("b", "")
    ({'seed0': ['seed=0'], 'seed1': ['seed=1']}, {'b-seed3': ['seed=3']}, {'b': []})
    """
    words = seeds.split()
    with suppress(ValueError):  # no number: the schema of the settings says so
        if len(set(map(int, words))) < len(words):
            raise UserError(f"--seeds {seeds}: a seed comes twice; give each once")
    return {"-".join(filter(None, (tag, f"seed{seed}"))): [f"seed={seed}"] for seed in words} or {tag: []}


def named_experiment(expdir: str | Path, task: str, word: str, tag: str = "") -> Path:
    """The folder that a user means by a name (``strong``, with the tag) or by the folder's own (``separator_strong``).

    Raises:
        UserError: see ``experiment_dir``.
    """
    own = word.removeprefix(f"{task}_")
    return experiment_dir(expdir, task, word, tag) if own == word else experiment_dir(expdir, task, *name_and_tag(own))


def name_and_tag(experiment: str) -> tuple[str, str]:
    """A folder's name, with or without its task, in two; no tag is an empty one.

    >>> name_and_tag("separator_clip+b"), name_and_tag("clip")
    (('separator_clip', 'b'), ('clip', ''))
    """
    name, _, tag = experiment.partition(TAG_MARK)
    return name, tag
