"""Access a storage: URLs, file systems, and what is said when it fails."""

import sqlite3
import threading
from collections import namedtuple
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import optuna
import psutil
import pytest
import sqlalchemy as sa

from hpsearch.errors import InputError, UnreachableError
from hpsearch.home import sqlite_url
from hpsearch.search.database.exclusive import exclusive
from hpsearch.search.database.messages import is_locked, readable_errors
from hpsearch.search.database.urls import hide_password
from hpsearch.search.storage import Storage
from hpsearch.search.storage.opening import network_filesystem, open_storage

Mount = namedtuple("Mount", ["device", "mountpoint", "fstype", "opts"])  # as psutil's


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:///studies.db", "sqlite:///studies.db"),
        ("postgresql://me:secret@host/db", "postgresql+psycopg://me:***@host/db"),
        ("postgres://me:secret@host:5432/db", "postgresql+psycopg://me:***@host:5432/db"),
        ("postgresql://me:se%40cret@host/db", "postgresql+psycopg://me:***@host/db"),
        ("postgresql://me@host/db", "postgresql+psycopg://me@host/db"),
        (
            "postgresql://me@host/db?password=secret&sslmode=require",
            "postgresql+psycopg://me@host/db?password=hidden&sslmode=require",
        ),
    ],
)
def test_a_password_is_never_shown(url: str, shown: str) -> None:
    assert hide_password(url) == shown


def test_the_path_of_an_sqlite_file_may_hold_anything(tmp_path: Path) -> None:
    file = tmp_path / "a@b@c %41?{SCHEMA_VERSION}#\n\udcff" / "studies.db"
    storage = open_storage(sqlite_url(file))
    assert storage.get_all_studies() == []
    storage.close()
    assert file.exists()
    assert [folder.name for folder in tmp_path.iterdir()] == [file.parent.name]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "studies.db",
        "/home/me/studies.db",
        "postgresql://me:secret@host:port/db",
        "postgresql+secret://me@host/db",
        "mongodb://me:secret@host/db",
        "mysql://me:secret@host/db",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:////tmp/why?/studies.db",
    ],
)
def test_what_is_no_usable_url_is_wrong_input(url: str) -> None:
    with pytest.raises(InputError, match="--storage") as caught:
        open_storage(url)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("url", ["postgresql://me:secret@127.0.0.1:1/db?connect_timeout=2",
                                 "postgresql://me@127.0.0.1:1/db?password=secret"])  # fmt: skip
@pytest.mark.parametrize("create", [True, False])
def test_a_server_that_is_away(url: str, create: bool) -> None:
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1.*run the same command") as caught:
        open_storage(url, create=create)
    assert "secret" not in str(caught.value)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("folder", ["/home/me", "/home/me/hpsearch-data", "/srv/nfs"])
@pytest.mark.parametrize(
    ("mounts", "kind"),
    [
        ([], None),
        ([("/", "ext4")], None),
        ([("/", "nfs")], "nfs"),
        ([("/", "nfs4"), ("/home", "ext4"), ("/srv", "xfs")], None),
        ([("/", "ext4"), ("/home", "lustre"), ("/srv/nfs", "lustre")], "lustre"),
        ([("/home", "lustre"), ("/srv", "lustre"), ("/", "ext4")], "lustre"),
        # An automounter's own entry stands before what it mounted there.
        ([("/", "ext4"), ("/home", "autofs"), ("/srv", "autofs"), ("/home", "nfs4"),
          ("/srv", "nfs4")], "nfs4"),
        ([("/", "ext4"), ("/hom", "nfs"), ("/home/m", "nfs"), ("/srv/n", "nfs")], None),
    ],
)  # fmt: skip
def test_network_file_systems_are_seen(
    monkeypatch: pytest.MonkeyPatch,
    folder: str,
    mounts: list[tuple[str, str]],
    kind: str | None,
) -> None:
    listed = [Mount("x", place, fstype, "rw") for place, fstype in mounts]
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: listed)
    assert network_filesystem(Path(folder)) == kind


def test_sqlite_on_a_network_is_refused_unless_forced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mount = Mount("server:/x", "/", "nfs4", "rw")
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: [mount])
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    with pytest.raises(InputError, match=r"network file system \(nfs4\).*--force"):
        open_storage(url)
    assert list(tmp_path.iterdir()) == []
    open_storage(url, force=True).close()


