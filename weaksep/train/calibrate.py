"""The confidence of a trained net: the temperature of its masks, chosen on remixes of validation clips.

A net that has seen few recordings of a class has memorised them. On new ones it is just as confident, and often wrong:
a target that goes to another class altogether costs tens of dB, one shared between the two costs a few. Masks are made
from logits divided by a temperature, which is 1 in training; above 1 they are softer. (For classifiers this is known
as temperature scaling: Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017, who choose
it by the likelihood of validation labels.)

No isolated sources are needed. Two validation clips without a class in common are remixed, as for the remix loss
(losses/remix.py): the sources of either's classes should give its submixture, which is known. The temperature is the
one at which they do so best (``submixture_scores``). It is chosen in the same way for every supervision, strong
included. Where all validation clips have classes in common, they are remixed all the same: what such a class gives may
explain either submixture, as in that loss.

The measure is half SI-SDR, which systems are compared by, and half SNR. SI-SDR alone does not mind how faint a source
gets, and so not how much of it has gone to classes that do not occur: it asks for softer masks than both together (on
ESC-10, trained from isolated sources, for 5.7 instead of 2.8). SNR alone does not mind whether what little there is of
a missed target sounds like it.
"""

import logging
import math
from collections.abc import Iterable

import torch

from weaksep.errors import UserError
from weaksep.feats.batch import Batch
from weaksep.feats.config import AugmentConfig, Knowledge, RemixConfig
from weaksep.feats.dataset import TrainingSet
from weaksep.fileio.network import TEMPERATURES, read_network, write_description
from weaksep.jobs.interrupt import check
from weaksep.losses.remix import submixture_shares
from weaksep.nets.build import build_separator
from weaksep.nets.separator import MaskSeparator
from weaksep.train.config import SeparatorTraining
from weaksep.train.plan import Plan

logger = logging.getLogger(__name__)

BATCH_CLIPS = 16
LIMIT_DB = 60.0
FEWEST_REMIXES = 20  # different ones: of fewer, another few would have another temperature
PLACES = 2  # of the mean in dB: what differs less is a tie, and the temperature nearer to 1 wins
# Clips of few classes first: what they ask of a mask is the more definite.
REMIX = RemixConfig(max_clips=2, p_single=0.0, few_class_bias=2.0, target="phase_sensitive")
AUGMENT = AugmentConfig(gain_db=(0.0, 0.0))


