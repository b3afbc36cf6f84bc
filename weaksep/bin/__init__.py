"""The commands: argparse and one call each. ``weaksep NAME`` is ``python -m weaksep.bin.NAME``."""
