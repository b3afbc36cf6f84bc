"""A trained separator as one file to give away: weights, settings, scores and a page about it.

``weaksep separate --model model.zip`` and ``weaksep.load_separator("model.zip")`` take it as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from weaksep.bin.cli import make_parser, run_command, str2bool
from weaksep.errors import UserError


def main(argv: Sequence[str] | None = None) -> None:
    """Pack a separator."""
    parser = make_parser("pack", __doc__)
    parser.add_argument("experiment", type=Path, metavar="EXP", help="folder of a trained separator")
    parser.add_argument("out", type=Path, metavar="MODEL.zip", help="the file to write")
    parser.add_argument(
        "--masker",
        type=str2bool,
        default=False,
        metavar="true|false",
        help="also the masker alone, masker.pt2, for programs without weaksep (torch.export; %(default)s)",
    )
    parser.add_argument("--licence", default="", help="of the weights, for the page")
    args = parser.parse_args(argv)
    if args.out.suffix != ".zip":
        raise UserError(f"{args.out}: a packed model's name ends in .zip")

    import json

    from weaksep.fileio.checkpoint import PACKED_NAME, write_packed
    from weaksep.infer.model import checkpoint_path, read_checkpoint
    from weaksep.report.environment import environment
    from weaksep.report.model_card import model_card, scores_of

    best = checkpoint_path(args.experiment)
    checkpoint = read_checkpoint(best, "separator")
    scores, made = scores_of(best.parent), environment(checkpoint["config"].get("seed"))
    files = {PACKED_NAME: best.read_bytes()}
    masker = ""
    if args.masker:
        from weaksep.infer.export import MASKER_NAME, export_masker
        from weaksep.infer.model import load_separator

        exported = export_masker(load_separator(best))
        files[MASKER_NAME] = exported.content
        masker = f"{MASKER_NAME}, magnitude (1, {exported.frames}, {exported.bins}) -> masks, for torch.export.load"
    files |= {
        "README.md": model_card(args.out.name, best.parent, checkpoint, scores, made, args.licence, masker).encode(),
        "scores.json": (json.dumps(scores, indent=2) + "\n").encode(),
    }
    config = best.parent / "config.yaml"
    if config.is_file():
        files["config.yaml"] = config.read_bytes()
    write_packed(args.out, files)
    print("written:", args.out)


if __name__ == "__main__":
    sys.exit(run_command(main))
