"""What Linux says of the processor; other systems say nothing here, and that is an answer too."""

import os
import re
from contextlib import suppress
from pathlib import Path


def _said(*names: str) -> list[str]:
    with suppress(OSError):
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        return re.findall(rf"^(?:{'|'.join(names)})\s*:(.*)$", text, re.MULTILINE)
    return []


def processor_name() -> str | None:
    """As its maker calls it; None where that is not said."""
    return next((name.strip() for name in _said("model name")), None)


def processor_features() -> set[str]:
    """What it can do, and who made it, as Linux names it; empty where that is not said."""
    return set(" ".join(_said("flags", "vendor_id")).split())


def usable_cores() -> int:
    """Those this process may use, which a container limits."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
