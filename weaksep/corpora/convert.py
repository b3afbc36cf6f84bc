"""Stage 0: every selected event of a corpus -> mono float WAV at the recipe's rate, with Kaldi tables.

Every clip is tried before the first complaint, so that one list names all that are missing, unreadable or
silent. Tables are written last, wav.scp at the very end: a folder with a wav.scp is complete.
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np

from weaksep.corpora.config import CorpusConfig
from weaksep.corpora.event import Corpus, SourceEvent, check_sets
from weaksep.errors import UserError, raise_problems
from weaksep.fileio.clipwriter import ClipWriter
from weaksep.fileio.eventdir import EVENT_AUDIO, EVENT_TABLES, write_event_tables
from weaksep.fileio.names import clashes
from weaksep.fileio.place import check_place
from weaksep.fileio.scp import file_of
from weaksep.fileio.shards import Shards
from weaksep.fileio.stamp import Step
from weaksep.jobs import Claim, cut_shards, run_shards
from weaksep.signal.level import is_silent

logger = logging.getLogger(__name__)

SHARD_EVENTS = 100


def convert_shard(
    load: Callable[[SourceEvent, int], np.ndarray],
    config: CorpusConfig,
    shard: tuple[Path, Sequence[SourceEvent]],
    claim: Claim,
) -> list[tuple[int, str]]:
    """Write the audio of some events of a set's folder; of each its length in samples and its entry of wav.scp, or 0
    and what is wrong with it."""
    folder, events = shard
    results: list[tuple[int, str]] = []
    with ClipWriter(folder, config.audio_format, config.sample_rate, claim, "FLOAT") as writer:
        for event in events:
            try:
                waveform = load(event, config.sample_rate)
                if is_silent(waveform):
                    raise UserError(f"{event.path or event.event_id}: digital silence, no level can be set")
            except UserError as error:
                results.append((0, str(error)))
                continue
            results.append((len(waveform), writer.write(event.event_id, {"": waveform})[""]))
    return results


def convert_step(corpus: Corpus, module: str, config: CorpusConfig, out: Path, max_bad_ratio: float) -> Step:
    """Stage 0 as a step: its inputs are the chosen clips and what the corpus says of them; ``module`` reads it."""
    events = [(name, event) for name in corpus.sets for event in corpus.sets[name]]
    chosen = [f"{name} {e.event_id} {e.class_name} {e.recording_id} {e.salience}" for name, e in events]
    return Step(
        name=str(out),
        folder=out,
        settings={
            "config": config.model_dump(mode="json"),
            "max_bad_ratio": max_bad_ratio,
            "chosen clips": hashlib.sha256("\n".join(chosen).encode()).hexdigest()[:16],
        },
        files={f"{e.event_id} ({e.path.name})": file_of(e.path) for _, e in events if e.path},
        code=["weaksep.corpora.convert", module],
        outputs=[f"{name}/{output}" for name in corpus.sets for output in (*EVENT_TABLES, *EVENT_AUDIO)],
        kind="events",
    )


def convert(corpus: Corpus, config: CorpusConfig, notes: Shards, *, nj: int, max_bad_ratio: float) -> None:
    """Write data/events/{train,valid,test}.

    Args:
        corpus: the opened corpus.
        config: its configuration (rate and classes).
        notes: of the step; their folder is data/events.
        nj: worker processes.
        max_bad_ratio: share of bad clips, over all sets, that may be left out (each is named in the log).

    Raises:
        UserError: more bad clips than allowed, then nothing is left in the folder; or a class without a good one.
    """
    folders = {name: notes.folder / name for name in corpus.sets}
    sources = [event.path for events in corpus.sets.values() for event in events if event.path]
    for name, folder in folders.items():
        check_place(folder, "events", notes.known(), sources)
        raise_problems(f"{folder} cannot be written", clashes((e.event_id for e in corpus.sets[name]), notes.folder))
    shards = {
        shard: (folders[name], events)
        for name, chosen in corpus.sets.items()
        for shard, events in cut_shards(chosen, SHARD_EVENTS, f"{name}.").items()
    }
    with notes.unfinished(folder / table for folder in folders.values() for table in EVENT_TABLES):
        work = partial(convert_shard, corpus.load, config)
        results = chain.from_iterable(run_shards(work, shards, notes, nj=nj, description="data"))
        result = dict(zip((e.event_id for events in corpus.sets.values() for e in events), results, strict=True))
        bad = [line for samples, line in result.values() if not samples]
        if len(bad) > max_bad_ratio * len(result):
            notes.undo()
            raise_problems(f"{len(bad)} of {len(result)} clips cannot be used: fix them, or see --max-bad-ratio", bad)
        for line in bad:
            logger.warning("left out: %s", line)
        kept = {name: [e for e in own if result[e.event_id][0]] for name, own in corpus.sets.items()}
        check_sets(kept, config.classes)
        for name, events in kept.items():
            write_event_tables(
                folders[name],
                config.classes,
                {
                    e.event_id: (e.class_name, e.recording_id, result[e.event_id][0] / config.sample_rate)
                    for e in events
                },
                {e.event_id: result[e.event_id][1] for e in events},
            )
