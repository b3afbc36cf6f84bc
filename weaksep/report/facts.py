"""What there is to tell of a run beside its scores: how much of each set, how long each stage took, what classifiers
say, and what each training left in its experiment folder."""

import logging
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.datadir import DataDir, parse_lengths
from weaksep.fileio.experiments import BASELINES, EQUAL_SHARES, JOINT_CLASSIFIER
from weaksep.fileio.jsontext import finite, load_object
from weaksep.fileio.models import is_network
from weaksep.fileio.names import BACKGROUND
from weaksep.fileio.network import read_description
from weaksep.fileio.tables import read_lines, to_float
from weaksep.fileio.tsv import read_tsv
from weaksep.metrics.bootstrap import Recordings
from weaksep.report.recordings import recordings_of, scenes_of
from weaksep.report.verdict import gain_over

logger = logging.getLogger(__name__)

SETS = ("train", "valid", "test")
# In [0, 1] or null. What stage 6 has measured from the start, and what may be missing in its older files.
FIGURES = ("frame_f1", "clip_f1", "map")
MORE_FIGURES = ("frame_f1_macro", "clip_f1_macro", "event_f1", "event_f1_macro", "psds1", "psds2")
# Of separated sources alone, by weak labels: shares and probabilities in [0, 1], and energies, which may be more.
AGREEMENT = ("own_class", "other_class", "first_choice")
ENERGIES = ("inactive_classes", "inactive_frames", "residual", "unexplained")


def background_levels(data: DataDir) -> list[float] | None:
    """Lowest and highest level of the backgrounds of a set's mixtures, dB relative to full scale; None for none."""
    scenes = scenes_of(data) if BACKGROUND in data.sources else []
    levels = [scene.background.level_db for scene in scenes if scene.background is not None]
    return [round(bound(levels), 1) for bound in (min, max)] if levels else None


def set_facts(path: Path) -> dict[str, Any]:
    """Number of mixtures, hours and active classes of a data folder. UserError lists every clip without a length."""
    data, table = DataDir.load(path), parse_lengths(path / "utt2dur")
    for utt in data.wav.keys() - table.entries.keys() if table.there else ():
        table.note(None, f"no length of {utt}", "rerun stage 1")
    lengths_s = table.values("a table of lengths")
    active = [len(names) for names in data.clip_labels().values()]
    return {
        "mixtures": len(active),
        "hours": round(sum(lengths_s[utt] for utt in data.wav) / 3600, 3),
        "mean_active_classes": round(statistics.fmean(active), 3) if active else None,
        "two_or_more": sum(count >= 2 for count in active),
        "recordings": recordings_of(data),
        "background_db": background_levels(data),
    }


