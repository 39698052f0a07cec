import math
from typing import get_args

import pytest

from hpsearch.config import LRSchedule
from hpsearch.training.schedules import SCHEDULES


def rates(name: str, steps: int, base: float = 0.5) -> list[float]:
    schedule = SCHEDULES[name](base, steps)
    return [float(schedule(step)) for step in range(steps + 1)]


def test_every_schedule_of_a_configuration_is_there() -> None:
    assert set(SCHEDULES) == set(get_args(LRSchedule))


@pytest.mark.parametrize("name", ["constant", "plateau"])
def test_a_rate_that_no_step_changes_is_a_number(name: str) -> None:
    assert SCHEDULES[name](0.5, 100) == 0.5


def test_cosine() -> None:
    expected = [0.5 * 0.5 * (1 + math.cos(math.pi * step / 40)) for step in range(41)]
    assert rates("cosine", 40) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("steps", [40, 41, 7])
def test_step_falls_after_one_half_and_three_quarters(steps: int) -> None:
    def expected(step: int) -> float:
        return 0.5 / 10 ** ((step >= steps / 2) + (step >= 3 * steps / 4))

    assert rates("step", steps) == pytest.approx([expected(step) for step in range(steps + 1)])


def test_warmup_rises_to_the_base_and_falls_to_zero() -> None:
    found = rates("warmup_cosine", 100)
    assert found[:6] == pytest.approx([0.5 * (step + 1) / 6 for step in range(6)])
    cosine = [0.25 * (1 + math.cos(math.pi * step / 95)) for step in range(96)]
    assert found[5:] == pytest.approx(cosine, abs=1e-7)


def test_coslog4_has_four_waves_each_twice_as_long() -> None:
    found = rates("coslog4", 1500)[:-1]
    times = [(step + 0.5) / 1500 for step in range(1500)]
    expected = [0.25 * (1 - math.cos(2 * math.pi * math.log2(1 + 15 * t))) for t in times]
    assert found == pytest.approx(expected, abs=1e-5)
    lows = [step for step in range(1, 1499) if found[step - 1] > found[step] <= found[step + 1]]
    assert lows == pytest.approx([100, 300, 700], abs=1)


@pytest.mark.parametrize("name", ["cosine", "step", "warmup_cosine", "coslog4"])
def test_a_trial_of_one_step_has_a_rate(name: str) -> None:
    assert rates(name, 1)[0] > 0
