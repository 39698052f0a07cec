"""A worker that is assigned one study after the other, with work that a test puts in its place."""

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hpsearch.environment import ALONE_VARIABLE, ASSIGNED_VARIABLE, SUPERVISOR_VARIABLE
from hpsearch.errors import EXIT_PROGRAM, EXIT_SIGTERM, InputError, UnreachableError
from hpsearch.home import Home
from hpsearch.workers import assigned, worker
from hpsearch.workers.assigned import _Assigned, work_assigned

STARTED = ("", 0)
"""What a process reports first."""


class Service:
    """The other end, and what the worker did."""

    def __init__(self, ours: socket.socket, theirs: socket.socket) -> None:
        self.ours, self.theirs = ours, theirs
        self.done: list[tuple[str, Any]] = []
        self.started = 0
        self.work: Callable[[str], None] = lambda _: None

    def assign(self, study: str, *, apart: bool = False) -> None:
        self.ours.send(json.dumps({"study": study, "apart": apart}).encode())

    def end(self) -> None:
        self.ours.shutdown(socket.SHUT_WR)

    def run(self) -> int:
        return _Assigned(self.theirs, "sqlite:///x.db", Home(Path("/x")), force=False).run()

    @property
    def reports(self) -> list[tuple[Any, ...]]:
        self.ours.setblocking(False)
        found = []
        while True:
            try:
                told = json.loads(self.ours.recv(4096))
            except BlockingIOError:
                return found
            found.append((told["study"], told["code"], *["ends"] * told["ends"]))


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
    before = [signal.getsignal(number) for number in numbers]
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    made = Service(ours, theirs)

    def work(name: str, *, kept: worker.Kept, **_: object) -> int:
        made.done.append((name, kept))
        made.work(name)
        return 0

    def trainer(*_: object, **__: object) -> object:
        made.started += 1
        return object()

    monkeypatch.setattr(worker, "work", work)
    monkeypatch.setattr(worker, "keras_trainer", trainer)
    for name in (SUPERVISOR_VARIABLE, ALONE_VARIABLE, ASSIGNED_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    yield made
    ours.close()
    theirs.close()
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def test_what_is_assigned_is_done_in_one_process(service: Service) -> None:
    for name in ("a", "b", "a"):
        service.assign(name)
    service.end()
    assert service.run() == 0
    assert [name for name, _ in service.done] == ["a", "b", "a"]
    assert len({id(kept) for _, kept in service.done}) == 1
    assert service.started == 1
    assert service.reports == [STARTED, ("a", 0), ("b", 0), ("a", 0)]
    assert ASSIGNED_VARIABLE not in os.environ


def test_the_precision_of_each_study_is_settled_before_it_trains(service: Service) -> None:
    service.assign("a")
    service.end()
    service.run()
    [(_, kept)] = service.done
    settled: list[int] = []
    assert kept.makes_trainer(lambda: settled.append(1), alone=False) is not None
    assert settled == [1]
    assert service.started == 1


@pytest.mark.parametrize("error", [InputError("no such data"), UnreachableError("gone")])
def test_what_is_wrong_with_one_study_is_nothing_to_the_next(
    service: Service, error: InputError, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(name: str) -> None:
        if name == "a":
            raise error

    service.work = work
    service.assign("a")
    service.assign("b")
    service.end()
    assert service.run() == 0
    assert service.reports == [STARTED, ("a", error.exit_code), ("b", 0)]
    assert f"error: {error}\n" in capsys.readouterr().err


def test_a_fault_of_the_program_ends_the_process(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(_: str) -> None:
        raise ZeroDivisionError

    service.work = work
    service.assign("a")
    service.assign("b")
    service.run()
    assert [name for name, _ in service.done] == ["a"]
    assert service.reports == [STARTED, ("a", EXIT_PROGRAM, "ends")]
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_signal_ends_it_whether_or_not_it_works(service: Service) -> None:
    service.work = lambda _: os.kill(os.getpid(), signal.SIGTERM)
    service.assign("a")
    service.assign("b")
    assert service.run() == EXIT_SIGTERM
    assert [name for name, _ in service.done] == ["a"]
    assert service.reports == [STARTED]


def test_it_ends_with_the_service_that_started_it(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SUPERVISOR_VARIABLE, "1")  # it is not our parent
    monkeypatch.setattr(assigned, "LOOK_EVERY", 0.01)
    assert service.run() == 0
    assert service.done == []


def test_it_ends_with_a_service_that_hears_nothing_any_more(service: Service) -> None:
    service.work = lambda _: service.ours.close()
    service.assign("a")
    assert service.run() == 0
    assert [name for name, _ in service.done] == ["a"]


def test_a_turn_that_is_over_is_that_of_one_study(service: Service) -> None:
    seen: list[bool] = []

    def work(_: str) -> None:
        seen.append(service.done[-1][1].stopper.is_last)
        os.kill(os.getpid(), signal.SIGUSR1)

    service.work = work
    service.assign("a")
    service.assign("b")
    service.end()
    service.run()
    assert seen == [False, False]


def test_code_of_a_user_runs_in_a_process_of_its_own(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NewProcessError(Exception):
        """Another program runs in this process from here on."""

    def execute(*_: object) -> None:
        raise NewProcessError(os.environ[ASSIGNED_VARIABLE])

    monkeypatch.setattr(assigned.os, "execv", execute)
    service.assign("a")
    service.assign("own", apart=True)
    with pytest.raises(NewProcessError) as raised:
        service.run()
    assert json.loads(str(raised.value)) == {"study": "own", "apart": True}
    assert [name for name, _ in service.done] == ["a"]

    monkeypatch.setenv(ASSIGNED_VARIABLE, str(raised.value))  # what it finds when it has begun
    service.assign("b")
    assert service.run() == 0
    assert [name for name, _ in service.done] == ["a", "own"]
    assert service.reports == [STARTED, ("a", 0), ("own", 0, "ends")]


def test_a_trial_that_has_the_device_alone_is_the_last_of_its_process(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ASSIGNED_VARIABLE, '{"study": "a", "apart": false}')
    monkeypatch.setenv(ALONE_VARIABLE, "3")
    service.assign("b")
    service.run()
    [(name, kept)] = service.done
    assert (name, kept.makes_trainer, service.started) == ("a", None, 0)


def test_it_is_typed_by_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assigned.os, "dup", lambda _: os.open(os.devnull, os.O_RDONLY))
    with pytest.raises(InputError, match="is for workers that hpsearch serve starts"):
        work_assigned("sqlite:///x.db", Home(Path("/x")))
