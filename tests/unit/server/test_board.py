"""The board: what clients poll has all that was decided, and is read again where it may change."""

import asyncio
import gzip
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from optuna.trial import FrozenTrial
from served import Served

from hpsearch.errors import UnreachableError
from hpsearch.search import claims, submissions
from hpsearch.search.lookup import load_study
from hpsearch.search.storage.events import Event
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


def test_a_refit_is_not_the_best(served: Served, board: Board) -> None:
    study = load_study(served.storage, "small")
    for kind, value in (("refit", 1.0), (None, 0.5)):
        trial = claims.claim(study)
        assert trial is not None
        if kind is not None:
            trial.set_user_attr("kind", kind)
        study.optuna.tell(trial, value)
    submissions.finish(study, "trials")
    found = row(board)
    assert (found["complete"], found["best"]) == (2, 0.5)


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


def test_who_polls_waits_for_nobody_while_the_next_snapshot_is_made(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, may_read = board.look(), threading.Event()
    monkeypatch.setattr(module, "OLDEST", 3600.0)
    submitted = board._storage.with_running

    def slow() -> Any:
        assert may_read.wait(30)
        return submitted()

    monkeypatch.setattr(board._storage, "with_running", slow)
    assert asyncio.run(board.now()) is before
    [renewing] = [one for one in threading.enumerate() if one.name == "board"]
    assert asyncio.run(board.now()) is before
    assert [one for one in threading.enumerate() if one.name == "board"] == [renewing]
    may_read.set()
    renewing.join(30)
    after = board._latest
    assert after is not None
    assert after is not before
    assert after.etag == before.etag


def test_who_has_changed_something_waits_until_it_is_seen(board: Board, served: Served) -> None:
    before = board.look()
    served.submit("other")
    board.changed()
    after = asyncio.run(board.now())
    assert [one["name"] for one in before.rows] == ["small"]
    assert [one["name"] for one in after.rows] == ["small", "other"]


def test_a_storage_that_is_away_is_said_when_the_snapshot_is_old(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = board.look()

    def away() -> int:
        raise UnreachableError("away")

    monkeypatch.setattr(board._storage, "last_event", away)
    monkeypatch.setattr(module, "OLDEST", 3600.0)
    assert asyncio.run(board.now()) is before
    for renewing in [one for one in threading.enumerate() if one.name == "board"]:
        renewing.join(30)
    monkeypatch.setattr(module, "OLDEST", 0.0)
    with pytest.raises(UnreachableError):
        asyncio.run(board.now())


def test_a_study_that_is_gone_is_shown_no_more(served: Served, board: Board) -> None:
    served.submit("other")
    assert len(board.look().rows) == 2
    served.storage.delete_study(load_study(served.storage, "other").study_id)
    served.storage.note(Event(who="ana", what="removed", study="other"))
    assert [one["name"] for one in board.look().rows] == ["small"]


def test_what_is_compressed_is_the_same(board: Board) -> None:
    found = board.look()
    assert gzip.decompress(found.studies.gzipped) == found.studies.plain
    assert gzip.decompress(found.queue.gzipped) == found.queue.plain
    assert json.loads(found.studies.plain) == [*found.rows]
    assert json.loads(found.queue.plain) == {"slots": [], "studies": [*found.rows]}
