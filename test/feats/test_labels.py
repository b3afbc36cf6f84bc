"""Frame labels against hand-counted frames."""

from __future__ import annotations

import numpy as np
import pytest

from weaksep.feats.labels import clip_vector, frame_labels, pool_labels
from weaksep.fileio.datadir import EventLabel


def active_frames(onset_s: float, offset_s: float, frames: int = 9) -> list[int]:
    """At 8 kHz and a hop of 100 samples, frame t is centred on t * 12.5 ms."""
    activity = frame_labels([EventLabel(onset_s, offset_s, "dog")], ["cat", "dog"], frames, 8000, 100)
    assert not activity[:, 0].any()
    return np.flatnonzero(activity[:, 1]).tolist()


@pytest.mark.parametrize(
    ("onset_s", "offset_s", "expected"),
    [
        (0.0, 0.0125, [0]),  # samples 0..99: the centre 100 is no longer inside
        (0.0, 0.012625, [0, 1]),  # samples 0..100
        (0.0125, 0.025, [1]),  # the onset itself counts, the offset does not
        (0.012625, 0.025, []),  # samples 101..199 hold no centre
        (0.02, 0.06, [2, 3, 4]),  # samples 160..479: centres 200, 300, 400
        (0.0124375, 0.0126, [1]),  # onset 99.5 rounds up to 100, offset 100.8 to 101
        (0.09, 0.5, [8]),  # cut at the clip's last frame
    ],
)
def test_hand_counted(onset_s: float, offset_s: float, expected: list[int]) -> None:
    assert active_frames(onset_s, offset_s) == expected


def test_events_of_one_class_overlap() -> None:
    events = [EventLabel(0.0, 0.03, "dog"), EventLabel(0.02, 0.05, "dog"), EventLabel(0.04, 0.06, "cat")]
    activity = frame_labels(events, ["cat", "dog"], 6, 8000, 100)
    assert activity[:, 1].tolist() == [1, 1, 1, 1, 0, 0]
    assert activity[:, 0].tolist() == [0, 0, 0, 0, 1, 0]


def test_pooling_and_vectors() -> None:
    activity = np.array([[0, 1], [1, 0], [0, 0], [0, 0], [0, 1]], dtype=np.uint8)
    assert pool_labels(activity, 2).tolist() == [[1, 1], [0, 0], [0, 1]]
    assert clip_vector(["dog"], ["cat", "dog"]).tolist() == [0, 1]
    assert clip_vector([], ["cat", "dog"]).tolist() == [0, 0]
