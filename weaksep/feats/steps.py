"""Stage 2 as steps, two a set. Imports no torch: a rerun with nothing to do must be quick."""

from pathlib import Path

from weaksep.feats.config import FeatsConfig
from weaksep.fileio.datadir import REFERENCED_NAME, TIMED_NAME, DataDir
from weaksep.fileio.inputs import files_of, source_scps, tables_of
from weaksep.fileio.stamp import STAMP_NAME, Step

REFERENCES_HASH = "references.sha256"
TABLES = ("cmvn.ark", "feats.yaml", "utt2num_frames", "feats.scp")
CODE = ("weaksep.feats.extract", "weaksep.signal.stft")


def fingerprint_files(data_dir: Path, dump_dir: Path, supervision: str) -> dict[str, Path]:
    """The files that tell one training set from another, and that this supervision may see.

    Not the archives, which are gigabytes: the mixtures' statistics differ when they do, and the references have a hash.
    """
    features = ["cmvn.ark", "feats.yaml", "utt2num_frames", *([REFERENCES_HASH] if supervision == "strong" else [])]
    tables = ["wav.scp", "labels.txt", *{"clip": ["utt2labels"], "frame": ["events.tsv"], "strong": []}[supervision]]
    if supervision == "frame" and (data_dir / TIMED_NAME).is_file():
        tables += [TIMED_NAME, "utt2labels"]  # the other clips have clip labels
    if supervision == "strong" and (data_dir / REFERENCED_NAME).is_file():
        tables.append(REFERENCED_NAME)
    return {
        **{f"{dump_dir.name} {name}": dump_dir / name for name in features},
        **{f"{data_dir.name} {name}": data_dir / name for name in tables},
    }


def features_step(data_dir: Path, dump_dir: Path, config: FeatsConfig) -> Step:
    """The mixtures' features as a step.

    Raises:
        UserError: the data folder is missing or malformed.
    """
    data = DataDir.load(data_dir)
    return Step(
        name=str(dump_dir),
        folder=dump_dir,
        settings=config.model_dump(mode="json", exclude_defaults=True),
        tables=tables_of(data.path, ["wav.scp"]),
        files=files_of(data.path, ["wav.scp"]),
        code=CODE,
        outputs=(*TABLES, "ark/feats.*.ark"),
        kind="features",
    )


def references_step(data_dir: Path, dump_dir: Path, config: FeatsConfig) -> Step:
    """The references' features as a step of its own: systems without them may be trained first.

    Raises:
        UserError: the data folder is missing or malformed.
    """
    data = DataDir.load(data_dir)
    scps = source_scps(data.path)
    return Step(
        name=f"{dump_dir} (references)",
        folder=dump_dir,
        settings=config.model_dump(mode="json", exclude_defaults=True),
        tables=tables_of(data.path, [*scps, "labels.txt"]),
        files=files_of(data.path, scps),
        code=CODE,
        outputs=("src_*_feats.scp", REFERENCES_HASH, "ark/src_*.ark"),
        stamp_name=f"references.{STAMP_NAME}",
        kind="features",
    )
