"""List the recipes, copy one into a folder of your own, or start one for a new corpus.

weaksep recipe                                  lists the recipes
weaksep recipe labelled_recordings my_sounds    makes my_sounds, which runs where it stands
weaksep recipe --from esc50_mix my_city         makes my_city, for another corpus, with that recipe's systems
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from weaksep.bin.cli import make_parser, option, run_command, tell

OPTIONS = (
    option("words", nargs="*", type=Path, metavar="NAME", help="the recipe to copy, unless --from; the folder to make"),
    option("--from", dest="source", metavar="RECIPE", help="the recipe whose systems one for a new corpus has"),
)


def main(argv: Sequence[str] | None = None) -> None:
    """Print what there is, or where the new recipe is."""
    parser = make_parser("recipe", __doc__, OPTIONS)
    args = parser.parse_args(argv)

    from weaksep.upkeep.recipe import make_recipe, needs_corpus, recipes

    words = [Path(args.source), *args.words] if args.source else args.words
    if not words:
        known = recipes()
        tell("\n".join(f"{name:<{max(map(len, known))}}  {about}".rstrip() for name, about in known.items()))
    elif len(words) == 2:
        make_recipe(str(words[0]), words[1], new_corpus=bool(args.source))
        where = "local/data.sh, conf/data.yaml and db.sh" if args.source else "db.sh"
        corpus = f"name its corpus in {where}; " if needs_corpus(words[1]) else ""
        tell(f"made {words[1]}: {corpus}{words[1]}/run.sh --help lists the options")
    else:
        parser.error("give a recipe and the folder to make, or --from RECIPE and the folder")


if __name__ == "__main__":
    sys.exit(run_command(main))
