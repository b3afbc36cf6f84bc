"""Stage 0: every selected event of a corpus -> mono float WAV at the recipe's rate, with Kaldi tables.

Every clip is tried before the first complaint, so that one list names all that are missing, unreadable or
silent. Tables are written last, wav.scp at the very end: a folder with a wav.scp is complete.
"""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from weaksep.corpora.config import CorpusConfig
from weaksep.corpora.event import Corpus, SourceEvent
from weaksep.errors import UserError, raise_problems
from weaksep.fileio.atomic import write_text
from weaksep.fileio.audio import write_audio
from weaksep.fileio.tables import invert, write_table
from weaksep.jobs import run_sharded, split_evenly

logger = logging.getLogger(__name__)

TABLES = ("wav.scp", "utt2class", "utt2spk", "spk2utt", "utt2dur", "labels.txt")
SHARD_EVENTS = 200


@dataclass(frozen=True)
class Shard:
    """Some events of one set, for one worker."""

    corpus: Corpus
    events: list[SourceEvent]
    audio_dir: Path
    sample_rate: int


def audio_name(event: SourceEvent) -> str:
    """Path of an event's file inside its set's folder."""
    return f"audio/{event.event_id}.wav"


def convert_shard(shard: Shard) -> list[int | str]:
    """Write a shard's files. One entry an event: its length in samples, or what is wrong with it."""
    results: list[int | str] = []
    for event in shard.events:
        try:
            waveform = shard.corpus.load(event, shard.sample_rate)
        except UserError as error:
            results.append(str(error))
            continue
        if not waveform.any():
            results.append(f"{event.path or event.event_id}: digital silence, no level can be set")
            continue
        write_audio(shard.audio_dir / f"{event.event_id}.wav", waveform, shard.sample_rate, "FLOAT", durable=False)
        results.append(len(waveform))
    return results


def clear(folder: Path) -> None:
    """Remove what an earlier run wrote: tables first, so that no table outlives its audio."""
    for name in TABLES:
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "audio", ignore_errors=True)


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


def convert(corpus: Corpus, config: CorpusConfig, out: Path, *, nj: int, max_bad_ratio: float) -> None:
    """Write data/events/{train,valid,test}.

    Args:
        corpus: the opened corpus.
        config: its configuration (rate and classes).
        out: data/events.
        nj: worker processes.
        max_bad_ratio: share of bad clips, over all sets, that may be left out (each is named in the log).

    Raises:
        UserError: a split that cannot be used, or more bad clips than allowed; then nothing is left in `out`.
    """
    sets = corpus.sets()
    check_sets(sets, config.classes)
    shards = []
    for name, events in sets.items():
        clear(out / name)
        parts = split_evenly(events, max(nj, -(-len(events) // SHARD_EVENTS)))
        shards += [Shard(corpus, list(part), out / name / "audio", config.sample_rate) for part in parts]
    by_shard = run_sharded(convert_shard, shards, nj=nj, description="data")
    events_done = [event for shard in shards for event in shard.events]
    result = dict(zip((e.event_id for e in events_done), (r for results in by_shard for r in results), strict=True))

    bad = [line for line in result.values() if isinstance(line, str)]
    if len(bad) > max_bad_ratio * len(result):
        for name in sets:
            clear(out / name)
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
