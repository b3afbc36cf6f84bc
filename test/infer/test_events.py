"""When classes sound, by the energy of their outputs."""

from __future__ import annotations

import numpy as np
import pytest

from weaksep.infer.events import EventFinder, bridged
from weaksep.metrics.leak import LEAST_SHARE

RATE = 8000


def outputs(seconds: float, **spans: list[tuple[float, float, float]]) -> np.ndarray:
    """(3, 1, N): dog, horn and residual, noise of an amplitude in each span."""
    rng = np.random.default_rng(0)
    found = np.zeros((3, 1, round(seconds * RATE)), dtype=np.float32)
    for row, name in enumerate(("dog", "horn", "residual")):
        for onset, offset, amplitude in spans.get(name, []):
            part = slice(round(onset * RATE), round(offset * RATE))
            found[row, 0, part] += amplitude * rng.standard_normal(part.stop - part.start)
    return found


def events(separated: np.ndarray, piece: int = 1234) -> list[tuple[float, float, str]]:
    finder = EventFinder(("dog", "horn"), RATE)
    for start in range(0, separated.shape[2], piece):
        finder.add(separated[:, :, start : start + piece])
    return finder.events()


def test_events_are_found_however_the_pieces_come() -> None:
    separated = outputs(6.0, dog=[(1.0, 2.0, 0.1)], horn=[(1.5, 4.0, 0.1)], residual=[(0.0, 6.0, 0.01)])
    expected = [(1.0, 2.0, "dog"), (1.5, 4.0, "horn")]
    for piece in (37, 1234, 48_000):
        assert events(separated, piece) == [(pytest.approx(a, abs=0.051), pytest.approx(b, abs=0.051), c)
                                            for a, b, c in expected]  # fmt: skip


def test_a_leak_is_no_event_and_a_pause_no_end() -> None:
    separated = outputs(4.0, dog=[(0.5, 1.0, 0.1), (1.15, 1.6, 0.1)], horn=[(0.5, 1.0, 0.01), (3.0, 3.05, 0.1)])
    assert events(separated) == [(pytest.approx(0.5), pytest.approx(1.6), "dog")]


def test_what_is_hardly_there_is_no_event() -> None:
    assert events(outputs(4.0, dog=[(0.5, 1.0, 0.1)], horn=[(2.0, 3.0, 0.0005)])) == [(0.5, 1.0, "dog")]
    assert events(outputs(1.0)) == [] and EventFinder(("dog",), RATE).events() == []


@pytest.mark.parametrize(("factor", "found"), [(0.99, []), (1.01, ["horn"])])
def test_a_class_sounds_from_the_share_of_the_energy_on_that_reports_count(factor: float, found: list[str]) -> None:
    whole = outputs(1.0, horn=[(0.0, 1.0, 0.1)])[1]
    horn = np.sqrt(factor * LEAST_SHARE).astype(np.float32) * whole
    assert [name for _, _, name in events(np.stack([0 * whole, horn, whole - horn]))] == found


def test_an_event_may_last_to_the_end() -> None:
    assert events(outputs(1.01, horn=[(0.5, 1.01, 0.1)])) == [(0.5, 1.01, "horn")]


@pytest.mark.parametrize("samples", [8001, 8399, 8080, 8403])
def test_no_event_ends_behind_the_recording(samples: int) -> None:
    [(_, offset, _)] = events(outputs(samples / RATE, horn=[(0.5, samples / RATE, 0.1)]))
    assert samples / RATE - 0.001 < float(f"{offset:.3f}") <= samples / RATE  # as events.tsv says it


def test_short_runs_that_a_pause_joins_are_kept() -> None:
    assert bridged([(0, 1), (2, 3)], 1, 2) == [(0, 3)]
