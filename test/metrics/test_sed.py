"""Event F and PSDS against cases that can be counted by hand; skipped without sed_scores_eval."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from weaksep.metrics import sed
from weaksep.metrics.sed import NAMES, EventScores, frame_times, installed, merged

needs_package = pytest.mark.skipif(not installed(), reason="sed_scores_eval is not installed")

# Ten seconds in frames of 0.1 s, which begin at whole tenths.
TIMES = np.arange(101) / 10


def found(n_classes, *events, low=0.1, high=0.9):
    """Probabilities (100, K), high in the given events (onset_s, offset_s, class)."""
    probabilities = np.full((100, n_classes), low)
    for onset, offset, k in events:
        probabilities[round(10 * onset) : round(10 * offset), k] = high
    return probabilities


def scores(n_classes, *clips):
    """Scores of clips, each (probabilities, true events)."""
    all_clips = EventScores(n_classes)
    for probabilities, events in clips:
        all_clips.add(probabilities, TIMES, events)
    return all_clips.result()


TRUTH = [(1.0, 3.0, 0), (5.0, 6.0, 1), (8.0, 9.5, 0)]


@needs_package
def test_perfect_probabilities_score_one():
    assert scores(2, (found(2, *TRUTH), TRUTH), (found(2), [])) == dict.fromkeys(NAMES, 1.0)


@needs_package
def test_nothing_found_scores_zero():
    # Below its constant probability a class is found from end to end, of which the events must be less than a tenth.
    assert scores(2, (found(2), [(1.0, 1.5, 0), (5.0, 5.9, 1)])) == dict.fromkeys(NAMES, 0.0)


@needs_package
def test_no_events_at_all_have_no_scores():
    assert scores(2, (found(2), [])) == dict.fromkeys(NAMES)


@needs_package
@pytest.mark.parametrize(("off_s", "hit"), [(0.1, True), (0.2, True), (-0.2, True), (0.3, False), (-0.3, False)])
def test_onset_collar(off_s, hit):
    truth = [(1.0, 3.0, 0)]
    assert scores(1, (found(1, (1.0 + off_s, 3.0, 0)), truth))["event_f1"] == float(hit)


@needs_package
@pytest.mark.parametrize(
    ("length_s", "off_s", "hit"),
    # 0.2 s, or a fifth of a longer event.
    [(0.5, 0.2, True), (0.5, 0.3, False), (4.0, 0.8, True), (4.0, -0.8, True), (4.0, 0.9, False)],
)
def test_offset_collar(length_s, off_s, hit):
    truth = [(1.0, 1.0 + length_s, 0)]
    assert scores(1, (found(1, (1.0, 1.0 + length_s + off_s, 0)), truth))["event_f1"] == float(hit)


@needs_package
def test_micro_and_macro_by_hand():
    # Class 0: two of two hit, one false alarm: F = 4 / 5. Class 1: none of one. Class 2 never occurs, found once.
    # Class 3 neither occurs nor is found.
    found_events = [(1.0, 3.0, 0), (8.0, 9.5, 0), (4.0, 4.5, 0), (0.0, 1.0, 2)]
    result = scores(4, (found(4, *found_events), TRUTH))
    assert result["event_f1"] == pytest.approx(2 * 2 / (2 * 2 + 2 + 1))
    assert result["event_f1_macro"] == pytest.approx((4 / 5 + 0 + 0) / 3)


@needs_package
def test_one_half_is_found():
    truth = [(1.0, 3.0, 0)]
    assert scores(1, (found(1, *truth, high=0.5).astype(np.float32), truth))["event_f1"] == 1.0
    assert scores(1, (found(1, *truth, high=np.float32(0.4999)), truth))["event_f1"] == 0.0


@needs_package
def test_a_class_that_never_occurs_is_only_a_false_alarm():
    truth = [(1.0, 3.0, 0)]
    result = scores(2, (found(2, *truth, (5.0, 6.0, 1), (7.0, 8.0, 1)), truth))
    assert result["event_f1"] == pytest.approx(2 / (2 + 2))
    assert result["psds1"] == result["psds2"] == 1.0
    nothing_occurs = scores(2, (found(2, (5.0, 6.0, 1)), []))
    assert nothing_occurs == {"event_f1": 0.0, "event_f1_macro": 0.0, "psds1": None, "psds2": None}


@needs_package
def test_psds_wants_seven_tenths_in_the_first_scenario_and_one_in_the_second():
    truth = [(1.0, 3.0, 0), (1.0, 3.0, 1)]
    # Half of the found time is right and half of the true time is found.
    half = scores(2, (found(2, (2.0, 4.0, 0), (2.0, 4.0, 1)), truth))
    assert (half["psds1"], half["psds2"]) == (0.0, 1.0)
    most = scores(2, (found(2, (1.5, 3.5, 0), (1.5, 3.5, 1)), truth))
    assert (most["psds1"], most["psds2"]) == (1.0, 1.0)


@needs_package
def test_psds_counts_false_alarms_by_the_hour():
    # One event, found with 0.9, and one false alarm of 0.95 in a set of six minutes: ten an hour. The curve is 0 up to
    # 10 and 1 from there to 100.
    clips = [(found(1, (1.0, 3.0, 0)), [(1.0, 3.0, 0)]), (found(1, (5.0, 6.0, 0), high=0.95), [])]
    clips += [(found(1), [])] * 34
    assert scores(1, *clips)["psds1"] == pytest.approx(0.9)


@needs_package
def test_psds_takes_off_the_deviation_between_classes():
    # One class of two is found: mean 1/2, deviation 1/2.
    assert scores(2, (found(2, (1.0, 3.0, 0)), TRUTH[:2]))["psds1"] == 0.0
    # Two of three: mean 2/3, deviation sqrt(2)/3.
    truth = [(1.0, 3.0, 0), (1.0, 3.0, 1), (1.0, 3.0, 2)]
    assert scores(3, (found(3, *truth[:2]), truth))["psds1"] == pytest.approx((2 - np.sqrt(2)) / 3)


@needs_package
def test_events_that_touch_or_overlap_are_one():
    truth = [(1.0, 2.0, 0), (2.0, 3.0, 0), (2.5, 4.0, 0)]
    assert scores(1, (found(1, (1.0, 4.0, 0)), truth)) == dict.fromkeys(NAMES, 1.0)


def test_merged():
    events = [(2.0, 3.0, 1), (0.5, 1.0, 0), (2.0, 12.0, 0), (1.0, 1.5, 0), (0.6, 0.9, 0), (11.0, 12.0, 1)]
    assert merged(events, 10.0) == [(0.5, 1.5, 0), (2.0, 10.0, 0), (2.0, 3.0, 1)]


@pytest.mark.parametrize("pooling", [1, 4])
def test_frame_times_have_no_bias(pooling):
    """The frames whose centres lie in an event begin when the event does, half a hop more or less, zero on average."""
    hop, n_samples = 64, 8000
    n_frames = 1 + n_samples // hop
    times = frame_times(-(-n_frames // pooling), n_samples, 8000, hop, pooling)
    assert (np.diff(times) > 0).all() and (times[0], times[-1]) == (0.0, 1.0)
    if pooling == 1:
        centres = np.arange(n_frames) * hop
        off = []
        for onset in range(100, 7000):
            first = int(np.searchsorted(centres, onset))
            off.append(times[first] - onset / 8000)
        assert np.abs(off).max() <= hop / 2 / 8000 + 1e-9
        assert abs(np.mean(off)) < 1e-4
    else:
        # A frame is as long as the four that it pools, and begins where the first of them does.
        every = frame_times(n_frames, n_samples, 8000, hop)
        np.testing.assert_allclose(times[:-1], every[:-1][::pooling])


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="expected probabilities"):
        EventScores(2).add(np.zeros((100, 3)), TIMES, [])


def test_without_the_package_there_are_none_and_one_line(monkeypatch, caplog):
    monkeypatch.setattr(sed, "PACKAGE", "sed_scores_eval_that_is_not_there")
    sed._package.cache_clear()
    try:
        with caplog.at_level(logging.WARNING):
            assert not installed()
            assert scores(2, (found(2, *TRUTH), TRUTH)) == dict.fromkeys(NAMES)
            assert scores(2, (found(2, *TRUTH), TRUTH)) == dict.fromkeys(NAMES)
        assert len(caplog.records) == 1 and "no event F and no PSDS" in caplog.text
    finally:
        sed._package.cache_clear()
