"""Many recordings: the user's files and folders of them, each separated into a folder of its own."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from tqdm import tqdm

from weaksep.errors import UserError, raise_problems
from weaksep.fileio.audio import audio_info
from weaksep.fileio.audiostream import looks_like_audio
from weaksep.fileio.failure import failure_reason
from weaksep.fileio.names import clashes, name_problem, one_line
from weaksep.fileio.network import network_files
from weaksep.fileio.place import check_apart, check_sources
from weaksep.fileio.shards import Shards
from weaksep.fileio.stamp import Step, run_step
from weaksep.infer.model import Separator, load_separator
from weaksep.infer.recordings import Options, output_files, recording_step, separate_recording

logger = logging.getLogger(__name__)


def _inside(folder: Path, out: Path) -> list[Path]:
    """Audio files in a folder, but those in ``out`` and hidden ones, which the log tells of."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and looks_like_audio(file))
    ours = out.resolve()
    own = [file for file in files if ours in file.resolve().parents]
    if own:
        logger.info("%s: %d files lie in --out and are left out", folder, len(own))
    hidden = [file for file in files if any(part[0] == "." for part in file.relative_to(folder).parts)]
    if hidden:
        logger.info("%s: %d hidden files are left out, first %s", folder, len(hidden), hidden[0])
    return [file for file in files if file not in own and file not in hidden]


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
        force: do again what is up to date.

    Raises:
        UserError: the model cannot be loaded, something that is read would be overwritten; or listing what failed.
    """
    check_apart([out / name for name in found], [*network_files(model).values(), *found.values()])
    separator = load_separator(model, device)
    failed: list[str] = []
    for name, path in found.items():
        try:
            step = recording_step(model, path, out / name, options)
            _check_ours(step, path)
            samples = audio_info(path, options.accept_truncated).samples
            with tqdm(total=samples, desc=one_line(path.name), unit=" samples", disable=None) as bar:
                run_step(step, partial(_separate, separator, path, options, bar), force=force)
        except Exception as error:
            failed.append(failure_reason(error, out / name))
            logger.error("%s", failed[-1].splitlines()[0])
    raise_problems("the others are separated, these are not", failed, one_alone=len(found) == 1)


def _check_ours(step: Step, path: Path) -> None:
    """Refuse a folder with files that this command has not put there, or that holds the recording itself.

    Raises:
        UserError: it is such a folder.
    """
    check_sources(step.folder, [path])
    unknown = sorted(file.name for file in step.folder.glob("[!.]*") if file.is_file())
    if unknown and not step.shards().known():
        raise UserError(f"{step.folder}: holds files of somebody else ({', '.join(unknown[:3])}); give another --out")


def _separate(separator: Separator, path: Path, options: Options, bar: tqdm, notes: Shards) -> None:
    """Separate one recording; nothing that an earlier run has written there stays."""
    notes.begin(output_files(separator, notes.folder, options))
    try:
        files = separate_recording(separator, path, notes.folder, options, bar.update)
    except UserError:
        notes.undo()
        raise
    logger.info("%s: %d files in %s", path, len(files), notes.folder)
