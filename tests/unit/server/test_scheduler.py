"""The scheduler with workers that do what a test says: who is started, asked to leave, mended."""

import contextlib
import itertools
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from hpsearch.environment import KNOWN_VARIABLE, STORAGE_VARIABLE
from hpsearch.errors import EXIT_INPUT, EXIT_OK, EXIT_PROGRAM, EXIT_SIGTERM, UnreachableError
from hpsearch.home import Home
from hpsearch.search import budget, claims, submissions
from hpsearch.search.lookup import load_study
from hpsearch.search.making import create_submitted
from hpsearch.search.storage import Storage
from hpsearch.search.storage.events import Event
from hpsearch.search.study import OpenStudy
from hpsearch.server import policy, queue, turns
from hpsearch.server import scheduler as module
from hpsearch.server.child import AssignedChild
from hpsearch.server.scheduler import KILL_AFTER, Scheduler
from hpsearch.services.workspace import Workspace
from hpsearch.study_file import StudyFile
from hpsearch.workers import child
from hpsearch.workers.assigned import Assignment, Report
from hpsearch.workers.identity import identity, signature
from hpsearch.workers.slots import Slot
from hpsearch.workers.supervisor import MAX_CRASHES

DATASET = {
    "fingerprint": "f" * 64, "source": "digits", "input_shape": [8],
    "class_names": ["0", "1", "2"],
}  # fmt: skip

_pids = itertools.count(2**22 + 1)  # more than any process has


