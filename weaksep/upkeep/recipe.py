"""Recipes to start from: those of the repository, or those that setup.py has put into the installed package.

``egs/NAME`` has a ``conf``, a ``db.sh`` and mostly a ``local`` of its own; ``utils`` and three scripts are the same for
all. What recipes have made (data, features, experiments, results) is never copied.
"""

import os
import re
import shutil
from pathlib import Path

from weaksep.errors import UserError, did_you_mean, refuse
from weaksep.fileio.names import name_problem

# Holds egs/ and utils/: weaksep/recipes where that is installed, or else the repository.
HOME = next(filter(Path.is_dir, [Path(__file__).resolve().parents[1] / "recipes"]), Path(__file__).resolve().parents[2])
_SHARED = {**{name: f"egs/urbansound_mix/{name}" for name in ("run.sh", "path.sh", "cmd.sh")}, "utils": "utils"}


def recipes() -> dict[str, str]:
    """Every recipe's name, and what it is: the first line of its conf/defaults.sh."""
    files = sorted(HOME.glob("egs/*/conf/defaults.sh"))
    return {file.parents[1].name: file.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ") for file in files}


def needs_corpus(folder: Path) -> bool:
    """Whether a recipe's db.sh has a folder to name; one that synthesises its sounds has none."""
    return bool(re.search(r"^\w+=", (folder / "db.sh").read_text(encoding="utf-8"), re.MULTILINE))


def make_recipe(name: str, target: Path, *, new_corpus: bool = False) -> None:
    """Make a folder that runs where it stands; in the repository's egs/ the shared scripts are links, elsewhere files.

    Args:
        name: the recipe to copy.
        target: the folder to make.
        new_corpus: take over its systems and mixtures alone; what the corpus is, is to be filled in.

    Raises:
        UserError: no such recipe, one that cannot be had for a new corpus, or the folder is there.
    """
    known, egs, problem = recipes(), HOME / "egs", name_problem(target.absolute().name)
    source, mixing = egs / name, [other for other in known if (egs / other / "conf/mix.yaml").exists()]
    refuse(
        {
            f"no recipe {name!r}; {did_you_mean(name, known, 'weaksep recipe lists them')}": name not in known,
            f"{name} has no conf/mix.yaml; take {' or '.join(mixing)}": new_corpus and name not in mixing,
            f"{target}: the name of a recipe's folder {problem}": problem,
            f"{target}: is there already; give another name": os.path.lexists(target),
        },
        UserError,
    )
    own, added = {part: source / part for part in ("conf", "local", "db.sh")}, []
    if new_corpus:  # its configurations but for folders of others, in the scaffold that utils has
        systems = (path for path in source.glob("conf/*.yaml") if path.name != "data.yaml")
        own = {"": HOME / "utils/new_corpus"} | {f"conf/{path.name}": path for path in systems}
        defaults = (source / "conf/defaults.sh").read_text(encoding="utf-8")
        added = re.findall(r"^(?:systems|evaluation_classifier)=.*\n", defaults, re.MULTILINE)  # these go with them
    building = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    building.mkdir(parents=True)
    try:
        for part, path in (own | {part: HOME / path for part, path in _SHARED.items()}).items():
            if part in _SHARED and target.absolute().parent.resolve() == egs:
                (building / part).symlink_to(os.path.relpath(path, egs / target.name))
            elif path.is_dir():
                shutil.copytree(path, building / part, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
            elif path.exists():
                shutil.copy(path, building / part)
        with (building / "conf/defaults.sh").open("a", encoding="utf-8") as file:
            file.writelines(added)
        building.rename(target)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
