"""The live view: plain lines in a pipe, a table on a terminal, an estimate of the time left."""

import io
import sys
import time
from collections.abc import Callable

import pytest
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console

from hpsearch.cli.live import LiveView
from hpsearch.errors import Failure
from hpsearch.search import budget
from hpsearch.search.study import OpenStudy
from hpsearch.space import suggest_config

Finish = Callable[..., FrozenTrial]


def shown(view: LiveView, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    console.print(view._table(view.study.trials()))
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_each_ended_trial_is_one_line_once(
    open_study: Callable[..., OpenStudy], finish: Finish, capsys: pytest.CaptureFixture[str]
) -> None:
    study = open_study()
    finish(study, 0.25)
    with LiveView(study).shown() as view:
        view.update()
        assert capsys.readouterr().err == ""  # it had ended before
        finish(study, 0.5, TrialState.PRUNED)
        failed = budget.claim(study)
        assert failed is not None
        budget.fail(study, failed.number, Failure.OUT_OF_MEMORY, "x")
        finish(study, 0.75)
        assert budget.claim(study) is not None
        for _ in range(2):
            view.update()
        view.say_stopping(True)
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert lines[0].startswith("trial 1: pruned 0.5000 (4 of 10, best 0.7500)  ")
    assert lines[1] == "trial 2: out_of_memory (4 of 10, best 0.7500)"
    assert lines[2].startswith("trial 3: complete 0.7500 (4 of 10, best 0.7500)  ")
    assert lines[3].startswith("Stopping")
    assert len(lines) == 4


def test_before_the_first_complete_trial_there_is_no_best(
    open_study: Callable[..., OpenStudy], finish: Finish, capsys: pytest.CaptureFixture[str]
) -> None:
    study = open_study()
    with LiveView(study).shown() as view:
        assert "best: none complete yet" in shown(view)
        finish(study, 0.5, TrialState.PRUNED)
        view.update()
    assert "(1 of 10)" in capsys.readouterr().err


@pytest.mark.parametrize("width", [80, 200])
def test_the_table_of_a_terminal(
    open_study: Callable[..., OpenStudy], finish: Finish, width: int
) -> None:
    study = open_study(enqueue=[{"layers": 5}])
    study.storage.owner = {"worker": "a-very-long-host-name.example:4711"}
    finish(study, 0.75)
    running = budget.claim(study)
    assert running is not None
    suggest_config(study.file.space, running)
    view = LiveView(study)
    assert "0/5" in shown(view, width)
    running.report(0.125, 3)
    assert budget.claim(study) is not None  # it has no configuration yet
    text = shown(view, width)
    lines = text.splitlines()
    assert lines[0].startswith("study: 1 of 10 trials, 0.")
    assert lines[1].startswith("1 complete, 0 pruned, 0 failed, 2 running")
    assert lines[2].startswith("best: 0.7500 in trial 0")
    row = next(line for line in lines if "3/5" in line)
    assert row.split()[:4] == ["4711", "1", "3/5", "0.1250"]
    assert all(len(line.rstrip()) <= width for line in lines)


def test_the_time_left_follows_from_the_pace_of_this_run(
    open_study: Callable[..., OpenStudy], finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = open_study()
    finish(study)
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    view = LiveView(study)
    assert view.seconds_left() is None
    for _ in range(3):
        assert view.seconds_left() is None
        finish(study)
    now += 30
    assert view.seconds_left() == 60  # three took 30 s, six are left
    assert "about 1 min 00 s left" in shown(view)


def test_on_a_terminal_the_view_is_drawn_and_taken_away(
    open_study: Callable[..., OpenStudy], finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    study = open_study()
    with LiveView(study).shown() as view:
        finish(study, 0.75)
        view.update()
        assert "1 of 10 trials" in terminal.getvalue()
        view.say_stopping(True)
    assert "Stopping" in terminal.getvalue()
    assert "trial 0: complete" not in terminal.getvalue()
