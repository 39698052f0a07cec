"""Progress in a notebook: one place of the cell, drawn anew, and empty in the end."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from hpsearch.cli.live import LiveScreen
from hpsearch.cli.notebook import NotebookScreen, screen
from hpsearch.search.study import OpenStudy
from hpsearch.services.progress import Silent


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What is drawn in each place of a cell, one after the other."""
    found: list[list[str]] = []

    class Place:
        def __init__(self) -> None:
            found.append([])

        def update(self, content: str) -> None:
            found[-1].append(content)

    def display(content: str, *, display_id: bool) -> Place:
        assert (content, display_id) == ("", True)
        return Place()

    module = ModuleType("IPython.display")
    module.__dict__.update(display=display, HTML=str)
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return found


def test_a_study_is_drawn_in_one_place_that_is_empty_in_the_end(
    places: list[list[str]],
    open_study: Callable[..., OpenStudy],
    finish: Callable[..., Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    study = open_study(space={"activation": {"type": "categorical", "choices": ["relu", "tanh"]}})
    with NotebookScreen().follow(study) as view:
        view.tick()
        finish(study, 0.75)
        view.tick()
        view.say("Stopping: <b>")
    (drawn,) = places
    assert len(drawn) == 3
    assert "best: no trial has completed yet" in drawn[0]
    assert "0.7500 val_accuracy in trial 0" in drawn[1]
    assert drawn[0].startswith("<pre ")
    assert drawn[2] == ""
    assert capsys.readouterr() == ("Stopping: <b>\n", "")


def test_what_is_drawn_is_no_html(places: list[list[str]]) -> None:
    with NotebookScreen().steps() as report:
        report("reading <script>\x1b[31m", 1, 2)
    (drawn,) = places
    assert "reading &lt;script&gt;" in drawn[0]
    assert "<script>" not in drawn[0]
    assert "\x1b" not in drawn[0]
    assert ": 1 of 2" in drawn[0]
    assert drawn[-1] == ""


def test_lines_are_results_and_no_errors(capsys: pytest.CaptureFixture[str]) -> None:
    NotebookScreen().say("Started study a")
    assert capsys.readouterr() == ("Started study a\n", "")


def test_a_screen_is_chosen_by_where_python_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(screen(is_shown=True)) is LiveScreen
    assert type(screen(is_shown=False)) is Silent
    shell = type("ZMQInteractiveShell", (), {})()
    monkeypatch.setattr("builtins.get_ipython", lambda: shell, raising=False)
    assert type(screen(is_shown=True)) is NotebookScreen
