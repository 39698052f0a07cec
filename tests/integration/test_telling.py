"""What the service tells of its studies, on both kinds of storage."""

import time
from collections.abc import Callable
from contextlib import closing

from optuna.trial import TrialState

from hpsearch.search import submissions
from hpsearch.search.database.exclusive import exclusive
from hpsearch.search.making import create_submitted
from hpsearch.search.storage import Storage
from hpsearch.search.storage.events import Event, Notice
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.study import OpenStudy
from hpsearch.study_file import StudyFile

DATASET = {
    "fingerprint": "f" * 64, "source": "digits", "input_shape": [8],
    "class_names": ["0", "1", "2"],
}  # fmt: skip


def submitted(storage: Storage, file: StudyFile, notice: Notice | None) -> OpenStudy:
    event = Event(who="ana", what="submitted", study=file.name, notice=notice)
    return create_submitted(storage, file, DATASET, submissions.new("ana", 0), event)


def due(storage: Storage, later: float = 0.0, *, may_send: bool = True) -> list[tuple[str, int]]:
    found = storage.due_notices(time.time() + later, 5, may_send=may_send)
    return [(one.event.what, one.tries) for one in found]


def test_each_event_is_due_in_order_until_it_is_settled(
    url: str, make_file: Callable[..., StudyFile]
) -> None:
    with closing(open_storage(url)) as storage:
        with exclusive(storage.url):
            storage.make_events()
        storage.touch()
        before = time.time()
        file = make_file(name="a", budget={"trials": 5})
        study = submitted(storage, file, Notice(url="https://hooks.org/", target=0.8))
        submitted(storage, make_file(name="b"), None)
        assert due(storage) == []
        for value in (0.7, 0.8):
            study.optuna.tell(study.optuna.ask(), value)
            submissions.notice_targets(storage)
        submissions.notice_targets(storage)
        assert due(storage) == [("reached", 0)]
        submissions.finish(study, "trials")
        [first] = storage.due_notices(time.time(), 5, may_send=True)
        storage.put_off_notice(first, time.time() + 60)
        assert (due(storage), due(storage, 100)) == ([], [("reached", 1)])
        storage.settle_notice(first)
        assert due(storage) == [("ended", 0)]
        assert due(storage, may_send=False) == []
        [last] = storage.due_notices(time.time(), 5, may_send=True)
        storage.settle_notice(last)
        storage.settle_notice(last)
        assert due(storage, 100) == []
        words = [one.what for one in storage.events_after(0)]
        assert words == ["submitted", "submitted", "reached", "ended"]
        assert [one.study for one in storage.events_after(1, of=["submitted"])] == ["b"]
        study.optuna.tell(study.optuna.ask(), state=TrialState.PRUNED)
        ended = storage.ended_since([study.study_id], before - 1)
        assert [one.state for one in ended] == ["complete", "complete", "pruned"]
        assert storage.ended_since([study.study_id], time.time() + 1) == []
        assert all(before - 1 <= one.start <= one.end <= time.time() + 1 for one in ended)
