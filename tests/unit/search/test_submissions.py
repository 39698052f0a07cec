"""Submissions: states, who changed them, and what a kill in between leaves."""

import contextlib
import itertools
from collections.abc import Callable
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import FrozenTrial
from sqlalchemy.exc import IntegrityError

from hpsearch.search import budget, claims, submissions
from hpsearch.search.making import StudyExistsError, create_submitted
from hpsearch.search.storage import Storage
from hpsearch.search.storage.events import SERVICE, Event
from hpsearch.search.study import OpenStudy
from hpsearch.search.submissions import StateError
from hpsearch.study_file import StudyFile

DATASET = {
    "fingerprint": "f" * 64, "source": "digits", "input_shape": [8],
    "class_names": ["0", "1", "2"],
}  # fmt: skip

Submit = Callable[..., OpenStudy]


@pytest.fixture
def submit(connect: Callable[[], Storage], make_file: Callable[..., StudyFile]) -> Submit:
    storage = connect()
    storage.make_events()

    def submit_one(name: str = "study", key: str | None = None, **sections: Any) -> OpenStudy:
        event = Event(who="ana", what="submitted", study=name, key=key)
        made = submissions.new("ana", 0)
        return create_submitted(storage, make_file(name=name, **sections), DATASET, made, event)

    return submit_one


def whats(study: OpenStudy) -> list[tuple[str, str]]:
    return [(event.who, event.what) for event in reversed(study.storage.events(study.name))]


def test_a_submitted_study_is_queued_and_opens_as_any_other(submit: Submit) -> None:
    study = submit()
    found = submissions.submission_of(study)
    assert (found.state, found.user, found.priority) == ("queued", "ana", 0)
    assert whats(study) == [("ana", "submitted")]
    assert [one.name for one in study.storage.submitted()] == ["study"]
    url = str(study.storage.url)
    assert (
        optuna.load_study(study_name="study", storage=url).user_attrs["submission"]["user"] == "ana"
    )


def test_a_study_is_made_once_whatever_its_key(submit: Submit) -> None:
    study = submit(key="ana 1")
    with pytest.raises(StudyExistsError, match="study study: is there already"):
        submit(key="ana 2")
    with pytest.raises(IntegrityError):
        submit("other", key="ana 1")
    assert study.storage.study_names() == ["study"]
    found = study.storage.event_with("ana 1")
    assert found is not None
    assert found.study == "study"
    assert study.storage.event_with("ana 3") is None


def test_a_paused_study_starts_no_trial_until_it_is_resumed(submit: Submit) -> None:
    study = submit()
    submissions.pause(study, "ben")
    assert claims.claim(study) is None
    assert budget.stop_requested(study) == "leave"
    before = submissions.submission_of(study)
    submissions.resume(study, "ana")
    after = submissions.submission_of(study)
    assert (before.state, after.state) == ("paused", "queued")
    assert after.queued >= before.queued
    assert claims.claim(study) is not None
    assert whats(study) == [("ana", "submitted"), ("ben", "paused"), ("ana", "resumed")]


def test_what_is_so_already_is_no_event(submit: Submit) -> None:
    study = submit()
    submissions.resume(study, "ana")
    submissions.pause(study, "ana")
    submissions.pause(study, "ana")
    assert [what for _, what in whats(study)] == ["submitted", "paused"]


@pytest.mark.parametrize("act", [submissions.pause, submissions.resume])
def test_a_cancelled_study_stays_so(submit: Submit, act: Any) -> None:
    study = submit()
    submissions.cancel(study, "ana")
    with pytest.raises(StateError, match="study study: is cancelled and cannot be"):
        act(study, "ana")
    submissions.cancel(study, "ana")
    submissions.fail(study, "too late")
    assert submissions.submission_of(study).state == "cancelled"
    assert claims.claim(study) is None


def test_a_study_that_failed_can_be_resumed_and_says_why(submit: Submit) -> None:
    study = submit()
    submissions.fail(study, "error: no such file")
    found = submissions.submission_of(study)
    assert (found.state, found.why) == ("failed", "error: no such file")
    with pytest.raises(StateError, match="resume or cancel it"):
        submissions.pause(study, "ana")
    assert submissions.resume(study, "ana").why == ""


