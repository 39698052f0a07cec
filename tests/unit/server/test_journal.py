"""Events become lines of the log, and tokens that come and go become events."""

import logging
import sqlite3
from typing import Any

import pytest
import sqlalchemy as sa
from served import Served

from hpsearch.server.background import Background
from hpsearch.server.journal import Journal
from hpsearch.server.tokens import Role


def started(served: Served) -> Journal:
    journal = Journal(storage=served.storage, tokens=served.tokens)
    journal.step()
    return journal


def about_tokens(served: Served) -> list[tuple[str, str]]:
    return [
        (one.what, one.detail.partition(" (")[0])
        for one in reversed(served.storage.events())
        if one.what.startswith("token")
    ]


def test_every_event_is_one_line(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    journal = started(served)
    caplog.set_level(logging.INFO)
    caplog.clear()
    served.submit("small")
    served.ask("POST", "/v1/studies/small/pause")
    journal.step()
    journal.step()
    lines = [one for one in caplog.records if one.name.startswith("hpsearch")]
    assert [one.message for one in lines] == [
        "submit: submitted study small",
        "admin: paused study small",
    ]
    assert lines[1].__dict__["told"]["event"] == "paused"


def test_tokens_that_come_and_go_are_noted_once(served: Served) -> None:
    journal = started(served)
    first = about_tokens(served)
    assert ("token added", "admin") in first
    assert ("token added", "revoked") not in first
    served.tokens.add("ana", Role.READ)
    served.tokens.revoke("read")
    journal.step()
    journal.step()
    more = about_tokens(served)[len(first) :]
    assert more == [("token revoked", "read"), ("token added", "ana")]


def test_what_happened_to_tokens_while_no_service_ran_is_noted_at_its_start(
    served: Served,
) -> None:
    started(served)
    first = about_tokens(served)
    served.tokens.revoke("other")
    served.tokens.add("other", Role.ADMIN)
    started(served)
    started(served)
    more = about_tokens(served)[len(first) :]
    assert more == [("token revoked", "other"), ("token added", "other")]
    assert not [one for one in served.storage.events() if served.shown["admin"] in one.detail]


def test_refusals_of_a_known_token_are_noted_and_bounded(served: Served) -> None:
    served.submit("small", "other")
    served.ask("POST", "/v1/studies", "read", content="x")
    served.ask("POST", "/v1/studies/small/pause", "submit")
    served.ask("POST", "/v1/studies/small/pause", "wrong")
    served.ask("POST", "/v1/studies/%00%0a%1b[31m/pause", "read")
    noted = [(one.who, one.detail) for one in served.storage.events() if one.what == "refused"]
    assert [who for who, _ in noted] == ["read", "submit", "read"]
    assert noted[0][1].isprintable()
    assert noted[1][1].startswith("POST /v1/studies/small/pause: the study is other's")
    for _ in range(50):
        served.ask("POST", "/v1/check", "read", content="x")
    noted = [(one.who, one.detail) for one in served.storage.events() if one.what == "refused"]
    assert len(noted) == 21


def test_changes_in_the_dashboard_are_noted(served: Served) -> None:
    served.submit("small")
    note = {"version": 1, "body": "a note"}
    assert served.ask("PUT", "/api/studies/1/note", "admin", json=note).status_code == 204
    served.ask("PUT", "/api/studies/1/note", "read", json=note)
    served.ask("GET", "/api/studies", "admin")
    [event] = [one for one in served.storage.events() if one.what == "dashboard"]
    assert (event.who, event.detail) == ("admin", "PUT /api/studies/1/note")


def test_what_concerns_neither_studies_nor_uploads_is_told_to_administrators(
    served: Served,
) -> None:
    started(served)
    served.submit("small")
    served.ask("PUT", "/v1/datasets/a.csv?shared=true", "submit", content=b"a,b\n1,2\n3,4\n")
    served.ask("POST", "/v1/studies", "read", content="x")
    served.ask("POST", "/v1/studies/small/pause", "submit")
    served.ask("PUT", "/api/studies/1/note", "admin", json={"version": 1, "body": "a note"})

    def seen(who: str) -> list[str]:
        whats, path = list[str](), "/v1/events?limit=2"
        while path:
            answer = served.ask("GET", path, who)
            whats += [one["what"] for one in answer.json()]
            path = answer.links.get("next", {}).get("url", "")
        return whats

    for who in ("read", "submit"):
        assert seen(who) == ["paused", "uploaded", "submitted"]
    assert {"refused", "dashboard", "token added"} < {*seen("admin")}


def test_a_refusal_is_answered_though_it_cannot_be_noted(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: object) -> None:
        raise sa.exc.OperationalError("INSERT", {}, Exception("away"))

    monkeypatch.setattr(type(served.storage), "note", away)
    assert served.ask("POST", "/v1/check", "read", content="x").status_code == 403
    assert "not in the events" in caplog.text


def test_work_beside_goes_on_after_trouble_and_a_fault_makes_the_service_not_ready(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    steps: list[Any] = [None]

    def step() -> None:
        if steps[0] is not None:
            raise steps[0]

    part = Background("the journal", step, served.storage.url)
    steps[0] = sa.exc.OperationalError("SELECT", {}, Exception("away"))
    object.__setattr__(served.service, "background", (part,))
    part.try_step()
    part.try_step()
    assert caplog.text.count("the journal: storage sqlite") == 1
    assert "the journal: something cannot be reached" in str(served.service.trouble)
    steps[0] = None
    part.try_step()
    assert served.service.trouble is None
    steps[0] = ZeroDivisionError()
    part.start()
    part.end(10)
    answer = served.client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["detail"].startswith("the journal has ended by a fault")


def test_the_service_is_not_ready_without_its_storage_or_a_disk_that_takes_anything(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.scheduler.is_away = True
    assert "the storage cannot be reached" in served.client.get("/readyz").json()["detail"]
    served.scheduler.is_away = False
    monkeypatch.setattr("hpsearch.server.service.LEAST_FREE", 2.0**80)
    answer = served.client.get("/readyz")
    assert answer.status_code == 503
    assert "the disk of the home is full" in answer.json()["detail"]
    assert served.client.get("/healthz").status_code == 200


def test_a_database_that_another_program_has_locked_takes_no_changes(served: Served) -> None:
    served.storage.touch()
    other = sqlite3.connect(served.home.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with served.storage.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 10")
    part = Background("writing", served.storage.touch, served.storage.url)
    part.try_step()
    assert part.is_away
    other.execute("ROLLBACK")
    part.try_step()
    assert not part.is_away
    other.close()
