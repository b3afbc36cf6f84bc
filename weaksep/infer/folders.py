"""Many recordings: the user's files and folders of them, each separated into a folder of its own."""

import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from tqdm import tqdm

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.audio import audio_info
from weaksep.fileio.audiostream import audio_files
from weaksep.fileio.failure import failure_reason
from weaksep.fileio.models import model_name
from weaksep.fileio.names import clashes, name_problem, one_line
from weaksep.fileio.network import network_files, network_hash
from weaksep.fileio.place import check_apart, check_sources
from weaksep.fileio.shards import Shards
from weaksep.fileio.stamp import Step, run_step
from weaksep.infer.model import Separator, load_separator
from weaksep.infer.recordings import Options, output_files, recording_step, separate_recording
from weaksep.metrics.likeness import ALIKE, LikenessMeter

logger = logging.getLogger(__name__)


def _inside(folder: Path, out: Path) -> list[Path]:
    """Audio files in a folder, but those in ``out``, which the log tells of."""
    files, ours = audio_files(folder), out.resolve()
    others = [file for file in files if ours not in file.resolve().parents]
    if len(others) < len(files):
        logger.info("%s: %d files lie in --out and are left out", folder, len(files) - len(others))
    return others


def find_recordings(given: Sequence[Path], out: Path) -> dict[str, Path]:
    """Name of the output folder -> file, of all files and of the audio files in all folders but ``out`` inside them.

    Raises:
        UserError: listing what is not there, folders without audio, names that no folder can have, and files that
            would be written to one place.
    """
    problems: list[str] = []
    named: list[tuple[Path, Path]] = []
    found: dict[str, Path] = {}
    for path in given:
        files = [path]
        if path.is_dir() and path.resolve() == out.resolve():
            problems.append(f"{path}: is --out too; give another folder to write")
            continue
        if path.is_dir():
            files = _inside(path, out)
            problems += [] if files else [f"{path}: no audio files in this folder"]
        elif not path.exists():
            problems.append(f"{path}: no such file or folder")
            continue
        named += [(file.relative_to(path) if path.is_dir() else Path(file.name), file) for file in files]
    # Recordings that differ in their suffix alone keep it: street.wav and street.mp3.
    stems = Counter(path.with_suffix("") for path in {path for path, _ in named})
    for path, file in named:
        stem = path.with_suffix("")
        name = str(path if stems[stem] > 1 else stem)
        wrong = next(filter(None, map(name_problem, name.split("/"))), None)
        other = found.setdefault(name, file) if not wrong else file
        if wrong:
            what = f"its name, which the folder of its sources would have, {wrong}; rename it"
            problems.append(one_line(f"{file}: {what}"))
        elif other.resolve() != file.resolve():
            problems.append(f"{file}: would be written to {name}, as {other}; give them different --out folders")
    raise_problems("cannot separate", problems + clashes(found, out))
    return found


def separate_recordings(
    model: Path, found: Mapping[str, Path], out: Path, options: Options, device: str, force: bool
) -> None:
    """Separate recordings, each into OUT/<name>; one that fails does not stop the others.

    Args:
        model: see ``load_separator``.
        found: see ``find_recordings``.
        out: folder of their folders.
        options: see there.
        device: torch device.
        force: do again what is up to date, and what another model has separated.

    Raises:
        UserError: the model cannot be loaded, something that is read would be overwritten, or what another model has
            separated; or listing what failed.
    """
    check_apart([out / name for name in found], [*network_files(model).values(), *found.values()])
    separator = load_separator(model, device)
    maker = {"model": model_name(model), "network": network_hash(model)}
    steps = {name: replace(recording_step(model, path, out / name, options), maker=maker)
             for name, path in found.items()}  # fmt: skip
    if not force:
        _check_maker(steps.values(), maker, out)
    failed: list[str] = []
    meters: list[LikenessMeter] = []
    for name, path in found.items():
        new = [place for place in (out / name, *(out / name).parents) if not place.exists()]
        try:
            _check_ours(steps[name], path)
            samples = audio_info(path, options.accept_truncated).samples
            with tqdm(total=samples, desc=one_line(path.name), unit=" samples", disable=None) as bar:
                run_step(steps[name], partial(_separate, separator, path, options, bar, meters), force=force)
        except Exception as error:
            failed.append(failure_reason(error, out / name))
            logger.error("%s", failed[-1].splitlines()[0])
            for place in new:
                with suppress(OSError):  # never made, or not empty
                    place.rmdir()
    if alike := sum(meter.separates_nothing() for meter in meters):
        logger.warning("%d of the %d recording(s) done now are not separated: every output that is not faint is the "
                       "recording itself, at another level (correlation above %g)",
                       alike, len(meters), ALIKE)  # fmt: skip
    raise_problems("the others are separated, these are not", failed, one_alone=len(found) == 1)
    logger.info("%d recording(s) are in %s, each a folder with one file a class", len(found), out)


def _check_maker(steps: Collection[Step], maker: Mapping[str, str], out: Path) -> None:
    """Refuse to replace what another model has separated; one that has been trained again replaces its own.

    Raises:
        UserError: a finished step names another network, of another place, or names none, as older versions did, and
            has other files of one.
    """
    others = []
    for step in steps:
        origin = step.shards().made().origin
        said = origin.get("maker", {})
        same = said["network"] == maker["network"] if said else origin.get("tables") == step.origin()["tables"]
        others += [] if not origin or same else [said.get("model", "one that an older version of weaksep did not note")]
    strange = [place for place in others if place != maker["model"]]
    if strange:
        what = f"{len(strange)} recording(s) in it were separated by another model, {strange[0]}"
        raise UserError(f"{out}: {what}; give another --out, or --force true to replace them")
    if others:
        logger.info("%s: %d recording(s) were separated before %s was trained again; they are separated anew", out,
                    len(others), maker["model"])  # fmt: skip


def _check_ours(step: Step, path: Path) -> None:
    """Refuse a folder with files that this command has not put there, or that holds the recording itself.

    Raises:
        UserError: it is such a folder.
    """
    check_sources(step.folder, [path])
    unknown = sorted(file.name for file in step.folder.glob("[!.]*") if file.is_file())
    if unknown and not step.shards().known():
        raise UserError(f"{step.folder}: holds files of somebody else ({', '.join(unknown[:3])}); give another --out")


def _separate(
    separator: Separator, path: Path, options: Options, bar: tqdm, meters: list[LikenessMeter], notes: Shards
) -> None:
    """Separate one recording, and add a meter of it; nothing that an earlier run has written there stays."""
    notes.begin(output_files(separator, notes.folder, options))
    meter = LikenessMeter()
    try:
        files = separate_recording(separator, path, notes.folder, options, bar.update, meter)
    except UserError:
        notes.undo()
        raise
    meters.append(meter)
    logger.info("%s: %d files in %s", path, len(files), notes.folder)