def collect_sets(datadir: Path, test_set: str, variants: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Facts of the sets that are there: the recipe's own, then each variant's (data/train_lambda5)."""
    endings = ["", *(f"_{variant}" for variant in sorted(set(variants)))]
    names = [f"{name}{ending}" for ending in endings for name in (*SETS, test_set)]
    return {name: set_facts(datadir / name) for name in dict.fromkeys(names) if (datadir / name).is_dir()}


def collect_stage_times(expdir: Path) -> list[dict[str, Any]]:
    """Latest time of each stage, from stage_times.tsv (one that ran again counts once); empty without it."""
    path = expdir / "stage_times.tsv"
    rows = read_tsv(path, ("stage", "name", "seconds", "finished_at")) if path.is_file() else []
    latest: dict[int, dict[str, Any]] = {}
    for number, row in enumerate(rows, start=2):
        try:
            stage, seconds = int(to_float(row["stage"])), to_float(row["seconds"])
        except ValueError:
            raise UserError(f"{path}:{number}: stage and seconds must be numbers; remove the line") from None
        latest[stage] = {"stage": stage, "name": row["name"], "seconds": seconds, "finished_at": row["finished_at"]}
    return [latest[stage] for stage in sorted(latest)]


def _read(path: Path, what: str, names: Sequence[str], more: Sequence[str] = ()) -> dict[str, Any]:
    """Names and figures of one file; with ``more`` of them, of separated sources, margins too. UserError says which
    keys are wrong."""
    scores = load_object("\n".join(read_lines(path)), str(path), "rerun stage 6")
    figures = (*FIGURES, *MORE_FIGURES, *more)
    tops = {key: 1e300 if key in ENERGIES else 1 for key in figures if scores.get(key) is not None}
    wrong = [key for key in FIGURES if key not in scores]
    wrong += [key for key, top in tops.items() if not finite(scores[key], 0, top)]
    wrong += [key for key in names if not isinstance(scores.get(key), str)]
    margins = scores.get("margins", {})
    wrong += [] if isinstance(margins, dict) and all(finite(x, -1, 2) for x in margins.values()) else ["margins"]
    if wrong:
        raise UserError(f"{path}: not {what} ({', '.join(wrong)}); rerun stage 6")
    return {key: scores.get(key) for key in (*names, *figures)} | ({"margins": margins} if more else {})


def collect_classifiers(expdir: Path, set_name: str) -> list[dict[str, Any]]:
    """{"name", figures} of every classifier that was scored on the mixtures.

    Raises:
        UserError: a file is not what stage 6 writes.
    """
    found = []
    for path in sorted(expdir.glob(f"*/scores/{set_name}/tagging.json")):
        experiment = path.parents[2]
        if experiment.name.startswith("separator_") and not is_network(experiment / JOINT_CLASSIFIER):
            logger.warning("%s: no classifier is trained along with this system any more; left out", path)
        else:
            found.append(_read(path, "a classifier's scores", ("name",)))
    return found


def collect_sources(
    expdir: Path, set_name: str, order: Sequence[str], recordings: Recordings, seed: int
) -> list[dict[str, Any]]:
    """{"name", "classifier", figures, "gain"} of every system whose separated sources were classified; the mixture
    itself has no gain: being louder than any part of it is no separation.

    Args:
        expdir: experiments.
        set_name: the set.
        order: of names; baselines stand after the unprocessed mixture, and others last.
        recordings: see ``gain_over``.
        seed: of the bootstrap.

    Raises:
        UserError: a file is not what stage 6 writes.
    """
    paths = sorted(expdir.glob(f"*/scores/{set_name}/sources.json"))
    what = "scores of separated sources"
    rows = [_read(path, what, ("name", "classifier"), (*AGREEMENT, *ENERGIES)) for path in paths]
    shares: dict[str, float] = next((row["margins"] for row in rows if row["name"] == EQUAL_SHARES), {})
    for row in rows:
        margins = row.pop("margins")
        row["gain"] = gain_over(shares, {} if row["name"] == "unprocessed" else margins, recordings, seed)
    return sorted(rows, key=lambda row: ["unprocessed", *BASELINES, *order, row["name"]].index(row["name"]))


def read_history(path: Path) -> list[dict[str, Any]]:
    """Rows of history.jsonl, one an epoch.

    Raises:
        UserError: listing every line that is not what training writes.
    """
    rows, problems = [], []
    for number, line in enumerate(read_lines(path), start=1):
        try:
            rows.append(load_object(line, f"{path}:{number}", "rerun the training"))
            if wrong := _wrong_keys(rows[-1]):
                raise UserError(f"{path}:{number}: {', '.join(wrong)} missing or no number; rerun the training")
        except UserError as error:
            problems.append(str(error))
    raise_problems(f"{path} is damaged", problems)
    return rows


def _wrong_keys(row: dict[str, Any]) -> list[str]:
    """Keys that the report reads and that are not as training writes them."""
    wrong = [key for key in ("epoch", "step", "seconds") if not finite(row.get(key), 0)]
    parts = {f"{split}.loss": row.get(split) for split in ("train", "valid")}
    return wrong + [k for k, part in parts.items() if not (isinstance(part, dict) and finite(part.get("loss")))]


def histories(expdir: Path) -> dict[str, list[dict[str, Any]]]:
    """Rows of history.jsonl of every training in an experiment folder, by the name of the training's folder."""
    return {path.parent.name: read_history(path) for path in sorted(expdir.glob("*/history.jsonl"))}


def net_facts(experiment: Path) -> dict[str, Any]:
    """Of a trained net: how many parameters (without buffers, such as feature statistics); the temperature of its
    masks, where it was chosen after the training."""
    if not is_network(experiment):
        return {"parameters": None, "temperature": None}
    import torch

    from weaksep.nets.build import build_classifier, build_separator

    found = read_description(experiment)
    try:
        shape = (found.config["net"], len(found.classes), found.features.window_samples // 2 + 1)
        with torch.device("meta"):  # sizes alone, without their memory
            separates = found.task == "separator"
            net: Any = build_separator(*shape) if separates else build_classifier(*shape, found.features.sample_rate)
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UserError(f"{experiment}: not a network of weaksep ({reason}); train again") from None
    parameters = sum(parameter.numel() for parameter in net.parameters())
    return {"parameters": parameters, "temperature": found.temperature if found.config.get("calibrate") else None}


def training_facts(experiment: Path, config: dict[str, Any]) -> dict[str, Any]:
    """Name, supervision, epochs, steps, minutes, best epoch, parameters and mask temperature of a training.

    The best epoch is the one whose weights are kept.

    Args:
        experiment: its folder.
        config: its config.yaml.
    """
    path = experiment / "history.jsonl"
    history = read_history(path) if path.is_file() else []
    if not history:
        logger.warning("%s: no history.jsonl, so no epochs and minutes", experiment)
    last = history[-1] if history else {}
    optim = config["optim"] if isinstance(config.get("optim"), dict) else {}
    best = last if optim.get("keep") == "last" else min(history, key=lambda row: row["valid"]["loss"], default=last)
    return {
        "name": experiment.name,
        **{key: config.get(key) for key in ("supervision", "classifier", "joint", "init_from")},
        "epochs": last.get("epoch"),
        "best_epoch": best.get("epoch"),
        "steps": last.get("step"),
        "batch_size": optim.get("batch_size"),
        "minutes": round(sum(row["seconds"] for row in history) / 60, 2) if history else None,
        **net_facts(experiment),
    }
