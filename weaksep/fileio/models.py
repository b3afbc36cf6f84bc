"""Which models there are, as far as names tell: experiments with a network, and packed models."""

import zipfile
from pathlib import Path

from weaksep.fileio.experiments import DESCRIPTION_NAME

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


def models_in(folder: Path) -> list[Path]:
    """Separators in a recipe (in exp or exp_NAME) or in a folder of experiments, and packed models right in either."""
    found = (path.parent for at in ("", "exp*/") for path in folder.glob(f"{at}separator_*/{DESCRIPTION_NAME}"))
    return [*sorted(found), *sorted(filter(is_packed, folder.glob("*.zip")))]
