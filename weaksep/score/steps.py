"""Stage 6 as steps: two a system and one a classifier. Imports no torch: a rerun with nothing to do must be quick."""

from __future__ import annotations

from pathlib import Path

from weaksep.fileio.datadir import FINGERPRINT_TABLES, REFERENCED_NAME, SOURCE_NAME, TIMED_NAME, DataDir
from weaksep.fileio.inputs import files_of, source_scps, tables_of
from weaksep.fileio.stamp import STAMP_NAME, Step
from weaksep.metrics import sed


def _sed() -> dict[str, bool]:
    """Figures that were left out for want of a package are made up for when it is there."""
    return {sed.PACKAGE: sed.installed()}


def _separated(folder: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Tables and audio of a system's separated files."""
    scps = sorted(path.name for path in folder.glob("*.scp"))
    named = (tables_of(folder, [*scps, SOURCE_NAME]), files_of(folder, scps))
    tables, files = ({f"separated/{name}": path for name, path in found.items()} for found in named)
    return tables, files


def scores_step(experiment: Path, data: DataDir, dump: Path, bss_eval: bool = True) -> Step:
    """Scores of a system's separated files."""
    set_name, scps = data.path.resolve().name, source_scps(data.path)
    tables, files = _separated(experiment / "separated" / set_name)
    return Step(
        name=f"{experiment}/scores/{set_name}",
        folder=experiment / "scores" / set_name,
        settings={"bss_eval": bss_eval},
        tables={
            **tables_of(data.path, [*FINGERPRINT_TABLES, "events.tsv", TIMED_NAME, REFERENCED_NAME, *scps]),
            **tables_of(dump, ["feats.yaml"]),
            **tables,
        },
        files={**files_of(data.path, ["wav.scp", *scps]), **files},
        code=["weaksep.score.system"],
        outputs=["scores.tsv", SOURCE_NAME],
        stamp_name=f"scores.{STAMP_NAME}",
    )


def sources_step(experiment: Path, data: DataDir, classifier: Path) -> Step:
    """What the evaluation classifier, a checkpoint, hears in a system's separated files."""
    set_name, name = data.path.resolve().name, classifier.parent.name
    tables, files = _separated(experiment / "separated" / set_name)
    labels = tables_of(data.path, [*FINGERPRINT_TABLES, "events.tsv", TIMED_NAME])
    return Step(
        name=f"{experiment}/scores/{set_name} (by {name})",
        folder=experiment / "scores" / set_name,
        settings={"classifier": name, **_sed()},
        tables={"classifier": classifier, **labels, **tables},
        files=files,
        code=["weaksep.score.sources", "weaksep.infer.model"],
        outputs=["sources.json"],
        stamp_name=f"sources.{STAMP_NAME}",
    )


def tagging_step(checkpoint: Path, data: DataDir, dump: Path) -> Step:
    """Scores of a classifier."""
    set_name, experiment = data.path.resolve().name, checkpoint.parent
    return Step(
        name=f"{experiment}/scores/{set_name} (classifier)",
        folder=experiment / "scores" / set_name,
        settings=_sed(),
        tables={
            checkpoint.name: checkpoint,
            **tables_of(data.path, ["wav.scp", "labels.txt", "utt2labels", "events.tsv", TIMED_NAME]),
            **tables_of(dump, ["feats.scp", "feats.yaml", "utt2num_frames"]),
        },
        files={
            **files_of(data.path, ["wav.scp"]),
            **{f"dump/{path.name}": path for path in sorted(dump.glob("ark/feats.*.ark"))},
        },
        code=["weaksep.score.tagging", "weaksep.infer.model"],
        outputs=["tagging.json"],
        stamp_name=f"tagging.{STAMP_NAME}",
    )
