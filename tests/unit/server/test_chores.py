"""What is due beside the searches, and the process that does it."""

import logging
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from commandline import wait_until

from hpsearch.home import Home
from hpsearch.server import chores
from hpsearch.server.chores import EVERY, SETTLE, SHARE, Chores, Diary, Helper
from hpsearch.services.chores import Chore, Done
from hpsearch.services.workspace import Workspace

MODELS, FIGURES = Chore(study="a", what="models"), Chore(study="a", what="figures")


def row(name: str = "a", counted: int = 0, state: str = "running", key: int = 1) -> dict[str, Any]:
    return {"id": key, "name": name, "counted": counted, "state": state}


def begun() -> Diary:
    diary = Diary()
    assert diary.due([], 0) is None
    return diary


def test_models_come_some_seconds_after_the_first_trial_and_then_figures() -> None:
    diary = begun()
    assert diary.due([row()], 100) is None
    assert diary.due([row(counted=1)], 100) is None
    assert diary.due([row(counted=2)], 99 + SETTLE) is None
    rows = [row(counted=3)]
    assert diary.due(rows, 100 + SETTLE) == MODELS
    diary.note(MODELS, Done(seconds=9.0), rows, 120)
    assert diary.due([row(counted=4)], 120) == FIGURES
    diary.note(FIGURES, Done(seconds=2.0), [row(counted=4)], 130)
    assert diary.due([row(counted=4)], 10_000) is None


def shown(seconds: float) -> Diary:
    """The diary of a study whose figures had a first trial, at 100, after so many seconds."""
    diary = begun()
    diary.due([row(counted=1)], 0)
    for chore in (MODELS, FIGURES):
        diary.note(chore, Done(seconds=seconds), [row(counted=1)], 100)
    return diary


@pytest.mark.parametrize(("seconds", "waits"), [(0.1, EVERY), (10.0, SHARE * 10.0)])
def test_figures_of_a_study_that_runs_are_renewed_seldom_and_at_its_end_at_once(
    seconds: float, waits: float
) -> None:
    running, over = [row(counted=2)], [row(counted=2, state="done")]
    diary = shown(seconds)
    assert diary.due(running, 101) is None
    assert diary.due(running, 99 + waits) is None
    assert diary.due(running, 101 + max(SETTLE, waits)) == FIGURES
    diary = shown(seconds)
    diary.due(over, 101)
    assert diary.due(over, 101 + SETTLE) == FIGURES


def test_what_was_done_before_the_service_began_is_left_as_it_is() -> None:
    diary = Diary()
    assert diary.due([row(counted=5)], 0) is None
    assert diary.due([row(counted=5)], 1000) is None
    assert diary.due([row(counted=6)], 1000) is None
    assert diary.due([row(counted=6)], 1000 + SETTLE) == MODELS


def test_a_study_of_another_name_under_the_same_key_is_another_one() -> None:
    diary = shown(0.1)
    assert diary.due([row("b", counted=1)], 200) is None
    assert diary.due([row("b", counted=1)], 200 + SETTLE) == Chore(study="b", what="models")


def test_studies_take_turns_and_confirmations_have_none() -> None:
    diary = begun()
    rows = [row("a", 1, key=1), row("b", 1, key=2), row("a.confirm", 9, key=3)]
    diary.due(rows, 0)
    seen = []
    for now in range(100, 104):
        chore = diary.due(rows, now)
        assert chore is not None
        seen.append((chore.study, chore.what))
        diary.note(chore, Done(seconds=0), rows, now)
    kinds = ("models", "figures")
    assert seen == [(name, what) for name in "ab" for what in kinds]
    assert diary.due(rows, 1000) is None


ANSWERS = """
import sys, json
for line in sys.stdin:
    what = json.loads(line)["what"]
    if what == "end":
        break
    if what != "wait":
        print(json.dumps({"seconds": 1.0, "error": what}), flush=True)
"""


@pytest.fixture
def helper(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Helper]:
    """A process that answers with what it is asked for."""
    monkeypatch.setattr(chores, "CHORES", ("-c", ANSWERS))
    made = Helper(Workspace(home=home))
    yield made
    made.end()


def answer(helper: Helper, what: str) -> Done:
    found: list[Done | None] = [None]

    def came() -> bool:
        found[0] = helper.done()
        return found[0] is not None

    helper.ask(Chore(study="a", what=what))
    wait_until(came, "an answer")
    assert found[0] is not None
    return found[0]


def test_one_process_does_all_and_another_one_comes_where_it_ended(helper: Helper) -> None:
    assert answer(helper, "x") == Done(seconds=1.0, error="x")
    assert helper.done() is None
    assert answer(helper, "y").error == "y"
    assert "its process ended" in answer(helper, "end").error
    assert answer(helper, "z").error == "z"


class Rows:
    """A board with rows that a test gives."""

    def __init__(self) -> None:
        self.rows: Sequence[Mapping[str, Any]] = []

    def look(self) -> "Rows":
        return self


@pytest.mark.usefixtures("helper")
def test_what_takes_too_long_or_fails_is_told_and_the_next_thing_done(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger=chores.__name__)
    board: Any = Rows()
    work = Chores(board, Workspace(home=home))
    assert not work.work(0)
    board.rows = [row(counted=1)]
    assert not work.work(100)
    assert work.work(100 + SETTLE)
    work._helper.end()  # as one that was killed
    assert work.work(101 + SETTLE)
    assert "study a: no models: its process was not started" in caplog.text
    assert work.work(102 + SETTLE)
    work._helper.ask(Chore(study="a", what="wait"))
    wait_until(lambda: work.work(103 + SETTLE) and work._chore is None, "figures")
    assert "study a: no figures: figures" in caplog.text
    assert not work.work(1000)
    board.rows = [row(counted=2)]
    work.work(2000)
    work._chore, work._began = Chore(study="a", what="wait"), 2000.0
    work._helper.ask(work._chore)
    assert work.work(2001 + chores.LONGEST)
    assert "study a: no wait: takes more than 10 minutes" in caplog.text
    work._helper.end()


def test_where_the_storage_is_away_that_is_said_once_and_the_process_ends_with_the_part(
    home: Home, helper: Helper, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    looks = list[int]()

    class Away:
        def look(self) -> Rows:
            looks.append(1)
            raise sqlite3.DatabaseError("database disk image is malformed\n[SQL: SELECT]")

    monkeypatch.setattr(chores, "Helper", lambda _: helper)
    board: Any = Away()
    part = Chores(board, Workspace(home=home)).background(home.storage_url())
    helper.ask(Chore(study="a", what="wait"))
    part.try_step()
    part.try_step()
    assert len(looks) == 2
    assert part.is_away
    assert not part.is_vital
    [told] = caplog.messages
    assert told.startswith("figures and models beside the searches: ")
    assert "\n" not in told
    part.start()
    part.end(10)
    assert part.error is None
    assert helper.done() == Done(seconds=0.0, error="its process was not started")


def test_studies_are_looked_at_more_seldom_than_what_is_being_done(home: Home) -> None:
    looks = list[int]()

    class Quiet(Rows):
        def look(self) -> Rows:
            looks.append(1)
            return self

    board: Any = Quiet()
    work = Chores(board, Workspace(home=home))
    work.step()
    work.step()
    assert len(looks) == 1
