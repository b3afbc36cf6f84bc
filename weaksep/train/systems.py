"""Which systems a configuration folder describes, and what they ask for.

A system is ``<config folder>/<system>.yaml``; its classifier is ``<config folder>/classifier_<name>.yaml``.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from weaksep.errors import raise_problems, unknown_names
from weaksep.fileio.yamlfile import load_config
from weaksep.train.config import ClassifierTraining, SeparatorTraining

HEADLINE = ("strong", "frame", "clip")


def system_configs(
    config_dir: str | Path, systems: Sequence[str], overrides: Sequence[str] = ()
) -> dict[str, SeparatorTraining]:
    """Settings of each system.

    Raises:
        UserError: see ``check_systems``; or a YAML that does not fit the schema.
    """
    folder = Path(config_dir)
    check_systems(folder, systems)
    return {system: load_config(SeparatorTraining, folder / f"{system}.yaml", overrides) for system in systems}


def check_systems(config_dir: str | Path, systems: Sequence[str]) -> None:
    """Refuse names of systems that a configuration folder does not describe.

    Raises:
        UserError: listing them, each with those there are, nearest first.
    """
    problems = [f"{config_dir}: no system {line}" for line in unknown_names(systems, all_systems(config_dir))]
    raise_problems("unknown systems", problems, one_alone=True)


def all_systems(config_dir: str | Path) -> list[str]:
    """Names of the systems that a configuration folder describes: those of the headline first, then by name."""
    stems = {path.stem for path in Path(config_dir).glob("*.yaml")} - {"data", "mix", "feats", "prepare", "slurm"}
    found = [stem for stem in stems if not stem.startswith(("classifier", "base"))]
    return sorted(found, key=lambda name: (HEADLINE.index(name) if name in HEADLINE else len(HEADLINE), name))


def system_variants(config_dir: str | Path, systems: Sequence[str]) -> list[str]:
    """Names of the variants of the mixtures that systems and their classifiers ask for, sorted.

    Raises:
        UserError: see ``system_configs``.
    """
    configs = system_configs(config_dir, systems)
    used = (*configs.values(), *classifier_configs(Path(config_dir), configs).values())
    return sorted({name for config in used for name in (config.mixtures, config.unlabelled)} - {""})


def classifier_configs(
    folder: Path, separators: Mapping[str, SeparatorTraining], overrides: Sequence[str] = (), evaluation: str = ""
) -> dict[str, ClassifierTraining]:
    """Settings of the classifiers that systems use, and of the evaluation classifier, by name."""
    wanted = {c.classifier for c in separators.values() if c.classifier} | ({evaluation} if evaluation else set())
    return {
        name: load_config(ClassifierTraining, folder / f"classifier_{name}.yaml", overrides) for name in sorted(wanted)
    }


def users_of(classifiers: Collection[str], config_dir: str | Path, systems: Sequence[str]) -> list[str]:
    """Those of the systems that cannot be trained without one of these frozen classifiers."""
    configs = system_configs(config_dir, systems).items()
    return [name for name, config in configs if not config.joint and config.classifier in classifiers]
