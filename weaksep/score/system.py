"""Score one system's separated folder against the references of a data folder."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from weaksep.errors import UserError, raise_problems
from weaksep.feats.labels import frame_labels
from weaksep.fileio.atomic import write_text
from weaksep.fileio.audio import audio_info
from weaksep.fileio.datadir import REFERENCED_NAME, SOURCE_NAME, DataDir, read_scp
from weaksep.fileio.tables import write_tsv
from weaksep.jobs import run_sharded
from weaksep.metrics.overlap import overlap_share
from weaksep.metrics.si_sdr import FLOOR_DB
from weaksep.score.clip import COLUMNS, ClipFiles, Row, score_clips
from weaksep.signal.units import n_frames

logger = logging.getLogger(__name__)

CLIPS_IN_A_JOB = 100


@dataclass(frozen=True)
class TestSet:
    """Mixtures and their references, read once for all systems.

    Attributes:
        data: the folder.
        sample_rate: of its audio, in Hz.
        references: clip -> class -> file, for the classes labelled in it.
        overlaps: clip -> (K,) share of the class's active frames in which another is active, NaN if absent.
        classes: clip -> those labelled in it.
        referenced: clips whose sources are known.
    """

    __test__ = False  # pytest, not a test

    data: DataDir
    sample_rate: int
    references: Mapping[str, Mapping[str, Path]]
    overlaps: Mapping[str, np.ndarray]
    classes: Mapping[str, tuple[str, ...]]
    referenced: frozenset[str]

    @classmethod
    def load(cls, path: str | Path, hop_samples: int) -> TestSet:
        """Open a data folder for scoring.

        Args:
            path: data/<set>.
            hop_samples: frame step in which overlap is measured.

        Raises:
            UserError: listing every labelled class without a reference, every file that is not there, and every mixture
                unlike the first in rate or channels.
        """
        data = DataDir.load(path)
        tables, labels, events = data.references(), data.clip_labels(), data.events()
        referenced, listed = data.referenced(), (data.path / REFERENCED_NAME).is_file()
        problems = []
        references: dict[str, dict[str, Path]] = {}
        overlaps: dict[str, np.ndarray] = {}
        sample_rate = 0
        for utt, wav in data.wav.items():
            try:
                n_samples, rate, channels = audio_info(wav)
            except UserError as error:
                problems.append(str(error))
                continue
            sample_rate = sample_rate or rate
            if (rate, channels) != (sample_rate, 1):
                problems.append(
                    f"{wav}: {rate} Hz, {channels} channel(s); expected {sample_rate} Hz mono; rerun stage 1"
                )
            references[utt] = {}
            for name in labels[utt] if utt in referenced else ():
                file = tables[name].get(utt)
                if file is None and listed:
                    continue  # silent: cut where the class does not sound
                if file is None:
                    problems.append(f"{data.path}/src_{name}.scp: {utt} has the class {name} but no reference")
                elif not file.is_file():
                    problems.append(f"{file}: no such file (reference of {utt})")
                else:
                    references[utt][name] = file
            frames = n_frames(n_samples, hop_samples)
            overlaps[utt] = overlap_share(frame_labels(events[utt], data.labels, frames, sample_rate, hop_samples))
        if not data.wav:
            problems.append(f"{data.path}/wav.scp is empty")
        raise_problems(f"{data.path} cannot be scored", problems)
        return cls(data, sample_rate, references, overlaps, labels, referenced)


def find_estimates(data: DataDir, separated: Path) -> dict[str, tuple[str, ...]]:
    """Separated files of every clip, in the order of the classes.

    Raises:
        UserError: listing every table, entry and file that is missing.
    """
    problems = []
    files: dict[str, list[str]] = {utt: [] for utt in data.wav}
    for label in data.labels:
        path = separated / f"{label}.scp"
        if not path.is_file():
            problems.append(f"{path}: no such table")
            continue
        table = read_scp(path)
        for utt, found in files.items():
            if utt not in table:
                problems.append(f"{path}: no entry for {utt}")
            elif not table[utt].is_file():
                problems.append(f"{table[utt]}: no such file")
            else:
                found.append(str(table[utt]))
    raise_problems(f"{separated} is not complete; rerun stage 5", problems)
    return {utt: tuple(found) for utt, found in files.items()}


def _warn(rows: Sequence[Row], name: str, referenced: frozenset[str]) -> None:
    """Say what was left out of the scores or held at the floor, and how much."""
    active = [row for row in rows if row["active"] == 1]
    unknown = {row["utt"] for row in active} - referenced
    if unknown:
        logger.info("%s: %d clips without references, so without SI-SDR", name, len(unknown))
    silent = [row for row in active if row["si_sdr_db"] is None and row["utt"] in referenced]
    if silent:
        first = ", ".join(f"{row['utt']} {row['class']}" for row in silent[:3])
        logger.warning("%s: %d silent reference(s) cannot be scored, first %s", name, len(silent), first)
    floored = sum(row["si_sdr_db"] == f"{FLOOR_DB:.4f}" for row in rows)
    if floored:
        logger.warning("%s: %d output(s) hold nothing of their class; they count with %g dB", name, floored, FLOOR_DB)


def score_system(test: TestSet, experiment: str | Path, *, bss_eval: bool = True, nj: int = 1) -> Path:
    """Score EXPERIMENT/separated/<set> and write EXPERIMENT/scores/<set>/scores.tsv.

    Args:
        test: mixtures and references.
        experiment: the system's folder.
        bss_eval: also SDR, SIR and SAR.
        nj: worker processes.

    Returns:
        the table's path.

    Raises:
        UserError: see ``find_estimates`` and ``score_clip``.
    """
    experiment = Path(experiment)
    data = test.data
    set_name = data.path.resolve().name
    separated = experiment / "separated" / set_name
    data.check_source(separated, "rerun stage 5")
    estimates = find_estimates(data, separated)
    clips = [
        ClipFiles(
            utt,
            test.sample_rate,
            data.labels,
            str(wav),
            tuple(str(test.references[utt][c]) if c in test.references[utt] else None for c in data.labels),
            estimates[utt],
            tuple(test.overlaps[utt].tolist()),
            tuple(c in test.classes[utt] for c in data.labels),
        )
        for utt, wav in data.wav.items()
    ]
    jobs = [tuple(clips[start : start + CLIPS_IN_A_JOB]) for start in range(0, len(clips), CLIPS_IN_A_JOB)]
    parts = run_sharded(partial(score_clips, bss_eval=bss_eval), jobs, nj=nj, description=f"score {experiment.name}")
    rows = [row for part in parts for row in part]
    _warn(rows, experiment.name, test.referenced)
    path = experiment / "scores" / set_name / "scores.tsv"
    write_text(path.parent / SOURCE_NAME, data.fingerprint() + "\n")
    write_tsv(path, COLUMNS, rows)
    logger.info("%s: %d rows", path, len(rows))
    return path
