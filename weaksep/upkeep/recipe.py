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

_PACKAGE = Path(__file__).resolve().parents[1]
_INSTALLED = _PACKAGE / "recipes"
HOME = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent  # holds egs/ and utils/
_SHARED = {**{name: f"egs/urbansound_mix/{name}" for name in ("run.sh", "path.sh", "cmd.sh")}, "utils": "utils"}
_OWN = ("conf", "local", "db.sh")
# Settings of conf/defaults.sh that name systems, and so go with their configurations.
_NAMES_SYSTEMS = re.compile(r"^(?:systems|evaluation_classifier)=.*\n", re.MULTILINE)


def recipes() -> dict[str, str]:
    """Every recipe's name, and what it is: the first line of its conf/defaults.sh."""
    files = sorted(HOME.glob("egs/*/conf/defaults.sh"))
    return {file.parents[1].name: file.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ") for file in files}


def make_recipe(name: str, target: Path, *, new_corpus: bool = False) -> None:
    """Make a folder that runs where it stands; in the repository's egs/ the shared scripts are links, elsewhere files.

    Args:
        name: the recipe to copy.
        target: the folder to make.
        new_corpus: take the systems and mixtures of the recipe alone; where the corpus is, and how it is read, is to be
            filled in.

    Raises:
        UserError: no such recipe, one that cannot be had for a new corpus, or the folder is there.
    """
    known, egs = recipes(), HOME / "egs"
    source = egs / name
    problem = name_problem(target.absolute().name)
    mixes_nothing = new_corpus and not (source / "conf/mix.yaml").exists()
    mixing = ", ".join(other for other in known if (egs / other / "conf/mix.yaml").exists())
    there_is = f"there is: {' '.join(known)}"
    refuse(
        {
            f"no recipe {name!r}; {did_you_mean(name, known, there_is)}": name not in known,
            f"{name} has no conf/mix.yaml to take over; take one of {mixing}": mixes_nothing,
            f"{target}: the name of a recipe's folder {problem}": problem,
            f"{target}: is there already; give another name": os.path.lexists(target),
        },
        UserError,
    )
    building = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    building.mkdir(parents=True)
    try:
        for part, path in _SHARED.items():
            if target.absolute().parent.resolve() == egs:
                (building / part).symlink_to(os.path.relpath(HOME / path, egs / target.name))
            else:
                _copy(HOME / path, building / part)
        if new_corpus:
            _copy_systems(source / "conf", building)
        else:
            for part in _OWN:
                _copy(source / part, building / part)
        building.rename(target)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise


def _copy(source: Path, target: Path) -> None:
    """Copy a file or folder that may be there; what a link leads to, instead of the link."""
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    elif source.exists():
        shutil.copy(source, target)


def _copy_systems(conf: Path, building: Path) -> None:
    """The scaffold of a new corpus, and a recipe's YAMLs but for its folders of other configurations."""
    _copy(HOME / "utils/new_corpus", building)
    for path in conf.glob("*.yaml"):
        if path.name != "data.yaml":
            _copy(path, building / "conf" / path.name)
    with (building / "conf/defaults.sh").open("a", encoding="utf-8") as file:
        file.writelines(_NAMES_SYSTEMS.findall((conf / "defaults.sh").read_text(encoding="utf-8")))
