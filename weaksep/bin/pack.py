"""A trained separator to give away: weights, settings, scores and a page about it, in one file or in a folder.

``weaksep separate --model model.zip`` and ``weaksep.load_separator("model.zip")`` take it as it is, and a folder too. A
folder is what the Hugging Face hub expects: ``hf upload ORG/NAME FOLDER`` publishes it, and ORG/NAME is then a model.
"""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from weaksep.bin.cli import make_parser, option, run_command, tell
from weaksep.errors import UserError

OPTIONS = (
    option("experiment", type=Path, metavar="EXP", help="folder of a trained separator"),
    option("out", type=Path, metavar="OUT", help="the file to write, OUT.zip; with any other name, a new folder"),
    option("--hub", default="", metavar="ORG/NAME", help="what the folder will be called on the hub, for the page"),
    option("--licence", default="", help="of the weights, for the page"),
    option("--about", type=Path, metavar="FILE.md", help="more for the page: what it is no good for, credits"),
)


def main(argv: Sequence[str] | None = None) -> None:
    """Pack a separator."""
    args = make_parser("pack", __doc__, OPTIONS).parse_args(argv)
    in_one = args.out.suffix == ".zip"
    if args.hub and in_one:
        raise UserError(f"{args.out}: --hub is for a folder; the hub takes no model in one file")
    if not args.licence.isprintable():
        raise UserError(f"--licence {args.licence!r}: holds a line's end or another character that cannot be seen")

    import json

    from weaksep.fileio.atomic import write_folder
    from weaksep.fileio.experiments import DESCRIPTION_NAME, WEIGHTS_NAME
    from weaksep.fileio.hub import HUB_DESCRIPTION_NAME, is_repository
    from weaksep.fileio.models import is_packed
    from weaksep.fileio.network import pack_network, read_network
    from weaksep.fileio.parsed import read_text
    from weaksep.fileio.place import check_file, check_new
    from weaksep.report.environment import environment
    from weaksep.report.model_card import hub_metadata, model_card, scores_of

    if args.hub and not is_repository(args.hub):
        raise UserError(f"--hub {args.hub}: expected ORG/NAME")
    if in_one:
        check_file(args.out, "a packed model", is_packed)
    else:
        check_new(args.out)
    if args.experiment.is_file():
        raise UserError(f"{args.experiment}: a file; pack the folder of the experiment, which holds {DESCRIPTION_NAME}")
    description, _ = read_network(args.experiment, "separator")
    if not (args.experiment / DESCRIPTION_NAME).is_file():
        raise UserError(f"{args.experiment}: packed already, and can be given away as it is")
    scores, made = scores_of(args.experiment), environment(description.config.get("seed"))
    about = read_text(args.about) if args.about else ""
    name = args.hub or args.out.absolute().name
    card = model_card(name, args.experiment, description, scores, made, args.licence, about, bool(args.hub))
    card = card if in_one else hub_metadata(args.licence) + card
    files = {"README.md": card.encode(), "scores.json": (json.dumps(scores, indent=2) + "\n").encode()}
    if in_one:
        pack_network(args.out, args.experiment, files)
    else:
        own = {HUB_DESCRIPTION_NAME: DESCRIPTION_NAME, WEIGHTS_NAME: WEIGHTS_NAME}
        write_folder(args.out, {**{to: (args.experiment / of).read_bytes() for to, of in own.items()}, **files})
    tell(f"written: {args.out}")
    if not in_one:
        tell(f"to publish it: hf upload {args.hub or 'ORG/NAME'} {shlex.quote(str(args.out))}")


if __name__ == "__main__":
    sys.exit(run_command(main))
