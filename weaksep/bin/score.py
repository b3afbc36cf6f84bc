"""Stage 6: separated files and classifiers of a set -> exp/*/scores/<set>/{scores.tsv,sources.json,tagging.json}.

scores.tsv compares separated files with the references. sources.json is what the evaluation classifier, one for all
systems, hears in them, and in two baselines that separate nothing. tagging.json is what a classifier hears in the
mixtures. A system with `mixtures: NAME` in its config.yaml is scored on data/test_NAME where that is there; oracles and
the unprocessed mixture on every set of a system on which they were separated. What cannot be scored is named at the
end, when all the rest is done.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from weaksep.bin.cli import EXPDIR, FORCE, NJ, RETRIES, SEEDS, make_parser, option, run_command, switch

OPTIONS = (
    EXPDIR,
    option(
        "--systems",
        default=None,
        help="systems (strong frame) to score beside the oracles, with their classifiers; all by default",
    ),
    option("--tag", default="", help="of the names given: strong with tag b is separator_strong+b"),
    SEEDS,
    option("--data", type=Path, default=Path("data/test"), help="mixtures and references (%(default)s)"),
    option("--dump", type=Path, default=Path("dump/test"), help="features of the same set (%(default)s)"),
    switch("--bss-eval", True, "SDR, SIR and SAR beside SI-SDR (%(default)s)"),
    option(
        "--evaluation-classifier",
        default=None,
        metavar="NAME",
        help="classifier that assesses all separated files, by its name (frame) or folder (classifier_frame); by "
        "default that of --default-evaluation-classifier, without it the first one that was trained on frame labels, "
        "or the first",
    ),
    option(
        "--default-evaluation-classifier",
        default="frame",
        metavar="NAME",
        help="without --evaluation-classifier, if trained (%(default)s)",
    ),
    NJ,
    RETRIES,
    FORCE,
)


def load_classifier(folder: str) -> Any:
    """A trained classifier; torch is imported only when a step has something to do."""
    from weaksep.infer.model import load_classifier as load

    return load(folder)


def main(argv: Sequence[str] | None = None) -> None:
    """Run stage 6."""
    args = make_parser("score", __doc__, OPTIONS).parse_args(argv)

    from weaksep.fileio.experiments import seed_tags
    from weaksep.jobs.slurm_config import begin_stage
    from weaksep.score.run import score_all

    begin_stage("score", args.retries)
    score_all(
        args.expdir,
        args.data,
        args.dump,
        load_classifier,
        systems=args.systems.split() if args.systems is not None else None,
        tags=list(seed_tags(args.tag, args.seeds)),
        classifier=args.evaluation_classifier,
        default_classifier=args.default_evaluation_classifier,
        bss_eval=args.bss_eval,
        nj=args.nj,
        force=args.force,
    )


if __name__ == "__main__":
    sys.exit(run_command(main))
