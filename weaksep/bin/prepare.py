"""Your own labelled recordings -> data/{train,valid,test}, ready for stage 2. No mixing, no isolated sources.

Clip labels say what occurs in a recording, events when; either or both, and events of some recordings alone. Formats:
DCASE's TSV files and others with a header, AudioSet's segment lists, JAMS files or a folder of them. Recordings of any
length, rate and format that libsndfile reads are cut into clips of one length. Without --config every class that the
labels name is one. What other tools call things is renamed there (rename:).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from weaksep.bin.cli import (
    add_accept_truncated,
    add_force,
    make_parser,
    positive_int,
    run_command,
    share,
    truncated_setting,
)


def main(argv: Sequence[str] | None = None) -> None:
    """Prepare labelled recordings."""
    parser = make_parser("prepare", __doc__)
    parser.add_argument("--config", type=Path, help="prepare.yaml: classes, lengths, rate, split (defaults without it)")
    parser.add_argument("--db", type=Path, default=Path("."), help="folder that the configuration's paths start at")
    parser.add_argument("--audio", type=Path, help="folder of the recordings, instead of the configuration's")
    parser.add_argument("--clip-labels", type=Path, metavar="FILE", help="what occurs in each recording")
    parser.add_argument("--events", type=Path, metavar="FILE", help="when it occurs, for all recordings or some")
    parser.add_argument(
        "--references", type=Path, metavar="DIR", help="sources of some, DIR/<class>/<file name>, to score with"
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, like clip_s=5")
    parser.add_argument("--out", type=Path, default=Path("data"), help="folder of the sets (%(default)s)")
    parser.add_argument("--nj", type=positive_int, default=1, help="worker processes (%(default)s)")
    parser.add_argument(
        "--max-bad-ratio", type=share, default=0.0, help="share of missing or unreadable recordings to leave out"
    )
    add_accept_truncated(parser, None)
    add_force(parser)
    arguments = parser.parse_args(argv)

    from weaksep.fileio.yamlfile import load_config
    from weaksep.recordings.config import PrepareConfig
    from weaksep.recordings.steps import prepare_recordings

    prepare_recordings(
        load_config(PrepareConfig, arguments.config, [*arguments.set, *truncated_setting(arguments.accept_truncated)]),
        {name: getattr(arguments, name) for name in ("audio", "clip_labels", "events", "references")},
        arguments.db if arguments.config else None,
        arguments.out,
        nj=arguments.nj,
        max_bad_ratio=arguments.max_bad_ratio,
        force=arguments.force,
    )


if __name__ == "__main__":
    sys.exit(run_command(main))
