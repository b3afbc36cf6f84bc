"""Your own recordings: ``weaksep separate --model M IN... --out DIR``.

IN is files that libsndfile reads (WAV, FLAC, OGG, MP3, AIFF ...), of any rate, number of channels and length, or
folders of them. Each becomes DIR/<name>/<class>.flac, one file a class, and residual.flac, what the classes leave of
it: together they are the recording; with --events true also events.tsv. Memory does not grow with the length. What is
finished is not done again.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from weaksep.bin.cli import add_accept_truncated, add_force, failure_reason, make_parser, str2bool
from weaksep.errors import UserError, raise_problems

if TYPE_CHECKING:
    from tqdm import tqdm

    from weaksep.fileio.shards import Shards
    from weaksep.fileio.stamp import Step
    from weaksep.infer.model import Separator
    from weaksep.infer.recordings import Options

logger = logging.getLogger(__name__)


def level(text: str) -> float | None:
    """The argparse type of a level in dB, or "none"."""
    if text == "none":
        return None
    try:
        value = float(text)
    except ValueError:
        value = 1.0
    if not -90 <= value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is neither none nor a level between -90 and 0 dB")
    return value


def get_parser() -> argparse.ArgumentParser:
    """Options of the separation of recordings."""
    parser = make_parser("separate", __doc__)
    parser.add_argument("recordings", nargs="+", type=Path, metavar="IN", help="audio files, or folders of them")
    parser.add_argument(
        "--model", type=Path, required=True, help="folder of a trained separator, its best.pt, or a packed model"
    )
    parser.add_argument("--out", type=Path, required=True, help="where the folders of separated files go")
    parser.add_argument(
        "--rate", choices=("model", "input"), default="model", help="sample rate of the files (%(default)s's)"
    )
    parser.add_argument("--format", choices=("flac", "wav"), default="flac", help="24 bits either way (%(default)s)")
    parser.add_argument(
        "--level-db",
        type=level,
        default=-27.0,
        metavar="DB|none",
        help="level at which the net hears a recording, about that of its training (%(default)s)",
    )
    parser.add_argument(
        "--events",
        type=str2bool,
        default=False,
        metavar="true|false",
        help="also events.tsv: when each class sounds, by the energy of its output (%(default)s)",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (%(default)s)")
    add_accept_truncated(parser)
    add_force(parser)
    return parser


def find_recordings(given: Sequence[Path], out: Path) -> dict[str, Path]:
    """Name of the output folder -> file, of all files and of the audio files in all folders but ``out`` inside them.

    Raises:
        UserError: listing what is not there, folders without audio, names that no folder can have, and files that
            would be written to one place.
    """
    from weaksep.fileio.audiostream import looks_like_audio
    from weaksep.fileio.names import clashes, name_problem, one_line

    problems: list[str] = []
    found: dict[str, Path] = {}
    for path in given:
        files = [(path.stem, path)]
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.is_file() and looks_like_audio(file))
            ours = out.resolve()
            if path.resolve() == ours:
                problems.append(f"{path}: is --out too; give another folder to write")
                continue
            own = [file for file in inside if ours in file.resolve().parents]
            if own:
                logger.info("%s: %d files lie in --out and are left out", path, len(own))
            inside = [file for file in inside if file not in own]
            hidden = [file for file in inside if any(part[0] == "." for part in file.relative_to(path).parts)]
            if hidden:
                logger.info("%s: %d hidden files are left out, first %s", path, len(hidden), hidden[0])
            inside = [file for file in inside if file not in hidden]
            files = [(str(file.relative_to(path).with_suffix("")), file) for file in inside]
            problems += [] if files else [f"{path}: no audio files in this folder"]
        elif not path.exists():
            problems.append(f"{path}: no such file or folder")
            continue
        for name, file in files:
            wrong = next(filter(None, map(name_problem, name.split("/"))), None)
            if wrong:
                problems.append(
                    one_line(f"{file}: its name, which the folder of its sources would have, {wrong}; rename it")
                )
                continue
            other = found.setdefault(name, file)
            if other.resolve() != file.resolve():
                problems.append(f"{file}: would be written to {name}, as {other}; give them different --out folders")
    raise_problems("cannot separate", problems + clashes(found, out))
    return found


def choose(device: str) -> str:
    """The device asked for.

    Raises:
        UserError: there is none of that name.
    """
    from weaksep.jobs.device import choose_device

    if device == "auto":
        return choose_device(1, allow_cpu_fallback=True)
    if device == "cpu":
        return choose_device(0)
    import torch

    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"--device {device}: {str(error).splitlines()[0]}; give auto or cpu") from None
    logger.info("device: %s", device)
    return device


def check_ours(step: Step) -> None:
    """Refuse a folder with files that this command has not put there: it would overwrite those of the same name.

    Raises:
        UserError: there are such files.
    """
    strangers = sorted(path.name for path in step.folder.glob("[!.]*") if path.is_file())
    if strangers and not step.stamp.exists() and not step.shards().path.exists():
        raise UserError(f"{step.folder}: holds files of somebody else ({', '.join(strangers[:3])}); give another --out")


def separate(
    separator: Separator, path: Path, out: Path, options: Options, earlier: Sequence[str], bar: tqdm, shards: Shards
) -> None:
    """Separate one recording; of what an ``earlier`` run has left there, no class of another model stays."""
    from weaksep.infer.recordings import separate_recording, source_files

    def count(samples: int) -> None:
        bar.update(samples)

    shards.begin(lambda: None)  # from now on the folder is known as ours, whatever becomes of this run
    ours = {file.stem for file in source_files(separator, out, options)}
    for name in earlier:
        if "/" not in name and Path(name).stem not in ours:  # what lies deeper is of another recording
            (out / name).unlink(missing_ok=True)
    try:
        files = separate_recording(separator, path, out, options, count)
    except UserError:
        if not any(out.glob("[!.]*")):  # nor has an earlier run left anything
            shards.remove()
        raise
    logger.info("%s: %d files in %s", path, len(files), out)


def main(argv: Sequence[str] | None = None) -> None:
    """Separate recordings."""
    args = get_parser().parse_args(argv)
    found = find_recordings(args.recordings, args.out)
    from tqdm import tqdm

    from weaksep.fileio.audiostream import stream_info
    from weaksep.fileio.place import check_apart
    from weaksep.fileio.stamp import run_step
    from weaksep.infer.model import checkpoint_path, load_separator
    from weaksep.infer.recordings import Options, recording_step

    options = Options(args.rate, args.format, args.level_db, args.events, args.accept_truncated)
    model = checkpoint_path(args.model)
    check_apart([args.out / name for name in found], [model, *found.values()])
    separator = load_separator(model, choose(args.device))
    failed: dict[Path, str] = {}
    for name, path in found.items():
        out = args.out / name
        try:
            step = recording_step(model, path, out, options)
            check_ours(step)
            samples = stream_info(path, args.accept_truncated).samples
            with tqdm(total=samples, desc=path.name, unit=" samples", disable=None) as bar:
                work = partial(separate, separator, path, out, options, step.made(), bar)
                run_step(step, work, force=args.force)
        except Exception as error:
            failed[path] = failure_reason(error, out)
            logger.error("%s", failed[path].splitlines()[0])
    if len(found) == 1 and failed:
        raise UserError(*failed.values())
    raise_problems("the others are separated, these are not", list(failed.values()))
