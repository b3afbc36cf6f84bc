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


def scores_step(experiment: Path, data: DataDir, dump: Path, bss_eval: bool = True) -> Step:
    """Scores of a system's separated files."""
    set_name = data.path.resolve().name
    separated = experiment / "separated" / set_name
    scps = source_scps(data.path)
    estimates = sorted(path.name for path in separated.glob("*.scp"))
    outputs = tables_of(separated, [*estimates, SOURCE_NAME])
    files = files_of(separated, estimates)
    return Step(
        name=f"{experiment}/scores/{set_name}",
        folder=experiment / "scores" / set_name,
        settings={"bss_eval": bss_eval},
        tables={
            **tables_of(data.path, [*FINGERPRINT_TABLES, "events.tsv", TIMED_NAME, REFERENCED_NAME, *scps]),
            **tables_of(dump, ["feats.yaml"]),
            **{f"separated/{name}": path for name, path in outputs.items()},
        },
        files={
            **files_of(data.path, ["wav.scp", *scps]),
            **{f"separated/{name}": path for name, path in files.items()},
        },
        code=["weaksep.score.system"],
        outputs=["scores.tsv", SOURCE_NAME],
        stamp_name=f"scores.{STAMP_NAME}",
    )


def tagging_step(checkpoint: Path, data: DataDir, dump: Path) -> Step:
    """Scores of a classifier."""
    set_name = data.path.resolve().name
    experiment = checkpoint.parent
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


def sources_step(experiment: Path, data: DataDir, judge: Path) -> Step:
    """A classifier's judgement of a system's separated files."""
    set_name = data.path.resolve().name
    separated = experiment / "separated" / set_name
    estimates = sorted(path.name for path in separated.glob("*.scp"))
    outputs = tables_of(separated, [*estimates, SOURCE_NAME])
    files = files_of(separated, estimates)
    return Step(
        name=f"{experiment}/scores/{set_name} (judged by {judge.parent.name})",
        folder=experiment / "scores" / set_name,
        settings={"judge": judge.parent.name, **_sed()},
        tables={
            "judge": judge,
            **tables_of(data.path, [*FINGERPRINT_TABLES, "events.tsv", TIMED_NAME]),
            **{f"separated/{name}": path for name, path in outputs.items()},
        },
        files={f"separated/{name}": path for name, path in files.items()},
        code=["weaksep.score.sources", "weaksep.infer.model"],
        outputs=["sources.json"],
        stamp_name=f"sources.{STAMP_NAME}",
    )
