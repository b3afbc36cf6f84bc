"""A set may have variants beside it: data/test_lambda5 holds denser mixtures of the same events as data/test."""

from pathlib import Path


def variant_folder(folder: Path, mixtures: str) -> Path:
    """The folder of a set on which a system works that says ``mixtures: NAME`` in its config.yaml.

    Args:
        folder: of the plain set, data/test or dump/test.
        mixtures: NAME, empty for the plain set.

    Returns:
        FOLDER_NAME where that folder is there, else the plain one.
    """
    variant = folder.parent / f"{folder.name}_{mixtures}"
    return variant if mixtures and variant.is_dir() else folder
