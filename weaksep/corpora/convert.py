"""Stage 0: every selected event of a corpus -> mono float WAV at the recipe's rate, with Kaldi tables.

Every clip is tried before the first complaint, so that one list names all that are missing, unreadable or
silent. Tables are written last, wav.scp at the very end: a folder with a wav.scp is complete.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from weaksep.corpora.config import CorpusConfig
from weaksep.corpora.event import Corpus, SourceEvent
from weaksep.errors import UserError, raise_problems
from weaksep.fileio.atomic import clear_folder, write_text
from weaksep.fileio.audio import write_audio
from weaksep.fileio.place import check_place
from weaksep.fileio.shards import Shards
from weaksep.fileio.stamp import Step
from weaksep.fileio.tables import invert, write_table
from weaksep.jobs import run_sharded, split_evenly
from weaksep.signal.level import is_silent

logger = logging.getLogger(__name__)

TABLES = ("wav.scp", "utt2class", "utt2spk", "spk2utt", "utt2dur", "labels.txt")
SHARD_EVENTS = 100


@dataclass(frozen=True)
class Shard:
    """Some events of one set, for one worker, and where to note them as done."""

    name: str
    corpus: Corpus
    events: list[SourceEvent]
    audio_dir: Path
    sample_rate: int
    notes: Shards


def audio_name(event: SourceEvent) -> str:
    """Path of an event's file inside its set's folder."""
    return f"audio/{event.event_id}.wav"


def convert_shard(shard: Shard) -> None:
    """Write a shard's files and note one entry an event: its length in samples, or what is wrong with it."""
    results: list[int | str] = []
    files: list[Path] = []
    for event in shard.events:
        try:
            waveform = shard.corpus.load(event, shard.sample_rate)
        except UserError as error:
            results.append(str(error))
            continue
        if is_silent(waveform):
            results.append(f"{event.path or event.event_id}: digital silence, no level can be set")
            continue
        files.append(shard.audio_dir / f"{event.event_id}.wav")
        write_audio(files[-1], waveform, shard.sample_rate, "FLOAT", durable=False)
        results.append(len(waveform))
    shard.notes.save(shard.name, results, files)


def clear(folder: Path) -> None:
    """Remove what an earlier run wrote: tables first, so that no table outlives its audio."""
    for name in TABLES:
        (folder / name).unlink(missing_ok=True)
    clear_folder(folder / "audio")


def check_sets(sets: dict[str, list[SourceEvent]], classes: list[str]) -> None:
    """Every class must occur in every set, every id once, and no recording in two sets.

    Raises:
        UserError: listing all that is wrong.
    """
    problems = []
    home: dict[str, str] = {}
    for name, events in sets.items():
        found = Counter(event.class_name for event in events)
        problems += [f"{name}: no event of class {label}" for label in classes if not found[label]]
        counts = Counter(event.event_id for event in events)
        problems += [f"{name}: {event_id} occurs {count} times" for event_id, count in counts.items() if count > 1]
        for recording in {event.recording_id for event in events}:
            if home.setdefault(recording, name) != name:
                problems.append(f"recording {recording} is in {home[recording]} and {name}")
    raise_problems("the split of the corpus cannot be used", sorted(problems))


def write_set(
    folder: Path, events: list[SourceEvent], n_samples: list[int], classes: list[str], sample_rate: int
) -> None:
    """Write the tables of one set, wav.scp last."""
    utt2spk = {event.event_id: event.recording_id for event in events}
    write_text(folder / "labels.txt", "".join(f"{name}\n" for name in classes))
    write_table(folder / "utt2class", {event.event_id: event.class_name for event in events})
    write_table(folder / "utt2spk", utt2spk)
    write_table(folder / "spk2utt", invert(utt2spk))
    durations = zip(events, n_samples, strict=True)
    write_table(folder / "utt2dur", {event.event_id: f"{n / sample_rate:.7f}" for event, n in durations})
    write_table(folder / "wav.scp", {event.event_id: audio_name(event) for event in events})


