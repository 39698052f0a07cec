"""Backing up a database that is in use: copied while workers write, restored, gone on with."""

import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import fakes
import pytest
from unwritable import unwritable

from hpsearch.errors import InputError, UnreachableError
from hpsearch.home import Home
from hpsearch.objective import Objective
from hpsearch.search.database import backup
from hpsearch.search.database.backup import back_up
from hpsearch.search.lookup import load_study
from hpsearch.search.making import open_or_create
from hpsearch.search.storage import Storage
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.study import OpenStudy
from hpsearch.study_file import StudyFile

TRIALS = 400


@pytest.fixture
def worker(
    connect: Callable[[], Storage], make_file: Callable[..., StudyFile], home: Home
) -> Callable[[], Objective]:
    """Makes workers of one study, each with connections of its own."""
    sections = {"budget": {"trials": TRIALS}, "training": {"epochs": 2}}

    def make() -> Objective:
        facts = {"fingerprint": "f" * 64, "input_shape": [8], "class_names": ["0", "1", "2"]}
        study, _ = open_or_create(connect(), make_file(**sections), facts)
        return Objective(study=study, parts=fakes.parts(), home=home, trainer=fakes.train)

    return make


@pytest.fixture
def idle(worker: Callable[[], Objective], home: Home) -> Home:
    """A home with a study that nobody has open."""
    worker().study.storage.close()
    return home


@contextmanager
def searching(workers: list[Objective]) -> Iterator[None]:
    """While the block runs, workers claim trials and end them; it begins after their first ones."""
    over, begun = threading.Event(), threading.Barrier(len(workers) + 1)
    errors: list[BaseException] = []

    def work(one: Objective) -> None:
        try:
            one.run_one()
            begun.wait(60)
            while not over.is_set() and one.run_one():
                pass
        except BaseException as error:  # noqa: BLE001  # shown to the test
            errors.append(error)

    threads = [threading.Thread(target=work, args=(one,), daemon=True) for one in workers]
    for thread in threads:
        thread.start()
    begun.wait(60)
    yield
    over.set()
    for thread in threads:
        thread.join(60)
    assert errors == []


def counted(study: OpenStudy) -> int:
    return study.counts().counted


def test_a_database_in_use_is_copied_restored_and_gone_on_with(
    worker: Callable[[], Objective], home: Home, tmp_path: Path
) -> None:
    workers = [worker(), worker()]
    study, file = workers[0].study, tmp_path / "backup.db"
    told: list[tuple[int, int]] = []
    with searching(workers):
        for _ in range(3):  # the later ones replace the earlier
            before = counted(study)
            made = back_up(
                home.storage_url(), file, lambda _, done, total: told.append((done, total))
            )
            after = counted(study)
    assert told[-1][0] == told[-1][1] > 0
    assert made.studies == 1
    assert {path.name for path in tmp_path.iterdir()} == {"home", "backup.db"}

    # Restored into a home of another name; what was running is taken for a dead worker's.
    moved = Home(tmp_path / "moved")
    shutil.copytree(home.runs, moved.runs)
    shutil.copy(file, moved.database)
    with closing(open_storage(moved.storage_url(), create=False)) as storage:
        restored = load_study(storage, "study")
        assert before <= counted(restored) <= after
        assert len(restored.trials()) == made.trials
        ended = [trial for trial in restored.trials() if trial.state.is_finished()]
        assert ended == [study.trials()[trial.number] for trial in ended]
        goes_on = replace(workers[0], study=restored, home=moved)
        there = counted(restored)
        assert goes_on.run_one()
        assert counted(restored) == there + 1
    assert counted(study) >= after  # and the first home's search went on without it


def test_a_copy_without_its_other_file_is_told_to_be_one(
    worker: Callable[[], Objective], home: Home, tmp_path: Path
) -> None:
    worker().run_one()  # whose connection stays open
    shutil.copy(home.database, tmp_path / "copied.db")
    with (
        closing(open_storage(f"sqlite:///{tmp_path / 'copied.db'}", read_only=True)) as lone,
        pytest.raises(InputError, match="hpsearch storage backup"),
    ):
        load_study(lone, "study")
    (tmp_path / "no tables.db").touch()
    with pytest.raises(InputError, match="hpsearch storage backup"):
        open_storage(f"sqlite:///{tmp_path / 'no tables.db'}", read_only=True)


