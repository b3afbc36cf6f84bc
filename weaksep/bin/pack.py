"""A trained separator as one file to give away: weights, settings, scores and a page about it.

``weaksep separate --model model.zip`` and ``weaksep.load_separator("model.zip")`` take it as it is.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from weaksep.bin.cli import make_parser, run_command, str2bool, tell
from weaksep.errors import UserError
from weaksep.fileio.place import check_file


def is_packed(path: Path) -> bool:
    """Whether a checkpoint that can be read is a packed model."""
    from weaksep.fileio.checkpoint import PACKED_NAME

    with zipfile.ZipFile(path) as archive:
        return PACKED_NAME in archive.namelist()


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

    from weaksep.fileio.checkpoint import PACKED_NAME, is_written_packed, write_packed
    from weaksep.infer.model import checkpoint_path, read_checkpoint
    from weaksep.report.environment import environment
    from weaksep.report.model_card import model_card, scores_of

    check_file(args.out, "a packed model", is_written_packed)
    best = checkpoint_path(args.experiment)
    checkpoint = read_checkpoint(best, "separator")
    if is_packed(best):
        raise UserError(f"{best}: packed already; copy it, or pack the experiment that it was made from")
    config = best.parent / "config.yaml"
    if not config.is_file():
        raise UserError(
            f"{config}: not there, and the page about the model needs it; put what training wrote beside {best.name}, "
            "or give the whole folder of the experiment"
        )
    scores, made = scores_of(best.parent), environment(checkpoint["config"].get("seed"))
    files = {PACKED_NAME: best.read_bytes()}
    masker = ""
    if args.masker:
        from weaksep.infer.export import MASKER_NAME, export_masker, masker_page
        from weaksep.infer.model import load_separator

        separator = load_separator(best)
        exported = export_masker(separator)
        files[MASKER_NAME] = exported.content
        masker = masker_page(separator, exported)
    files |= {
        "README.md": model_card(args.out.name, best.parent, checkpoint, scores, made, args.licence, masker).encode(),
        "scores.json": (json.dumps(scores, indent=2) + "\n").encode(),
        "config.yaml": config.read_bytes(),
    }
    write_packed(args.out, files)
    tell(f"written: {args.out}")


if __name__ == "__main__":
    sys.exit(run_command(main))
