"""Checkpoints: tensors, numbers, strings and containers of them; never code."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

from weaksep.errors import UserError
from weaksep.fileio.atomic import atomic_path


def save_checkpoint(path: str | Path, state: dict[str, Any]) -> None:
    """Write a checkpoint atomically."""
    import torch

    with atomic_path(path) as temporary:
        torch.save(state, temporary)


def load_checkpoint(path: str | Path, device: str = "cpu") -> dict[str, Any]:
    """Read a checkpoint; code inside it is refused, not run (weights_only).

    Raises:
        UserError: missing, truncated, not a checkpoint, or holding more than plain data.
    """
    import torch

    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        raise UserError(f"{path}: no such checkpoint (train first: stages 3 and 4)") from None
    except pickle.UnpicklingError:
        raise UserError(f"{path}: refused: it is damaged or holds more than tensors and plain data") from None
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(f"{path}: cannot be read as a checkpoint ({reason})") from None
    if not isinstance(state, dict):
        raise UserError(f"{path}: not a checkpoint of weaksep (a {type(state).__name__})")
    return state
