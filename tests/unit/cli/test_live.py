"""The live view: a picture on a terminal, plain lines elsewhere; watching a study from outside."""

import io
import re
import sqlite3
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from optuna.trial import FrozenTrial, Trial, TrialState
from rich.cells import cell_len
from rich.console import Console

from hpsearch.cli.live import LAST, LiveView
from hpsearch.cli.watch import Look, Looker, patiently, watch_until_over
from hpsearch.errors import Failure, StudyGoneError
from hpsearch.search import budget, claims
from hpsearch.search.lookup import load_study
from hpsearch.search.making import open_or_create
from hpsearch.search.removing import delete
from hpsearch.search.storage import Heartbeat
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.storage.reading import utc
from hpsearch.search.study import OpenStudy
from hpsearch.space import suggest_config
from hpsearch.study_file import StudyFile

STOPPING = "Stopping: the workers save their trials and exit."

pytestmark = pytest.mark.slow

Finish = Callable[..., FrozenTrial]
Open = Callable[..., OpenStudy]

CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;\d+)*m")


def drawn(view: LiveView, width: int = 80, height: int = 24, **options: Any) -> str:
    """What a terminal gets, with its codes."""
    console = Console(
        file=io.StringIO(), width=width, height=height, force_terminal=True,
        **{"color_system": "standard", **options},
    )  # fmt: skip
    console.print(view.frame(view.update()))
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def shown(view: LiveView, width: int = 80, height: int = 24) -> list[str]:
    """The lines that a reader sees; they fit the terminal."""
    lines = CODES.sub("", drawn(view, width, height)).splitlines()
    assert max(map(cell_len, lines)) <= width
    assert len(lines) < height
    return [line.rstrip() for line in lines]


def row(lines: list[str], start: str) -> list[str]:
    """The words of the first line that begins so."""
    return next(line.split() for line in lines if line.lstrip().startswith(start))


def start(study: OpenStudy, worker: str = "host:4711", device: str = "CPU") -> Trial:
    """A running trial whose configuration is drawn."""
    study.storage.owner = {"worker": worker, "device": device, "process": {}}
    trial = claims.claim(study)
    assert trial is not None
    suggest_config(study.file.space, trial)
    return trial


