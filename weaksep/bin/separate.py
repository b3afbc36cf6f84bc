"""Stage 5: separators, oracle masks and the mixture itself -> exp/<system>/separated/<set>/<class>.scp."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Sequence
from pathlib import Path

from weaksep.bin.cli import make_parser, run_command, str2bool
from weaksep.errors import UserError, raise_problems


def get_parser() -> argparse.ArgumentParser:
    """Options of stage 5."""
    parser = make_parser("separate", __doc__)
    parser.add_argument("--expdir", type=Path, default=Path("exp"), help="folder of the experiments (%(default)s)")
    parser.add_argument(
        "--systems",
        default=None,
        help='separators in --expdir, "strong frame" or "separator_strong"; all trained ones by default',
    )
    parser.add_argument("--tag", default="", help="of --systems: strong with tag b is separator_strong_b")
    parser.add_argument("--exp", type=Path, nargs="+", default=[], help="more experiment folders, wherever they lie")
    parser.add_argument("--data", type=Path, default=Path("data/test"), help="mixtures to separate (%(default)s)")
    parser.add_argument(
        "--oracles",
        type=str2bool,
        default=True,
        help="also oracle masks and the unprocessed mixture (%(default)s)",
    )
    parser.add_argument("--feats", type=Path, default=Path("conf/feats.yaml"), help="STFT of the oracles (%(default)s)")
    parser.add_argument("--nj", type=int, default=1, help="worker processes on the CPU (%(default)s)")
    parser.add_argument("--ngpu", type=int, default=0, help="GPUs to use, 0 or 1 (%(default)s)")
    parser.add_argument(
        "--allow-cpu", type=str2bool, default=False, help="take the CPU when no GPU is free (%(default)s)"
    )
    parser.add_argument("--batch-size", type=int, default=16, help="clips at a time (%(default)s)")
    return parser


def find_systems(expdir: Path, names: str | None, tag: str, folders: Sequence[Path]) -> list[Path]:
    """Experiment folders of the separators asked for: all trained ones, or those of names and folders.

    Raises:
        UserError: listing every one that has no best.pt, with the nearest name that has.
    """
    from weaksep.train.plan import experiment_dir

    trained = sorted(path.parent for path in expdir.glob("separator_*/best.pt"))
    wanted = list(folders)
    if names is None:
        wanted += trained if not folders else []
    else:
        for name in names.split():
            full = name.startswith("separator_")
            wanted.append(expdir / name if full else experiment_dir(expdir, "separator", name, tag))
    problems = []
    for folder in wanted:
        if not (folder / "best.pt").is_file():
            near = difflib.get_close_matches(folder.name, [path.name for path in trained], n=1)
            hint = f"did you mean {near[0]}?" if near else "train it first (stage 4)"
            problems.append(f"{folder}: no best.pt; {hint}")
    raise_problems("cannot separate", problems)
    return wanted


def main(argv: Sequence[str] | None = None) -> None:
    """Run stage 5."""
    args = get_parser().parse_args(argv)
    if args.nj < 1 or args.batch_size < 1:
        raise UserError(f"--nj {args.nj}, --batch-size {args.batch_size}: both must be at least 1")
    systems = find_systems(args.expdir, args.systems, args.tag, args.exp)
    if not systems and not args.oracles:
        raise UserError(f"{args.expdir}: no separator_*/best.pt and --oracles false: nothing to do; run stage 4 first")

    from weaksep.feats.config import FeatsConfig
    from weaksep.fileio.datadir import DataDir
    from weaksep.fileio.yamlfile import load_config
    from weaksep.infer.dataset import Oracle, separate_dataset, write_unprocessed
    from weaksep.infer.masks import ORACLES
    from weaksep.jobs.device import choose_device

    data = DataDir.load(args.data)
    test_set = data.path.resolve().name
    feats = load_config(FeatsConfig, args.feats) if args.oracles else None
    device = choose_device(args.ngpu, args.allow_cpu)
    for folder in systems:
        out = folder / "separated" / test_set
        separate_dataset(folder, data, out, nj=args.nj, device=device, batch_size=args.batch_size)
    if feats is not None:
        for name in ORACLES:
            oracle = Oracle(name, feats.window_samples, feats.hop_samples)
            out = args.expdir / name / "separated" / test_set
            separate_dataset(oracle, data, out, nj=args.nj, device=device, batch_size=args.batch_size)
        write_unprocessed(data, args.expdir / "unprocessed" / "separated" / test_set)


if __name__ == "__main__":
    sys.exit(run_command(main))
