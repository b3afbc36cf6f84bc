"""Separate the sounds of a mixture with a network that never heard one of them alone.

After Pishdadian, Wichern, Le Roux, "Finding Strength in Weakness: Learning to Separate Sounds with Weak
Supervision", IEEE/ACM TASLP 2020 (arXiv:1911.02182).
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# What is offered to Python programs, and where it is; looked up when it is asked for, so that importing the package
# (as every command does) brings no torch.
_OFFERED = {
    **dict.fromkeys(("load_separator", "sound_levels"), "weaksep.infer.in_memory"),
    "StreamingSeparator": "weaksep.infer.streaming",
}
__all__ = ["StreamingSeparator", "__version__", "load_separator", "sound_levels"]


def __getattr__(name: str) -> Any:
    if name not in _OFFERED:
        raise AttributeError(f"module 'weaksep' has no attribute {name!r}")
    return getattr(import_module(_OFFERED[name]), name)
