"""F-scores from counts made by hand; average precision against scikit-learn's definition and torchmetrics."""

from __future__ import annotations

import numpy as np
import pytest

from weaksep.metrics.tagging import TagCounts, average_precision, mean_average_precision


def test_counts_by_hand():
    counts = TagCounts(3)
    counts.add(np.array([[1, 0, 0], [1, 1, 0]]), np.array([[0.9, 0.6, 0.1], [0.2, 0.5, 0.1]]))
    counts.add(np.array([[0, 1, 0]]), np.array([[0.1, 0.9, 0.0]]))
    true_positives, false_positives, false_negatives = counts.counts.tolist()
    assert (true_positives, false_positives, false_negatives) == ([1, 2, 0], [0, 1, 0], [1, 0, 0])
    assert counts.micro_f1() == pytest.approx(2 * 3 / (2 * 3 + 1 + 1))
    np.testing.assert_allclose(counts.class_f1(), [2 / 3, 4 / 5, np.nan])
    # The third class neither occurs nor is predicted and has no say.
    assert counts.macro_f1() == pytest.approx((2 / 3 + 4 / 5) / 2)


def test_a_class_predicted_but_never_there_counts_as_zero():
    counts = TagCounts(2)
    counts.add(np.array([[1, 0]]), np.array([[0.9, 0.9]]))
    assert counts.macro_f1() == pytest.approx(0.5)


def test_nothing_to_count_is_not_a_score():
    counts = TagCounts(2)
    counts.add(np.zeros((4, 2)), np.zeros((4, 2)))
    assert np.isnan(counts.micro_f1())
    assert np.isnan(counts.macro_f1())


def test_threshold_is_reached_not_passed():
    counts = TagCounts(1)
    counts.add(np.array([[1]]), np.array([[0.5]]))
    assert counts.micro_f1() == 1.0


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="must be"):
        TagCounts(2).add(np.zeros((3, 2)), np.zeros((4, 2)))
    with pytest.raises(ValueError, match="must be"):
        TagCounts(3).add(np.zeros((3, 2)), np.zeros((3, 2)))


def test_average_precision_by_hand():
    # Ranks of the hits 1, 3, 4: precisions 1, 2/3, 3/4.
    labels = np.array([1, 0, 1, 1, 0])
    probabilities = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    assert average_precision(labels, probabilities) == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)


def test_equal_probabilities_are_one_operating_point():
    # Whatever the order within the tie, precision there is 1/2.
    assert average_precision(np.array([1, 0]), np.array([0.5, 0.5])) == pytest.approx(0.5)
    assert average_precision(np.array([0, 1]), np.array([0.5, 0.5])) == pytest.approx(0.5)


def test_mean_leaves_out_classes_that_never_occur():
    labels = np.array([[1, 0], [0, 0]])
    assert mean_average_precision(labels, np.array([[0.9, 0.8], [0.1, 0.2]])) == 1.0
    assert np.isnan(mean_average_precision(np.zeros((2, 2)), np.zeros((2, 2))))


def test_same_as_torchmetrics():
    import torch
    from torchmetrics.functional import classification as tagging

    random = np.random.default_rng(3)
    labels = random.integers(0, 2, (200, 4))
    # Rounded, so that there are ties.
    probabilities = np.clip(0.3 * labels + 0.7 * random.random((200, 4)), 0, 1).round(2)
    guess, truth = torch.from_numpy(probabilities), torch.from_numpy(labels)
    want = tagging.multilabel_average_precision(guess, truth, num_labels=4, average="macro")
    assert mean_average_precision(labels, probabilities) == pytest.approx(want.item(), abs=1e-6)
    counts = TagCounts(4)
    counts.add(labels, probabilities)
    # torchmetrics counts a class from a probability above the threshold, we from the threshold on.
    above = torch.where(guess == 0.5, 0.51, guess)
    for average, own in (("micro", counts.micro_f1()), ("macro", counts.macro_f1())):
        want = tagging.multilabel_f1_score(above, truth, num_labels=4, average=average)
        assert own == pytest.approx(want.item(), abs=1e-6)
