"""Schedules in closed form; reading ahead keeps order and errors."""

from __future__ import annotations

import threading
import time

import pytest

from weaksep.train.config import LossConfig, OptimConfig
from weaksep.train.prefetch import prefetch
from weaksep.train.schedule import full_weights, learning_rate, loss_weights


def test_learning_rate() -> None:
    constant = OptimConfig(learning_rate=0.1)
    assert [learning_rate(step, 10, constant) for step in (0, 9)] == [0.1, 0.1]
    cosine = OptimConfig(learning_rate=0.1, schedule="cosine", warmup_steps=2)
    assert learning_rate(0, 10, cosine) == pytest.approx(0.05)
    assert learning_rate(5, 10, cosine) == pytest.approx(0.05)
    assert learning_rate(10, 10, cosine) == pytest.approx(0.0, abs=1e-9)


def test_classification_weight() -> None:
    assert loss_weights(0, 10, LossConfig(classification_weight=0.7)).classification == 0.7
    ramped = LossConfig(classification_weight=1.0, classification_start=0.4, classification_ramp=0.2)
    weights = [loss_weights(step, 10, ramped).classification for step in range(8)]
    assert weights == pytest.approx([0, 0, 0, 0, 0.5, 1, 1, 1])


def test_the_residual_is_dear_until_the_classes_have_taken_shape() -> None:
    config = LossConfig(residual_weight=0.2)
    prices = [loss_weights(step, 10, config).residual for step in range(10)]
    assert prices == pytest.approx([1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2, 0.2, 0.2])
    assert full_weights(config).residual == 0.2
    assert {loss_weights(step, 10, LossConfig(residual_weight=1.5)).residual for step in range(10)} == {1.5}


@pytest.mark.parametrize("threads", [1, 4])
def test_prefetch_keeps_the_order_and_raises_where_the_result_would_come(threads: int) -> None:
    def slow_first(x: int) -> int:
        time.sleep(0.02 if x % 4 == 0 else 0.0)
        return x * x

    assert list(prefetch(slow_first, range(10), threads)) == [x * x for x in range(10)]
    seen = []
    with pytest.raises(ZeroDivisionError):
        for value in prefetch(lambda x: 1 / x, [2, 1, 0, 4], threads):
            seen.append(value)
    assert seen == [0.5, 1.0]


def test_prefetch_reads_with_as_many_threads_as_asked() -> None:
    together = threading.Barrier(4, timeout=30)
    assert list(prefetch(lambda x: (together.wait(), x)[1], range(8), 4)) == list(range(8))
