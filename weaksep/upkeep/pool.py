"""Data folders of several corpora as one, for a net of all their classes. No audio is copied: scp entries lead to it.

A clip has the labels that its own corpus gives it. For classes that only other corpora name nobody has searched it, and
it counts as without them.
"""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from weaksep.errors import raise_problems, unknown_names
from weaksep.fileio.audio import audio_info
from weaksep.fileio.datadir import DataDir, parse_lengths
from weaksep.fileio.inputs import source_scps, tables_of
from weaksep.fileio.names import doubled, label_problem, plain_id
from weaksep.fileio.place import check_place
from weaksep.fileio.shards import Shards
from weaksep.fileio.stamp import Step, run_step
from weaksep.recordings.write import TABLES, Clip, write_clips
from weaksep.upkeep.folder import SCENES
from weaksep.upkeep.validate import SETS, validate


def _write(sets: Mapping[str, DataDir], renamed: Mapping[str, str], classes: Sequence[str], notes: Shards) -> None:
    check_place(notes.folder, "clips", notes.known(), [file for data in sets.values() for file in data.wav.values()])
    files: dict[tuple[str, str], str] = {}
    clips, lengths_s = [], {}
    for corpus, data in sets.items():
        sources, labels, events = data.references(), data.clip_labels(), data.events()
        recordings = {} if (data.path / SCENES).is_file() else data.recordings()  # utt2spk of mixtures names none
        timed, referenced, lengths = data.timed(), data.referenced(), parse_lengths(data.path / "utt2dur").entries
        for utt, path in data.wav.items():
            name = f"{corpus}-{utt}"
            lengths_s[name] = lengths[utt].value
            of_class = {renamed[own]: sources[own][utt] for own in data.classes if utt in sources[own]}
            files |= {(folder, name): os.path.abspath(file) for folder, file in {"mix": path, **of_class}.items()}
            times = sorted((event.onset_s, event.offset_s, renamed[event.label]) for event in events[utt])
            known = times if utt in timed else None, list(of_class) if utt in referenced else None
            clips.append(Clip(name, recordings.get(utt, name), [renamed[own] for own in labels[utt]], *known))
    with notes.unfinished(notes.folder / name for name in (*TABLES, *(f"src_{label}.scp" for label in classes))):
        write_clips(notes.folder, clips, classes, lengths_s, lambda folder, utt: files[folder, utt])


def pool(out: Path, folders: Sequence[Path], rename: Mapping[str, str], force: bool) -> None:
    """Write the train, valid and test of several data folders as one, each unless it is up to date.

    Args:
        out: folder of the sets to write.
        folders: folders of sets; each corpus is called like its folder, or the one around it if that is ``data``.
        rename: class -> what it is called in ``out``.
        force: although nothing has changed.

    Raises:
        UserError: a folder is not valid, a recording is in different sets, sample rates differ, or corpora or classes
            cannot be called so.
    """
    names = [plain_id(next(part for part in path.absolute().parts[::-1] if part != "data")) for path in folders]
    raise_problems("two corpora of one name: rename a folder, or link it", doubled(names))
    raise_problems(
        "the data folders cannot be pooled (a recording that several have must be in the same set in all of them: name "
        "its set in the table of events or labels of one, or leave it out there)",
        [
            str(problem)
            for report in validate([path / of for path in folders for of in SETS])
            for problem in report.problems
        ],
    )
    data = {of: {name: DataDir.load(path / of) for name, path in zip(names, folders, strict=True)} for of in SETS}
    every = [own for sets in data.values() for own in sets.values()]
    rates = {audio_info(file)[1]: file for own in every for file in [*own.wav.values()][:1]}
    raise_problems(
        "sample rates differ; make all with one sample_rate (data.yaml, prepare.yaml)",
        [f"{file}: {rate} Hz" for rate, file in rates.items() if len(rates) > 1],
    )
    renamed = {name: rename.get(name, name) for own in every for name in own.classes}
    classes = list(dict.fromkeys(renamed.values()))
    wrong = [
        *unknown_names(rename, renamed),
        *(f"{name!r} {problem}" for name in classes if (problem := label_problem(name))),
        *(f"{name} is there in another spelling" for name in doubled(classes)),
        *(
            f"{own.path}: {name} would be two of its classes"
            for own in every
            for name in doubled(renamed[label] for label in own.classes)
        ),
    ]
    raise_problems("classes that cannot be pooled; see --rename", wrong)
    for of, sets in data.items():
        step = Step(
            name=str(out / of),
            folder=out / of,
            settings={
                "classes": classes,
                "rename": dict(rename),
                "folders": [str(path.absolute()) for path in folders],
            },
            tables={
                f"{corpus} {table}": path
                for corpus, own in sets.items()
                for table, path in tables_of(own.path, (*TABLES, SCENES, *source_scps(own.path))).items()
            },
            code=["weaksep.upkeep.pool"],
            outputs=[*TABLES, "src_*.scp"],
        )
        run_step(step, partial(_write, sets, renamed, classes), force=force)
