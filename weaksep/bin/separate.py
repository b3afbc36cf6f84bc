"""Stage 5: separators, oracle masks and the mixture itself -> exp/<system>/separated/<set>/<class>.scp.

Systems with ``mixtures: NAME`` in their YAML separate data/test_NAME where that is there. A system that fails does not
stop the others.

Your own recordings: weaksep separate --model M IN... --out DIR (weaksep separate --model M --help has its options).
"""

from __future__ import annotations

import argparse
import difflib
import logging
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from weaksep.bin.cli import add_force, failure_reason, make_parser, positive_int, run_command, str2bool
from weaksep.errors import UserError, raise_problems
from weaksep.fileio.place import check_list

if TYPE_CHECKING:
    from weaksep.feats.config import FeatsConfig
    from weaksep.fileio.datadir import DataDir
    from weaksep.fileio.shards import Shards
    from weaksep.fileio.stamp import Step

logger = logging.getLogger(__name__)


def get_parser() -> argparse.ArgumentParser:
    """Options of stage 5."""
    parser = make_parser("separate", __doc__)
    parser.add_argument("--expdir", type=Path, default=Path("exp"), help="folder of the experiments (%(default)s)")
    parser.add_argument(
        "--systems",
        default=None,
        help='separators in --expdir, "strong frame" or "separator_strong"; all trained ones by default',
    )
    parser.add_argument("--tag", default="", help="of --systems: strong with tag b is separator_strong+b")
    parser.add_argument("--exp", type=Path, nargs="+", default=[], help="more experiment folders, wherever they lie")
    parser.add_argument("--data", type=Path, default=Path("data/test"), help="mixtures to separate (%(default)s)")
    parser.add_argument(
        "--oracles",
        type=str2bool,
        default=True,
        help="also oracle masks and the unprocessed mixture (%(default)s)",
    )
    parser.add_argument("--feats", type=Path, default=Path("conf/feats.yaml"), help="STFT of the oracles (%(default)s)")
    parser.add_argument("--nj", type=positive_int, default=1, help="worker processes on the CPU (%(default)s)")
    parser.add_argument("--ngpu", type=int, choices=(0, 1), default=0, help="GPUs to use, 0 or 1 (%(default)s)")
    parser.add_argument(
        "--allow-cpu", type=str2bool, default=False, help="take the CPU when no GPU is free (%(default)s)"
    )
    parser.add_argument("--batch-size", type=positive_int, default=16, help="clips at a time (%(default)s)")
    parser.add_argument("--failed", type=Path, help="write the systems that failed here, and exit with 0 all the same")
    add_force(parser)
    return parser


def find_systems(expdir: Path, names: str | None, tag: str, folders: Sequence[Path]) -> list[Path]:
    """Experiment folders of the separators asked for: all trained ones, or those of names and folders.

    Raises:
        UserError: listing every one that has no best.pt, with the nearest name that has.
    """
    from weaksep.fileio.experiments import named_experiment

    trained = sorted(path.parent for path in expdir.glob("separator_*/best.pt"))
    wanted = list(folders)
    if names is None:
        wanted += trained if not folders else []
    else:
        wanted += [named_experiment(expdir, "separator", name, tag) for name in names.split()]
    problems = []
    for folder in wanted:
        if not (folder / "best.pt").is_file():
            near = difflib.get_close_matches(folder.name, [path.name for path in trained], n=1)
            hint = f"did you mean {near[0]}?" if near else "train it first (stage 4)"
            problems.append(f"{folder}: no best.pt; {hint}")
    raise_problems("cannot separate", problems)
    return wanted


def separate(
    out: Path,
    system: Path | str | None,
    data: DataDir,
    feats: FeatsConfig | None,
    device: str | None,
    args: argparse.Namespace,
    shards: Shards,
) -> None:
    """Separate a set by a system's folder, by the oracle of that name, or (None) not at all."""
    from weaksep.fileio.inputs import files_of, source_scps
    from weaksep.fileio.place import check_apart
    from weaksep.infer.dataset import Oracle, separate_dataset, write_unprocessed

    check_apart([out], files_of(data.path, ["wav.scp", *source_scps(data.path)]).values())
    if system is None:
        write_unprocessed(data, out, shards)
        return
    assert device is not None
    what: Oracle | Path
    if isinstance(system, Path):
        what = system
    else:
        assert feats is not None
        what = Oracle(system, feats.window_samples, feats.hop_samples)
    separate_dataset(what, data, out, nj=args.nj, device=device, batch_size=args.batch_size, shards=shards)


