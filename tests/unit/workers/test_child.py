"""A worker's slot, without a process in it."""

import time

import pytest

from hpsearch.workers.child import LocalChild
from hpsearch.workers.slots import Slot


def test_who_crashes_again_waits_twice_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    child = LocalChild(slot=Slot(index=0, gpu=None, threads=1))
    assert child.may_start
    for crashes, seconds in ((1, 2), (2, 4), (3, 8), (4, 16)):
        child.crashes = crashes
        child.back_off()
        may_start = []
        for passes in (seconds - 0.5, 0.5):
            now[0] += passes
            may_start.append(child.may_start)
        assert may_start == [False, True]
