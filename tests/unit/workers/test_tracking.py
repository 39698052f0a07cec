"""Who tells MLflow of a study, and what is said of a server that is away; without MLflow."""

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

from hpsearch.home import Home
from hpsearch.search.attributes import PROCESS_KEY, TELLER_KEY, WORKER_KEY
from hpsearch.search.study import OpenStudy
from hpsearch.workers import tracking
from hpsearch.workers.tracking import Teller, Turn, follow

Open = Callable[..., OpenStudy]
ELSEWHERE = {WORKER_KEY: "other:1", PROCESS_KEY: {"place": "other", "started": 1}}


def turn(study: OpenStudy, owner: dict[str, Any] | None = None) -> Turn:
    """A turn of this process, or of another one."""
    made = Turn(study)
    made._owner = owner or made._owner
    return made


def test_one_process_tells_until_it_leaves(open_study: Open) -> None:
    ours, theirs = turn(open_study()), turn(open_study(), ELSEWHERE)
    assert [ours.take(), theirs.take(), ours.take(), theirs.take()] == [True, False, True, False]
    theirs.leave()  # it has no turn to leave
    assert not theirs.take()
    ours.leave()
    assert theirs.take()
    assert not turn(open_study()).take()


def test_who_is_silent_for_long_or_gone_is_followed(
    open_study: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(tracking.time, "monotonic", lambda: now)
    study = open_study()
    ours, theirs = turn(study), turn(study, ELSEWHERE)
    assert theirs.take()
    for _ in range(5):
        assert not ours.take()
        now += tracking.LEASE / 3
        assert theirs.take()  # and is heard of
    now += tracking.LEASE * 0.9
    assert not ours.take()
    now += tracking.LEASE * 0.9
    assert not ours.take()
    now += tracking.LEASE * 0.2
    assert ours.take()
    dead = {WORKER_KEY: "here:1", PROCESS_KEY: {**ours._owner[PROCESS_KEY], "started": 0}}
    study.optuna.set_user_attr(TELLER_KEY, {**dead, "beat": 7, "over": False})
    assert turn(study).take()
    assert study.optuna.user_attrs[TELLER_KEY]["beat"] == 8


def test_a_server_that_is_away_is_said_once_and_again_when_it_is_back(
    open_study: Open, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    problems = iter(["", "is away", "is away", "", "is away"])
    over, waited, lasts = threading.Event(), list[float](), list[bool]()

    def tell(teller: Teller, *, last: bool, goes_on: Callable[[], bool]) -> None:
        assert goes_on()
        teller.problem = next(problems)
        lasts.append(last)

    def wait(seconds: float) -> bool:
        waited.append(seconds)
        if len(waited) == 4:
            over.set()
        return over.is_set()

    monkeypatch.setattr(Teller, "tell", tell)
    monkeypatch.setattr(over, "wait", wait)
    study, said = open_study(), list[str]()
    follow(study, home, over, said.append)
    away = f"warning: is away; {tracking.THEN}"
    assert said == [away, "MLflow can be reached again.", away]
    assert waited == [tracking.EVERY, tracking.LATER, tracking.LATER, tracking.EVERY]
    assert lasts == [False] * 4 + [True]
    assert study.optuna.user_attrs[TELLER_KEY]["over"]


def test_a_search_that_is_over_is_told_at_once(
    open_study: Open, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = os.pipe()
    over, lasts = threading.Event(), list[bool]()
    with monkeypatch.context() as patch, os.fdopen(ours) as end:
        patch.setattr(tracking.sys, "stdin", end)
        waiting = threading.Thread(target=tracking._await_end, args=(over,))
        waiting.start()
        os.write(theirs, b"more")
        assert not over.wait(0.05)
        os.close(theirs)
        assert over.wait(10)
        waiting.join()
    monkeypatch.setattr(Teller, "tell", lambda _, last, **__: lasts.append(last))
    follow(open_study(), home, over, lasts.append)
    assert lasts == [True]