def submixture_scores(magnitude: torch.Tensor, masks: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Mean of SI-SDR and SNR of each submixture of remixes of two clips, in dB, (B, 2); NaN for single clips, where a
    submixture is silent, and where one has no class of its own.

    Both are of magnitudes, over all bins of the clip, and within +-``LIMIT_DB``. With g what the classes of a
    submixture give (those of both, as much as it lacks), w what a mask should have given, and c the cosine of the angle
    between the two, SI-SDR is 10 log10(c^2 / (1 - c^2)) and SNR is 10 log10(|w|^2 / |w - g|^2).

    Args:
        magnitude: of the remixes, (B, T, F).
        masks: of the classes, (B, K, T, F).
        batch: the submixtures and their classes.
    """
    assert batch.submixtures is not None and batch.submixture_labels is not None
    labels = batch.submixture_labels[:, :1]
    if labels.dim() == 5:  # of frames: a class is asked wherever it occurs in the clip
        labels = labels.amax(dim=3)
    wanted, (alone, both) = batch.submixtures[:, 0], submixture_shares(masks, labels)
    first, second, shared = (share * magnitude for share in (*alone[:, 0].unbind(dim=1), both[:, 0]))
    explained = torch.minimum((wanted[:, 0] - first).clamp_min(0.0), shared)
    given = torch.stack([first + explained, second + shared - explained], dim=1)
    target = wanted.double().square().sum(dim=(2, 3))
    aligned = (given * wanted).double().sum(dim=(2, 3)).square()
    product = given.double().square().sum(dim=(2, 3)) * target
    error = (wanted - given).double().square().sum(dim=(2, 3))
    scores = 0.5 * (_decibels(aligned, product - aligned) + _decibels(target, error))
    own_classes = labels[:, 0] * (1 - labels.prod(dim=2))
    usable = (wanted.sum(dim=(2, 3)) > 0) & (own_classes.sum(dim=2) > 0)
    return torch.where(usable.all(dim=1, keepdim=True), scores, torch.nan)


def of_classes_alone(masks: torch.Tensor, n_classes: int) -> torch.Tensor:
    """Masks (B, K, T, F) of the classes as if there were no residual output, which has the one behind them.

    What is known of a submixture includes its background. Classes that leave it to the residual, as they should, would
    seem to lack it, and the softest masks that are tried would be the best: they give it back.
    """
    if masks.shape[1] == n_classes:
        return masks
    classes = masks[:, :n_classes]
    return classes / classes.sum(dim=1, keepdim=True).clamp_min(torch.finfo(classes.dtype).tiny)


def _decibels(power: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    tiny = torch.finfo(torch.float64).tiny
    return (10.0 * (power.clamp_min(tiny) / other.clamp_min(tiny)).log10()).clamp(-LIMIT_DB, LIMIT_DB)


def validation_remixes(plan: Plan, shared: bool = False) -> TrainingSet:
    """Remixes of two clips of the validation set, with the labels that the supervision may see.

    Args:
        shared: of clips with classes in common too.

    Raises:
        UserError: labels or audio are missing. One batch is read, so that this is known before the training.
    """
    config = plan.config
    known = Knowledge(
        supervision="frame" if config.supervision == "frame" else "clip",
        missing_labels=config.missing_labels,
        wrong_labels=config.wrong_labels,
        remix=REMIX.model_copy(update={"shared": shared}),
        augment=AUGMENT,
        seed=config.seed,
    )
    remixes = TrainingSet(*plan.set_folders("valid"), known, validation=True)
    remixes.batch(range(min(len(remixes), BATCH_CLIPS)))
    return remixes


@torch.inference_mode()
def mean_scores(
    net: MaskSeparator, clips: TrainingSet, device: torch.device
) -> tuple[dict[float, float], set[frozenset[str]]]:
    """Mean of ``submixture_scores`` over a set at each temperature, and the pairs of clips whose remixes have scores;
    both empty where no two clips could be remixed."""
    net.eval()
    found: dict[float, list[torch.Tensor]] = {temperature: [] for temperature in TEMPERATURES}
    remixes: list[tuple[str, ...]] = []
    for start in range(0, len(clips), BATCH_CLIPS):
        check()
        items = range(start, min(start + BATCH_CLIPS, len(clips)))
        remixes += clips.remixed(items)
        for batch in clips.batch(items):
            batch = batch.to(device)
            logits = net.logits(net.frontend(batch.magnitude))
            for temperature, scores in found.items():
                net.temperature = temperature
                masks = of_classes_alone(net.masks(logits), net.n_classes)
                scores.append(submixture_scores(batch.magnitude, masks, batch))
    net.temperature = 1.0
    means = {temperature: torch.cat(scores).nanmean().item() for temperature, scores in found.items()}
    scored = (~torch.cat(found[1.0])[:, 0].isnan()).tolist()
    pairs = {frozenset(own) for own, there in zip(remixes, scored, strict=True) if there}
    return means if pairs else {}, pairs


def chosen_temperature(net: MaskSeparator, sets: Iterable[TrainingSet], device: torch.device, name: str) -> float:
    """The temperature at which a net does best.

    Args:
        net: the trained separator.
        sets: see ``validation_remixes``; the first one counts that has remixes.
        device: where to compute.
        name: for the log.
    """
    net.to(device)
    for clips in sets:
        means, pairs = mean_scores(net, clips, device)
        if pairs:
            break
    else:
        logger.warning("%s: no two validation clips can be remixed, so the masks stay as confident as they are", name)
        return 1.0
    chosen = max(means, key=lambda temperature: (round(means[temperature], PLACES), -abs(math.log(temperature))))
    edge, few = chosen in (TEMPERATURES[0], TEMPERATURES[-1]), len(pairs) < FEWEST_REMIXES
    known = clips.known.remix
    whose = " that share classes" if known and known.shared else ""
    on = f"{len(pairs)} remixes of {len(frozenset.union(*pairs))} validation clips{whose}"
    logger.log(logging.WARNING if edge or few else logging.INFO,
               "%s: mask temperature %g%s, chosen on %s (%.2f dB there, %.2f dB at 1)%s", name, chosen,
               ", the last one that was tried" if edge else "", on, means[chosen], means[1.0],
               "; of so few it is a rough guess" if few else "")  # fmt: skip
    return chosen


def calibrate(plan: Plan, device: str) -> None:
    """Note the temperature of a trained separator in its model.json: the chosen one with ``calibrate``, else 1.

    Raises:
        UserError: the network, labels or audio are missing.
    """
    assert isinstance(plan.config, SeparatorTraining)
    description, weights = read_network(plan.exp, "separator")
    temperature = 1.0
    if plan.config.calibrate:
        features = description.features
        net = build_separator(description.config["net"], len(description.classes), features.window_samples // 2 + 1)
        if not isinstance(net, MaskSeparator):
            raise UserError(f"{plan.exp}: this net has no temperature; leave out calibrate")
        net.load_state_dict(weights)
        sets = (validation_remixes(plan, shared) for shared in (False, True))
        temperature = chosen_temperature(net, sets, torch.device(device), plan.exp.name)
    write_description(plan.exp, description.model_copy(update={"temperature": temperature}))