class Terminal(io.StringIO):
    """Keeps what is written to it, each time apart."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.writes.append(text)
        return super().write(text)


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Terminal]:
    """Puts standard error on a terminal of 80 x 24, within the test: before it, pytest does."""

    def put() -> Terminal:
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        return terminal

    for name, value in {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"}.items():
        monkeypatch.setenv(name, value)
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    return put


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock stands still but for what is added to its only item."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


# Plain lines


def test_each_ended_trial_is_one_line_once(
    open_study: Open, finish: Finish, capsys: pytest.CaptureFixture[str]
) -> None:
    study = open_study()
    finish(study, 0.25)
    with LiveView(Looker(study)).shown() as view:
        view.update()
        assert capsys.readouterr().err == ""  # it had ended before
        finish(study, 0.5, TrialState.PRUNED)
        failed = claims.claim(study)
        assert failed is not None
        claims.fail(study, failed.number, Failure.OUT_OF_MEMORY, "x")
        finish(study, 0.75)
        assert claims.claim(study) is not None
        for _ in range(2):
            view.update()
        view.say(STOPPING)
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    # Each with how the study stood when it ended, not when it was told.
    assert lines[0].startswith("trial 1: pruned 0.5000 (2 of 10, best 0.2500)  ")
    assert lines[1] == "trial 2: out_of_memory (3 of 10, best 0.2500)"
    assert lines[2].startswith("trial 3: complete 0.7500 (4 of 10, best 0.7500)  ")
    assert lines[3].startswith("Stopping")
    assert len(lines) == 4


def test_lines_come_in_the_order_in_which_trials_ended(
    open_study: Open, finish: Finish, capsys: pytest.CaptureFixture[str]
) -> None:
    study = open_study()
    with LiveView(Looker(study)).shown() as view:
        early = start(study)
        finish(study, 0.5)
        claims.interrupt(study, start(study).number)
        study.optuna.tell(early, 0.75)
        finish(study, float("inf"))
        view.update()
    lines = [line.partition("  ")[0] for line in capsys.readouterr().err.splitlines()]
    assert lines == [
        "trial 1: complete 0.5000 (1 of 10, best 0.5000)",
        "trial 2: interrupted (1 of 10, best 0.5000)",  # whose place is free again
        "trial 0: complete 0.7500 (2 of 10, best 0.7500)",
        "trial 3: complete inf (3 of 10, best 0.7500)",
    ]


def test_without_a_terminal_trials_are_read_only_when_one_has_ended(
    open_study: Open,
    finish: Finish,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    study, read = open_study(), list[None]()
    look = Looker.look

    def noted(looker: Looker) -> Look:
        read.append(None)
        if len(read) == 2:
            raise ConnectionError
        return look(looker)

    monkeypatch.setattr(Looker, "look", noted)
    with LiveView(Looker(study)).shown() as view:
        view.tick()
        trial = start(study)
        trial.report(0.5, 1)
        for _ in range(3):
            view.tick()
        assert len(read) == 1
        study.optuna.tell(trial, 0.5)
        finish(study, 0.75)
        with pytest.raises(ConnectionError):
            view.tick()
        for _ in range(3):
            view.tick()
        assert len(read) == 3
    said = [line.partition(" (")[0] for line in capsys.readouterr().err.splitlines()]
    assert said == ["trial 0: complete 0.5000", "trial 1: complete 0.7500"]


def test_before_the_first_complete_trial_there_is_no_best(
    open_study: Open, finish: Finish, capsys: pytest.CaptureFixture[str]
) -> None:
    study = open_study()
    with LiveView(Looker(study)).shown() as view:
        finish(study, 0.5, TrialState.PRUNED)
        view.update()
    assert "(1 of 10)" in capsys.readouterr().err


@pytest.mark.parametrize("variable", ["TERM", "FORCE_COLOR"])
def test_a_dumb_terminal_and_a_pipe_get_plain_lines(
    open_study: Open,
    finish: Finish,
    on_terminal: Callable[[], Terminal],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    terminal = on_terminal()
    monkeypatch.setenv(variable, {"TERM": "dumb", "FORCE_COLOR": "1"}[variable])
    monkeypatch.setattr(terminal, "isatty", lambda: variable == "TERM")
    study = open_study()
    with LiveView(Looker(study)).shown() as view:
        finish(study, 0.75)
        view.update()
    assert terminal.getvalue().startswith("trial 0: complete 0.7500 (1 of 10, best 0.7500)")
    assert "\x1b" not in terminal.getvalue()


def test_who_watches_is_told_once_that_nobody_goes_on(
    open_study: Open, clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    study = open_study()
    view = LiveView(Looker(study), watching=True)
    for _ in range(2):
        view.update()
    assert capsys.readouterr().err == "No worker is running the study now.\n"
    claims.interrupt(study, start(study).number)
    start(study)
    view.update()
    running = study.trials()[-1]
    claims.interrupt(study, running.number)
    view.update()
    assert "No worker" not in capsys.readouterr().err  # it may be between two trials
    clock[0] += 3
    view.update()
    assert capsys.readouterr().err == "No worker is running the study now.\n"


# The picture


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("width", [40, 80, 200])
def test_an_empty_study(open_study: Open, width: int) -> None:
    lines = shown(LiveView(Looker(open_study())), width)
    assert lines[0] == "study: 0 of 10 trials, 0 s in this run"
    assert lines[1].endswith("0%")
    assert lines[2].startswith("0 complete, 0 pruned, 0 failed")
    assert lines[3] == "best: no trial has completed yet"
    assert lines[4] == "no trial is running now"
    assert len(lines) == 5


@pytest.mark.parametrize("width", [80, 200])
def test_one_running_trial(open_study: Open, finish: Finish, width: int) -> None:
    study = open_study(enqueue=[{"layers": 5}])
    finish(study, 0.75)
    running = start(study, "a-very-long-host-name.example:4711", "GPU 0 (A100-SXM4-40GB)")
    view = LiveView(Looker(study))
    assert "0/5" in row(shown(view, width), "4711")
    running.report(0.125, 3)
    assert claims.claim(study) is not None  # it has no configuration yet
    lines = shown(view, width)
    assert re.fullmatch(r"study: 1 of 10 trials, \d+ s in this run", lines[0])
    assert lines[1].endswith("10%")
    assert lines[2] == "1 complete, 0 pruned, 0 failed, 2 running"
    assert re.fullmatch(
        r"best: 0.7500 val_accuracy in trial 0, \d+ s ago, no trials since", lines[3]
    )
    assert re.match(r" {6}\d+", lines[4])
    head = row(lines, "worker")
    assert head == ["worker", "device", "trial", "epoch", "value", "seconds", "configuration"]
    cells = next(line.split() for line in lines if "3/5" in line)
    assert cells[:6] == ["4711", "GPU", "0", "1", "3/5", "0.1250"]
    assert float(cells[6]) < 60
    assert row(lines, "0  complete")[:4] == ["0", "complete,", "best", "0.7500"]


def test_a_narrow_terminal_shows_what_matters_most(open_study: Open) -> None:
    study = open_study()
    start(study).report(0.5, 1)
    lines = shown(LiveView(Looker(study)), 40)
    assert row(lines, "worker")[:4] == ["worker", "trial", "epoch", "value"]
    assert row(lines, "4711")[:4] == ["4711", "0", "1/5", "0.5000"]
    assert row(lines, "4711")[-1].endswith("…")


def test_many_workers_are_as_many_lines_as_fit(open_study: Open, finish: Finish) -> None:
    study = open_study(budget={"trials": 100}, name="n" * 100)
    for _ in range(7):
        finish(study)
    for index in range(20):
        start(study, f"{'machine' * 9}-{index % 2}.example:{1000 + index}", "GPU 0 (T4)")
    view = LiveView(Looker(study))
    lines = shown(view)
    assert lines[0].startswith("nnnn")
    assert "…: 7 of 100 trials" in lines[0]
    assert len(lines) == 23
    workers = [line for line in lines if "achine-" in line]
    assert workers[0].startswith("inemachine-0:1000  GPU 0")
    assert f"and {20 - len(workers)} more" in lines
    assert len(workers) >= 6
    assert sum("complete" in line for line in lines[5:]) >= 3
    for height in (4, 5, 6, 8, 12, 20, 30, 59):
        lines = shown(view, height=height)
        assert lines[0].startswith("nnnn")
    assert sum("achine-" in line for line in lines) == 20
    assert sum("complete" in line for line in lines[5:]) == LAST
    assert not any("more" in line for line in lines)


def test_only_pruned_trials(open_study: Open, finish: Finish) -> None:
    study = open_study()
    for value in (0.25, 0.5):
        finish(study, value, TrialState.PRUNED)
    lines = shown(LiveView(Looker(study)))
    assert "0 complete, 2 pruned, 0 failed, 0 running" in lines
    assert "best: no trial has completed yet" in lines
    states = [line.split()[:3] for line in lines if " pruned  " in line]
    assert states == [["1", "pruned", "0.5000"], ["0", "pruned", "0.2500"]]


def test_only_failed_trials(open_study: Open) -> None:
    study = open_study()
    for failure in (Failure.OUT_OF_MEMORY, Failure.DIVERGED):
        claims.fail(study, start(study).number, failure, "x")
    claims.interrupt(study, start(study).number)
    lines = shown(LiveView(Looker(study)))
    assert "0 complete, 0 pruned, 2 failed, 0 running, 1 waiting, 1 not counted" in lines
    assert row(lines, "0  out of memory")[:4] == ["0", "out", "of", "memory"]
    assert row(lines, "1  diverged")
    assert row(lines, "2  interrupted")


def test_no_value_is_finite(open_study: Open, finish: Finish) -> None:
    study = open_study()
    finish(study, float("inf"))
    lines = shown(LiveView(Looker(study)))
    assert "best: no complete trial has a value to judge it by" in lines
    assert row(lines, "0  complete")[2] == "inf"


def test_what_limits_a_study(open_study: Open, finish: Finish, clock: list[float]) -> None:
    study = open_study(budget={"trials": 10, "timeout": "30m", "plateau": 4})
    for value in (0.5, 0.75, 0.75, 0.25):
        finish(study, value)
    start(study)
    view = LiveView(Looker(study))
    line = shown(view)[5]
    assert re.fullmatch(
        r"left: 29 min 5\d s of 30 min 00 s; 2 of 4 trials without improvement", line
    )
    before = view.update().used
    clock[0] += 5
    assert view.update().used == pytest.approx(before + 5)  # not read again, but a trial runs
    clock[0] += 100
    assert view.update().used < before + 5


def test_trials_since_the_best_are_those_that_the_plateau_counts(
    open_study: Open, finish: Finish
) -> None:
    study = open_study()
    early = start(study)
    finish(study, 0.75)
    finish(study, 0.5, TrialState.PRUNED)
    study.optuna.tell(early, 0.75)  # the same value, a lower number, but later
    claims.interrupt(study, start(study).number)
    look = Looker(study).look()
    assert look.best is not None
    assert look.best.number == early.number
    assert look.since_best == budget.since_best(study, study.trial_summaries()) == 2
    assert "2 trials since" in shown(LiveView(Looker(study)))[3]


def test_who_gives_no_sign_of_life(
    open_study: Open, monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    study = open_study()
    start(study)
    ages = [29.0]

    def heartbeats(_study_id: int) -> list[Heartbeat]:
        return [Heartbeat(number=0, beat=datetime.now(), age=ages[0])]

    monkeypatch.setattr(study.storage, "heartbeats", heartbeats)
    view = LiveView(Looker(study), watching=True)
    assert "no heartbeat" not in "".join(shown(view))
    ages[0] = 95.0
    assert " ".join(row(shown(view), "4711")).endswith("no heartbeat for 1 min 35 s")
    ages[0] = 125.0
    clock[0] += 3
    assert "no worker is running the study now" in shown(view)


def test_a_trial_of_another_program(open_study: Open) -> None:
    study = open_study()
    study.optuna.ask()
    lines = shown(LiveView(Looker(study), watching=True))
    assert row(lines, "other")[:3] == ["other", "0", "0/5"]
    assert "no worker is running the study now" not in lines


def test_the_time_of_a_study_that_is_watched_is_its_own(
    open_study: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = open_study()
    assert shown(LiveView(Looker(study), watching=True))[0] == "study: 0 of 10 trials, not started"
    trial = start(study)
    began = study.trials()[trial.number].datetime_start
    assert began is not None

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # noqa: ARG003  # as datetime's
            return utc(began) + timedelta(hours=3, minutes=5)

    monkeypatch.setattr("hpsearch.cli.live.datetime", Later)
    line = shown(LiveView(Looker(study), watching=True))[0]
    assert line == "study: 0 of 10 trials, started 3 h 05 min ago"


def test_the_time_left_follows_from_the_pace_of_this_view(
    open_study: Open, finish: Finish, clock: list[float]
) -> None:
    study = open_study()
    finish(study)
    view = LiveView(Looker(study))
    assert view.seconds_left(view.update()) is None
    for _ in range(3):
        assert view.seconds_left(view.update()) is None
        finish(study)
    clock[0] += 30
    assert view.seconds_left(view.update()) == 60  # three took 30 s, six are left
    assert "left" not in shown(view)[1]  # nobody runs it
    start(study)
    assert shown(view)[1].endswith("40%, about 1 min 00 s left")


def test_the_time_left_is_never_more_than_the_timeout_leaves(
    open_study: Open, finish: Finish, clock: list[float]
) -> None:
    study = open_study(budget={"trials": 10, "timeout": "5m"})
    view = LiveView(Looker(study))
    start(study)
    assert re.search(r"0%, up to [45] min \d\d s left$", shown(view)[1])  # the pace is not known
    for _ in range(3):
        finish(study)
    clock[0] += 600
    look = view.update()
    left = look.budget.timeout - look.used if look.budget.timeout else 0.0
    assert view.seconds_left(look) == left < 300  # by its pace it would take 1400 s
    bar, limits = shown(view)[1], shown(view)[5]
    assert (
        bar.partition(", about ")[2] == limits.removeprefix("left: ").partition(" of ")[0] + " left"
    )
    clock[0] = 1001  # a quick pace ends it before the timeout
    assert shown(view)[1].endswith("30%, about 2 s left")


def test_a_plateau_may_end_it_sooner(open_study: Open, finish: Finish, clock: list[float]) -> None:
    study = open_study(budget={"trials": 10, "plateau": 5})
    view = LiveView(Looker(study))
    for _ in range(3):
        finish(study)
    start(study)
    clock[0] += 30
    assert shown(view)[1].endswith("30%, up to 1 min 10 s left")


def test_no_colours_where_none_are_wanted(
    open_study: Open, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = open_study()
    finish(study)
    view = LiveView(Looker(study))
    assert set(COLOUR.findall(drawn(view))) == {"\x1b[94m"}  # the bar, which has a number beside it
    monkeypatch.setenv("NO_COLOR", "1")
    plain = drawn(view)
    assert not COLOUR.search(plain)
    assert "\x1b[1m" in plain  # bold is no colour
    assert "━━━━━ " in plain  # the bar's length tells


def test_a_terminal_that_has_only_ascii(open_study: Open) -> None:
    study = open_study(name="n" * 100)
    start(study)
    written = io.BytesIO()
    console = Console(
        file=io.TextIOWrapper(written, "ascii", write_through=True),
        width=60, height=24, force_terminal=True, color_system=None,
    )  # fmt: skip
    view = LiveView(Looker(study))
    console.print(view.frame(view.update()))
    assert all(len(line) <= 60 for line in written.getvalue().splitlines())


# On a terminal


def test_on_a_terminal_the_view_is_drawn_and_taken_away(
    open_study: Open, finish: Finish, on_terminal: Callable[[], Terminal]
) -> None:
    terminal, study = on_terminal(), open_study()
    with LiveView(Looker(study)).shown() as view:
        finish(study, 0.75)
        view.update()
        assert "1 of 10 trials" in terminal.getvalue()
        view.say(STOPPING)
    text = terminal.getvalue()
    assert "Stopping" in text
    assert "trial 0: complete" not in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_only_what_is_new_is_drawn_and_each_picture_at_once(
    open_study: Open, on_terminal: Callable[[], Terminal], clock: list[float]
) -> None:
    terminal, study = on_terminal(), open_study()
    trial = start(study)
    with LiveView(Looker(study)).shown() as view:
        terminal.writes.clear()
        for _ in range(3):
            view.update()
        assert len(terminal.writes) == 1
        trial.report(0.5, 1)
        view.update()
        view.update()
        assert len(terminal.writes) == 2
        clock[0] += 1
        view.update()
        assert len(terminal.writes) == 3


def test_a_terminal_that_becomes_narrower_is_cleared(
    open_study: Open, on_terminal: Callable[[], Terminal]
) -> None:
    terminal = on_terminal()
    with LiveView(Looker(open_study())).shown() as view:
        assert view._live is not None
        console = view._live.console
        console.height = 24
        cleared = []
        for width in (80, 100, 60, 60):
            console.width = width
            terminal.writes.clear()
            view.update()
            cleared.append("\x1b[2J" in "".join(terminal.writes))
    assert cleared == [False, False, True, False]


# Watching


def test_watching_ends_with_the_study(
    open_study: Open, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = open_study(budget={"trials": 2})
    waits = iter([lambda: finish(study), lambda: finish(study)])
    monkeypatch.setattr(time, "sleep", lambda _seconds: next(waits)())
    looks: list[Look] = []

    def look() -> Look:
        looks.append(view.update())
        return looks[-1]

    view = LiveView(Looker(study), watching=True)
    watch_until_over(study, look)
    assert [found.counts.counted for found in looks] == [0, 1, 2]


def test_watching_goes_on_while_a_trial_runs(
    open_study: Open, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = open_study(budget={"trials": 9, "plateau": 1})
    finish(study, 0.75)
    running = start(study)
    finish(study, 0.5)
    monkeypatch.setattr(time, "sleep", lambda _seconds: study.optuna.tell(running, 0.25))
    view = LiveView(Looker(study), watching=True)
    watch_until_over(study, view.update)
    assert study.counts().complete == 3


def test_a_lock_on_the_data_base_is_waited_for(
    make_file: Callable[..., StudyFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    facts = {"fingerprint": "f", "input_shape": [8], "class_names": ["0", "1"]}
    file = make_file(budget={"trials": 1})
    made = open_storage(url)
    open_or_create(made, file, facts)
    made.close()
    other = sqlite3.connect(tmp_path / "studies.db", isolation_level=None)
    other.execute("PRAGMA journal_mode=DELETE")  # where who writes keeps others from reading
    storage = open_storage(url, create=False, patience=0.05)
    study = load_study(storage, file.name)
    view = LiveView(Looker(study), watching=True)

    def finish() -> None:
        other.execute("COMMIT")
        study.optuna.tell(start(study), 0.5)

    steps = iter([lambda: other.execute("BEGIN EXCLUSIVE"), finish])
    monkeypatch.setattr(time, "sleep", lambda _seconds: next(steps)())
    watch_until_over(study, view.update)
    assert next(steps, None) is None
    other.close()
    storage.close()


def test_another_error_of_the_data_base_is_told() -> None:
    def look() -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with pytest.raises(sqlite3.OperationalError, match="disk"):
        patiently(look)


def test_a_study_that_is_deleted_meanwhile(
    open_study: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, same = open_study(), open_study()
    view = LiveView(Looker(study), watching=True)
    monkeypatch.setattr(time, "sleep", lambda _seconds: delete([same], None))
    with pytest.raises(StudyGoneError, match="study study: was deleted meanwhile"):
        watch_until_over(study, view.update)


def test_another_study_in_the_place_of_one_that_was_deleted(
    open_study: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = open_study()
    view = LiveView(Looker(study), watching=True)

    def replace(_seconds: float) -> None:
        delete([open_study()], None)
        with study.storage.engine.begin() as connection:  # as in a database of an older version
            connection.execute(sa.text("DELETE FROM sqlite_sequence"))
        assert open_study(name="other").study_id == study.study_id

    monkeypatch.setattr(time, "sleep", replace)
    with pytest.raises(StudyGoneError, match="was deleted"):
        watch_until_over(study, view.update)


def test_a_fault_of_ours_stays_one(open_study: Open) -> None:
    def look() -> Look:
        raise KeyError("fault")

    with pytest.raises(KeyError, match="fault"):
        watch_until_over(open_study(), look)
