"""Stage 1: all sets of mixtures of a recipe, those of mix.yaml and of the variants that are asked for."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from weaksep.errors import UserError
from weaksep.fileio.stamp import run_step
from weaksep.mixtures.alone import alone_step, write_alone_events
from weaksep.mixtures.config import MixConfig
from weaksep.mixtures.write import mix_step, write_set


def wanted_mixtures(config: MixConfig, to_train: Sequence[str], more: Sequence[str]) -> dict[str, MixConfig]:
    """Settings of the recipe's own mixtures (the name is empty), and of each variant that is asked for.

    Args:
        config: mix.yaml.
        to_train: variants that systems are trained on.
        more: other variants.

    Raises:
        UserError: a variant that is not there, or without the sets that training needs.
    """
    for name in to_train:
        if not config.variant(name).sets.train:
            raise UserError(f"mix.yaml: variants.{name} has no training set; a system asks for it")
    return {"": config, **{name: config.variant(name) for name in sorted({*to_train, *more})}}


def make_mixtures(
    config: MixConfig,
    wanted: Mapping[str, MixConfig],
    events_dir: Path,
    backgrounds_dir: Path,
    out: Path,
    nj: int,
    force: bool,
) -> None:
    """Write every set of mixtures that is not up to date, data/<set> and data/<set>_<variant>.

    Args:
        config: mix.yaml.
        wanted: see ``wanted_mixtures``.
        events_dir: data/events.
        backgrounds_dir: data/backgrounds.
        out: data.
        nj: worker processes.
        force: write those that are up to date, too.

    Raises:
        UserError: see ``write_set``.
    """
    for variant, settings in wanted.items():
        source = config.variants.get(variant)
        for name in settings.sizes():
            side = "train" if source and source.recordings == "train" else name
            events, backgrounds = events_dir / side, backgrounds_dir / side if settings.background else None
            if source and source.events == "alone":
                events = out / f"events_{variant}" / name
                run_step(
                    alone_step(out / name, events, source.alone),
                    partial(write_alone_events, out / name, source.alone),
                    force=force,
                )
            folder = out / (f"{name}_{variant}" if variant else name)
            same = bool(source and source.events == "same")
            run_step(
                mix_step(settings, name, events, folder, backgrounds, same),
                partial(
                    write_set, settings, name, events,
                    nj=nj, variant=variant, same_events=same, backgrounds_dir=backgrounds,
                ),
                force=force,
            )  # fmt: skip
