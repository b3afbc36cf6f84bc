"""A trained separator as one file to give away: weights, settings, scores and a page about it.

``weaksep separate --model model.zip`` and ``weaksep.load_separator("model.zip")`` take it as it is.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from weaksep.bin.cli import make_parser, option, run_command, switch, tell
from weaksep.errors import UserError

OPTIONS = (
    option("experiment", type=Path, metavar="EXP", help="folder of a trained separator"),
    option("out", type=Path, metavar="MODEL.zip", help="the file to write"),
    switch(
        "--masker", False, "also the masker alone, masker.pt2, for programs without weaksep (torch.export; %(default)s)"
    ),
    option("--licence", default="", help="of the weights, for the page"),
    option("--about", type=Path, metavar="FILE.md", help="more for the page: what it is no good for, credits"),
)


def main(argv: Sequence[str] | None = None) -> None:
    """Pack a separator."""
    args = make_parser("pack", __doc__, OPTIONS).parse_args(argv)
    if args.out.suffix != ".zip":
        raise UserError(f"{args.out}: a packed model's name ends in .zip")

    import json

    from weaksep.fileio.experiments import DESCRIPTION_NAME
    from weaksep.fileio.models import is_packed
    from weaksep.fileio.network import pack_network, read_network
    from weaksep.fileio.parsed import read_text
    from weaksep.fileio.place import check_file
    from weaksep.report.environment import environment
    from weaksep.report.model_card import model_card, scores_of

    check_file(args.out, "a packed model", is_packed)
    if args.experiment.is_file():
        raise UserError(f"{args.experiment}: a file; pack the folder of the experiment, which holds {DESCRIPTION_NAME}")
    description, _ = read_network(args.experiment, "separator")
    scores, made = scores_of(args.experiment), environment(description.config.get("seed"))
    files, masker = {}, ""
    if args.masker:
        from weaksep.infer.export import MASKER_NAME, export_masker, masker_page
        from weaksep.infer.model import load_separator

        separator = load_separator(args.experiment)
        files[MASKER_NAME] = export_masker(separator)
        masker = masker_page(separator)
    about = read_text(args.about) if args.about else ""
    card = model_card(args.out.name, args.experiment, description, scores, made, args.licence, masker, about)
    files |= {"README.md": card.encode(), "scores.json": (json.dumps(scores, indent=2) + "\n").encode()}
    pack_network(args.out, args.experiment, files)
    tell(f"written: {args.out}")


if __name__ == "__main__":
    sys.exit(run_command(main))
