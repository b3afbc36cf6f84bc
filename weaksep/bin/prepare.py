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
    args = parser.parse_args(argv)

    from weaksep.fileio.shards import Shards
    from weaksep.fileio.stamp import run_step
    from weaksep.recordings.prepare import prepare
    from weaksep.recordings.steps import Places, load_prepare_config, look, prepare_step

    config = load_prepare_config(args.config, [*args.set, *truncated_setting(args.accept_truncated)])
    asked = Places(args.audio, args.clip_labels, args.events, args.references)
    places = asked.completed(config, args.db, whole=args.config is not None)
    found = look(config, places)

    def work(shards: Shards) -> None:
        prepare(
            found.items,
            found.problems,
            config,
            found.classes,
            args.out,
            nj=args.nj,
            max_bad_ratio=args.max_bad_ratio,
            shards=shards,
            label_files=[path for path in (places.clip_labels, places.events) if path is not None],
        )

    run_step(prepare_step(config, places, found, args.out, args.max_bad_ratio), work, force=args.force)


if __name__ == "__main__":
    sys.exit(run_command(main))
