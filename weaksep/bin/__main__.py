"""``python -m weaksep.bin NAME`` is ``weaksep NAME``."""

from __future__ import annotations

import sys

from weaksep.bin.main import main

if __name__ == "__main__":
    sys.exit(main())
