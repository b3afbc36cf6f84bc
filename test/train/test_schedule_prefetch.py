"""Schedules in closed form; reading ahead keeps order and errors."""

from __future__ import annotations

import threading
import time

import pytest

from weaksep.losses.settings import END, LossSettings, Progress, ResidualSettings
from weaksep.train.config import OptimConfig
from weaksep.train.prefetch import prefetch


def test_learning_rate() -> None:
    constant = OptimConfig(learning_rate=0.1)
    assert [constant.rate_at(step, 10) for step in (0, 9)] == [0.1, 0.1]
    cosine = OptimConfig(learning_rate=0.1, schedule="cosine", warmup_steps=2)
    assert cosine.rate_at(0, 10) == pytest.approx(0.05)
    assert cosine.rate_at(5, 10) == pytest.approx(0.05)
    assert cosine.rate_at(10, 10) == pytest.approx(0.0, abs=1e-9)


def test_a_losss_weight_begins_and_rises() -> None:
    assert LossSettings(weight=0.7).weight_at(Progress(0, 10)) == 0.7
    ramped = LossSettings(weight=2.0, start=0.4, ramp=0.2)
    weights = [ramped.weight_at(Progress(step, 10)) for step in range(8)]
    assert weights == pytest.approx([0, 0, 0, 0, 1, 2, 2, 2])
    assert ramped.weight_at(END) == LossSettings(weight=2.0, start=0.9, ramp=1.0).weight_at(END) == 2.0


def test_the_residual_is_dear_until_the_classes_have_taken_shape() -> None:
    steps = [Progress(step, 10) for step in range(10)]
    prices = [ResidualSettings(residual_weight=0.2).residual_weight_at(step) for step in steps]
    assert prices == pytest.approx([1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2, 0.2, 0.2])
    prices = [ResidualSettings(residual_weight=0.2, residual_first=2).residual_weight_at(step) for step in steps]
    assert prices == pytest.approx([2, 2, 2, 2, 1.55, 1.1, 0.65, 0.2, 0.2, 0.2])
    assert ResidualSettings(residual_weight=0.2).residual_weight_at(END) == pytest.approx(0.2)
    assert {ResidualSettings(residual_weight=2.5).residual_weight_at(step) for step in steps} == {2.5}


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
