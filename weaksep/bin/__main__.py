"""``python -m weaksep.bin NAME`` is ``weaksep NAME``."""

import sys

from weaksep.bin.main import main

if __name__ == "__main__":
    sys.exit(main())
