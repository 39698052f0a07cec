"""A worker's slot, without a process in it."""

import sys
import time
from pathlib import Path

import pytest

from hpsearch.home import Home
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


def test_a_log_is_not_written_where_a_link_leads(tmp_path: Path) -> None:
    home, precious = Home(tmp_path / "home"), tmp_path / "precious"
    precious.write_text("all that I have")
    home.study_logs("mine").mkdir(parents=True)
    home.worker_log("mine", 0).symlink_to(precious)
    child = LocalChild(slot=Slot(index=0, gpu=None, threads=1))
    child.start([sys.executable, "-c", "print('hello')"], {}, home, "mine")
    assert child.wait(30)
    assert home.worker_log("mine", 0).read_text() == "hello\n"
    assert precious.read_text() == "all that I have"
