"""Note and figures in the storage, and when they are renewed."""

import json
import threading
from collections.abc import Callable

import pytest
from optuna.exceptions import StorageInternalError
from optuna.trial import FrozenTrial
from optuna_dashboard import get_note
from optuna_dashboard._custom_plot_data import get_plotly_graph_objects

from hpsearch.dashboard import publish
from hpsearch.dashboard.publish import Publisher
from hpsearch.home import Home
from hpsearch.search import claims
from hpsearch.search.study import OpenStudy
from hpsearch.space import suggest_config

Finish = Callable[..., FrozenTrial]
COMMAND = ["hpsearch", "run", "study.toml"]


def figures(study: OpenStudy) -> dict[str, str]:
    """What a dashboard finds in the storage."""
    attrs = study.storage.get_study_system_attrs(study.study_id)
    return {key: text for key, text in get_plotly_graph_objects(attrs).items() if text}


def test_all_figures_are_there_and_renewed(
    open_study: Callable[..., OpenStudy], finish: Finish, home: Home
) -> None:
    study = open_study()
    publish.publish(study, home, COMMAND)
    assert "hpsearch run study.toml" in get_note(study.optuna)
    names = sorted(figures(study))
    assert names == [
        "1-history", "2-effects", "2-parameters", "3-time", "4-gap", "5-learning-rates",
        "6-layers", "7-curves",
    ]  # fmt: skip
    for value in (0.25, 0.5):
        finish(study, value)
    publish.publish(study, home, COMMAND)
    assert sorted(figures(study)) == names
    drawn = json.loads(figures(study)["1-history"])
    assert [trace["y"] for trace in drawn["data"] if trace["name"] == "complete"] == [[0.25, 0.5]]


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(publish, "monotonic", clock)
    return clock


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many trials there were at each renewal."""
    calls: list[int] = []
    monkeypatch.setattr(publish, "publish", lambda study, *_: calls.append(len(study.trials())))
    return calls


def settle(publisher: Publisher) -> None:
    """Wait for the renewal that is under way."""
    if publisher._job is not None:
        publisher._job.exception(timeout=30)


def test_renewed_when_it_is_time_and_something_is_new(
    open_study: Callable[..., OpenStudy], finish: Finish, home: Home, clock: Clock,
    published: list[int],
) -> None:  # fmt: skip
    study = open_study()
    publisher = Publisher(study, home, COMMAND)
    finish(study)
    # At 62 it hears how the first one went, and at 124 nothing is new.
    for now, expected in ((1.0, []), (31.0, [1]), (62.0, [1]), (124.0, [1])):
        clock.now = now
        publisher.tick()
        settle(publisher)
        assert published == expected
    finish(study)
    # At 124 it looked in vain, and looks again after a while.
    for now, expected in ((125.0, [1]), (130.0, [1, 2])):
        clock.now = now
        publisher.tick()
        settle(publisher)
        assert published == expected
    assert publisher.close() is None
    assert published == [1, 2, 2]


def test_one_renewal_at_a_time(
    open_study: Callable[..., OpenStudy], finish: Finish, home: Home, clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    go_on, begun = threading.Event(), list[int]()

    def wait(*_: object) -> None:
        begun.append(1)
        assert go_on.wait(30)

    monkeypatch.setattr(publish, "publish", wait)
    study = open_study()
    publisher = Publisher(study, home, COMMAND)
    for _ in range(3):
        finish(study)
        clock.now += 31.0
        publisher.tick()  # returns at once
    assert len(begun) <= 1
    go_on.set()
    assert publisher.close() is None
    assert len(begun) == 2


def test_what_takes_long_is_done_seldom(
    open_study: Callable[..., OpenStudy], finish: Finish, home: Home, clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    calls: list[float] = []

    def slow(*_: object) -> None:
        calls.append(clock.now)
        clock.now += 2.0

    monkeypatch.setattr(publish, "publish", slow)
    study = open_study()
    publisher = Publisher(study, home, COMMAND)
    for _ in range(8):
        finish(study)
        clock.now += 31.0
        publisher.tick()
        settle(publisher)
        publisher.tick()
    assert publisher.close() is None
    begun, again = calls[:2]
    assert again - begun >= publish.SHARE * 2.0


def test_a_storage_that_does_not_answer_costs_a_renewal_only(
    open_study: Callable[..., OpenStudy], finish: Finish, home: Home, clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def away(*_: object) -> None:
        raise StorageInternalError("database is locked")

    published: list[int] = []
    monkeypatch.setattr(publish, "publish", lambda *_: published.append(1))
    study = open_study()
    publisher = Publisher(study, home, COMMAND)
    finish(study)
    with monkeypatch.context() as patch:
        patch.setattr(publish, "publish", away)
        clock.now = 31.0
        publisher.tick()
        settle(publisher)
    clock.now = 62.0
    publisher.tick()  # hears of it
    clock.now = 93.0
    publisher.tick()
    settle(publisher)
    assert published == [1]
    monkeypatch.setattr(publish, "publish", away)
    assert publisher.close() == "StorageInternalError: database is locked"


def test_a_fault_of_the_program_is_told_and_ends_nothing(
    open_study: Callable[..., OpenStudy], finish: Finish, home: Home, clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def broken(*_: object) -> None:
        raise ZeroDivisionError("of a\nfigure")

    monkeypatch.setattr(publish, "publish", broken)
    study = open_study()
    publisher = Publisher(study, home, COMMAND)
    finish(study)
    for _ in range(3):
        clock.now += 31.0
        publisher.tick()
        settle(publisher)
    assert publisher.close() == "ZeroDivisionError: of a figure"


def test_what_another_program_wrote_is_no_hindrance(
    open_study: Callable[..., OpenStudy], finish: Finish, home: Home
) -> None:
    study = open_study()
    finish(study)
    trial = claims.claim(study)
    assert trial is not None
    suggest_config(study.file.space, trial)
    for key in ("gap", "seconds", "parameters", "train_accuracy", "epochs"):
        trial.set_user_attr(key, "high")
    study.optuna.tell(trial, 0.75)
    publish.publish(study, home, COMMAND)
    drawn = json.loads(figures(study)["1-history"])
    assert [trace["y"] for trace in drawn["data"] if trace["name"] == "complete"] == [[0.5, 0.75]]