def test_only_a_backup_gives_way(
    worker: Callable[[], Objective], home: Home, tmp_path: Path
) -> None:
    worker()
    url = home.storage_url()
    text, other, folder = (tmp_path / name for name in ("notes.txt", "other.db", "folder"))
    text.write_text("my notes")
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE studies (x)")
        connection.commit()
    folder.mkdir()
    for taken in (text, other, folder):
        with pytest.raises(InputError, match="holds no hpsearch studies"):
            back_up(url, taken)
    assert text.read_text() == "my notes"
    with pytest.raises(InputError, match=r"is in use, as studies\.db-wal exists"):
        back_up(url, home.database)
    lone = tmp_path / "lone.db"
    lone.with_name("lone.db-wal").touch()
    with pytest.raises(InputError, match="is in use"):
        back_up(url, lone)
    empty = tmp_path / "empty.db"
    empty.touch()
    assert back_up(url, empty).studies == 1


def test_the_database_itself_is_no_backup(empty_database: Path, tmp_path: Path) -> None:
    shutil.copy(empty_database, tmp_path / "studies.db")
    (tmp_path / "link.db").symlink_to("studies.db")
    for name in ("studies.db", "link.db"):
        with pytest.raises(InputError, match="is the database itself"):
            back_up(f"sqlite:///{tmp_path / 'studies.db'}", tmp_path / name)


def test_a_damaged_database_gives_no_backup(idle: Home, tmp_path: Path) -> None:
    whole = idle.database.read_bytes()
    idle.database.write_bytes(whole[:8192] + b"\xa5" * (len(whole) - 8192))
    with pytest.raises(UnreachableError, match="damaged"):
        back_up(idle.storage_url(), tmp_path / "backup.db")
    assert not list(tmp_path.glob("*backup.db*"))


def test_who_may_only_read_backs_up_elsewhere(idle: Home, tmp_path: Path) -> None:
    with unwritable(idle.root):
        assert back_up(idle.storage_url(), tmp_path / "backup.db").studies == 1
        with pytest.raises(
            UnreachableError, match=r"home/backup\.db: cannot be written: Permission denied"
        ):
            back_up(idle.storage_url(), idle.root / "backup.db")


def test_a_backup_is_as_secret_as_the_database(idle: Home, tmp_path: Path) -> None:
    idle.database.chmod(0o600)
    back_up(idle.storage_url(), tmp_path / "backup.db")
    assert (tmp_path / "backup.db").stat().st_mode & 0o777 == 0o600


def test_a_database_that_is_damaged_where_it_is_copied_is_what_is_told(
    idle: Home,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error = sqlite3.DatabaseError("database disk image is malformed")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT

    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(backup, "_write", fails)
    with pytest.raises(UnreachableError, match=r"studies\.db.*malformed"):
        back_up(idle.storage_url(), tmp_path / "backup.db")


def test_a_run_that_begins_while_a_file_is_read_spoils_the_backup(
    idle: Home,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write = backup._write

    def meanwhile(*arguments: Any) -> None:
        write(*arguments)
        os.utime(idle.database, (1, 1))  # its owner's process

    monkeypatch.setattr(backup, "_write", meanwhile)
    with unwritable(idle.root), pytest.raises(UnreachableError, match="was written while"):
        back_up(idle.storage_url(), tmp_path / "backup.db")
    assert not list(tmp_path.glob("*backup.db*"))


def test_postgresql_is_told_its_own_command(tmp_path: Path) -> None:
    url = "postgresql://me:s3cret@host:5433/db?password=s3cret&sslmode=require"
    with pytest.raises(InputError) as caught:
        back_up(url, tmp_path / "my copy.dump")
    said = str(caught.value)
    assert f"pg_dump --format=custom --file='{tmp_path}/my copy.dump'" in said
    assert "'postgresql://me@host:5433/db?sslmode=require'" in said
    assert "s3cret" not in said
