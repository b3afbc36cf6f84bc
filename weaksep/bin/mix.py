"""Stage 1: draw and render mixtures of isolated events, data/events -> data/{train,valid,test}.

Systems with ``mixtures: NAME`` in their YAML have sets of their own, data/{train,valid,test}_NAME, which mix.yaml
describes under ``variants``; ``--variants`` names more of them, to test on.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from weaksep.bin.cli import add_force, make_parser, positive_int, run_command
from weaksep.errors import UserError

if TYPE_CHECKING:
    from weaksep.mixtures.config import MixConfig


def write_sets(
    config: MixConfig, events_dir: Path, out: Path, variant: str, nj: int, force: bool, recordings: str = "own"
) -> None:
    """Write the sets of the recipe (variant "") or of a variant, from each set's own events or another's."""
    from weaksep.fileio.stamp import run_step
    from weaksep.mixtures.write import mix_step, write_set

    for name in config.sizes():
        events = events_dir / (name if recordings == "own" else recordings)
        folder = out / (f"{name}_{variant}" if variant else name)
        work = partial(write_set, config, name, events, folder, nj=nj, variant=variant)
        run_step(mix_step(config, name, events, folder), work, force=force)


def cut_events(config: MixConfig, out: Path, variant: str, force: bool) -> Path:
    """Cut the events of a variant with ``events: alone`` out of the recipe's mixtures; their folder."""
    from weaksep.fileio.stamp import run_step
    from weaksep.mixtures.alone import alone_step, write_alone_events

    settings, folder = config.variants[variant].alone, out / f"events_{variant}"
    for name in config.variant(variant).sizes():
        places = (out / name, folder / name, settings)
        run_step(alone_step(*places), partial(write_alone_events, *places), force=force)
    return folder


def main(argv: Sequence[str] | None = None) -> None:
    """Run stage 1."""
    parser = make_parser("mix", __doc__)
    parser.add_argument("--config", type=Path, required=True, help="mix.yaml")
    parser.add_argument("--events", type=Path, default=Path("data/events"), help="what stage 0 wrote (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("data"), help="folder of the sets (%(default)s)")
    parser.add_argument("--systems", default="", help="systems that will be trained, for the variants they ask for")
    parser.add_argument("--system-configs", type=Path, help="folder of their YAMLs (that of --config)")
    parser.add_argument("--variants", default="", help="more variants of mix.yaml, separated by blanks")
    parser.add_argument("--nj", type=positive_int, default=1, help="worker processes (%(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="instead of the seed in the configuration")
    add_force(parser)
    arguments = parser.parse_args(argv)

    from weaksep.fileio.yamlfile import load_config
    from weaksep.mixtures.config import MixConfig
    from weaksep.train.plan import system_variants

    overrides = [] if arguments.seed is None else [f"seed={arguments.seed}"]
    config = load_config(MixConfig, arguments.config, overrides)
    asked = system_variants(arguments.system_configs or arguments.config.parent, arguments.systems.split())
    for name in asked:
        if not config.variant(name).sets.train:
            raise UserError(f"{arguments.config}: variants.{name} has no training set; a system asks for it")
    asked = sorted({*asked, *arguments.variants.split()})
    variants = {name: config.variant(name) for name in asked}  # a wrong name is told before any work
    write_sets(config, arguments.events, arguments.out, "", arguments.nj, arguments.force)
    for name, variant in variants.items():
        source = config.variants[name]
        alone = source.events == "alone"
        events = cut_events(config, arguments.out, name, arguments.force) if alone else arguments.events
        write_sets(variant, events, arguments.out, name, arguments.nj, arguments.force, source.recordings)


if __name__ == "__main__":
    sys.exit(run_command(main))