def test_a_study_that_was_not_submitted_is_left_alone(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study()
    study.storage.make_events()
    for act in (submissions.pause, submissions.cancel, submissions.resume):
        with pytest.raises(StateError, match="was not submitted"):
            act(study, "ana")
    assert study.storage.submitted() == []
    assert claims.claim(study) is not None


def test_a_stop_by_hand_is_taken_for_a_pause(submit: Submit) -> None:
    study = submit()
    assert not submissions.notice_stop(study)
    budget.request_stop(study, "leave")
    assert submissions.notice_stop(study)
    assert submissions.submission_of(study).state == "paused"
    assert whats(study)[-1] == (SERVICE, "paused")


def test_what_was_killed_between_stop_and_state_is_as_before_or_paused(
    submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = submit()

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(submissions, "_move", killed)
        with pytest.raises(KeyboardInterrupt):
            submissions.pause(study, "ana")
    assert submissions.notice_stop(study)
    with monkeypatch.context() as patch:
        patch.setattr(submissions, "_move", killed)
        with pytest.raises(KeyboardInterrupt):
            submissions.resume(study, "ana")
    assert submissions.submission_of(study).state == "paused"
    submissions.resume(study, "ana")
    assert not submissions.notice_stop(study)


def test_standings_are_what_each_study_says_of_itself(
    submit: Submit, finish: Callable[..., FrozenTrial], open_study: Callable[..., OpenStudy]
) -> None:
    first, second = submit("first", budget={"trials": 4}), submit("second")
    finish(first, 0.25)
    finish(first, 0.75)
    finish(first, 0.5, optuna.trial.TrialState.PRUNED)
    assert claims.claim(first) is not None
    loss = open_study(name="loss", objective={"metric": "val_loss"})
    finish(loss, 0.5)
    finish(loss, 0.25)
    keys = [first.study_id, second.study_id, loss.study_id]
    found = first.storage.standings(keys)
    for study, best in ((first, 0.75), (second, None), (loss, 0.25)):
        standing = found[study.study_id]
        assert standing.counts == study.counts()
        assert standing.best == best
        assert standing.trials == study.budget.trials
        assert standing.metric == study.file.objective.metric
    assert first.storage.with_running() == {first.study_id}
    assert first.storage.standings([]) == {}


def test_events_come_in_pages_the_last_one_first(submit: Submit) -> None:
    study = submit()
    for priority in range(5):
        submissions.prioritise(study, "ana", priority)
    storage = study.storage
    whole = storage.events()
    assert [event.number for event in whole] == sorted((e.number for e in whole), reverse=True)
    assert storage.last_event() == whole[0].number
    pages = storage.events(most=2)
    while page := storage.events(most=2, before=pages[-1].number):
        pages += page
    assert pages == whole
    assert storage.events("other") == []


ACTS: dict[str, Callable[[OpenStudy], object]] = {
    "pause": lambda study: submissions.pause(study, "ana"),
    "resume": lambda study: submissions.resume(study, "ana"),
    "cancel": lambda study: submissions.cancel(study, "ana"),
    "fail": lambda study: submissions.fail(study, "why"),
    "finish": lambda study: submissions.finish(study, "trials"),
    "stop": lambda study: (budget.request_stop(study, "leave"), submissions.notice_stop(study)),
}


def test_after_any_acts_only_a_queued_study_starts_trials(submit: Submit) -> None:
    numbers = itertools.count()

    @settings(max_examples=15)
    @given(st.lists(st.sampled_from([*ACTS]), max_size=6))
    def holds(acts: list[str]) -> None:
        study = submit(f"study-{next(numbers)}")
        final = ""
        for act in acts:
            with contextlib.suppress(StateError):
                ACTS[act](study)
            state = submissions.submission_of(study).state
            assert not final or state == final
            final = state if state in submissions.FINAL else ""
            if state in ("paused", "cancelled"):
                assert budget.stop_requested(study) is not None
            if state == "queued":
                assert budget.stop_requested(study) is None

    holds()
