"""Scores of sound-event tagging: F-score of frames or clips, and mean average precision of clips.

Conventions:
- A class counts as found where its probability is at least the threshold, 0.5.
- Micro F pools the counts of all classes, so frequent classes weigh more; macro F is the plain mean of the
  classes' own F-scores, over classes that occur in the reference or among the predictions.
- F = 2 TP / (2 TP + FP + FN). NaN when nothing occurs and nothing is predicted.
- Average precision is the step sum of precision over recall, sum_n (R_n - R_(n-1)) P_n over the distinct
  probabilities from high to low (no interpolation). Its mean is over classes that occur in the reference.
"""

import numpy as np

THRESHOLD = 0.5


class TagCounts:
    """``counts`` (3, K): true positives, false positives and false negatives of each class, added up clip by clip.

    >>> counts = TagCounts(2)
    >>> counts.add(np.array([[1, 0], [1, 1]]), np.array([[0.9, 0.8], [0.1, 0.7]]))
    >>> round(counts.micro_f1(), 4), round(counts.macro_f1(), 4)
    (0.6667, 0.6667)
    """

    def __init__(self, n_classes: int) -> None:
        self.n_classes = n_classes
        self.counts = np.zeros((3, n_classes), dtype=np.int64)

    def add(self, labels: np.ndarray, probabilities: np.ndarray) -> None:
        """Count frames or clips.

        Args:
            labels: zero or one, (R, K).
            probabilities: (R, K).

        Raises:
            ValueError: shapes differ or do not end in K.
        """
        labels, probabilities = np.asarray(labels), np.asarray(probabilities)
        if labels.shape != probabilities.shape or labels.ndim != 2 or labels.shape[1] != self.n_classes:
            raise ValueError(
                f"labels {labels.shape} and probabilities {probabilities.shape} must be (R, {self.n_classes})"
            )
        true, found = labels > 0, probabilities >= THRESHOLD
        self.counts += [(true & found).sum(axis=0), (~true & found).sum(axis=0), (true & ~found).sum(axis=0)]

    def class_f1(self) -> np.ndarray:
        """F of each class, float64 (K,); NaN where it neither occurs nor is predicted."""
        hits, total = 2 * self.counts[0], self.counts[0] + self.counts.sum(axis=0)
        return np.divide(hits, total, out=np.full(self.n_classes, np.nan), where=total > 0)

    def micro_f1(self) -> float:
        """F of the pooled counts."""
        hits = int(self.counts[0].sum())
        return 2 * hits / (hits + int(self.counts.sum())) if self.counts.any() else float("nan")

    def macro_f1(self) -> float:
        """Mean of the classes' F, leaving out classes without one."""
        scores = self.class_f1()
        return float(np.nanmean(scores)) if np.isfinite(scores).any() else float("nan")


def average_precision(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Average precision of one class.

    Args:
        labels: zero or one, (R,).
        probabilities: (R,).

    Returns:
        in [0, 1]; NaN when the class never occurs.

    >>> round(average_precision(np.array([1, 0, 1]), np.array([0.9, 0.8, 0.7])), 4)
    0.8333
    """
    labels, probabilities = np.asarray(labels) > 0, np.asarray(probabilities)
    if labels.shape != probabilities.shape or labels.ndim != 1:
        raise ValueError(f"labels {labels.shape} and probabilities {probabilities.shape} must both be (R,)")
    positives = int(labels.sum())
    if positives == 0:
        return float("nan")
    order = np.argsort(-probabilities, kind="stable")
    hits = np.cumsum(labels[order])
    # Only the last of a run of equal probabilities is a real operating point.
    ends = np.append(np.flatnonzero(np.diff(probabilities[order])), len(order) - 1)
    precision = hits[ends] / (ends + 1)
    recall = hits[ends] / positives
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def mean_average_precision(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean over the classes that occur of their average precision.

    Args:
        labels: clip labels, zero or one, (R, K).
        probabilities: (R, K).

    Returns:
        in [0, 1]; NaN when no class occurs.
    """
    scores = [average_precision(*columns) for columns in zip(labels.T, probabilities.T, strict=True)]
    present = [score for score in scores if not np.isnan(score)]
    return float(np.mean(present)) if present else float("nan")
