"""Drawing a mixture: how many events, of which class, which file, where, how loud.

Every mixture has its own generator, seeded by (seed, set, utterance id, attempt): neither order nor workers
matter.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from weaksep.errors import UserError
from weaksep.mixtures.config import MixConfig
from weaksep.mixtures.scene import Event, Scene
from weaksep.seeding import generator
from weaksep.signal.units import samples_to_seconds, seconds_to_samples


def zero_truncated_poisson(rng: np.random.Generator, rate: float) -> int:
    """One draw of a Poisson number given that it is not 0; mean rate / (1 - exp(-rate)).

    Exact and without rejection: count the arrivals of a unit-rate process in [0, rate]. Given that there is
    one, the first comes at t = -log(1 - u (1 - exp(-rate))), u uniform (the exponential law cut at `rate`);
    after it Poisson(rate - t) more follow.
    """
    first = -np.log1p(rng.random() * np.expm1(-rate))
    return 1 + int(rng.poisson(max(0.0, rate - first)))


def sample_scene(
    config: MixConfig,
    by_class: Mapping[str, Sequence[tuple[str, str]]],
    set_name: str,
    utt_id: str,
    sample_rate: int,
    attempt: int = 0,
) -> Scene:
    """Draw one mixture.

    The class is uniform over the classes that still have an unused file in this mixture (a class that has
    run out is drawn no more), the file uniform over the class's unused ones, the onset uniform over the
    clip's samples.

    Args:
        by_class: events to draw from, see ``EventPool``.
        attempt: 0; counted up by the renderer when a drawn scene holds an event of which nothing is heard.

    Raises:
        UserError: more events than files were drawn.
    """
    rng = generator(config.seed, "mix", set_name, utt_id, attempt)
    n_events = zero_truncated_poisson(rng, config.mean_events) if config.mean_events else 0
    n_starts = max(1, seconds_to_samples(config.clip_s - config.min_event_s, sample_rate))
    used: dict[str, set[int]] = {name: set() for name in by_class}
    events = []
    for _ in range(n_events):
        open_classes = [name for name, files in by_class.items() if len(used[name]) < len(files)]
        if not open_classes:
            raise UserError(f"{utt_id}: {n_events} events were drawn and no file may occur twice: lower mean_events")
        name = open_classes[rng.integers(len(open_classes))]
        index = int(rng.integers(len(by_class[name])))
        while index in used[name]:  # uniform over the unused; collisions are few, and an unused one exists
            index = int(rng.integers(len(by_class[name])))
        used[name].add(index)
        event_id, recording_id = by_class[name][index]
        onset_s = samples_to_seconds(int(rng.integers(n_starts)), sample_rate)
        events.append(Event(event_id, name, recording_id, onset_s, level_db=float(rng.uniform(*config.level_db))))
    return Scene(utt_id, config.clip_s, sample_rate, 0.0, tuple(events))
