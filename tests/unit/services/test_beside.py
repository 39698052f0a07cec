"""The dashboard and the models for comparison beside a search."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import fakes
import psutil
import pytest

from hpsearch.home import Home
from hpsearch.search.reference import keep_reference
from hpsearch.search.study import OpenStudy
from hpsearch.services import beside
from hpsearch.services.progress import Silent
from hpsearch.services.workspace import Workspace


def test_the_log_beside_a_search_is_not_written_where_a_link_leads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("all that I have")
    home = Home(tmp_path / "home")
    home.dashboard_log.parent.mkdir(parents=True)
    home.dashboard_log.symlink_to(precious)
    code = "import sys; print('no port', file=sys.stderr)"
    monkeypatch.setattr(beside, "python", lambda *_: [sys.executable, "-c", code])
    with beside.dashboard_beside(Workspace(home=home), Silent()):
        pass
    assert not home.dashboard_log.is_symlink()
    assert precious.read_text() == "all that I have"


Open = Callable[..., OpenStudy]


def beside_a_search(
    study: OpenStudy, home: Home, code: str | None, *, wanted: bool = True
) -> list[str]:
    """What is said where the models are this Python code; None: where they must not start."""
    told = fakes.Told()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(beside, "MODELS", ("-c", code or "raise SystemExit(9)"))
        patch.setattr(beside, "PATIENCE", 2.0)
        workspace = Workspace(home=home)
        with beside.models_beside(study, workspace, None, told, wanted=wanted) as models:
            models.finish(beside.PATIENCE)
    return told.lines


def test_models_that_are_trained_are_not_spoken_of(open_study: Open, home: Home) -> None:
    code = "import os; assert os.environ['OMP_NUM_THREADS'] == '1' and os.getsid(0) == os.getpid()"
    assert beside_a_search(open_study(), home, code) == []


def test_models_that_fail_are_told_and_cost_nothing(open_study: Open, home: Home) -> None:
    code = "import sys; sys.exit('a first line\\nno module named sklearn')"
    (said,) = beside_a_search(open_study(), home, code)
    assert said.startswith("warning: no models for comparison: no module named sklearn (")
    assert str(home.reference_log("study")) in said
    (said,) = beside_a_search(open_study(), home, "import os; os.kill(os.getpid(), 9)")
    assert "their process ended with exit code -9" in said


def test_models_that_take_too_long_are_ended(open_study: Open, home: Home) -> None:
    code = "import time; print('at it', flush=True); time.sleep(100)"
    (said,) = beside_a_search(open_study(), home, code)
    assert "not done in time; the same command goes on with them" in said
    assert "at it" in home.reference_log("study").read_text()
    running = [" ".join(child.cmdline()) for child in psutil.Process().children()]
    assert not any("at it" in words for words in running)


def test_models_are_not_trained_twice_nor_unasked(open_study: Open, home: Home) -> None:
    study = open_study()
    assert beside_a_search(study, home, None, wanted=False) == []
    keep_reference(study, [])
    assert beside_a_search(study, home, None) == []
    assert not home.reference_log("study").exists()


def test_a_log_that_cannot_be_written_costs_the_models_alone(open_study: Open, home: Home) -> None:
    study = open_study()
    home.study_logs("study").parent.mkdir(parents=True)
    home.study_logs("study").write_text("no folder")
    (said,) = beside_a_search(study, home, None)
    assert said.startswith("warning: no models for comparison")


def test_a_search_that_ends_by_an_error_leaves_no_models(open_study: Open, home: Home) -> None:
    study, started = open_study(), []
    begin = subprocess.Popen

    def noted(*words: object, **options: object) -> "subprocess.Popen[bytes]":
        started.append(begin(*words, **options))  # type: ignore[call-overload]
        return started[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(beside, "MODELS", ("-c", "import time; time.sleep(100)"))
        patch.setattr(subprocess, "Popen", noted)
        workspace = Workspace(home=home)
        with (
            pytest.raises(KeyError),
            beside.models_beside(study, workspace, None, Silent(), wanted=True),
        ):
            raise KeyError
    assert [process.returncode for process in started] == [-9]
