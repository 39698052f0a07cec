"""The supervisor with real child processes: revived, given up, told to stop, never left behind."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fakes
import forked
import psutil
import pytest
from optuna.trial import TrialState
from sqlalchemy.exc import OperationalError

from hpsearch.environment import SUPERVISOR_VARIABLE
from hpsearch.errors import (
    EXIT_SIGINT,
    EXIT_SIGTERM,
    HpsearchError,
    InputError,
    ProgramError,
    UnreachableError,
)
from hpsearch.home import Home
from hpsearch.search import budget, claims
from hpsearch.search.attributes import ALONE_KEY, STOP_KEY
from hpsearch.search.study import OpenStudy
from hpsearch.space import suggest_config
from hpsearch.workers import lease, slots
from hpsearch.workers import supervisor as module
from hpsearch.workers.child import LocalChild
from hpsearch.workers.gpus import Gpu
from hpsearch.workers.identity import identity
from hpsearch.workers.slots import Slot
from hpsearch.workers.supervisor import MAX_CRASHES, Supervisor

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parents[2]
WAIT = "print('ready', flush=True)\nimport time\nwhile True: time.sleep(0.01)"
POLITE = (
    "import signal, sys\n"
    "signal.signal(signal.SIGTERM, lambda *_: (print('leaves', flush=True), sys.exit(143)))\n"
) + WAIT
STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + WAIT


@dataclass
class Run:
    """A supervisor of children that run some Python code, and what a test does meanwhile."""

    study: OpenStudy
    home: Home
    seen: dict[int, psutil.Process] = field(default_factory=dict)
    """Every child that was started, by pid."""
    slots: list[Slot] = field(default_factory=list)
    """In place of slots on the CPU."""
    waited: list[int] = field(default_factory=list)
    """After how many crashes in a row a slot was to wait."""

    def __call__(
        self,
        code: str,
        *,
        workers: int = 1,
        meanwhile: Callable[[], None] = lambda: None,
        **options: Any,
    ) -> int:
        def on_tick() -> None:
            for process in self.children():
                self.seen.setdefault(process.pid, process)
            for child in supervisor._children:
                if child.not_before:
                    self.waited.append(child.crashes)
                child.not_before = 0.0  # tests do not wait to see what is tried again
            meanwhile()

        supervisor = Supervisor(
            study=self.study,
            slots=self.slots or [Slot(index=i, gpu=None, threads=3) for i in range(workers)],
            command=[sys.executable, "-c", textwrap.dedent(code)],
            environment={"FROM_THE_COMMAND": "yes"},
            home=self.home,
            on_tick=on_tick,
            **options,
        )
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        handlers = [signal.getsignal(n) for n in numbers]
        try:
            return supervisor.run()
        finally:
            assert handlers == [signal.getsignal(n) for n in numbers]
            assert not [p for p in self.seen.values() if p.is_running()], "left behind"
            assert self.children() == []

    @staticmethod
    def children() -> list[psutil.Process]:
        return forked.children()

    def log(self, slot: int = 0) -> str:
        return self.home.worker_log(self.study.name, slot).read_text()

    def ready(self, slots: int = 1) -> bool:
        """Whether the children have started to wait."""
        logs = [self.home.worker_log(self.study.name, slot) for slot in range(slots)]
        return all(log.exists() and "ready" in log.read_text() for log in logs)

    def claim(self, process: psutil.Process) -> int:
        """Start a trial in the name of a child; its number."""
        self.study.storage.owner = identity(process.pid)
        trial = claims.claim(self.study)
        assert trial is not None
        suggest_config(self.study.file.space, trial)
        return trial.number

    def spend(self) -> None:
        """Meet the budget."""
        while (trial := claims.claim(self.study)) is not None:
            suggest_config(self.study.file.space, trial)
            self.study.optuna.tell(trial, 0.5)


@pytest.fixture
def run(open_study: Callable[..., OpenStudy], home: Home, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(module, "TICK", 0.02)
    space = {"units": {"type": "int", "low": 64, "high": 128}}  # soon drawn
    return Run(open_study(budget={"trials": 3}, space=space), home)


@pytest.mark.parametrize(
    ("code", "kind"),
    [(1, ProgramError), (2, InputError), (3, UnreachableError), (4, ProgramError)],
)
def test_an_error_of_a_worker_is_the_runs(run: Run, code: int, kind: type[HpsearchError]) -> None:
    with pytest.raises(kind) as caught:
        run(f"print('error: last words'); raise SystemExit({code})")
    assert str(caught.value).startswith("last words\n(from ")
    assert str(run.home.worker_log("study", 0)) in str(caught.value)
    assert len(run.seen) <= 1


def test_an_exit_code_without_an_error_is_told_with_the_trial(run: Run) -> None:
    claimed: list[int] = []

    def claim() -> None:
        if not claimed and run.children() and run.ready():
            claimed.append(run.claim(run.children()[0]))
            (run.home.root / "go").touch()

    go = str(run.home.root / "go")
    wait = f"import os, time\nwhile not os.path.exists({go!r}): time.sleep(0.01)"
    with pytest.raises(ProgramError) as caught:
        run(f"print('ready', flush=True)\n{wait}\nos._exit(3)", meanwhile=claim)
    told = "worker 0, in trial 0, ended with exit code 3; its log ends with:\nready\n(from "
    assert str(caught.value).startswith(told)
    with pytest.raises(
        ProgramError, match=r"^worker 0 ended with exit code 3; its log says nothing: /"
    ):
        run("import os; os._exit(3)")


def test_the_last_words_are_the_end_of_a_long_log(run: Run) -> None:
    with pytest.raises(ProgramError) as caught:
        run(r"import sys; [print('line', i) for i in range(99)]; print('\xff'); sys.exit(4)")
    lines = str(caught.value).splitlines()
    assert "line 98" in lines
    assert "line 80" not in lines


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("import os; print('last words', flush=True); os.kill(os.getpid(), 9)", "SIGKILL"),
        ("import os; print('last words', flush=True); os._exit(77)", "exit code 77"),
    ],
)
def test_a_worker_that_keeps_crashing_ends_the_run(run: Run, code: str, how: str) -> None:
    with pytest.raises(ProgramError, match=rf"worker 0 crashed 5 times in a row \(.*{how}\)") as e:
        run(code)
    assert "last words" in str(e.value)
    assert run.log().count("last words") == MAX_CRASHES
    assert run.waited == [1, 2, 3, 4]


def test_a_worker_that_dies_in_every_trial_ends_the_run(run: Run) -> None:
    dead: set[int] = set()

    def kill() -> None:
        for process in run.children():
            if process.pid not in dead:
                dead.add(process.pid)
                run.claim(process)
                process.kill()

    with pytest.raises(ProgramError, match="crashed 5 times in a row"):
        run(WAIT, meanwhile=kill)
    ended = [t for t in run.study.trials() if t.state == TrialState.FAIL]
    failures = [t.user_attrs["failure"] for t in ended]
    assert failures == ["interrupted", "interrupted", "crashed", "interrupted", "interrupted"]
    assert run.study.counts().waiting == 1
    assert ended[0].params == ended[2].params


def test_crashes_after_a_finished_trial_are_forgiven(run: Run) -> None:
    done: set[int] = set()

    def finish_and_kill() -> None:
        for process in run.children():
            if process.pid not in done:
                done.add(process.pid)
                run.study.optuna.tell(run.claim(process), 0.5)
                process.kill()

    run.study.optuna.set_user_attr("budget", {"trials": 5})
    assert run(WAIT, meanwhile=finish_and_kill) == 0
    assert len(done) == 5


def test_the_trial_of_a_killed_worker_is_tried_again(run: Run) -> None:
    killed: list[int] = []

    def kill_once() -> None:
        children = run.children()
        if children and not killed:
            killed.append(run.claim(children[0]))
            children[0].kill()
        elif len(run.seen) == 2:
            run.spend()
            for process in children:
                process.kill()

    assert run(WAIT, meanwhile=kill_once) == 0
    first, again = run.study.trials()[:2]
    assert "its worker died" in first.user_attrs["failure_message"]
    assert again.params == first.params
    assert run.study.counts().complete == 3


def test_of_a_program_error_the_run_says_what_and_where(run: Run) -> None:
    code = """
        print("line 1")
        print("line 2", flush=True)
        def fail():
            raise ZeroDivisionError("by nothing")
        fail()
    """
    with pytest.raises(ProgramError) as caught:
        run(code)
    said, where = str(caught.value).splitlines()
    assert said == "ZeroDivisionError: by nothing"
    assert where == f"(the traceback is in {run.home.worker_log('study', 0)}, line 3)"


@pytest.mark.parametrize("signalled", [False, True], ids=["stop", "a closed terminal"])
def test_workers_are_asked_to_leave(run: Run, signalled: bool) -> None:
    asked: list[bool] = []
    code = f"""
        import sqlite3, time
        base = sqlite3.connect({str(run.home.database)!r}, timeout=60)
        print("ready", flush=True)
        asked = "SELECT 1 FROM study_user_attributes WHERE key = {STOP_KEY!r}"
        while not base.execute(asked).fetchall():
            time.sleep(0.01)
        print("leaves", flush=True)
    """  # noqa: S608  # made of a constant

    def ask() -> None:
        if run.ready(2) and not asked:
            if signalled:
                os.kill(os.getpid(), signal.SIGHUP)
            else:
                budget.request_stop(run.study, "leave")

    code = POLITE if signalled else code
    assert run(code, workers=2, meanwhile=ask, on_stop=asked.append) == EXIT_SIGTERM
    assert asked == [signalled]
    assert "leaves" in run.log(0)
    assert "leaves" in run.log(1)
    assert len(run.seen) == 2  # nobody was revived


def test_ctrl_c_is_heard_where_a_shell_left_it_ignored(run: Run) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    ticks: list[int] = []

    def send() -> None:
        if run.ready():
            ticks.append(len(run.children()))
        if len(ticks) == 1:
            os.kill(os.getpid(), signal.SIGINT)
        elif len(ticks) == 100:  # it was not heard
            run.spend()
            for process in run.children():
                process.kill()

    try:
        assert run(POLITE, meanwhile=send) == EXIT_SIGINT
    finally:
        signal.signal(signal.SIGINT, before)
    assert "leaves" in run.log()


def test_in_another_thread_the_workers_go_on_until_they_are_done(run: Run) -> None:
    def spend() -> None:
        if run.ready():
            run.spend()
            for process in run.children():
                process.kill()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(run, POLITE, meanwhile=spend).result() == 0


def test_under_nohup_a_closed_terminal_ends_nothing(run: Run) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    ticks: list[int] = []

    def hang_up() -> None:
        if run.ready():
            os.kill(os.getpid(), signal.SIGHUP)
            ticks.append(len(run.children()))
        if len(ticks) == 5:
            run.spend()
            for process in run.children():
                process.kill()

    try:
        assert run(WAIT, meanwhile=hang_up) == 0
    finally:
        signal.signal(signal.SIGHUP, before)
    assert ticks[:5] == [1] * 5


def test_a_run_leaves_when_stopped_although_another_run_begins_at_once(run: Run) -> None:
    def meanwhile() -> None:
        if run.ready() and "leaves" not in run.log() and not budget.stops_over(run.study):
            budget.request_stop(run.study, "leave")
            budget.begin_run(run.study)

    assert run(POLITE, meanwhile=meanwhile) == EXIT_SIGTERM
    assert run.log().count("leaves") == 1


def test_who_did_not_hear_the_first_request_to_leave_is_asked_again(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ASK_EVERY", 0.1)
    deaf_once = """
    import signal, sys
    def hear(*_):
        signal.signal(signal.SIGTERM, lambda *_: (print("leaves", flush=True), sys.exit(143)))
        print("deaf", flush=True)
    signal.signal(signal.SIGTERM, hear)
    """
    sent: list[int] = []

    def meanwhile() -> None:
        if run.ready() and not sent:
            sent.append(signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)

    assert run(textwrap.dedent(deaf_once) + WAIT, meanwhile=meanwhile) == EXIT_SIGTERM
    assert run.log().split() == ["ready", "deaf", "leaves"]


def test_for_one_free_place_one_worker_is_started(run: Run) -> None:
    for _ in range(2):
        trial = claims.claim(run.study)
        assert trial is not None
        suggest_config(run.study.file.space, trial)
        run.study.optuna.tell(trial, 0.5)

    def meanwhile() -> None:
        if run.ready():
            run.spend()
            for process in run.children():
                process.terminate()

    assert run(POLITE, workers=3, meanwhile=meanwhile) == 0
    assert len(run.seen) == 1


def test_a_worker_that_cannot_be_started_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(UnreachableError, match="no worker can be started: Resource temporarily"):
        run(WAIT)


def test_stuck_workers_share_one_deadline_at_the_end(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEAVE_WITHIN", 1.0)
    began = time.monotonic()

    def meanwhile() -> None:
        nonlocal began
        if run.ready(3):
            began = time.monotonic()
            raise UnreachableError("for example")

    with pytest.raises(UnreachableError):
        run(STUBBORN, workers=3, meanwhile=meanwhile)
    assert time.monotonic() - began < 2.5


def test_stop_now_kills_who_is_stuck(run: Run) -> None:
    asked: list[int] = []

    def ask() -> None:
        if run.ready() and not asked:
            asked.append(run.claim(run.children()[0]))
            budget.request_stop(run.study, "now")

    assert run(STUBBORN, meanwhile=ask) == EXIT_SIGTERM
    counts = run.study.counts()
    assert (counts.running, counts.uncounted, counts.waiting) == (0, 1, 1)
    assert "deaths" not in run.study.trials()[-1].user_attrs  # it was us


def test_a_locked_data_base_does_not_end_the_run(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEAT", 0.0)
    locked = iter([fakes.locked()] * 5)
    real, mended = module.mend, list[list[int]]()

    def mend(*args: Any, **options: Any) -> list[int]:
        if run.seen:
            for error in locked:
                raise error
        mended.append(real(*args, **options))
        return mended[-1]

    monkeypatch.setattr(module, "mend", mend)
    killed: list[int] = []

    def kill_once() -> None:
        if run.ready() and not killed:
            killed.append(run.claim(run.children()[0]))
            run.children()[0].kill()
        elif killed and killed in mended:
            run.spend()
            for process in run.children():
                process.kill()

    assert run(WAIT, meanwhile=kill_once) == 0
    assert next(locked, None) is None
    assert run.study.counts().running == 0


def test_what_was_locked_at_the_end_is_mended_then(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = module.mend, list[int]()

    def mend(*args: Any, **options: Any) -> list[int]:
        if run.seen and not run.children():
            calls.append(1)
            if len(calls) < 5:
                raise fakes.locked()
        return real(*args, **options)

    monkeypatch.setattr(module, "mend", mend)

    def interrupt_twice() -> None:
        if run.ready() and not run.study.counts().running:
            run.claim(run.children()[0])
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    assert run(STUBBORN, meanwhile=interrupt_twice) == EXIT_SIGINT
    assert len(calls) == 5
    assert run.study.counts().running == 0


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """What a supervisor sees of a server, which may be there or not."""
    real, state = budget.stop_requested, {"away": False}

    def stop_requested(*given: Any) -> Any:
        if state["away"]:
            raise OperationalError("", {}, Exception("broken"), connection_invalidated=True)
        return real(*given)

    monkeypatch.setattr(module.budget, "stop_requested", stop_requested)
    return state


def test_a_server_that_is_away_for_a_while_does_not_end_the_run(
    run: Run, server: dict[str, bool]
) -> None:
    told: list[bool] = []

    def on_away(is_away: bool) -> None:
        told.append(is_away)
        if is_away:
            threading.Timer(0.3, lambda: server.update(away=False)).start()

    def leave() -> None:
        if run.ready() and not told:
            server["away"] = True
        elif told == [True, False]:
            run.spend()
            for process in run.children():
                process.kill()

    assert run(WAIT, meanwhile=leave, on_away=on_away) == 0
    assert told == [True, False]
    assert len(run.seen) == 1  # its worker stayed


def test_who_is_stopped_while_the_server_is_away_leaves(run: Run) -> None:
    told: list[bool] = []

    def look() -> None:
        if run.ready():
            raise OperationalError("", {}, Exception("broken"), connection_invalidated=True)

    def on_away(is_away: bool) -> None:
        told.append(is_away)
        os.kill(os.getpid(), signal.SIGINT)

    assert run(POLITE, meanwhile=look, on_away=on_away) == EXIT_SIGINT
    assert told == [True]
    assert "leaves" in run.log()


def test_a_server_that_does_not_come_back_ends_the_run(
    run: Run, server: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AWAY_FOR", 0.1)
    server["away"] = True
    with pytest.raises(OperationalError):
        run(WAIT)


class Unplaced(LocalChild):
    """A child whose worker no machine has a place for."""

    is_waiting = property(lambda self: self.is_there)


def test_workers_without_a_place_are_told_of_once(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "UNPLACED_FOR", 0.1)
    told: list[int] = []
    ticks = iter(range(20))

    def meanwhile() -> None:
        if told and next(ticks, None) is None:
            os.kill(os.getpid(), signal.SIGINT)

    options = {"make_child": Unplaced, "on_unplaced": told.append}
    assert run(POLITE, workers=2, meanwhile=meanwhile, **options) == EXIT_SIGINT
    assert told == [2]


def last_place(run: Run, is_time: Callable[[], bool]) -> Callable[[], None]:
    """Meanwhile one of two workers ends its trials; the other one has the last until it is time."""
    last: list[int] = []

    def meanwhile() -> None:
        if run.ready(2) and not last:
            done, busy = run.children()
            for _ in range(2):
                run.study.optuna.tell(run.claim(done), 0.5)
            last.append(run.claim(busy))
            done.kill()
        elif last and is_time() and budget.ending(run.study) is None:
            run.study.optuna.tell(last[0], 0.5)
            run.children()[0].kill()

    return meanwhile


def test_slots_without_a_trial_are_told_of_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE_FOR", 0.1)
    told: list[Any] = []
    ticks = iter(range(20))
    meanwhile = last_place(run, lambda: bool(told) and next(ticks, None) is None)
    assert run(WAIT, workers=2, meanwhile=meanwhile, on_idle=told.append) == 0
    ((slot,),) = told
    assert slot.threads == 3


def test_a_gpu_on_which_another_worker_trains_is_not_idle(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE_FOR", 0.0)
    told: list[Any] = []
    ticks = iter(range(20))
    gpu = Gpu(index=0, uuid="GPU-0", name="Test", memory=16 * 2**30)
    run.slots = [Slot(index=i, gpu=gpu, threads=1, memory_limit=1000) for i in range(2)]
    meanwhile = last_place(run, lambda: next(ticks, None) is None)
    assert run(WAIT, meanwhile=meanwhile, on_idle=told.append) == 0
    assert told == []


def test_a_gpu_that_runs_out_of_memory_gets_a_worker_fewer(run: Run) -> None:
    """Three workers share a GPU; one of them runs out of memory and has it alone for a trial."""
    gpus = [Gpu(index=i, uuid=f"GPU-{i}", name="Test", memory=16 * 2**30) for i in (0, 1)]
    places = [gpus[0]] * 3 + [gpus[1]]
    run.slots = [
        Slot(index=i, gpu=gpu, threads=1, memory_limit=1000) for i, gpu in enumerate(places)
    ]
    code = """
        import os, signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        print("ready", os.environ["CUDA_VISIBLE_DEVICES"], os.environ["HPSEARCH_GPU_MEMORY"],
              flush=True)
        while True: time.sleep(0.01)
    """
    fewer: list[tuple[str, int]] = []
    first: dict[int, int] = {}

    def crowd() -> None:
        lines = [run.log(i).splitlines() if run.ready(4) else [] for i in range(4)]
        if all(lines) and not first:
            first.update({process.pid: 0 for process in run.children()})
            (child,) = (p for p in run.children() if p.pid == pid_of(0))
            number = run.claim(child)
            run.study.storage.set_trial_user_attr(run.study.trial_id(number), ALONE_KEY, True)
        elif fewer and len(lines[1]) == 2 and len(run.children()) == 3:
            run.study.optuna.tell(0, 0.5)
            run.spend()
            for process in run.children():
                process.kill()

    def pid_of(slot: int) -> int:
        return next(
            process.pid
            for process in run.children()
            if any(
                str(run.home.worker_log("study", slot)) == file.path
                for file in process.open_files()
            )
        )

    run.study.optuna.set_user_attr("budget", {"trials": 9})
    assert (
        run(
            code,
            meanwhile=crowd,
            may_thin_out=True,
            on_fewer=lambda slot, count: fewer.append((slot.device, count)),
        )
        == 0
    )
    assert fewer == [(gpus[0].title, 2)]
    assert run.log(0).splitlines() == ["ready GPU-0 1000"]  # it has the device alone
    share = slots.share_of(gpus[0], 2)
    assert run.log(1).splitlines() == ["ready GPU-0 1000", f"ready GPU-0 {share}"]
    assert run.log(2).splitlines() == ["ready GPU-0 1000"]  # retired
    assert run.log(3).splitlines() == ["ready GPU-1 1000"]  # another GPU


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, EXIT_SIGINT), (signal.SIGTERM, EXIT_SIGTERM)]
)
def test_a_signal_is_passed_on_to_all(run: Run, number: signal.Signals, code: int) -> None:
    sent: list[int] = []

    def send() -> None:
        if run.ready(2) and not sent:
            sent.append(number)
            os.kill(os.getpid(), number)

    assert run(POLITE, workers=2, meanwhile=send) == code
    assert "leaves" in run.log(0)
    assert "leaves" in run.log(1)
    assert len(run.seen) == 2  # nobody was revived


def test_a_second_signal_kills_and_gives_the_trials_back(run: Run) -> None:
    sent: list[int] = []

    def send() -> None:
        if run.ready() and len(sent) < 2:
            if not sent:
                run.claim(run.children()[0])
            sent.append(signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    began = time.monotonic()
    assert run(STUBBORN, meanwhile=send) == EXIT_SIGINT
    assert time.monotonic() - began < 8  # not the ten seconds that a worker is given to leave
    counts = run.study.counts()
    assert (counts.running, counts.uncounted, counts.waiting) == (0, 1, 1)


def test_an_error_of_one_worker_ends_the_others_and_frees_their_trials(run: Run) -> None:
    flag = run.home.root / "flag"
    claimed: list[int] = []
    code = f"""
        import os, pathlib, sys, time
        flag = pathlib.Path({str(flag)!r})
        print("ready", flush=True)
        while True:
            time.sleep(0.01)
            if flag.exists() and flag.read_text() == str(os.getpid()):
                print("error: wrong")
                sys.exit(2)
    """

    def one_fails() -> None:
        if run.ready(2) and not claimed:
            first, second = run.children()
            claimed.append(run.claim(first))
            flag.write_text(str(second.pid))

    with pytest.raises(InputError):
        run(code, workers=2, meanwhile=one_fails)
    assert run.study.counts().running == 0
    assert run.study.counts().waiting == 1


def test_an_error_while_showing_progress_leaves_nobody_behind(run: Run) -> None:
    def fail() -> None:
        if run.ready():
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        run(WAIT, meanwhile=fail)
    assert len(run.seen) == 1


def test_who_does_not_leave_after_an_error_is_killed(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait = subprocess.Popen.wait

    def wait_shorter(process: subprocess.Popen[bytes], timeout: float | None = None) -> int:
        return wait(process, timeout and timeout / 50)

    monkeypatch.setattr(subprocess.Popen, "wait", wait_shorter)

    def fail() -> None:
        if run.ready():
            run.claim(run.children()[0])
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        run(STUBBORN, meanwhile=fail)
    assert len(run.seen) == 1
    counts = run.study.counts()
    assert (counts.running, counts.waiting) == (0, 1)
    assert "deaths" not in run.study.trials()[-1].user_attrs  # it was us


def test_at_the_end_of_the_study_workers_finish_by_themselves(run: Run) -> None:
    flag = run.home.root / "flag"
    ticks: list[int] = []
    code = f"""
        import pathlib, time
        print("ready", flush=True)
        while not pathlib.Path({str(flag)!r}).exists():
            time.sleep(0.01)
        print("finished", flush=True)
    """

    def over() -> None:
        if run.ready():
            run.spend()
            ticks.append(len(run.children()))
        if len(ticks) > 10:
            flag.touch()

    assert run(code, meanwhile=over) == 0
    assert ticks[:10] == [1] * 10
    assert run.log().splitlines() == ["ready", "finished"]
    assert len(run.seen) == 1


def test_while_all_workers_run_nobody_asks_whether_the_study_is_over(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, looks, ending = list[OpenStudy](), list[int](), budget.ending

    def counted(study: OpenStudy) -> budget.Ending | None:
        asked.append(study)
        return ending(study)

    def meanwhile() -> None:
        if run.ready():
            looks.append(len(asked))
            if len(looks) == 10:
                run.spend()
                run.children()[0].terminate()

    monkeypatch.setattr(budget, "ending", counted)
    assert run(POLITE.replace("143", "0"), meanwhile=meanwhile) == 0
    assert looks[0] == looks[9] < len(asked)


def test_a_study_that_is_over_starts_nobody(run: Run) -> None:
    run.spend()
    assert run("raise SystemExit(4)", workers=2) == 0
    assert run.seen == {}


def test_a_worker_is_started_when_a_place_comes_free(run: Run) -> None:
    for _ in range(3):
        run.claim(psutil.Process())  # another run of the study holds all places
    ticks: list[int] = []

    def look() -> None:
        ticks.append(len(run.children()))
        if len(ticks) == 10:
            claims.interrupt(run.study, 2)
        elif run.ready() and not run.study.counts().complete:
            run.study.optuna.tell(0, 0.5)
            run.study.optuna.tell(1, 0.5)
            run.spend()
            for process in run.children():
                process.kill()

    assert run(WAIT, meanwhile=look) == 0
    assert ticks[:10] == [0] * 10
    assert len(run.seen) == 1


def test_who_waits_for_a_machine_that_died_gets_its_trials(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BEAT", 0.0)
    monkeypatch.setattr(lease, "LEASE", 1.0)
    process = {"place": "elsewhere", "started": 1}
    run.study.storage.owner = identity() | {"worker": "faraway:17", "process": process}
    while (trial := claims.claim(run.study)) is not None:  # they hold all places
        suggest_config(run.study.file.space, trial)
    waits: list[int] = []
    until = time.monotonic() + 20

    def look() -> None:
        assert time.monotonic() < until
        if run.ready():
            run.spend()
            for child in run.children():
                child.kill()

    assert run(WAIT, meanwhile=look, on_wait=lambda: waits.append(len(run.seen))) == 0
    assert waits == [0]
    failures = [trial.user_attrs.get("failure") for trial in run.study.trials()]
    assert failures == ["interrupted"] * 3 + [None] * 3


def test_a_worker_gets_its_slot_in_its_environment_and_a_session_of_its_own(run: Run) -> None:
    code = "import json, os; print(json.dumps([dict(os.environ), os.getsid(0), os.getpid()]))"
    with pytest.raises(ProgramError):
        run(code + "\nraise SystemExit(1)")
    environment, session, pid = json.loads(run.log())
    assert environment["CUDA_VISIBLE_DEVICES"] == "-1"
    assert environment["HPSEARCH_THREADS"] == "3"
    assert environment["FROM_THE_COMMAND"] == "yes"
    assert environment[SUPERVISOR_VARIABLE] == str(os.getpid())
    assert session == pid


def test_a_log_that_cannot_be_written_is_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    run.home = Home(tmp_path / "file")
    with pytest.raises(UnreachableError, match=r"logs/\w+: cannot be created: Not a"):
        run(WAIT)


def test_two_real_workers_share_the_budget_exactly(
    open_study: Callable[..., OpenStudy], home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hpsearch.data.cache import open_dataset  # noqa: PLC0415  # slow, for this test only

    monkeypatch.setattr(module, "TICK", 0.1)
    study = open_study(budget={"trials": 6})
    dataset = open_dataset(study.file.dataset, home)
    study.optuna.set_user_attr("dataset", study.data | {"fingerprint": dataset.fingerprint})
    code = f"""
        import functools, sys
        sys.path.insert(0, {str(TESTS)!r})
        import fakes
        from pathlib import Path
        from hpsearch.home import Home
        from hpsearch.workers.worker import work
        home = Home(Path({str(home.root)!r}))
        trainer = functools.partial(fakes.train, seconds=0.02)
        sys.exit(work("study", url=home.storage_url(), home=home, trainer=trainer))
    """
    assert Run(study, home)(code, workers=2) == 0
    counts = study.counts()
    assert (counts.complete + counts.pruned, counts.running, counts.waiting) == (6, 0, 0)
    points = {tuple(sorted(trial.params.items())) for trial in study.trials()}
    assert len(points) == 6
    assert len({trial.user_attrs["worker"] for trial in study.trials()}) == 2