@dataclass
class Worker(AssignedChild):
    """A worker that does nothing by itself."""

    study: str = ""
    """That it was assigned last."""
    apart: bool = False
    """Whether it works for no other one."""
    command: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    sent: list[int] = field(default_factory=list)
    """Signals, since it was assigned the study."""
    code: int | None = None
    """Its process ends with it."""
    says: int | None = None
    """It reports that it has ended its work for the study."""
    there: bool = False
    pid: int = 0

    def begin(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.command, self.environment = command, environment
        self.there, self.code, self.says, self.sent = True, None, None, []
        self.is_ready = True
        self.pid, self.study = next(_pids), ""
        signed = identity(self.pid)
        self.worker, self.signature = signed["worker"], signature(signed)

    def assign(self, assignment: Assignment, home: Home) -> bool:
        self.study, self.sent, self.apart = assignment.study, [], assignment.apart
        return self.code is None

    def report(self) -> Report | None:
        if self.says is None:
            return None
        told = Report(study=self.study, code=self.says)
        self.says, self.study = None, ""
        return told

    @property
    def is_there(self) -> bool:
        return self.there

    @property
    def is_over(self) -> bool:
        return self.there and self.code is not None

    def collect(self) -> int:
        assert self.code is not None
        self.there, self.worker, self.is_ready = False, None, False
        return self.code

    def send(self, number: int) -> None:
        self.sent.append(number)
        if number == signal.SIGKILL:
            self.code = -signal.SIGKILL

    def wait(self, seconds: float) -> bool:
        self.code = EXIT_SIGTERM if self.code is None else self.code
        return True

    def last_words(self) -> str:
        return "its last words"


@dataclass
class Box:
    """A scheduler, and the clock that it goes by."""

    scheduler: Scheduler
    storage: Storage
    make_file: Callable[..., StudyFile]
    passed: float = 0.0
    """Seconds by which the clocks are ahead."""
    set_back: float = 0.0
    """Seconds by which the time of day was set back."""

    def submit(self, name: str, user: str = "ana", priority: int = 0, **sections: Any) -> OpenStudy:
        event = Event(who=user, what="submitted", study=name)
        made = submissions.new(user, priority)
        file = self.make_file(name=name, **sections)
        return create_submitted(self.storage, file, DATASET, made, event)

    @property
    def workers(self) -> list[Worker]:
        found = [place.child for place in self.scheduler._places]
        assert all(isinstance(child, Worker) for child in found)
        return found  # type: ignore[return-value]

    def step(self, seconds: float = 0.0) -> list[str | None]:
        """Let time pass, and have it work once; the studies that the slots are for."""
        self.passed += seconds
        self.scheduler.step()
        return [str(slot["study"] or "") for slot in self.scheduler.shown]

    def claim(self, worker: Worker) -> int:
        """Start a trial in the name of a worker; its number."""
        study = load_study(self.storage, worker.study)
        self.storage.owner = identity(worker.pid)
        try:
            trial = claims.claim(study)
        finally:
            self.storage.owner = {}
        assert trial is not None
        return trial.number

    def run_trial(self, worker: Worker) -> None:
        """Have a worker run one trial to its end."""
        study = load_study(self.storage, worker.study)
        study.optuna.tell(self.claim(worker), 0.5)

    def state(self, name: str) -> str:
        return submissions.submission_of(load_study(self.storage, name)).state


@pytest.fixture
def make_box(
    home: Home, connect: Callable[[], Storage], make_file: Callable[..., StudyFile],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Box]:  # fmt: skip
    def make(slots: int = 2, **options: Any) -> Box:
        storage = connect()
        storage.make_events()
        scheduler = Scheduler(
            workspace=Workspace(home=home),
            slots=[Slot(index=index, gpu=None, threads=1) for index in range(slots)],
            make_child=Worker,
            **options,
        )
        scheduler.begin(storage)
        box = Box(scheduler, storage, make_file)
        real = time.monotonic, time.time

        class Clock:
            monotonic = staticmethod(lambda: real[0]() + box.passed)
            time = staticmethod(lambda: real[1]() + box.passed - box.set_back)

        for one in (module, turns, queue, submissions, child):
            monkeypatch.setattr(one, "time", Clock)
        return box

    return make


def test_free_slots_get_workers_for_what_is_queued(make_box: Callable[..., Box]) -> None:
    box = make_box(2)
    assert box.step() == ["", ""]
    box.submit("a", budget={"trials": 5})
    assert box.step() == ["a", "a"]
    first = box.workers[0]
    assert first.command[-3:-2] == ["-"]
    assert first.command[-2:] == ["--home", str(box.scheduler.workspace.home.root)]
    assert first.environment == {
        STORAGE_VARIABLE: box.scheduler.workspace.url, KNOWN_VARIABLE: "1",
    }  # fmt: skip
    assert box.step() == ["a", "a"]


def test_code_of_a_user_runs_apart_also_where_only_the_baseline_has_it(
    make_box: Callable[..., Box], tmp_path: Path
) -> None:
    (tmp_path / "net.py").write_text("def build(config, data): ...\n")
    own = {"type": "python", "file": str(tmp_path / "net.py")}
    box = make_box(slots=3)
    box.submit("usual")
    box.submit("own", space={"network": own})
    box.submit("cited", baseline={"network": own})
    box.step()
    assert {one.study: one.apart for one in box.workers} == {
        "usual": False, "own": True, "cited": True,
    }  # fmt: skip


def test_a_study_with_code_is_held_while_that_may_not_be_run(
    make_box: Callable[..., Box], tmp_path: Path
) -> None:
    (tmp_path / "net.py").write_text("def build(config, data): ...\n")
    box = make_box(slots=2, allow_code=False)
    own = box.submit("own", space={"network": {"type": "python", "file": str(tmp_path / "net.py")}})
    box.submit("usual", budget={"trials": 1})
    for _ in range(3):
        assert box.step(10) == ["usual", ""]
    held = submissions.submission_of(own)
    assert (held.state, held.served) == ("queued", None)
    assert "only with --allow-code" in held.why
    assert [event.what for event in box.storage.events("own")] == ["held", "submitted"]
    allowed = make_box(slots=1)
    assert allowed.step() == ["own"]
    assert submissions.submission_of(own).why == ""
    assert [event.what for event in box.storage.events("own")][:2] == ["released", "held"]


def test_no_more_workers_are_started_than_there_are_trials(make_box: Callable[..., Box]) -> None:
    box = make_box(4)
    box.submit("a", budget={"trials": 2})
    assert box.step() == ["a", "a", "", ""]
    box.submit("b", workers={"count": 1})
    assert box.step() == ["a", "a", "b", ""]
    box.run_trial(box.workers[0])
    assert box.step() == ["a", "a", "b", ""]


def test_a_study_that_has_ended_is_done_and_gets_no_worker(make_box: Callable[..., Box]) -> None:
    box = make_box(1)
    box.submit("a", budget={"trials": 1})
    box.step()
    box.run_trial(box.workers[0])
    box.workers[0].says = EXIT_OK
    assert box.step() == [""]
    assert box.state("a") == "done"
    assert [event.what for event in box.storage.events("a")] == ["ended", "submitted"]
    assert box.step(100) == [""]


@pytest.mark.parametrize("is_reported", [True, False])
@pytest.mark.parametrize("code", [EXIT_OK, EXIT_SIGTERM])
def test_a_study_that_has_ended_is_done_at_once_whoever_waits(
    make_box: Callable[..., Box], code: int, is_reported: bool
) -> None:
    box = make_box(1)
    box.submit("a", budget={"trials": 1})
    box.step()
    for name in "bcd":
        box.submit(name)
    box.run_trial(box.workers[0])
    if is_reported:
        box.workers[0].says = code
    else:
        box.workers[0].code = code
    box.step()
    assert [box.state(name) for name in "abcd"] == ["done", "queued", "queued", "queued"]


def test_a_study_whose_budget_grew_while_its_worker_was_at_work_is_not_done(
    make_box: Callable[..., Box],
) -> None:
    box = make_box(1)
    study = box.submit("a", budget={"trials": 1})
    box.step()
    box.submit("b")
    box.run_trial(box.workers[0])
    budget.change_budget(study, {"trials": 2})
    box.workers[0].says = EXIT_OK
    assert box.step() == ["b"]
    assert box.state("a") == "queued"


def test_users_share_the_slots(make_box: Callable[..., Box]) -> None:
    box = make_box(2)
    box.submit("a")
    box.submit("b")
    box.submit("c", "ben")
    assert sorted(box.step()) == ["a", "c"]


def test_a_user_has_no_more_workers_than_is_allowed(make_box: Callable[..., Box]) -> None:
    box = make_box(4, most_of_user=1)
    box.submit("a")
    box.submit("b")
    box.submit("c", "ben")
    assert sorted(box.step()) == ["", "", "a", "c"]


def test_a_slot_passes_on_between_two_trials(make_box: Callable[..., Box]) -> None:
    box = make_box(2)
    box.submit("a")
    assert box.step() == ["a", "a"]
    box.submit("b", "ben")
    box.step()
    assert [worker.sent for worker in box.workers] == [[], []]  # its turn is too short yet
    box.step(policy.SHORTEST_TURN + 1)
    assert [worker.sent for worker in box.workers] == [[], []]  # no trial has started
    for worker in box.workers:
        box.claim(worker)
    box.step(policy.SHORTEST_TURN + 1)
    asked = [worker for worker in box.workers if signal.SIGUSR1 in worker.sent]
    assert len(asked) == 1
    box.step(10)
    assert set(asked[0].sent) == {signal.SIGUSR1}  # again: it may have started itself anew
    assert sum(bool(worker.sent) for worker in box.workers) == 1
    asked[0].says = EXIT_OK
    assert sorted(box.step()) == ["a", "b"]
    for _ in range(5):
        assert sorted(box.step(100)) == ["a", "b"]
    assert [worker.sent for worker in box.workers] == [[], []]


@pytest.mark.parametrize(
    ("priority", "seconds"), [(0, policy.SHORTEST_TURN), (1, 2 * policy.AGEING)]
)
def test_turns_and_waiting_go_on_where_the_clock_is_set_back(
    make_box: Callable[..., Box], priority: int, seconds: float
) -> None:
    box = make_box(1)
    box.submit("a", priority=priority)
    box.step()
    box.claim(box.workers[0])
    box.submit("b")
    box.step(3)
    box.set_back = 86_400
    box.step(3)
    assert box.workers[0].sent == []
    box.step(seconds)
    assert box.workers[0].sent == [signal.SIGUSR1]


def test_a_higher_priority_does_not_wait_for_a_turn(make_box: Callable[..., Box]) -> None:
    box = make_box(2)
    box.submit("a")
    box.step()
    for worker in box.workers:
        box.claim(worker)
    box.submit("b", priority=1, budget={"trials": 1})
    box.step(3)
    assert sorted(worker.sent for worker in box.workers) == [[], [signal.SIGUSR1]]


@pytest.mark.parametrize("act", [submissions.pause, submissions.cancel])
def test_workers_leave_a_study_that_may_not_go_on(make_box: Callable[..., Box], act: Any) -> None:
    box = make_box(2)
    study = box.submit("a")
    box.step()
    number = box.claim(box.workers[0])
    act(study, "ana")
    box.step()
    box.step(1)
    assert [worker.sent for worker in box.workers] == [[signal.SIGTERM]] * 2
    box.step(10)
    assert box.workers[0].sent == [signal.SIGTERM] * 2
    for worker in box.workers:
        worker.code = EXIT_SIGTERM
    assert box.step() == ["", ""]
    trial = study.storage.get_trial(study.trial_id(number))
    assert trial.user_attrs["failure"] == "interrupted"
    assert study.counts().waiting == 1
    if act is submissions.pause:
        submissions.resume(study, "ana")
        assert box.step() == ["a", "a"]


def test_a_worker_that_does_not_leave_is_killed_and_its_trial_is_not_blamed(
    make_box: Callable[..., Box],
) -> None:
    box = make_box(1)
    study = box.submit("a")
    box.step()
    box.claim(box.workers[0])
    submissions.pause(study, "ana")
    box.step()
    box.step(KILL_AFTER + 1)
    assert box.workers[0].sent[-1] == signal.SIGKILL
    assert box.step() == [""]
    waiting = [trial for trial in study.trials() if not trial.state.is_finished()]
    assert len(waiting) == 1
    assert "deaths" not in waiting[0].user_attrs


def test_a_worker_that_dies_is_replaced_after_a_wait(make_box: Callable[..., Box]) -> None:
    box = make_box(1)
    study = box.submit("a")
    box.step()
    box.claim(box.workers[0])
    box.workers[0].code = -signal.SIGKILL
    assert box.step() == [""]
    assert study.counts().waiting == 1
    assert study.counts().running == 0
    assert box.step(3) == ["a"]


@pytest.mark.parametrize("is_lost", [False, True])
def test_of_a_machine_that_is_lost_nobody_knows_whether_its_worker_lives(
    make_box: Callable[..., Box], monkeypatch: pytest.MonkeyPatch, is_lost: bool
) -> None:
    box, told = make_box(1), list[Sequence[object]]()
    box.submit("a")
    box.step()
    [worker] = box.workers
    monkeypatch.setattr(Worker, "is_lost", is_lost)
    monkeypatch.setattr(module, "mend", lambda _, dead, blame: told.append(dead))  # noqa: ARG005
    worker.code = -signal.SIGKILL
    signed = worker.signature
    box.step()
    assert told == [[] if is_lost else [signed]]


def test_a_study_whose_workers_die_again_and_again_fails(make_box: Callable[..., Box]) -> None:
    box = make_box(1)
    study = box.submit("a")
    for _ in range(MAX_CRASHES):
        assert box.step(100) == ["a"]
        box.workers[0].code = -signal.SIGSEGV
        assert box.step() == [""]
    found = submissions.submission_of(study)
    assert found.state == "failed"
    assert "5 times in a row (killed by SIGSEGV): its last words" in found.why
    submissions.resume(study, "ana")
    assert box.step() == ["a"]


def test_a_worker_that_gets_on_before_it_dies_is_no_crash_in_a_row(
    make_box: Callable[..., Box],
) -> None:
    box = make_box(1)
    box.submit("a", budget={"trials": 100})
    for _ in range(2 * MAX_CRASHES):
        assert box.step(100) == ["a"]
        box.run_trial(box.workers[0])
        box.workers[0].code = -signal.SIGSEGV
        assert box.step() == [""]
    assert box.state("a") == "queued"


def test_what_a_worker_says_is_wrong_fails_its_study_and_no_other(
    make_box: Callable[..., Box],
) -> None:
    box = make_box(2)
    box.submit("a")
    box.submit("b", "ben")
    box.step()
    broken = next(worker for worker in box.workers if worker.study == "a")
    broken.says = EXIT_INPUT
    assert sorted(box.step()) == ["b", "b"]
    assert (box.state("a"), box.state("b")) == ("failed", "queued")


def test_what_a_worker_reports_before_it_ends_is_heard(make_box: Callable[..., Box]) -> None:
    box = make_box(1)
    box.submit("a")
    box.step()
    box.workers[0].says, box.workers[0].code = EXIT_PROGRAM, EXIT_OK
    assert box.step() == [""]
    assert box.state("a") == "failed"


def test_a_worker_that_somebody_else_asked_to_leave_comes_back(
    make_box: Callable[..., Box],
) -> None:
    box = make_box(1)
    box.submit("a")
    box.step()
    box.workers[0].code = EXIT_SIGTERM
    assert box.step() == [""]
    assert box.step(10) == ["a"]


def test_a_stop_by_hand_pauses_a_study(make_box: Callable[..., Box]) -> None:
    box = make_box(1)
    study = box.submit("a")
    budget.request_stop(study, "leave")
    assert box.step() == [""]
    assert box.state("a") == "paused"


def test_trials_of_the_dead_are_freed_before_any_worker_starts(
    make_box: Callable[..., Box],
) -> None:
    box = make_box(1)
    study = box.submit("a", budget={"trials": 1})
    dead = identity(os.getpid())
    dead["process"] = {**dead["process"], "started": dead["process"]["started"] - 1}
    box.storage.owner = dead
    assert claims.claim(study) is not None
    box.storage.owner = {}
    assert study.counts().running == 1
    box.step()
    assert study.counts().running == 0
    assert box.step() == ["a"]


def test_a_study_that_is_gone_or_cannot_be_read_holds_nobody_up(
    make_box: Callable[..., Box],
) -> None:
    box = make_box(2)
    gone, odd = box.submit("gone"), box.submit("odd")
    box.submit("fine", "ben", budget={"trials": 1})
    box.scheduler.queue.read()
    box.storage.remove_studies([gone.study_id], None)
    odd.optuna.set_user_attr("study_file", 3)
    assert sorted(box.step()) == ["", "fine"]
    assert sorted(box.step(100)) == ["", "fine"]


def test_a_worker_that_cannot_be_started_is_tried_again(
    make_box: Callable[..., Box], monkeypatch: pytest.MonkeyPatch
) -> None:
    box = make_box(1)
    box.submit("a")

    def refuse(*_: object) -> None:
        raise UnreachableError("no worker can be started: Cannot allocate memory")

    with monkeypatch.context() as patch:
        patch.setattr(Worker, "begin", refuse)
        for _ in range(4):
            assert not box.scheduler.has_no_workers
            assert box.step(30) == [""]
            if box.workers[0].crashes == module.NO_WORKERS:
                break
        assert box.scheduler.has_no_workers
    assert box.step() == [""]
    assert box.step(60) == ["a"]
    assert not box.scheduler.has_no_workers


def test_a_study_whose_log_cannot_be_written_is_tried_again_later(
    make_box: Callable[..., Box], monkeypatch: pytest.MonkeyPatch
) -> None:
    box = make_box(1)
    box.submit("a")
    box.submit("b")

    def refuse(worker: Worker, assignment: Assignment, _: Home) -> bool:
        if assignment.study == "a":
            raise UnreachableError("worker-0.log: cannot be written")
        worker.study = assignment.study
        return True

    monkeypatch.setattr(Worker, "assign", refuse)
    assert box.step() == [""]
    assert box.step() == ["b"]


def test_a_process_that_ends_while_it_waits_is_started_again_ever_later(
    make_box: Callable[..., Box],
) -> None:
    box = make_box(1)
    starts = set()
    for _ in range(100):
        box.step(1)
        starts.add(box.workers[0].pid)
        box.workers[0].code = 1
    assert 4 <= len(starts) <= 8
    box.workers[0].code = None
    box.submit("a")
    assert box.step(100) == ["a"]


def test_nothing_is_assigned_before_a_process_has_started(make_box: Callable[..., Box]) -> None:
    box = make_box(2)
    box.step()
    box.workers[0].is_ready = False
    box.submit("a")
    assert box.step() == ["", "a"]
    box.workers[0].is_ready = True
    assert box.step() == ["a", "a"]


def test_one_process_works_for_one_study_after_the_other(make_box: Callable[..., Box]) -> None:
    box = make_box(1)
    box.submit("a", budget={"trials": 1})
    box.submit("b", budget={"trials": 1})
    assert box.step() == ["a"]
    pid = box.workers[0].pid
    box.run_trial(box.workers[0])
    box.workers[0].says = EXIT_OK
    assert box.step() == ["b"]
    assert box.workers[0].pid == pid


def test_at_its_end_no_worker_and_no_running_trial_is_left(make_box: Callable[..., Box]) -> None:
    box = make_box(2)
    study = box.submit("a")
    box.step()
    box.claim(box.workers[0])
    box.scheduler._end_all()
    assert [worker.sent for worker in box.workers] == [[signal.SIGTERM]] * 2
    assert (study.counts().running, study.counts().waiting) == (0, 1)
    assert box.state("a") == "queued"


def test_whatever_happens_budgets_are_exact_and_slots_are_for_queued_studies(
    make_box: Callable[..., Box],
) -> None:
    names = itertools.count()
    box = make_box(3)

    @settings(max_examples=5, phases=[Phase.generate])
    @given(st.lists(st.tuples(st.sampled_from([*ACTS]), st.integers(0, 5)), max_size=15))
    def holds(done: list[tuple[str, int]]) -> None:
        studies = [box.submit(f"s{next(names)}", budget={"trials": 3}) for _ in range(2)]
        box.step(7)
        for act, which in done:
            with contextlib.suppress(submissions.StateError):
                ACTS[act](box, studies[which % 2], box.workers[which % 3])
            box.step(7)
            for worker, name in zip(box.workers, box.step(1), strict=True):
                may_go_on = name == "" or box.state(name) in ("queued", "done")
                assert may_go_on or signal.SIGTERM in worker.sent
            for one in studies:
                counts = one.counts()
                assert counts.counted + counts.running <= 3
                assert (box.state(one.name) == "done") <= (counts.counted == 3)
        for one in studies:
            with contextlib.suppress(submissions.StateError):
                submissions.cancel(one, "ana")
        for worker in box.workers:
            worker.code = EXIT_OK
        assert box.step(7) == ["", "", ""]

    holds()


def _run(box: Box, _: OpenStudy, worker: Worker) -> None:
    """Have a worker run a trial, if it runs and may start one."""
    if worker.there and worker.code is None and worker.study:
        study = load_study(box.storage, worker.study)
        counts = study.counts()
        if budget.stop_requested(study) is None and counts.counted + counts.running < 3:
            box.run_trial(worker)


def _say(_: Box, __: OpenStudy, worker: Worker) -> None:
    """Have a worker say that it has ended its work."""
    worker.says = EXIT_OK if worker.there and worker.code is None else None


def _end(code: int) -> Callable[[Box, OpenStudy, Worker], None]:
    def end(_: Box, __: OpenStudy, worker: Worker) -> None:
        worker.code = code if worker.there else None

    return end


ACTS: dict[str, Callable[[Box, OpenStudy, Worker], object]] = {
    "pause": lambda _, study, __: submissions.pause(study, "ana"),
    "resume": lambda _, study, __: submissions.resume(study, "ana"),
    "cancel": lambda _, study, __: submissions.cancel(study, "ana"),
    "stop": lambda _, study, __: budget.request_stop(study, "leave"),
    "trial": _run,
    "say": _say,
    "end": _end(EXIT_OK),
    "crash": _end(-signal.SIGKILL),
}
