"""How sure a trained net may be of itself: the temperature of its masks, chosen on sums of validation clips.

A net that has seen few recordings of a class knows those by heart. On new ones it is as sure, and wrong: a target that
it gives to another class altogether costs tens of dB, one that is shared between the two costs a few. Masks are made of
logits divided by a temperature, which is 1 in training; above 1 they are softer. (For classifiers this is known as
temperature scaling: Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017, who choose it
by the likelihood of validation labels.)

No isolated source is asked for. Two validation clips without a class in common are summed, as for the remix loss
(losses/remix.py): the sources of either's classes should give its share of the sum, which is known. The temperature is
the one at which they do so best (``side_scores``). It is chosen in the same way for every supervision, strong included.

The measure is half SI-SDR, which systems are compared by, and half SNR. SI-SDR alone does not mind how faint a source
gets, and so not how much of it has gone to classes that do not occur: it asks for softer masks than both together (on
ESC-10, trained from isolated sources, for 5.7 instead of 2.8). SNR alone does not mind whether what little there is of
a missed target sounds like it.
"""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch

from weaksep.feats.mixed import Knowledge, TrainingSet, open_training_set
from weaksep.feats.remix_config import RemixConfig
from weaksep.fileio.checkpoint import load_checkpoint, save_checkpoint
from weaksep.jobs.interrupt import check
from weaksep.losses.remix import side_shares
from weaksep.nets.separators import MaskSeparator
from weaksep.train.objectives import TensorBatch, parts_of, to_device
from weaksep.train.plan import Plan

logger = logging.getLogger(__name__)

TEMPERATURES = (0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.7, 8.0)
BATCH_CLIPS = 16
LIMIT_DB = 60.0
PLACES = 2  # of the mean in dB: what differs less is a tie, and the temperature nearer to 1 wins
# Clips of few classes first: what they ask of a mask is the more definite.
SUMS = RemixConfig(clips=2, alone=0.0, prefer_few=2.0, target="phase_sensitive", gain_db=(0.0, 0.0))


def side_scores(magnitude: torch.Tensor, masks: torch.Tensor, batch: TensorBatch) -> torch.Tensor:
    """Mean of SI-SDR and SNR of each side of sums of two clips, in dB, (B, 2); NaN for clips alone, and where a side is
    silent.

    Both are of magnitudes, over all bins of the clip, and within +-``LIMIT_DB``. With g what the classes of a side
    give, w what a mask should have given, and c the cosine of the angle between the two, SI-SDR is
    10 log10(c^2 / (1 - c^2)) and SNR is 10 log10(|w|^2 / |w - g|^2).

    Args:
        magnitude: of the sums, (B, T, F).
        masks: of the classes, (B, K, T, F).
        batch: the sides and their classes.
    """
    assert batch.sides is not None and batch.side_labels is not None
    labels = batch.side_labels[:, 0]
    if labels.dim() == 4:  # of frames: a class is asked wherever it occurs in the clip
        labels = labels.amax(dim=2)
    first, second, _ = side_shares(masks, labels)
    given = torch.stack([first, second], dim=1) * magnitude.unsqueeze(1)
    wanted = batch.sides[:, 0]
    target = wanted.double().square().sum(dim=(2, 3))
    aligned = (given * wanted).double().sum(dim=(2, 3)).square()
    product = given.double().square().sum(dim=(2, 3)) * target
    error = (wanted - given).double().square().sum(dim=(2, 3))
    scores = 0.5 * (_decibels(aligned, product - aligned) + _decibels(target, error))
    usable = (wanted.sum(dim=(2, 3)) > 0) & (labels.sum(dim=2) > 0)
    return torch.where(usable.all(dim=1, keepdim=True), scores, torch.nan)


def _decibels(power: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    tiny = torch.finfo(torch.float64).tiny
    ratio = power.clamp_min(tiny) / other.clamp_min(tiny)
    return (10.0 * ratio.log10()).clamp(-LIMIT_DB, LIMIT_DB)


def validation_sums(plan: Plan) -> TrainingSet:
    """Sums of two clips of the validation set, with the labels that the supervision may see.

    Raises:
        UserError: labels or audio are missing. One batch is read, so that this is known before the training.
    """
    config = plan.config
    known = Knowledge(
        supervision="frame" if config.supervision == "frame" else "clip",
        missing_tags=config.missing_tags,
        wrong_tags=config.wrong_tags,
        remix=SUMS,
        seed=config.seed,
        validation=True,
    )
    sums = open_training_set(*plan.set_folders("valid"), known)
    sums.batch(range(min(len(sums), BATCH_CLIPS)))
    return sums


@torch.inference_mode()
def mean_scores(net: MaskSeparator, clips: TrainingSet, device: torch.device) -> dict[float, float]:
    """Mean of ``side_scores`` over a set at each temperature; empty where no two clips could be summed."""
    net.eval()
    found: dict[float, list[torch.Tensor]] = {temperature: [] for temperature in TEMPERATURES}
    for start in range(0, len(clips), BATCH_CLIPS):
        check()
        rows = np.arange(start, min(start + BATCH_CLIPS, len(clips)))
        for part in parts_of(to_device(clips.batch(rows), device)):
            logits = net.logits(net.frontend(part.magnitude))
            for temperature, scores in found.items():
                net.temperature = temperature
                scores.append(side_scores(part.magnitude, net.masks(logits)[:, : net.n_classes], part).flatten())
    net.temperature = 1.0
    means = {temperature: torch.cat(scores).nanmean().item() for temperature, scores in found.items()}
    return {} if np.isnan(list(means.values())).any() else means


def calibrate(best: Path, net: MaskSeparator, sums: TrainingSet, device: torch.device, name: str) -> float:
    """The temperature at which the net of best.pt does best.

    Args:
        best: the trained net.
        net: built as best.pt's; takes its weights.
        sums: see ``validation_sums``.
        device: where to compute.
        name: for the log.
    """
    net.load_state_dict(load_checkpoint(best)["model"])
    means = mean_scores(net.to(device), sums, device)
    if not means:
        logger.warning("%s: no two validation clips can be summed, so the masks stay as sure as they are", name)
        return 1.0
    chosen = max(means, key=lambda temperature: (round(means[temperature], PLACES), -abs(math.log(temperature))))
    edge = ", the last one that was tried" if chosen in (TEMPERATURES[0], TEMPERATURES[-1]) else ""
    logger.info("%s: mask temperature %g%s (%.2f dB on sums of validation clips, %.2f dB at 1)", name, chosen, edge,
                means[chosen], means[1.0])  # fmt: skip
    return chosen


def note_temperature(best: Path, temperature: float | None, config: dict[str, Any]) -> None:
    """Write the temperature into best.pt, beside the weights, and the run's settings as they are by now.

    Args:
        best: the trained net.
        temperature: None when none was chosen; one that was chosen before goes.
        config: resolved settings.
    """
    saved = load_checkpoint(best)
    noted = {**saved, "config": config, "temperature": temperature}
    if temperature is None:
        del noted["temperature"]
    if (noted.get("temperature"), noted["config"]) != (saved.get("temperature"), saved["config"]):
        save_checkpoint(best, noted)
