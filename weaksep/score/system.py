"""Score one system's separated folder against the references of a data folder."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from weaksep.errors import UserError, raise_problems
from weaksep.feats.labels import frame_labels
from weaksep.fileio.atomic import write_text
from weaksep.fileio.audio import audio_info
from weaksep.fileio.datadir import CONFIDENCE_NAME, REFERENCED_NAME, SOURCE_NAME, DataDir, read_scp
from weaksep.fileio.names import BACKGROUND, RESIDUAL
from weaksep.fileio.scp import file_of
from weaksep.fileio.shards import Shards
from weaksep.fileio.tsv import read_tsv, write_tsv
from weaksep.jobs import Claim, cut_shards, run_shards
from weaksep.metrics.overlap import overlap_share
from weaksep.metrics.si_sdr import FLOOR_DB
from weaksep.score.clip import COLUMNS, ClipFiles, Row, score_clips
from weaksep.signal.units import n_frames

logger = logging.getLogger(__name__)

SHARD_CLIPS = 100


def find_clips(data: DataDir, hop_samples: int) -> list[ClipFiles]:
    """Mixtures and their references, without estimates: read once for all systems.

    Args:
        data: data/<set>.
        hop_samples: frame step in which overlap is measured.

    Raises:
        UserError: listing every labelled class without a reference, every file that is not there, and every mixture
            unlike the first in rate or channels.
    """
    tables, labels, events = data.references(), data.clip_labels(), data.events()
    referenced, listed = data.referenced(), (data.path / REFERENCED_NAME).is_file()
    problems = [] if data.wav else [f"{data.path}/wav.scp is empty"]
    clips: list[ClipFiles] = []
    for utt, wav in data.wav.items():
        try:
            n_samples, rate, channels = audio_info(wav)
        except UserError as error:
            problems.append(str(error))
            continue
        expected = clips[0].sample_rate if clips else rate
        if (rate, channels) != (expected, 1):
            problems.append(f"{wav}: {rate} Hz, {channels} channel(s); expected {expected} Hz mono; rerun stage 1")
        files = {name: tables[name].get(utt) for name in labels[utt]} if utt in referenced else {}
        files |= {BACKGROUND: file} if (file := tables.get(BACKGROUND, {}).get(utt)) else {}
        for name, file in files.items():
            if file is not None and not file_of(file).is_file():
                problems.append(f"{file}: no such file (reference of {utt})")
            elif file is None and not listed:  # where they are listed, none is silence: the class does not sound
                problems.append(f"{data.path}/src_{name}.scp: {utt} has the class {name} but no reference")
        activity = frame_labels(events[utt], data.classes, n_frames(n_samples, hop_samples), expected, hop_samples)
        active = tuple(name in labels[utt] for name in data.classes)
        references = tuple(str(files[name]) if files.get(name) else None for name in data.classes)
        overlaps = tuple(overlap_share(activity).tolist())
        below = str(files[BACKGROUND]) if BACKGROUND in files else None
        clips.append(ClipFiles(utt, expected, data.classes, active, overlaps, str(wav), references, (), below))
    raise_problems(f"{data.path} cannot be scored", problems)
    return clips


def find_estimates(data: DataDir, separated: Path) -> dict[str, tuple[str, ...]]:
    """Separated files of every clip, in the order of the classes.

    Raises:
        UserError: made from other mixtures, or listing every table, entry and file that is missing.
    """
    data.check_source(separated, "rerun stage 5")
    paths = {label: separated / f"{label}.scp" for label in data.classes}
    problems = [f"{path}: no such table" for path in paths.values() if not path.is_file()]
    tables = {path: read_scp(path) for path in paths.values() if path.is_file()}
    for path, table in tables.items():
        problems += [f"{path}: no entry for {utt}" for utt in data.wav if utt not in table]
        there = (table[utt] for utt in data.wav if utt in table)
        problems += [f"{file}: no such file" for file in there if not file_of(file).is_file()]
    raise_problems(f"{separated} is not complete; rerun stage 5", problems)
    return {utt: tuple(str(table[utt]) for table in tables.values()) for utt in data.wav}


def read_residuals(separated: Path) -> dict[str, str]:
    """The residual output of each clip; empty for systems without one."""
    scp = separated / f"{RESIDUAL}.scp"
    return {utt: str(path) for utt, path in read_scp(scp).items()} if scp.is_file() else {}


def confidences(separated: Path) -> dict[tuple[object, object], str]:
    """(clip, class) -> how sure the net is of the output; empty for systems without a net."""
    path = separated / CONFIDENCE_NAME
    rows = read_tsv(path, ("filename", "event_label", "confidence")) if path.is_file() else ()
    return {(row["filename"], row["event_label"]): row["confidence"] for row in rows}


def _told(rows: Iterable[Row], path: Path, name: str, referenced: frozenset[str]) -> Iterator[Row]:
    """The rows; after the last of them say how many there were, and what was left out or held at the floor."""
    number, floored, unknown, silent = 0, 0, set(), []
    for row in rows:
        yield row
        number += 1
        floored += row["si_sdr_db"] == f"{FLOOR_DB:.4f}"
        if row["active"] == 1 and row["utt"] not in referenced:
            unknown.add(row["utt"])
        elif row["active"] == 1 and row["si_sdr_db"] is None:
            silent.append(f"{row['utt']} {row['class']}")
    logger.info("%s: %d rows to write", path, number)
    if unknown:
        logger.info("%s: %d clips without references, so without SI-SDR", name, len(unknown))
    if silent:
        first = ", ".join(silent[:3])
        logger.warning("%s: %d silent reference(s) cannot be scored, first %s", name, len(silent), first)
    if floored:
        logger.warning("%s: %d output(s) hold nothing of their class; they count with %g dB", name, floored, FLOOR_DB)


def score_shard(bss_eval: bool, clips: Sequence[ClipFiles], claim: Claim) -> list[Row]:
    """Rows of a shard, which writes no file."""
    return score_clips(clips, bss_eval)


def score_system(
    data: DataDir,
    clips: Sequence[ClipFiles],
    experiment: str | Path,
    *,
    bss_eval: bool = True,
    nj: int = 1,
    notes: Shards | None = None,
) -> Path:
    """Score EXPERIMENT/separated/<set> and write EXPERIMENT/scores/<set>/scores.tsv.

    Args:
        data: data/<set>.
        clips: see ``find_clips``.
        experiment: the system's folder.
        bss_eval: also SDR, SIR and SAR.
        nj: worker processes.
        notes: of the step.

    Returns:
        the table's path.

    Raises:
        UserError: see ``find_estimates`` and ``score_clips``.
    """
    experiment, set_name = Path(experiment), data.path.resolve().name
    estimates = find_estimates(data, experiment / "separated" / set_name)
    residuals = read_residuals(experiment / "separated" / set_name)
    clips = [replace(clip, estimates=estimates[clip.utt], residual=residuals.get(clip.utt)) for clip in clips]
    path = experiment / "scores" / set_name / "scores.tsv"
    notes = notes or Shards(path.parent, step="scores")
    with notes.unfinished([path, path.parent / SOURCE_NAME]):
        work, shards = partial(score_shard, bss_eval), cut_shards(clips, SHARD_CLIPS)
        parts = run_shards(work, shards, notes, nj=nj, description=f"score {experiment.name}")
        sure = confidences(experiment / "separated" / set_name)
        rows = (row | {"confidence": sure.get((row["utt"], row["class"]))} for part in parts for row in part)
        write_text(path.parent / SOURCE_NAME, data.fingerprint() + "\n")
        write_tsv(path, COLUMNS, _told(rows, path, experiment.name, data.referenced()))
    return path
