"""Submissions and their events on both kinds of storage."""

from collections.abc import Callable
from contextlib import closing

import pytest
from sqlalchemy.exc import IntegrityError

from hpsearch.search import claims, submissions
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
