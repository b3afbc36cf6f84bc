"""What can be heard on the listening page: chosen mixtures, their references, and the sources of each system.

Audio stands in the page as text: FLAC, which loses nothing, in base64; every distinct clip once, and no more than fits.
"""

import base64
import io
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from weaksep.errors import UserError
from weaksep.fileio.audio import audio_info, read_audio, to_int16
from weaksep.fileio.datadir import DataDir, EventLabel, read_scp
from weaksep.report.aggregate import Score
from weaksep.report.examples import DRAWN, KINDS, Example, choose_examples, draw_examples, in_turn
from weaksep.report.figures_style import System, headline, oracles
from weaksep.report.systems import short_name

logger = logging.getLogger(__name__)

LIMIT_BYTES = 40_000_000  # of text: what a browser opens at once, and what can still be sent or put on a site
MAX_COLUMNS = 4  # of systems side by side
OTHERS_SHARE = 0.55  # of the limit: up to here the systems that are not shown at first are taken in, too

Scores = Mapping[str, Sequence[Score]]  # system -> rows
Tables = dict[str, dict[str, Path]]  # class -> clip -> file
Texts = dict[tuple[str, str], str]  # (system, class) -> audio as text; of no system: the mixture ("") and references


def encode(path: Path, sample_rate: int) -> str:
    """A file's samples at 16 bits as base64 of FLAC, not made louder or softer.

    Raises:
        UserError: the file is missing, damaged or at another rate.
    """
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, to_int16(read_audio(path, sample_rate)), sample_rate, format="FLAC", subtype="PCM_16")
    return base64.b64encode(buffer.getvalue()).decode("ascii")


class AudioStore:
    """Clips as text, by id, of ``limit`` characters together; equal clips (silence, say) have one id."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.ids: dict[str, str] = {}  # text -> id

    def add(self, texts: Iterable[str], share: float = 1.0) -> list[str] | None:
        """Ids of the texts; None, and nothing is added, when they do not all fit into this share of the limit."""
        texts = list(texts)
        together = dict.fromkeys([*self.ids, *texts])
        if len(together) > len(self.ids) and sum(map(len, together)) > share * self.limit:
            return None
        self.ids = {text: f"audio-{number}" for number, text in enumerate(together)}
        return [self.ids[text] for text in texts]


@dataclass
class Mixture:
    """A chosen mixture as the page shows it.

    Attributes:
        example: the choice.
        duration_s: its length.
        sample_rate: in Hz.
        spans: active class -> labelled (onset, offset) in seconds, in the order of the classes.
        references: active class -> id of its audio; the mixture itself has the empty name.
        sources: system -> active class -> (id, SI-SDRi in dB or None, confidence or None).
    """

    example: Example
    duration_s: float
    sample_rate: int
    spans: dict[str, list[tuple[float, float]]]
    references: dict[str, str] = field(default_factory=dict)
    sources: dict[str, dict[str, tuple[str, float | None, float | None]]] = field(default_factory=dict)

    def take_in(self, texts: Texts, store: AudioStore, scores: Scores, share: float = 1.0) -> bool:
        """Put audio into the store and note its ids; False, and nothing is done, where there is no room."""
        ids = store.add(texts.values(), share)
        for (system, name), audio in zip(texts, ids or (), strict=ids is not None):
            if not system:
                self.references[name] = audio
                continue
            rows = (row for row in scores[system] if (row.utt, row.name) == (self.example.utt, name))
            gain, sure = next(((row.si_sdri_db, row.confidence) for row in rows), (None, None))
            self.sources.setdefault(system, {})[name] = (audio, gain, sure)
        return ids is not None


class Listening(NamedTuple):
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

    mixtures: Sequence[Mixture] = ()
    columns: Sequence[str] = ()
    systems: Sequence[str] = ()
    clips: Mapping[str, str] = MappingProxyType({})
    no_audio: Sequence[str] = ()
    no_room: Sequence[str] = ()
    few: Sequence[str] = ()
    unheard: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """What the page's script has to know."""
        mixtures = [
            {"utt": m.example.utt, "rate": m.sample_rate, "mixture": m.references[""], "sources": m.sources}
            for m in self.mixtures
        ]
        return {"columns": self.columns, "labels": {s: short_name(s) for s in self.systems}, "mixtures": mixtures}


