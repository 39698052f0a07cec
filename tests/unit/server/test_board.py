"""The board: what clients poll has all that was decided, and is read again where it may change."""

from collections.abc import Callable
from typing import Any

import pytest
from optuna.trial import FrozenTrial
from served import Served

from hpsearch.search import claims, submissions
from hpsearch.search.study import load_study
from hpsearch.server import board as module
from hpsearch.server.board import Board


@pytest.fixture
def board(served: Served, monkeypatch: pytest.MonkeyPatch) -> Board:
    monkeypatch.setattr(module, "FRESH", 0.0)
    served.submit("small")
    return Board(served.storage, lambda: served.scheduler.shown)


def row(board: Board) -> Any:
    [found] = board.look().rows
    return found


def test_a_study_that_ran_and_ended_between_two_looks_is_shown_as_it_ended(
    served: Served, board: Board, finish: Callable[..., FrozenTrial]
) -> None:
    assert row(board)["counted"] == 0
    study = load_study(served.storage, "small")
    for _ in range(5):
        finish(study, 0.5)
    submissions.finish(study, "trials")
    found = row(board)
    assert (found["state"], found["counted"], found["best"]) == ("done", 5, 0.5)


def test_a_study_that_runs_is_read_again_until_it_does_not(served: Served, board: Board) -> None:
    row(board)
    study = load_study(served.storage, "small")
    trial = claims.claim(study)
    assert trial is not None
    assert (row(board)["state"], row(board)["running"]) == ("running", 1)
    study.optuna.tell(trial, 0.75)
    found = row(board)
    assert (found["state"], found["counted"], found["best"]) == ("queued", 1, 0.75)


def test_what_nobody_decided_and_no_worker_touches_is_not_read_again(
    served: Served, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = board.look()
    asked: list[list[int]] = []
    standings = served.storage.standings

    def noted(keys: list[int]) -> Any:
        asked.append(list(keys))
        return standings(keys)

    monkeypatch.setattr(served.storage, "standings", noted)
    after = board.look()
    assert asked == [[]]
    assert (after.etag, after.studies) == (before.etag, before.studies)
    monkeypatch.setattr(board, "_whole_at", 0.0)
    board.look()
    assert asked[-1] != []


def test_a_slot_that_is_taken_is_another_etag(served: Served, board: Board) -> None:
    before = board.look().etag
    served.scheduler.shown = [{"slot": 0, "study": "small", "since": None}]
    assert board.look().etag != before
    assert row(board)["state"] == "running"


def test_while_one_reads_the_others_are_shown_what_there_was(board: Board) -> None:
    before = board.look()
    with board._lock:
        assert board.look() is before
    assert board.look() is not before
