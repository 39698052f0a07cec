"""Submissions and their events on both kinds of storage."""

from collections.abc import Callable
from contextlib import closing

import pytest
from sqlalchemy.exc import IntegrityError

from hpsearch.search import budget, claims, submissions
from hpsearch.search.attributes import FILE_KEY
from hpsearch.search.database.exclusive import exclusive
from hpsearch.search.making import create_submitted
from hpsearch.search.storage.events import Event
from hpsearch.search.storage.opening import open_storage
from hpsearch.study_file import StudyFile

DATASET = {
    "fingerprint": "f" * 64, "source": "digits", "input_shape": [8],
    "class_names": ["0", "1", "2"],
}  # fmt: skip


def test_a_study_is_submitted_once_decided_of_and_counted(
    url: str, make_file: Callable[..., StudyFile]
) -> None:
    with closing(open_storage(url)) as storage:
        for _ in range(2):  # the second service finds the table
            with exclusive(storage.url):
                storage.make_events()
        event = Event(who="ana", what="submitted", study="a", key="ana 1")
        made = submissions.new("ana", 0)
        study = create_submitted(storage, make_file(name="a"), DATASET, made, event)
        with pytest.raises(IntegrityError):
            create_submitted(storage, make_file(name="b"), DATASET, made, event)
        assert storage.study_names() == ["a"]
        submissions.pause(study, "ben")
        assert claims.claim(study) is None
        submissions.resume(study, "ana")
        trial = claims.claim(study)
        assert trial is not None
        assert storage.with_running() == {study.study_id}
        study.optuna.tell(trial, 0.5)
        submissions.serve(study)
        [found] = storage.submitted()
        assert (found.name, found.submission.state) == ("a", "queued")
        assert found.submission.served is not None
        standing = storage.standings([study.study_id])[study.study_id]
        assert (standing.counts, standing.best) == (study.counts(), 0.5)
        events = storage.events("a")
        assert [one.what for one in events] == ["resumed", "paused", "submitted"]
        assert storage.last_event() == events[0].number
        assert storage.event_with("ana 1") == events[-1]
        number = storage.last_event()
        for name in ("b", "c"):
            submitted = Event(who="ben", what="submitted", study=name)
            create_submitted(
                storage, make_file(name=name), DATASET, submissions.new("ben", 0), submitted
            )
        storage.note(Event(who="ben", what="entered"))
        assert storage.studies_after(number) == {"b", "c"}
        assert storage.studies_after(number + 1) == {"c"}
        assert [one.name for one in storage.submitted(["c", "gone", "a"])] == ["a", "c"]
        assert storage.submitted([]) == []


def test_a_study_that_is_done_goes_on_and_is_removed_with_an_event(
    url: str, make_file: Callable[..., StudyFile]
) -> None:
    with closing(open_storage(url)) as storage:
        with exclusive(storage.url):
            storage.make_events()
        file, event = make_file(budget={"trials": 2}), Event(who="ana", what="submitted", study="a")
        study = create_submitted(storage, file, DATASET, submissions.new("ana", 0), event)
        for value in (0.5, 0.75):
            trial = claims.claim(study)
            assert trial is not None
            study.optuna.tell(trial, value)
        assert claims.claim(study) is None
        submissions.finish(study, "trials", submissions.submission_of(study))
        assert budget.change_budget(study, {"trials": 3, "timeout": "1h"}).trials == 3
        assert submissions.ask_more(study, "ana", "budgeted", "trials 3").state == "queued"
        assert claims.claim(study) is not None
        assert [one.number for one in storage.trials_after(study.study_id, -1, 2)] == [0, 1]
        assert [one.number for one in storage.trials_after(study.study_id, 1, 2)] == [2]
        assert storage.trials_after(study.study_id, 2**53, None) == []
        gone = Event(who="ana", what="deleted", study=study.name)
        storage.remove_studies([study.study_id], None, gone)
        assert storage.submitted() == []
        assert [one.what for one in storage.events(study.name)] == ["deleted", "budgeted", "ended"]


def test_studies_are_found_by_where_their_data_lie(
    url: str, make_file: Callable[..., StudyFile]
) -> None:
    path = '/data/"a"_%\\/\u00fc.csv'
    with closing(open_storage(url)) as storage:
        with exclusive(storage.url):
            storage.make_events()
        for name in ("a", "b"):
            event = Event(who="ana", what="submitted", study=name)
            made = submissions.new("ana", 0)
            study = create_submitted(storage, make_file(name=name), DATASET, made, event)
        file = study.file.model_dump(mode="json")
        dataset = file["dataset"] | {"path": path}
        study.optuna.set_user_attr(FILE_KEY, file | {"dataset": dataset})
        assert [one.name for one in storage.reading_from(path)] == ["b"]
        for other in (path.replace("_", "x"), path.replace("%", "x"), path[1:], path[:-1]):
            assert storage.reading_from(other) == []
