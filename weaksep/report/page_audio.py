"""What can be heard on the listening page: chosen mixtures, their references, and the sources of each system."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weaksep.errors import UserError
from weaksep.fileio.audio import audio_info
from weaksep.fileio.datadir import DataDir, EventLabel, read_scp
from weaksep.report.aggregate import Score
from weaksep.report.examples import DRAWN, KINDS, Example, choose_examples, draw_examples
from weaksep.report.figures_style import System, headline, oracles
from weaksep.report.page_store import LIMIT_BYTES, AudioStore, encode
from weaksep.report.systems import short_name

logger = logging.getLogger(__name__)

MAX_COLUMNS = 4  # of systems side by side
OTHERS_SHARE = 0.55  # of the limit: up to here the systems that are not shown at first are taken in, too

Tables = dict[str, dict[str, Path]]  # class -> clip -> file


@dataclass
class Mixture:
    """A chosen mixture as the page shows it.

    Attributes:
        example: the choice.
        duration_s: its length.
        sample_rate: in Hz.
        spans: active class -> labelled (onset, offset) in seconds, in the order of the classes.
        mixture: id of its audio.
        references: active class -> id.
        sources: system -> active class -> (id, SI-SDRi in dB or None).
    """

    example: Example
    duration_s: float
    sample_rate: int
    spans: dict[str, list[tuple[float, float]]]
    mixture: str = ""
    references: dict[str, str] = field(default_factory=dict)
    sources: dict[str, dict[str, tuple[str, float | None]]] = field(default_factory=dict)


@dataclass
class Listening:
    """All that can be heard, and what cannot.

    Attributes:
        mixtures: with their sources.
        columns: systems shown at first.
        systems: all that can be chosen.
        clips: id -> base64 text of a FLAC file.
        no_audio: systems without separated files.
        no_room: systems left out, since the page would grow too large.
        few: chosen mixtures in which only the first systems can be heard, for the same reason.
        unheard: chosen mixtures left out for the same reason.
    """

    mixtures: list[Mixture] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    systems: list[str] = field(default_factory=list)
    clips: dict[str, str] = field(default_factory=dict)
    no_audio: list[str] = field(default_factory=list)
    no_room: list[str] = field(default_factory=list)
    few: list[str] = field(default_factory=list)
    unheard: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """What the page's script has to know."""
        return {
            "columns": self.columns,
            "labels": {name: short_name(name) for name in self.systems},
            "mixtures": [
                {"utt": m.example.utt, "rate": m.sample_rate, "mixture": m.mixture, "sources": m.sources}
                for m in self.mixtures
            ],
        }


def gather(
    systems: Sequence[System],
    scores: Mapping[str, Sequence[Score]],
    expdir: Path,
    test_dir: Path,
    limit: int = LIMIT_BYTES,
) -> Listening:
    """Choose mixtures and take in their audio, mixture by mixture while there is room: first each with its references
    and the systems shown at first, then the other systems.

    Args:
        systems: the summary's.
        scores: system name -> rows.
        expdir: experiments.
        test_dir: data folder of the test set.
        limit: characters that all audio may have.
    """
    data = DataDir.load(test_dir)
    store = AudioStore(limit)
    listening = Listening(clips=store.clips)
    # The unprocessed mixture is there anyhow.
    names = [system["name"] for system in systems if system["supervision"] != "unprocessed"]
    found = {name: separated_tables(expdir / name / "separated" / test_dir.name, data.labels) for name in names}
    tables = {name: files for name, files in found.items() if files is not None and name in scores}
    first = first_columns(systems, list(tables))
    chosen = choose_examples(scores) or draw_examples(data.clip_labels(), list(scores))
    events = data.events() if chosen else {}
    for example in _in_turn(chosen):
        try:
            mixture, texts = _mixture(example, scores, data, events[example.utt])
        except (UserError, KeyError) as error:
            logger.warning("%s: %s; not on the page", example.utt, error)
            continue
        sources = [_sources(name, tables[name], mixture) for name in first]
        ids = store.add([*texts, *(text for source in sources for text in source)])
        if ids is None:
            listening.unheard.append(example.utt)
            continue
        mixture.mixture, *references = ids[: len(texts)]
        mixture.references = dict(zip(mixture.spans, references, strict=False))  # some have none
        _place(mixture, first, sources, ids[len(texts) :], scores)
        listening.mixtures.append(mixture)
    others = [name for name in tables if name not in first]
    for mixture in listening.mixtures:
        sources = [_sources(name, tables[name], mixture) for name in others]
        ids = store.add((text for source in sources for text in source), OTHERS_SHARE)
        if ids is None:
            listening.few.append(mixture.example.utt)
        else:
            _place(mixture, others, sources, ids, scores)
    heard = {name for mixture in listening.mixtures for name in mixture.sources}
    listening.systems = [name for name in names if name in heard]
    listening.columns = [name for name in first if name in heard]
    listening.no_audio = [name for name in names if name not in tables]
    if listening.mixtures:
        listening.no_room = [name for name in tables if name not in heard]
    listening.mixtures.sort(key=lambda mixture: chosen.index(mixture.example))
    return listening