def main(argv: Sequence[str] | None = None) -> None:
    """Run stage 5; or separate recordings, with ``--model``."""
    if {"--model", "--out"} & {argument.partition("=")[0] for argument in argv or ()}:
        from weaksep.bin import separate_recordings

        separate_recordings.main(argv)
        return
    args = get_parser().parse_args(argv)
    check_list(args.failed, (args.systems or "").split())
    systems = find_systems(args.expdir, args.systems, args.tag, args.exp)
    if not systems and not args.oracles:
        raise UserError(f"{args.expdir}: no separator_*/best.pt and --oracles false: nothing to do; run stage 4 first")

    from weaksep.feats.config import FeatsConfig
    from weaksep.fileio.atomic import write_text
    from weaksep.fileio.stamp import STAMP_NAME
    from weaksep.fileio.yamlfile import load_config

    feats = load_config(FeatsConfig, args.feats) if args.oracles else None
    for folder in systems:
        if (folder / "checkpoint.pt").exists() and not (folder / STAMP_NAME).exists():
            logger.warning("%s: its training has not come to its end; the best network so far is taken", folder)
    failed = {}
    for place, own in by_set(systems, args.data).items():
        failed.update(separate_set(args, place, own, feats))
    if not failed:
        return
    if args.failed is None or not set(systems) - set(failed):
        if len(systems) == 1:
            raise UserError(*failed.values())
        raise_problems("not all could be separated", [f"{folder}: {why}" for folder, why in failed.items()])
    named = zip((args.systems or "").split(), systems[len(args.exp) :], strict=False)
    names = [name for name, folder in named if folder in failed]
    write_text(args.failed, "".join(f"{name}\n" for name in names))


def by_set(systems: Sequence[Path], data: Path) -> dict[Path, list[Path]]:
    """Systems by the test set that they are about: DATA, or DATA_<mixtures> for those of other mixtures."""
    from weaksep.fileio.variants import variant_folder
    from weaksep.fileio.yamlfile import read_yaml

    found: dict[Path, list[Path]] = {data: []}
    for folder in systems:
        config = folder / "config.yaml"
        mixtures = read_yaml(config).get("mixtures") if config.is_file() else None
        found.setdefault(variant_folder(data, str(mixtures or "")), []).append(folder)
    return found


def separate_set(
    args: argparse.Namespace, place: Path, systems: Sequence[Path], feats: FeatsConfig | None
) -> dict[Path, str]:
    """Separate one set by its systems and, with ``feats``, the oracles; the systems that failed, and why."""
    from weaksep.fileio.datadir import DataDir
    from weaksep.fileio.stamp import run_step
    from weaksep.infer.steps import ORACLE_NAMES, oracle_step, separator_step, unprocessed_step

    data = DataDir.load(place)
    steps: list[tuple[Step, Path | str | None]] = [
        (separator_step(folder, data, args.batch_size), folder) for folder in systems
    ]
    if feats is not None and data.referenced() != data.wav.keys():
        logger.info("%s: no oracle masks, since not all clips have references", place)
    elif feats is not None:
        steps += [(oracle_step(args.expdir / name, name, data, feats, args.batch_size), name) for name in ORACLE_NAMES]
    if feats is not None:
        steps.append((unprocessed_step(args.expdir / "unprocessed", data), None))
    device = None
    failed: dict[Path, str] = {}
    for step, system in steps:
        # Looked at before anything heavy is imported: a stage with nothing to do is quick to say so.
        if device is None and (args.force or step.changes()):
            from weaksep.jobs.device import choose_device

            device = choose_device(args.ngpu, args.allow_cpu)
        try:
            run_step(step, partial(separate, step.folder, system, data, feats, device, args), force=args.force)
        except Exception as error:
            if not isinstance(system, Path):  # an oracle: the mixtures themselves are at fault
                raise
            failed[system] = failure_reason(error, step.folder)
            logger.error("%s has failed: %s", step.name, failed[system].splitlines()[0])  # the whole comes at the end
    return failed


if __name__ == "__main__":
    sys.exit(run_command(main))