def gather(
    systems: Sequence[System], scores: Scores, expdir: Path, test_dir: Path, limit: int = LIMIT_BYTES
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
    data, store = DataDir.load(test_dir), AudioStore(limit)
    # The unprocessed mixture is there anyhow.
    names = [system["name"] for system in systems if system["supervision"] != "unprocessed"]
    found = {name: separated_tables(expdir / name / "separated" / test_dir.name, data.classes) for name in names}
    tables = {name: files for name, files in found.items() if files is not None and name in scores}
    first = first_columns(systems, list(tables))
    chosen = choose_examples(scores) or draw_examples(data.clip_labels(), list(scores))
    events = data.events() if chosen else {}
    mixtures: list[Mixture] = []
    unheard = []
    # Good, median, poor, good, ...: should the room end, there are still some of each.
    for example in in_turn(chosen, lambda example: [*KINDS, DRAWN].index(example.kind)):
        try:
            mixture, texts = _mixture(example, scores, data, events[example.utt])
        except (UserError, KeyError) as error:
            logger.warning("%s: %s; not on the page", example.utt, error)
            continue
        if mixture.take_in({**texts, **_sources(first, tables, mixture)}, store, scores):
            mixtures.append(mixture)
        else:
            unheard.append(example.utt)
    others = [name for name in tables if name not in first]
    few = [m.example.utt for m in mixtures if not m.take_in(_sources(others, tables, m), store, scores, OTHERS_SHARE)]
    heard = {name for mixture in mixtures for name in mixture.sources}
    return Listening(
        mixtures=sorted(mixtures, key=lambda mixture: chosen.index(mixture.example)),
        columns=[name for name in first if name in heard],
        systems=[name for name in names if name in heard],
        clips={name: text for text, name in store.ids.items()},
        no_audio=[name for name in names if name not in tables],
        no_room=[name for name in tables if name not in heard] if mixtures else [],
        few=few,
        unheard=unheard,
    )


def first_columns(systems: Sequence[System], heard: Sequence[str]) -> list[str]:
    """The systems shown side by side at first: strong, frame, clip and an oracle, then whatever else can be heard."""
    masks = sorted((s["name"] for s in oracles(systems)), key=lambda name: name != "oracle_irm")
    wanted = [*(system["name"] for system in headline(systems)), *masks[:1], *heard]
    return [name for name in dict.fromkeys(wanted) if name in heard][:MAX_COLUMNS]


def separated_tables(folder: Path, classes: Sequence[str]) -> Tables | None:
    """Separated files of a system; None when a class has no table (``weaksep clean`` removes the folder)."""
    paths = {name: folder / f"{name}.scp" for name in classes}
    there = all(path.is_file() for path in paths.values())
    return {name: read_scp(path) for name, path in paths.items()} if there else None


def _mixture(example: Example, scores: Scores, data: DataDir, events: Sequence[EventLabel]) -> tuple[Mixture, Texts]:
    """A mixture without audio as yet, and the audio of the mixture and of the references of its active classes."""
    rows = [row for row in scores[example.system] if row.utt == example.utt and row.si_sdri_db is not None]
    drawn, wav = example.kind == DRAWN, data.wav[example.utt]
    names = data.clip_labels()[example.utt] if drawn else [row.name for row in rows]
    n_samples, rate, _ = audio_info(wav)
    spans = {name: [(e.onset_s, e.offset_s) for e in events if e.label == name] for name in names}
    files = {} if drawn else {name: read_scp(data.path / f"src_{name}.scp")[example.utt] for name in names}
    texts = {("", name): encode(file, rate) for name, file in {"": wav, **files}.items()}
    return Mixture(example, n_samples / rate, rate, spans), texts


def _sources(systems: Sequence[str], tables: Mapping[str, Tables], mixture: Mixture) -> Texts:
    """Sources of a mixture's active classes; none of a system, and the log says so, of which one cannot be read."""
    texts: Texts = {}
    utt = mixture.example.utt
    for system in systems:
        try:
            texts |= {(system, k): encode(tables[system][k][utt], mixture.sample_rate) for k in mixture.spans}
        except (UserError, KeyError) as error:
            logger.warning("%s, %s: %s; not on the page", system, utt, error)
    return texts
