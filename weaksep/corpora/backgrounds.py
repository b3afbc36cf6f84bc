"""Unlabelled recordings, for backgrounds: a folder of audio files, or a wav.scp -> data/backgrounds/{train,valid,test}.

They are written as the events of a corpus are, all of the one class ``unlabelled``. The sets have no recording in
common: a net that has heard a background in training may know it again.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

from weaksep.corpora.config import CorpusConfig
from weaksep.corpora.convert import convert, convert_step
from weaksep.corpora.event import SETS, Corpus, SourceEvent
from weaksep.corpora.table import load_part
from weaksep.errors import UserError, raise_problems, refuse
from weaksep.fileio.audio import audio_info
from weaksep.fileio.audiostream import audio_files
from weaksep.fileio.datadir import read_scp
from weaksep.fileio.names import BACKGROUND, doubled, id_problem, plain_id
from weaksep.fileio.stamp import run_step
from weaksep.fileio.tables import parse_table
from weaksep.seeding import generator

HELD_OUT = 0.1  # share of the recordings of valid, and of test


class BackgroundsConfig(CorpusConfig):
    """How they are converted."""

    corpus: str = "backgrounds"
    classes: list[str] = ["unlabelled"]


def open_backgrounds(config: BackgroundsConfig, source: Path) -> Corpus:
    """The recordings, split into sets at random; the same whatever their order and the seed of the mixtures.

    In a folder every file is a recording; beside a wav.scp, utt2spk may say which files are of one recording. The ids
    begin with "background", so that no recording of the events has the same.

    Raises:
        UserError: no such folder or list, a utt2spk that does not fit it, names that make no ids, or too few
            recordings.
    """
    recordings: dict[str, str] = {}
    if source.is_dir():
        found = audio_files(source)
        names = [plain_id(str(file.relative_to(source))) for file in found]
        raise_problems(f"{source}: files whose names come to the same id; rename some", doubled(names))
        files = dict(zip(names, found, strict=True))
    else:
        refuse({f"{source}: no such folder, and no such wav.scp": not source.exists()}, UserError)
        files, table = read_scp(source), source.parent / "utt2spk"
        if table.is_file():
            lines = parse_table(table)
            recordings = lines.values("a valid table")
            # One that is misspelt would leave its file a recording of its own, perhaps in another set than the rest.
            lost = {name: lines.entries[name].line for name in recordings if name not in files}
            problems = [f"{table}:{line}: {name} is not in {source}; correct it" for name, line in lost.items()]
            raise_problems(f"{table} does not fit {source}", problems, one_alone=True)
    recording_of = {name: f"{BACKGROUND}-{recordings.get(name, name)}" for name in sorted(files)}
    drawn = sorted({*recording_of.values()}, key=lambda name: (generator(0, "backgrounds", name).random(), name))
    if len(drawn) < len(SETS):
        raise UserError(f"{source}: {len(drawn)} recordings; backgrounds need one for each of {', '.join(SETS)}")
    held_out = max(1, round(HELD_OUT * len(drawn)))
    homes = dict.fromkeys(drawn, "train") | dict.fromkeys(drawn[: 2 * held_out], "valid")
    homes |= dict.fromkeys(drawn[:held_out], "test")
    ids = {name: f"{own}-{name}" if name in recordings else own for name, own in recording_of.items()}
    wrong = [f"{name}: the id {own!r} {problem}" for name, own in ids.items() if (problem := id_problem(own))]
    twice = set(doubled(ids.values()))
    wrong += [f"{name}: the id {own!r} is that of another file too" for name, own in ids.items() if own in twice]
    raise_problems(f"{source}: files that cannot be named; rename them or their recordings (utt2spk)", wrong)
    sets: dict[str, list[SourceEvent]] = {name: [] for name in SETS}
    for name, recording in recording_of.items():
        sets[homes[recording]].append(SourceEvent(ids[name], config.classes[0], recording, files[name]))
    sets = {name: sorted(events, key=lambda event: event.event_id) for name, events in sets.items()}
    return Corpus(sets, partial(load_part, trim=False, accept_truncated=config.accept_truncated))


def make_backgrounds(
    source: str | Path | None,
    events_dir: Path,
    out: Path,
    *,
    accept_truncated: bool,
    nj: int,
    max_bad_ratio: float,
    force: bool,
) -> None:
    """Convert the recordings to the rate of the events, unless that is up to date.

    Args:
        source: a folder or a wav.scp; None for what an earlier run has left in ``out``.
        events_dir: data/events.
        out: data/backgrounds.
        accept_truncated: take what is there of files that were cut short.
        nj, max_bad_ratio: see ``convert``.
        force: convert them again.

    Raises:
        UserError: nobody said where they are, or they lie where ``out`` is written; see also ``open_backgrounds`` and
            ``convert``.
    """
    if source is None:
        if not (out / "train/wav.scp").is_file():
            raise UserError("mixtures with backgrounds are asked for; say where there are some: --background DIR")
        return
    source = Path(source)
    if source.is_dir() and (out.resolve() == source.resolve() or source.resolve() in out.resolve().parents):
        # What is written would be among the recordings the next time.
        raise UserError(f"{out}: is written here, and {source} holds it; put the recordings into a folder of their own")
    rate = audio_info(next(iter(read_scp(events_dir / "train/wav.scp").values()))).sample_rate
    config = BackgroundsConfig(sample_rate=rate, accept_truncated=accept_truncated)
    corpus = open_backgrounds(config, source)
    run_step(
        replace(convert_step(corpus, __name__, config, out, max_bad_ratio), kind="backgrounds"),
        partial(convert, corpus, config, nj=nj, max_bad_ratio=max_bad_ratio),
        force=force,
    )
