"""Which models there are, as far as names tell: experiments with a network, packed models, those that come with the
package, each a folder ``weaksep/models/<name>``, and those on the Hugging Face hub (hub.py)."""

import zipfile
from pathlib import Path

from weaksep.errors import UserError, did_you_mean
from weaksep.fileio.experiments import DESCRIPTION_NAME
from weaksep.fileio.hub import HUB_DESCRIPTION_NAME, fetch, is_hub_name

MODELS = Path(__file__).resolve().parents[1] / "models"
EXPORTED_NAME = "weaksep.json"  # in what torch.export has written, what ONNX has in its metadata
EPOCH = (1980, 1, 1, 0, 0, 0)  # of all that is packed: equal contents give equal files, whenever they are packed


def is_network(folder: Path) -> bool:
    """Whether a folder holds a network."""
    return (folder / DESCRIPTION_NAME).is_file()


def is_packed(path: Path) -> bool:
    """Whether a file is a packed model: nobody else's archive has these times in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            return {info.date_time for info in archive.infolist()} == {EPOCH} and DESCRIPTION_NAME in names
    except (OSError, zipfile.BadZipFile):
        return False


def is_exported(path: Path) -> bool:
    """Whether a file is an exported model: ONNX has notes of weaksep at its end, the archive of torch in a member."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return any(Path(name).name == EXPORTED_NAME for name in archive.namelist())
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 1_000_000))
            return b"weaksep.sample_rate" in file.read()
    except (OSError, zipfile.BadZipFile):
        return False


def models_in(folder: Path) -> list[Path]:
    """Separators in a recipe (in exp or exp_NAME) or in a folder of experiments, and packed models right in either."""
    found = (path.parent for at in ("", "exp*/") for path in folder.glob(f"{at}separator_*/{DESCRIPTION_NAME}"))
    return [*sorted(found), *sorted(filter(is_packed, folder.glob("*.zip")))]


def model_names() -> list[str]:
    """Names of the models that there are."""
    return sorted(folder.name for folder in MODELS.glob("*") if network_file(folder, DESCRIPTION_NAME).is_file())


def find_model(place: str | Path) -> Path:
    """Where a model is: a folder or file that is there comes before a model of that name, here or on the hub.

    Args:
        place: an experiment's folder, a packed model, or a name.

    Raises:
        UserError: there is none; or see ``hub.fetch``.
    """
    path, names = Path(place), model_names()
    if path.is_dir() or path.is_file():
        return path
    if str(place) in names:
        return MODELS / place
    if is_hub_name(str(place)):
        return fetch(str(place)).folder
    named = f", or the name of one in weaksep ({', '.join(names)})" if names else ""
    ways = f"give an experiment's folder or a packed model (relative paths start at {Path.cwd()}){named}"
    raise UserError(f"{place}: no such model; {did_you_mean(str(place), names, ways)}")


def model_name(place: str | Path) -> str:
    """What notes call a model: where it is, or ORG/NAME@COMMIT of one from the hub.

    Raises:
        UserError: see ``find_model``.
    """
    path = find_model(place)
    return fetch(str(place)).pinned if is_hub_name(str(place)) else str(path.resolve())


def network_file(folder: Path, name: str) -> Path:
    """Where one of a network's two files is in its folder; in one for the hub, the description is ``config.json``."""
    other = folder / HUB_DESCRIPTION_NAME
    to_hub = name == DESCRIPTION_NAME and not (folder / name).exists() and other.is_file()
    return other if to_hub else folder / name