def convert_step(
    corpus: Corpus, sets: dict[str, list[SourceEvent]], config: CorpusConfig, out: Path, max_bad_ratio: float
) -> Step:
    """Stage 0 as a step: its inputs are the chosen clips (``sets``) and what the corpus says of them."""
    events = {name: sorted(events, key=lambda e: e.event_id) for name, events in sets.items()}
    chosen = [
        f"{name} {e.event_id} {e.class_name} {e.recording_id} {e.salience}" for name in events for e in events[name]
    ]
    return Step(
        name=str(out),
        folder=out,
        settings={
            "config": config.model_dump(mode="json"),
            "max_bad_ratio": max_bad_ratio,
            "chosen clips": hashlib.sha256("\n".join(chosen).encode()).hexdigest()[:16],
        },
        files={f"{e.event_id} ({e.path.name})": e.path for name in events for e in events[name] if e.path},
        code=["weaksep.corpora.convert", type(corpus).__module__],
        outputs=list(events),
    )


def convert(
    corpus: Corpus,
    config: CorpusConfig,
    out: Path,
    *,
    nj: int,
    max_bad_ratio: float,
    shards: Shards | None = None,
    sets: dict[str, list[SourceEvent]] | None = None,
) -> None:
    """Write data/events/{train,valid,test}.

    Args:
        corpus: the opened corpus.
        config: its configuration (rate and classes).
        out: data/events.
        nj: worker processes.
        max_bad_ratio: share of bad clips, over all sets, that may be left out (each is named in the log).
        shards: those that an interrupted run has finished.
        sets: of the corpus, where they have been asked for already.

    Raises:
        UserError: a split that cannot be used, or more bad clips than allowed; then nothing is left in `out`.
    """
    sets = sets or corpus.sets()
    check_sets(sets, config.classes)
    notes = shards or Shards(out)
    for name in sets:
        check_place(out / name, "events", "utt2class", notes.path.exists())

    def clear_all() -> None:
        for name in sets:
            clear(out / name)

    notes.begin(clear_all)
    work = []
    for name, events in sets.items():
        parts = split_evenly(events, -(-len(events) // SHARD_EVENTS))
        work += [
            Shard(f"{name}.{number}", corpus, list(part), out / name / "audio", config.sample_rate, notes)
            for number, part in enumerate(parts, start=1)
        ]
    run_sharded(convert_shard, [s for s in work if not notes.done(s.name)], nj=nj, description="data")
    events_done = [event for shard in work for event in shard.events]
    results = [result for shard in work for result in notes.load(shard.name)]
    result = dict(zip((e.event_id for e in events_done), results, strict=True))

    bad = [line for line in result.values() if isinstance(line, str)]
    if len(bad) > max_bad_ratio * len(result):
        clear_all()
        notes.remove()
        raise_problems(
            f"{len(bad)} of {len(result)} clips cannot be used: mend them, or see --max-bad-ratio",
            bad,
        )
    for line in bad:
        logger.warning("left out: %s", line)
    kept = {name: [e for e in events if isinstance(result[e.event_id], int)] for name, events in sets.items()}
    check_sets(kept, config.classes)
    for name, events in kept.items():
        n_samples = [int(result[event.event_id]) for event in events]
        write_set(out / name, events, n_samples, config.classes, config.sample_rate)
        found = Counter(event.class_name for event in events)
        recordings = {label: len({e.recording_id for e in events if e.class_name == label}) for label in config.classes}
        logger.info(
            "%s: %d events, %.0f s; events (recordings) by class: %s",
            name,
            len(events),
            sum(n_samples) / config.sample_rate,
            ", ".join(f"{label} {found[label]} ({recordings[label]})" for label in config.classes),
        )
    if shards is None:
        notes.remove()
