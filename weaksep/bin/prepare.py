"""Your own labelled recordings -> data/{train,valid,test}, ready for stage 2. No mixing, no isolated sources.

Clip labels say what occurs in a recording, events when; either or both, and events of some recordings alone. Formats:
DCASE's TSV files and others with a header, AudioSet's segment lists, JAMS files or a folder of them. Recordings of any
length, rate and format that libsndfile reads are cut into clips of one length. Without --config every class that the
labels name is one. What other tools call things is renamed there (rename:).
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from weaksep.bin.cli import (
    FORCE,
    NJ,
    RETRIES,
    accept_truncated,
    audio_format,
    given,
    make_parser,
    option,
    run_command,
    share,
)

OPTIONS = (
    option("--config", type=Path, help="prepare.yaml: classes, lengths, rate, split (defaults without it)"),
    option("--db", type=Path, default=Path("."), help="folder that the configuration's paths start at"),
    option("--audio", type=Path, help="folder of the recordings, instead of the configuration's"),
    option("--clip-labels", type=Path, metavar="FILE", help="what occurs in each recording"),
    option("--events", type=Path, metavar="FILE", help="when it occurs, for all recordings or some"),
    option("--references", type=Path, metavar="DIR", help="sources of some, DIR/<class>/<file name>, to score with"),
    option("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, like clip_s=5"),
    option("--out", type=Path, default=Path("data"), help="folder of the sets (%(default)s)"),
    NJ,
    RETRIES,
    option("--max-bad-ratio", type=share, default=0.0, help="share of missing or unreadable recordings to leave out"),
    accept_truncated(None),
    audio_format(None),
    FORCE,
)


def main(argv: Sequence[str] | None = None) -> None:
    """Prepare labelled recordings."""
    args = make_parser("prepare", __doc__, OPTIONS).parse_args(argv)

    from weaksep.fileio.yamlfile import load_config
    from weaksep.jobs.slurm_config import begin_stage
    from weaksep.recordings.config import PrepareConfig
    from weaksep.recordings.steps import prepare_recordings

    begin_stage("data", args.retries)
    overrides = given(accept_truncated=args.accept_truncated, audio_format=args.audio_format)
    prepare_recordings(
        load_config(PrepareConfig, args.config, [*args.set, *overrides]),
        {name: getattr(args, name) for name in ("audio", "clip_labels", "events", "references")},
        args.db if args.config else None,
        args.out,
        nj=args.nj,
        max_bad_ratio=args.max_bad_ratio,
        force=args.force,
    )


if __name__ == "__main__":
    sys.exit(run_command(main))
