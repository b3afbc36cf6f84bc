"""The clips of a training, and those that validate it."""

from weaksep.errors import UserError
from weaksep.feats.dataset import TrainingSet
from weaksep.fileio.datadir import DataDir
from weaksep.train.calibrate import validation_remixes
from weaksep.train.config import SeparatorTraining
from weaksep.train.plan import Plan


def training_sets(plan: Plan) -> tuple[TrainingSet, TrainingSet]:
    """Training and validation clips with what may be known of each; sources are never needed to validate weak training.

    Raises:
        UserError: data or features are missing or do not fit each other, or no clip has what the settings ask for.
    """
    config = plan.config
    folder = plan.set_folders("train")[0]
    data = DataDir.load(folder)
    if config.supervision == "frame" and not data.timed():
        raise UserError(f"{folder}: no clip with the times of its events; train from clip labels (supervision: clip)")
    if config.frame_share and not data.timed():
        raise UserError(f"{folder}: no clip with the times of its events; leave out frame_share")
    if config.strong_share and not data.referenced():
        raise UserError(f"{folder}: no clip with isolated sources; leave out strong_share")
    if isinstance(config, SeparatorTraining) and config.calibrate:
        validation_remixes(plan)  # what they lack is said before the training, not after it
    train, valid = (
        TrainingSet(*plan.set_folders(name), known, name == "valid", plan.unlabelled(name))
        for name, known in (("train", config), ("valid", config.for_validation()))
    )
    if valid.classes != train.classes or valid.features.settings != train.features.settings:
        raise UserError(
            f"{valid.data.path}: other classes, in another order or with other features than {train.data.path}; "
            "give both the same labels.txt, and rerun stage 2"
        )
    return train, valid
