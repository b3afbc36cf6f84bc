"""Random generators that depend on a seed and an item's name, and on nothing else.

A draw for item "train-000017" is the same whichever worker makes it, in whichever order, resumed or not.
"""

import hashlib

import numpy as np


def derived_seed(seed: int, *item: str | int) -> int:
    """A 128-bit seed from a seed and the item's name parts (joined with "/")."""
    name = "/".join([str(seed), *map(str, item)])
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "little")


def generator(seed: int, *item: str | int) -> np.random.Generator:
    """A generator for one item: PCG64 seeded with ``derived_seed(seed, *item)``.

    >>> float(generator(0, "train", 1).random() - generator(0, "train", 1).random())
    0.0
    """
    return np.random.Generator(np.random.PCG64(derived_seed(seed, *item)))
