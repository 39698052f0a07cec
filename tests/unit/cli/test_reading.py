"""Commands that only read: a home and a database that cannot be written are enough for them."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import numpy as np
import pytest
from commandline import Cli
from made import make_study
from optuna.trial import TrialState
from unwritable import unwritable

from hpsearch.cli.app import app
from hpsearch.dashboard.access_control import AccessControl
from hpsearch.dashboard.server import application, own_token
from hpsearch.home import Home
from hpsearch.search import budget, claims
from hpsearch.search.lookup import load_study
from hpsearch.search.storage.opening import open_storage

Run = Callable[..., str]

DATABASE = ("ls", "show small", "trials small --csv", "best small", "export small -o best.toml")
"""What reads the database, quickly."""
READING = (
    *DATABASE, "show small --provenance", "logs small", "report small -o small.html",
    "export small -o best.py", "data", "data small.toml", "doctor small.toml",
)  # fmt: skip


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """A home with a study "small": copied, never changed."""
    cli = Cli(tmp_path_factory.mktemp("searched"))
    make_study(cli)
    log = Home(cli.home).worker_log("small", 0)
    log.parent.mkdir(parents=True)
    log.write_text("ready\n")
    return cli


@pytest.fixture
def place(searched: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A copy of that home, beside the working folder of this process."""
    shutil.copytree(searched.home, tmp_path / "home")
    shutil.copy(searched.folder / "small.toml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPSEARCH_HOME", str(tmp_path / "home"))
    return Home(tmp_path / "home")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process; gives what it prints."""

    def one(line: str) -> str:
        app(line.split(), standalone_mode=False)
        return capsys.readouterr().out

    return one


@contextmanager
def a_worker(home: Home) -> Iterator[None]:
    """A search goes on: what its process has written is not in the file itself yet."""
    storage = open_storage(home.storage_url())
    study = load_study(storage, "small")
    study.optuna.set_user_attr("budget", {"trials": 9})
    assert claims.claim(study) is not None
    assert home.database.with_name("studies.db-wal").stat().st_size
    yield
    storage.close()


@contextmanager
def a_killed_worker(home: Home) -> Iterator[None]:
    """A search was killed; nobody has opened its database since then."""
    files = [home.root / f"studies.db{ending}" for ending in ("", "-wal", "-shm")]
    with a_worker(home):
        left = {file: file.read_bytes() for file in files}
    for file, written in left.items():
        file.write_bytes(written)
    yield


def content(folder: Path) -> dict[str, str]:
    """What is in each file, and which folders there are."""
    return {
        str(path): "" if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.suffix != ".db-shm"  # there SQLite's readers say what they read
    }


@pytest.mark.parametrize("others", [a_worker, a_killed_worker])
def test_a_database_in_use_that_cannot_be_written_is_read(
    place: Home, run: Run, others: Callable[[Home], Iterator[None]]
) -> None:
    with others(place):
        before = content(place.root)
        with unwritable(place.root):
            printed = [run(line) for line in DATABASE]
            assert json.loads(run("show small --json"))["running"] == 1
        assert content(place.root) == before
    assert "small" in printed[0]


def test_a_home_that_cannot_be_written_is_read(place: Home, run: Run) -> None:
    before = content(place.root)
    with unwritable(place.root):
        printed = {line: run(line) for line in READING}
    assert content(place.root) == before
    assert "ready" in printed["logs small"]
    assert "1 study, which you may not change" in printed["doctor small.toml"]
    for file in ("small.html", "best.toml", "best.py"):
        assert Path(file).stat().st_size


@pytest.mark.parametrize("failure", ["of a later version", {"a": 1}])
def test_a_failure_of_another_program_ends_no_command(
    place: Home, run: Run, failure: object
) -> None:
    with a_worker(place):
        storage = open_storage(place.storage_url())
        study = load_study(storage, "small")
        trial_id = study.trial_id(2)
        storage.set_trial_user_attr(trial_id, "failure", failure)
        storage.set_trial_state_values(trial_id, TrialState.FAIL)
        assert study.counts().uncounted == 1
        assert claims.claim(study) is not None
        assert budget.ending(study) is None
        storage.close()
    for line in (*DATABASE, "report small -o small.html"):
        run(line)
    if isinstance(failure, str):
        assert failure in run("trials small --csv")


def test_doctor_closes_the_storage(place: Home, run: Run) -> None:
    run("doctor")
    assert not list(place.root.glob("studies.db-*"))


def test_who_may_not_write_watches(place: Home, run: Run) -> None:
    with unwritable(place.root):
        run("show small --watch")  # until it is over, which it is


def test_who_may_write_changes_no_study_by_reading(place: Home, run: Run) -> None:
    before = content(place.root)
    for line in READING:
        run(line)
        after = content(place.root)
        assert {name: after[name] for name in before} == before, line
        new = [Path(name) for name in after if name not in before]
        assert all(path.is_relative_to(place.datasets) for path in new), line


def test_the_database_itself_refuses_what_a_reading_command_would_write(place: Home) -> None:
    storage = open_storage(place.storage_url(), read_only=True)
    with pytest.raises(Exception, match="commit") as caught:
        storage.set_study_user_attr(1, "key", "value")
    assert "readonly" in str(caught.value.__cause__)
    storage.close()


def test_a_file_that_is_anothers_in_a_folder_that_is_not(place: Home, run: Run) -> None:
    """SQLite would leave files of ours there, in the way of the database's owner."""
    with unwritable(place.root):
        place.root.chmod(0o755)
        run("ls")
        assert not list(place.root.glob("studies.db-*"))


def test_half_of_what_a_killed_search_left_is_told(place: Home, run: Run) -> None:
    with a_killed_worker(place):
        place.database.with_name("studies.db-shm").unlink()
        with unwritable(place.root), pytest.raises(Exception, match=r"studies\.db-shm does not"):
            run("ls")
    assert "small" in run("ls")


def test_the_dashboard_of_a_home_that_cannot_be_written(place: Home) -> None:
    storage = open_storage(place.storage_url(), read_only=True)
    before = content(place.root)
    with unwritable(place.root):
        assert own_token(place.dashboard_token) is None
        app = AccessControl(
            app=application(storage, place), hosts=frozenset({"127.0.0.1"}), token=None,
            read_only=True,
        )  # fmt: skip
        assert b'"small"' in ask(app, "GET", "/api/studies")
        assert b"best_trial" in ask(app, "GET", "/api/studies/1")
        assert b"read-only" in ask(app, "DELETE", "/api/studies/1")
    assert content(place.root) == before
    storage.close()


def ask(app: AccessControl, method: str, path: str) -> bytes:
    """What a WSGI application answers."""
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "PATH_INFO": path}
    setup_testing_defaults(environ)
    environ["HTTP_HOST"] = "127.0.0.1"
    return b"".join(app(environ, lambda *_: lambda _: None))


def test_data_that_were_only_touched_are_not_imported_anew(
    place: Home, run: Run, tmp_path: Path
) -> None:
    np.savez(tmp_path / "d.npz", x_train=np.arange(120.0).reshape(60, 2), y_train=np.arange(60) % 2)
    (tmp_path / "d.toml").write_text('name = "d"\n[dataset]\nsource = "npz"\npath = "d.npz"\n'
                                     'scale = "standardize"\n[space]\n')  # fmt: skip
    run("data d.toml")
    os.utime(tmp_path / "d.npz", (1e9, 1e9))
    with unwritable(place.root):
        assert "48" in run("data d.toml")
