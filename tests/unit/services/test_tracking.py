"""MLflow beside a search: the process that tells it, and what its faults cost."""

import importlib.util
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import fakes
import psutil
import pytest

from hpsearch.errors import InputError
from hpsearch.home import Home
from hpsearch.search.study import OpenStudy
from hpsearch.services import tracking
from hpsearch.services.workspace import Workspace
from hpsearch.study_file import StudyFile

Open = Callable[..., OpenStudy]
TRAINING = {"mlflow": "http://127.0.0.1:9"}
LATE = "import time; print({!r}, flush=True); time.sleep(100)"


def beside(study: OpenStudy, home: Home, code: str, until: Callable[[], bool]) -> list[str]:
    """What is said where this Python code tells MLflow, of a search that ends by then."""
    told = fakes.Told()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tracking, "TELLER", ("-c", code))
        patch.setattr(tracking, "PATIENCE", 0.5)
        patch.setattr(tracking, "SHORT", 0.1)
        with tracking.told_to_mlflow(study, Workspace(home=home), told.say):
            while not until():
                time.sleep(0.01)
    running = [" ".join(child.cmdline()) for child in psutil.Process().children()]
    assert not any(code in words for words in running)
    return told.lines


def test_a_study_that_names_no_mlflow_starts_no_process(
    open_study: Open, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "Popen", None)
    assert beside(open_study(), home, "raise SystemExit(9)", lambda: True) == []
    assert not home.mlflow_log("study").exists()


def test_what_the_process_says_is_said_and_its_end_waited_for(open_study: Open, home: Home) -> None:
    code = "import os, sys; sys.stdin.read(); assert os.getsid(0) == os.getpid(); print('told')"
    assert beside(open_study(training=TRAINING), home, code, lambda: True) == ["told"]


def test_a_process_that_fails_is_one_warning(open_study: Open, home: Home) -> None:
    log = home.mlflow_log("study")
    code = "import sys; sys.exit('a first line\\nno module named mlflow')"
    found = beside(open_study(training=TRAINING), home, code, lambda: "named" in log.read_text())
    assert found == [f"warning: MLflow was not told everything: no module named mlflow ({log})"]


@pytest.mark.parametrize("said", ["warning: MLflow is away", "MLflow can be reached again."])
def test_the_end_of_a_search_waits_for_a_while_and_is_told_once(
    said: str, open_study: Open, home: Home
) -> None:
    heard: list[bool] = []
    say = fakes.Told.say

    def hear(self: fakes.Told, text: str) -> None:
        say(self, text)
        heard.append(True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fakes.Told, "say", hear)
        lines = beside(open_study(training=TRAINING), home, LATE.format(said), lambda: bool(heard))
    assert [line.startswith("warning") for line in lines].count(True) == 1


def test_a_log_that_cannot_be_written_costs_no_search(open_study: Open, home: Home) -> None:
    home.study_logs("study").parent.mkdir(parents=True)
    home.study_logs("study").write_text("no folder")
    (said,) = beside(open_study(training=TRAINING), home, "raise SystemExit(9)", lambda: True)
    assert said.startswith("warning: MLflow is not told: ")


def test_a_study_is_refused_where_mlflow_is_not_installed(
    make_file: Callable[..., StudyFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    storage = "postgresql://host/studies"
    tracking.check_mlflow(make_file(), storage)
    with pytest.raises(InputError, match=r"pip install 'hpsearch\[mlflow\]'"):
        tracking.check_mlflow(make_file(training=TRAINING), storage)


def test_the_database_of_the_studies_is_not_given_to_mlflow(
    make_file: Callable[..., StudyFile], tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    file = make_file(training={"mlflow": f"sqlite:///{tmp_path}/link/studies.db"})
    with pytest.raises(InputError, match="is the database of the studies"):
        tracking.check_mlflow(file, f"sqlite:///{tmp_path}/studies.db")


def test_nothing_is_exported_into_the_mlflow_of_a_study_that_names_none(
    open_study: Open, home: Home
) -> None:
    open_study()
    with pytest.raises(InputError, match="study study: names no MLflow"):
        tracking.check_named("study", Workspace(home=home))