def first_columns(systems: Sequence[System], heard: Sequence[str]) -> list[str]:
    """The systems shown side by side at first: strong, frame, clip and an oracle, then whatever else can be heard."""
    masks = sorted((s["name"] for s in oracles(systems)), key=lambda name: name != "oracle_irm")
    wanted = [*(system["name"] for system in headline(systems)), *masks[:1], *heard]
    return [name for name in dict.fromkeys(wanted) if name in heard][:MAX_COLUMNS]


def separated_tables(folder: Path, classes: Sequence[str]) -> Tables | None:
    """Separated files of a system; None when a class has no table (``weaksep clean`` removes the folder)."""
    paths = {name: folder / f"{name}.scp" for name in classes}
    if not all(path.is_file() for path in paths.values()):
        return None
    return {name: read_scp(path) for name, path in paths.items()}


def _in_turn(chosen: Sequence[Example]) -> list[Example]:
    """Good, median, worst, good, ...: should the room end, there are still some of each."""
    kinds = [*KINDS, DRAWN]
    of_kind = {kind: [example for example in chosen if example.kind == kind] for kind in kinds}
    return sorted(chosen, key=lambda e: (of_kind[e.kind].index(e), kinds.index(e.kind)))


def _mixture(
    example: Example, scores: Mapping[str, Sequence[Score]], data: DataDir, events: Sequence[EventLabel]
) -> tuple[Mixture, list[str]]:
    """A mixture without audio as yet, and the text of the mixture and of the references of its active classes."""
    if example.kind == DRAWN:
        names = list(data.clip_labels()[example.utt])
    else:
        rows = [row for row in scores[example.system] if row.utt == example.utt and row.si_sdri_db is not None]
        names = [row.name for row in rows]
    n_samples, rate, _ = audio_info(data.wav[example.utt])
    spans = {name: [(e.onset_s, e.offset_s) for e in events if e.label == name] for name in names}
    files = [data.wav[example.utt]]
    if example.kind != DRAWN:
        files += [read_scp(data.path / f"src_{name}.scp")[example.utt] for name in names]
    return Mixture(example, n_samples / rate, rate, spans), [encode(file, rate) for file in files]


def _sources(system: str, tables: Tables, mixture: Mixture) -> list[str]:
    """Texts of a system's sources of a mixture's active classes; none, and the log says so, if one cannot be read."""
    utt = mixture.example.utt
    try:
        return [encode(tables[name][utt], mixture.sample_rate) for name in mixture.spans]
    except (UserError, KeyError) as error:
        logger.warning("%s, %s: %s; not on the page", system, utt, error)
        return []


def _place(
    mixture: Mixture,
    systems: Sequence[str],
    sources: Sequence[Sequence[str]],
    ids: Sequence[str],
    scores: Mapping[str, Sequence[Score]],
) -> None:
    """Note the ids of the systems' sources, which stand one behind the other, and their SI-SDRi."""
    place = 0
    for system, texts in zip(systems, sources, strict=True):
        if texts:
            gains = {row.name: row.si_sdri_db for row in scores[system] if row.utt == mixture.example.utt}
            mine = ids[place : place + len(texts)]
            pairs = zip(mixture.spans, mine, strict=True)
            mixture.sources[system] = {name: (audio, gains.get(name)) for name, audio in pairs}
        place += len(texts)