def test_sqlite_is_set_up_for_many_writers(connect: Callable[[], Storage]) -> None:
    storage = connect()
    with storage.engine.connect() as connection:
        pragmas = {
            name: connection.scalar(sa.text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 1, "busy_timeout": 60_000}


def test_who_sets_up_a_file_is_waited_for(tmp_path: Path) -> None:
    """Of two who turn a file to WAL at the same moment one is told that it is locked."""
    file = tmp_path / "studies.db"
    thread = threading.Thread(target=lambda: open_storage(f"sqlite:///{file}").close())
    with exclusive(f"sqlite:///{file}"):
        thread.start()
        thread.join(0.5)
        assert not file.exists()
    thread.join(30)
    assert file.exists()


def test_a_file_that_is_no_data_base(tmp_path: Path) -> None:
    file = tmp_path / "studies.db"
    file.write_bytes(b"garbage" * 1000)
    for create in (True, False):
        with pytest.raises(UnreachableError, match=r"studies\.db.*the file is damaged"):
            open_storage(f"sqlite:///{file}", create=create)
    assert file.read_bytes() == b"garbage" * 1000


def test_an_empty_file_becomes_a_storage_but_is_none_to_look_at(tmp_path: Path) -> None:
    file = tmp_path / "studies.db"
    file.touch()
    with pytest.raises(InputError, match="holds no studies yet"):
        open_storage(f"sqlite:///{file}", create=False)
    open_storage(f"sqlite:///{file}").close()
    storage = open_storage(f"sqlite:///{file}", create=False)
    assert optuna.get_all_study_names(storage) == []
    storage.close()


@pytest.mark.parametrize("place", ["file/studies.db", "file/below/studies.db"])
def test_a_folder_that_cannot_be_made(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("a file")
    with pytest.raises(UnreachableError, match=r"cannot be created: .*--home"):
        open_storage(f"sqlite:///{tmp_path / place}")


def test_a_schema_of_a_newer_optuna_is_said(empty_database: Path, tmp_path: Path) -> None:
    file = tmp_path / "studies.db"
    file.write_bytes(empty_database.read_bytes())
    connection = sqlite3.connect(file)
    connection.execute("UPDATE alembic_version SET version_num = 'v99.0.0.a'")
    connection.commit()
    connection.close()
    with pytest.raises(UnreachableError, match="made by a newer Optuna"):
        open_storage(f"sqlite:///{file}")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (sqlite3.OperationalError("database is locked"), "another program holds the file"),
        (sqlite3.OperationalError("database or disk is full"), "free some space"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "permissions"),
        (sqlite3.OperationalError("disk I/O error"), "has free space"),
        (sqlite3.DatabaseError("database disk image is malformed"), "restore it from a copy"),
        (sa.exc.OperationalError("SELECT secret", {}, ValueError("gone\n away")), "gone away"),
    ],
)
def test_what_a_data_base_says_becomes_one_line_with_a_cure(error: Exception, says: str) -> None:
    with (
        pytest.raises(UnreachableError) as caught,
        readable_errors("postgresql://me:secret@host/fullset"),
    ):
        raise error
    message = str(caught.value)
    assert message.startswith("storage postgresql+psycopg://me:***@host/fullset: ")
    assert says in message
    assert "\n" not in message
    assert "secret" not in message


def test_a_lock_is_known_by_its_code_and_not_by_words(tmp_path: Path) -> None:
    """A study may be called locked-doors."""
    file = tmp_path / "studies.db"
    with closing(sqlite3.connect(file)) as holder, closing(sqlite3.connect(file, timeout=0)) as own:
        holder.execute("CREATE TABLE t (x)")
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError) as held:
            own.execute("SELECT * FROM t")
    lock = sa.exc.OperationalError("SELECT", {}, held.value)
    wrapped = optuna.exceptions.StorageInternalError("commit")
    wrapped.__cause__ = lock
    waited = sa.exc.OperationalError("SELECT", {}, Refused("canceling", "55P03"))
    for error in (held.value, lock, wrapped, waited):
        assert is_locked(error)
    named = {"study_name": "locked-doors", "other": "lock timeout"}
    gone = sa.exc.OperationalError("SELECT", named, Refused("the server closed", None))
    full = sqlite3.OperationalError("locked-doors: database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    for error in (gone, full, sa.exc.OperationalError("SELECT", named, full), KeyError("locked")):
        assert not is_locked(error)


class Refused(Exception):  # noqa: N818  # as psycopg's, which has its code
    def __init__(self, said: str, sqlstate: str | None) -> None:
        super().__init__(said)
        self.sqlstate = sqlstate


def test_optunas_own_error_is_told_by_its_cause() -> None:
    error = optuna.exceptions.StorageInternalError("An exception is raised during the commit")
    error.__cause__ = sqlite3.OperationalError("database or disk is full")
    with (
        pytest.raises(UnreachableError, match="disk is full; free"),
        readable_errors("sqlite:///x"),
    ):
        raise error


@pytest.mark.parametrize("error", [OSError("no such device"), ImportError("keras"), ValueError()])
def test_other_errors_are_not_the_storages(error: Exception) -> None:
    with pytest.raises(type(error)), readable_errors("sqlite:///x"):
        raise error


def test_a_lock_that_cannot_be_made_is_said() -> None:
    with (
        pytest.raises(UnreachableError, match="storage sqlite:////dev/null"),
        exclusive("sqlite:////dev/null/studies.db"),
    ):
        pass
