"""Stage 0 of labelled recordings: read the labels, find the recordings, prepare them, unless that is up to date."""

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from weaksep.errors import UserError, refuse
from weaksep.fileio.names import AUDIO_PATTERNS
from weaksep.fileio.stamp import STAMP_NAME, Step, run_step
from weaksep.recordings.config import PrepareConfig
from weaksep.recordings.jams import jams_files
from weaksep.recordings.match import match, read_label_files
from weaksep.recordings.prepare import prepare
from weaksep.recordings.sets import by_set, classes_of
from weaksep.recordings.write import TABLES

logger = logging.getLogger(__name__)


def places_of(config: PrepareConfig, given: Mapping[str, Path | None], db: Path | None) -> dict[str, Path]:
    """Where recordings, labels and references are, as far as there are any.

    Args:
        config: names each of them.
        given: ``audio``, ``clip_labels``, ``events`` and ``references`` of the command line, which comes first.
        db: where the configuration's paths start; None: only what was given is meant, and that must include the audio.

    Raises:
        UserError: no folder of recordings, or none of references where one is named.
    """
    places = {name: path for name, path in given.items() if path is not None}
    optional = {"events", "references", *(["clip_labels"] if "events" in places else [])}
    named = {} if db is None else {name: db / path for name in given if (path := getattr(config, name)) is not None}
    for name, path in named.items():
        if name in optional - places.keys() and not path.exists():
            logger.info("%s is not there, so it is done without", path)
        else:
            places.setdefault(name, path)
    references = places.get("references")
    refuse(
        {
            f"{references}: no such folder of references": references and not references.is_dir(),
            "no recordings: give --audio DIR, or --config": "audio" not in places,
        },
        UserError,
    )
    return places


def prepare_recordings(
    config: PrepareConfig,
    given: Mapping[str, Path | None],
    db: Path | None,
    out: Path,
    *,
    nj: int,
    max_bad_ratio: float,
    force: bool,
) -> None:
    """Prepare labelled recordings unless that is up to date: data/{train,valid,test}.

    The step's inputs are the label files and the recordings that they name. Before it, audio is opened only to tell a
    video from its segment.

    Args:
        config: the configuration, or the defaults.
        given, db: see ``places_of``.
        out: data.
        nj, max_bad_ratio: see ``prepare``.
        force: prepare them all the same.

    Raises:
        UserError: a label file cannot be used, or there is no recording, class or set to prepare; see also ``prepare``.
    """
    places = places_of(config, given, db)
    audio, references = places["audio"], places.get("references")
    entries = read_label_files(places.get("clip_labels"), places.get("events"))
    matched, problems, unlabelled = match(entries, audio, config.accept_truncated)
    if not matched:
        raise UserError(f"{audio}: none of the labelled recordings is there; first: {problems[0]}"
                        if problems else "the label files name no recording")  # fmt: skip
    if unlabelled:
        logger.info("%s: %d files without labels, not used, first %s", audio, len(unlabelled), unlabelled[0])
    classes = classes_of(matched, config)
    sets = by_set(matched, config, classes, references)
    sources = [file for own in sets.values() for r in own for file in (r.file, *r.references.values())]
    label_files = [places[name] for name in ("clip_labels", "events") if name in places]
    step = Step(
        name=str(out),
        folder=out,
        settings={"config": config.model_dump(mode="json"), "max_bad_ratio": max_bad_ratio},
        tables={str(file): file for path in label_files for file in jams_files(path)},
        files={str(file): file for file in sources},
        code=["weaksep.recordings.prepare", "weaksep.recordings.sets"],
        outputs=[f"{name}/{output}" for name in sets for output in (*TABLES, "src_*.scp", *AUDIO_PATTERNS)],
        stamp_name=f"prepare.{STAMP_NAME}",  # data is no folder of their own
        kind="clips",
    )
    work = partial(prepare, sets, problems, config, classes, label_files, nj=nj, max_bad_ratio=max_bad_ratio)
    run_step(step, work, force=force)
