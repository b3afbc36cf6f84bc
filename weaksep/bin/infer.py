"""Stage 5: separators, oracle masks and the mixture itself -> exp/<system>/separated/<set>/<class>.scp.

Systems with ``mixtures: NAME`` in their YAML separate data/test_NAME where that is there. A system that fails does not
stop the others. For your own recordings there is weaksep separate.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from weaksep.bin.cli import (
    EXPDIR,
    FORCE,
    RETRIES,
    SEEDS,
    audio_format,
    make_parser,
    option,
    positive_int,
    run_command,
    switch,
)
from weaksep.errors import UserError, raise_problems

OPTIONS = (
    EXPDIR,
    option(
        "--systems",
        default=None,
        help='separators in --expdir, "strong frame" or "separator_strong"; all trained ones by default',
    ),
    option("--tag", default="", help="of --systems: strong with tag b is separator_strong+b"),
    SEEDS,
    option("--exp", type=Path, nargs="+", default=[], help="more experiment folders, wherever they lie"),
    option("--data", type=Path, default=Path("data/test"), help="mixtures to separate (%(default)s)"),
    switch("--oracles", True, "also oracle masks and the unprocessed mixture (%(default)s)"),
    option("--feats", type=Path, default=Path("conf/feats.yaml"), help="STFT of the oracles (%(default)s)"),
    option("--nj", type=positive_int, default=1, help="worker processes on the CPU (%(default)s)"),
    RETRIES,
    option("--ngpu", type=int, choices=(0, 1), default=0, help="GPUs to use, 0 or 1 (%(default)s)"),
    switch("--allow-cpu", False, "take the CPU when no GPU is free (%(default)s)"),
    audio_format("wav"),
    option("--batch-size", type=positive_int, default=16, help="clips at a time (%(default)s)"),
    option("--failed", type=Path, help="write the systems that failed here, and exit with 0 all the same"),
    FORCE,
)


def main(argv: Sequence[str] | None = None) -> None:
    """Run stage 5."""
    args = make_parser("infer", __doc__, OPTIONS).parse_args(argv)

    from weaksep.feats.config import FeatsConfig
    from weaksep.fileio.atomic import write_text
    from weaksep.fileio.experiments import seed_tags
    from weaksep.fileio.place import check_list
    from weaksep.fileio.yamlfile import load_config
    from weaksep.infer.systems import Options, find_systems, separate_systems
    from weaksep.jobs.slurm_config import begin_stage

    begin_stage("separate", args.retries)
    check_list(args.failed, (args.systems or "").split())
    tags = seed_tags(args.tag, args.seeds)
    systems = find_systems(args.expdir, args.systems, tags, args.exp)
    if not systems and not args.oracles:
        raise UserError(f"{args.expdir}: no trained separator_* and --oracles false: nothing to do; run stage 4 first")
    feats = load_config(FeatsConfig, args.feats) if args.oracles else None
    written = (args.batch_size, args.audio_format)
    options = Options(args.expdir, feats, args.nj, args.ngpu, args.allow_cpu, *written, args.force)
    failed = separate_systems(systems, args.data, options)
    if failed and (args.failed is None or not set(systems) - set(failed)):
        if len(systems) == 1:
            raise UserError(*failed.values())
        raise_problems("not all could be separated", [f"{folder}: {why}" for folder, why in failed.items()])
    if failed:
        named = zip((args.systems or "").split() * len(tags), systems[len(args.exp) :], strict=False)
        write_text(args.failed, "".join(f"{name}\n" for name, folder in named if folder in failed))


if __name__ == "__main__":
    sys.exit(run_command(main))
