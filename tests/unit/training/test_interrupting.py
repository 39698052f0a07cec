"""Loops that are not ours are left from another thread, and only while they run."""

import time
from collections.abc import Callable, Iterator

import pytest

from hpsearch.training import interrupting
from hpsearch.training.interrupting import Interrupter, StopTraining


class Clock:
    """Stands for the guard: wants an end from a moment on, or is interrupted from the start."""

    def __init__(self, *, is_interrupted: bool = False, after: float = 0.0) -> None:
        self.is_interrupted, self._from = is_interrupted, time.monotonic() + after
        self.patient: list[bool] = []

    def poll(self, *, interrupts: bool) -> bool:
        self.patient.append(not interrupts)
        if self.is_interrupted:
            return interrupts
        return time.monotonic() > self._from


@pytest.fixture
def interrupter(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Clock], Interrupter]]:
    for name, seconds in (("_POLL", 0.01), ("_AGAIN", 0.5), ("PATIENCE", 0.1)):
        monkeypatch.setattr(interrupting, name, seconds)
    made: list[Interrupter] = []

    def make(clock: Clock) -> Interrupter:
        made.append(Interrupter(clock))  # type: ignore[arg-type]  # all that it asks of a guard
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        one.end()


def spin(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sum(range(100))


def test_a_loop_is_left_and_told_again_where_it_goes_on(
    interrupter: Callable[[Clock], Interrupter],
) -> None:
    one = interrupter(Clock())
    for _ in range(2):
        with pytest.raises(StopTraining):
            spin(5)
    one.end()


def test_a_loop_that_another_has_told_has_time_to_end(
    interrupter: Callable[[Clock], Interrupter],
) -> None:
    one = interrupter(Clock(after=60))
    one.told()
    spin(0.2)
    with pytest.raises(StopTraining):
        spin(5)
    one.end()


def test_an_interruption_waits_for_the_end_of_an_epoch(
    interrupter: Callable[[Clock], Interrupter],
) -> None:
    clock = Clock(is_interrupted=True)
    interrupter(clock)
    with pytest.raises(StopTraining):
        spin(5)
    assert clock.patient[0]
    assert not clock.patient[-1]


def test_nothing_is_raised_within_a_report_or_after_the_end(
    interrupter: Callable[[Clock], Interrupter],
) -> None:
    one = interrupter(Clock(after=0.05))
    with one.paused():
        spin(0.2)
    with pytest.raises(StopTraining):
        spin(5)
    one.end()
    spin(0.2)
