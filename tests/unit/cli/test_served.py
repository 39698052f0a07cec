"""A view of a study over HTTP shows what the view of the same study shows here."""

import io
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console

from hpsearch.cli import live_text
from hpsearch.cli import served as module
from hpsearch.cli.live import LiveView
from hpsearch.cli.served import ServedSource, follow
from hpsearch.cli.watch import Looker, Source
from hpsearch.client.events import Event
from hpsearch.errors import Failure, StudyGoneError
from hpsearch.search import claims
from hpsearch.search import trials as rows
from hpsearch.search.attributes import FAILURE_KEY
from hpsearch.search.study import OpenStudy
from hpsearch.server.live import looked_at

Open = Callable[..., OpenStudy]
Finish = Callable[..., FrozenTrial]


class Told:
    """In place of a study of a service: tells the events that a test gives it."""

    def __init__(self, study: OpenStudy) -> None:
        self.study, self.name = study, study.name
        self.known: set[int] = set()
        self.waiting: list[Event | Exception] = []
        self.is_new = threading.Condition()
        self.lost: Callable[[str], None] = print
        self.taken = 0

    def details(self) -> dict[str, Any]:
        return rows.details(self.study)

    def events(self, on_loss: Callable[[str], None]) -> Iterator[Event]:
        self.lost = on_loss
        while True:
            with self.is_new:
                self.is_new.wait_for(lambda: self.waiting, 20)
                found = self.waiting.pop(0)
            if isinstance(found, Exception):
                raise found
            yield found
            with self.is_new:
                self.taken += 1
                self.is_new.notify_all()

    def tell(self, *events: Event | Exception) -> None:
        """Have events come, and wait until all but a last error are taken."""
        with self.is_new:
            wanted = self.taken + sum(isinstance(one, Event) for one in events)
            self.waiting += events
            self.is_new.notify_all()
            assert self.is_new.wait_for(lambda: self.taken >= wanted, 20)

    def stand(self, **more: object) -> None:
        """Have come what a service tells of how the study stands now."""
        self.tell(*self.standing(**more))

    def standing(self, **more: object) -> list[Event]:
        summary, changed = looked_at(self.study, self.known)
        events = [Event(kind="study", data={**summary, "state": "queued", **more})]
        return [*events, Event(kind="trials", data=changed)] if changed else events


def source_of(told: Told, said: list[str]) -> ServedSource:
    told.waiting += told.standing()
    source = ServedSource(told, said.append)  # type: ignore[arg-type]  # asked nothing else
    assert source.is_ready(20)
    return source


def picture(source: Source) -> str:
    view = LiveView(source, watching=True)
    console = Console(file=io.StringIO(), width=100, height=40, force_terminal=True)
    console.print(view.frame(view.update()))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_picture_is_the_same(
    open_study: Open, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = open_study(budget={"trials": 9, "timeout": "1h", "plateau": 5})
    for value in (0.5, 0.75, 0.25):
        finish(study, value)
    finish(study, 0.1, TrialState.PRUNED)
    study.storage.owner = {"worker": "host:4711", "device": "CPU", "process": {}}
    running = claims.claim(study)
    assert running is not None
    running.report(0.5, 1)
    monkeypatch.setattr("hpsearch.cli.live_text.short", lambda _: "a while")
    monkeypatch.setattr("hpsearch.cli.live.short", lambda _: "a while")
    seconds = live_text._seconds
    monkeypatch.setattr(live_text, "_seconds", lambda one: seconds(one) if one.ended else 1.0)
    told = Told(study)
    source = source_of(told, [])
    assert picture(source) == picture(Looker(study))
    study.optuna.tell(running, 0.875)
    told.stand()
    here = picture(Looker(study)).replace("no worker is running the study now", source.idle)
    assert picture(source) == here
    assert "0.8750 val_accuracy in trial 4" in picture(source)
    told.tell(StudyGoneError("the end"))


def test_plain_lines_are_the_same(
    open_study: Open, finish: Finish, capsys: pytest.CaptureFixture[str]
) -> None:
    study = open_study()
    finish(study, 0.5)
    told = Told(study)
    views = [LiveView(Looker(study)), LiveView(source_of(told, []))]
    finish(study, 0.75)
    claimed = claims.claim(study)
    assert claimed is not None
    claimed.set_user_attr(FAILURE_KEY, Failure.DIVERGED)
    study.optuna.tell(claimed, state=TrialState.FAIL)
    told.stand()
    lines = []
    for view in views:
        view.update()
        lines.append(capsys.readouterr().err)
    assert lines[0] == lines[1]
    assert views[1].source.idle == "the study waits for a worker"
    assert lines[0].startswith("trial 1: complete 0.7500 (2 of 10, best 0.7500)")
    assert "trial 2: diverged (3 of 10" in lines[0]
    told.tell(StudyGoneError("the end"))


def test_who_follows_is_told_of_losses_and_sees_the_end(
    open_study: Open,
    finish: Finish,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY", 0.01)
    study = open_study()
    finish(study, 0.5)
    told = Told(study)
    told.waiting += told.standing()

    def story() -> None:
        with told.is_new:
            assert told.is_new.wait_for(lambda: told.taken == 2, 20)
        told.lost("the service cannot be reached")
        told.tell(Event(kind="trouble", data={"detail": "the storage cannot be reached"}))
        told.tell(Event(kind="trouble", data={"detail": None}))
        finish(study, 0.75)
        told.stand(state="done", over="trials")

    other = threading.Thread(target=story)
    other.start()
    found = follow(told)  # type: ignore[arg-type]  # as above
    other.join()
    assert (found.state, found.counts().complete) == ("done", 2)
    said = capsys.readouterr().err.splitlines()
    expected = [
        "The service cannot be reached; the view goes on when it can.",
        "The service is there again.",
        "the storage cannot be reached",
        "The storage is there again.",
    ]
    assert [line for line in said if line in expected] == expected
    told.tell(StudyGoneError("the end"))


def test_a_study_that_is_removed_ends_the_view(open_study: Open) -> None:
    told = Told(open_study())
    source = source_of(told, [])
    told.tell(StudyGoneError("study study: was deleted meanwhile"))
    with pytest.raises(StudyGoneError, match="was deleted meanwhile"):
        _ = [source.look() for _ in range(10**6)]  # the thread may need a moment


def test_rows_of_another_form_are_a_fault_where_one_looks(open_study: Open) -> None:
    told = Told(open_study())
    source = source_of(told, [])
    told.waiting.append(Event(kind="trials", data=[{"number": 0}]))
    with told.is_new:
        told.is_new.notify_all()
    with pytest.raises(KeyError):
        _ = [source.look() for _ in range(10**6)]


def test_what_is_refused_at_once_is_raised_at_once(open_study: Open) -> None:
    told = Told(open_study())
    told.waiting.append(StudyGoneError("gone"))
    source = ServedSource(told, print)  # type: ignore[arg-type]  # as above
    with pytest.raises(StudyGoneError, match="gone"):
        source.is_ready(20)
