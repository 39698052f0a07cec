"""Opening a storage so that many processes may share it; what a database says, in words."""

import json
import logging
import math
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from enum import IntEnum
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import optuna
import psutil
import sqlalchemy as sa
from filelock import FileLock, Timeout
from sqlalchemy.engine import URL, make_url

from hpsearch.errors import InputError, UnreachableError
from hpsearch.home import sqlite_url
from hpsearch.search.holding import holder_of_file, holder_on_server, sign, wait_for
from hpsearch.search.server import (
    ServerStorage,
    connect_patiently,
    engine_options,
    give_up_what_only_reads,
    is_away,
    never,
    session_settings,
)
from hpsearch.search.sqlite import LONE_COPY, OpenedFile, connect_to_read, is_writable
from hpsearch.search.storage import Storage

BUSY_TIMEOUT = 60.0
"""Seconds that a command waits for another program's lock before it gives up."""

STORAGE_ERRORS = (
    optuna.exceptions.StorageInternalError,
    sa.exc.SQLAlchemyError,
    sqlite3.Error,
)
"""What is raised where a database cannot be read or written just now."""

_LOCK_NOT_AVAILABLE = "55P03"
"""PostgreSQL's code for a lock that was waited for too long."""

_Kind = TypeVar("_Kind", bound=Storage)

_NETWORK_FILESYSTEMS = {
    "9p", "afs", "beegfs", "ceph", "cifs", "fuse.glusterfs", "fuse.sshfs", "gpfs", "lustre", "nfs",
    "nfs4", "panfs", "smb3", "smbfs",
}  # fmt: skip

_SECRETS = {"password", "sslpassword"}
"""What libpq also takes from the query of a URL (…?password=…) and nobody may see."""


def open_storage(
    url: str,
    *,
    create: bool = True,
    read_only: bool = False,
    force: bool = False,
    patience: float = BUSY_TIMEOUT,
    awaited: bool = False,
    hurried: Callable[[], bool] = never,
) -> Storage:
    """Open a storage, making it when there is none.

    Args:
        url: ``sqlite:///FILE`` or ``postgresql://user:password@host/name``.
        create: make a missing SQLite file or schema; else a missing one is an error.
        read_only: have the database refuse whatever would change it; nothing is made, and a
            database that this process cannot write is read all the same.
        force: open SQLite on a network file system too.
        patience: seconds that a writer waits for another one's lock before it gives up, and any
            operation for a server that has gone away.
        awaited: wait for a server that is not there now, too: it was a moment ago.
        hurried: asked between two attempts to reach a server; True: the next failure is the last.

    Raises:
        InputError: a URL that is no database URL, SQLite on a network file system, or no
            storage there and ``create`` is off.
        UnreachableError: no permission, a full disk, a damaged file, a server that is away.
    """
    parsed, create = _parse(url), create and not read_only
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with readable_errors(url), _readable_opening(url):
        if parsed.get_backend_name() != "sqlite":
            with _engine(parsed, patience if awaited else 0.0, hurried).connect():
                pass
            served = _connect(ServerStorage, parsed, engine_options(patience), create=create)
            settings = session_settings(patience, read_only=read_only)
            sa.event.listen(served.engine, "connect", settings)
            waiting = connect_patiently(patience, lambda: served.hurried())  # noqa: PLW0108  # it is set later
            sa.event.listen(served.engine, "do_connect", waiting)
            if not read_only:
                sa.event.listen(served.engine, "handle_error", give_up_what_only_reads)
            served.patience, served.hurried, served.read_only = patience, hurried, read_only
            served.close()  # its first connections were opened without the settings
            return served
        file = _sqlite_file(parsed, create=create, force=force)
        options: dict[str, Any] = {"connect_args": {"timeout": patience}}
        if read_only:
            options = _to_read(file, patience)
        storage = _connect(Storage, parsed, options, create=create)
        if not file.stat().st_size:
            raise UnreachableError(f"{file}: is empty; remove it and run the command again")
        if not read_only:
            sa.event.listen(storage.engine, "connect", _set_synchronous)
        storage.close()  # its first connections were opened without the setting
        storage.opened = opened = OpenedFile(file)
        # The log beside another file may be that of ours, and would be written into it.
        sa.event.listen(storage.engine, "do_connect", lambda *_: opened.check())
        return storage


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite storage; None of a server."""
    parsed = _parse(url)
    return Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" else None


def can_write(url: str) -> bool:
    """Whether this process may write a storage; of a server that is not known before it tries."""
    file = sqlite_file(url)
    return file is None or is_writable(file)


def _to_read(file: Path, patience: float) -> dict[str, Any]:
    """SQLAlchemy's options for an SQLite file of which nothing is changed."""
    options: dict[str, Any] = {"creator": partial(connect_to_read, file, patience)}
    return options if is_writable(file) else options | {"poolclass": sa.NullPool}


def cached(storage: Storage) -> optuna.storages.BaseStorage:
    """The storage for who only looks: trials that have ended are read once."""
    return optuna.storages.get_storage(storage)


def _connect(kind: type[_Kind], url: URL, engine_kwargs: dict[str, Any], *, create: bool) -> _Kind:
    """Build the storage; only one process at a time makes its schema, or upgrades it.

    Eight processes that make the schema at the same moment crash one another, on SQLite and on
    PostgreSQL alike.
    """
    text = _text(url)
    reads = "creator" in engine_kwargs  # a file of which nothing may be changed
    if not _has_schema(sa.create_engine(url, **engine_kwargs) if reads else _engine(url)):
        if not create:
            raise InputError(
                f"{_shown(url)}: holds no studies yet; start one with hpsearch run FILE"
                + f" ({LONE_COPY})" * (url.get_backend_name() == "sqlite")
            )
        with exclusive(text):
            return kind(text, engine_kwargs)
    storage = kind(text, engine_kwargs, skip_table_creation=True, skip_compatibility_check=True)
    if storage.get_current_version() != storage.get_head_version():
        _check_upgradable(storage)
        own = kind(text, skip_table_creation=True, skip_compatibility_check=True)
        _upgrade(own)
    return storage


def _check_upgradable(storage: Storage) -> None:
    """Refuse a schema that is not ours and cannot become it.

    Raises:
        UnreachableError: it is a newer Optuna's, or cannot be written.
    """
    found, wanted = storage.get_current_version(), storage.get_head_version()
    shown = f"storage {hide_password(storage.url)}: its tables (schema {found}) were made by"
    if found not in storage.get_all_versions():
        storage.close()
        raise UnreachableError(
            f"{shown} a newer Optuna than the installed one (schema {wanted}); install that Optuna"
            " here"
        )
    if not can_write(storage.url):
        raise UnreachableError(
            f"{shown} an older Optuna than the installed one (schema {wanted}) and cannot be"
            " upgraded without write access; ask somebody with write access to run hpsearch ls"
        )


def _upgrade(storage: Storage) -> None:
    """Bring the schema of an older Optuna up to date, once, whoever comes first."""
    # With no handler at all, Alembic sets up logging as its own file says, for the whole process.
    logging.getLogger().addHandler(logging.NullHandler())
    with closing(storage), exclusive(storage.url):
        if storage.get_current_version() != storage.get_head_version():
            storage.upgrade()


def _has_schema(engine: sa.Engine) -> bool:
    """Whether Optuna's tables are there and complete (the last thing made is their revision)."""
    try:
        with engine.connect() as connection:
            if not sa.inspect(connection).has_table("alembic_version"):
                return False
            rows = connection.scalar(sa.text("SELECT count(*) FROM alembic_version"))
            return bool(rows)
    finally:
        engine.dispose()


class Work(IntEnum):
    """What only one process at a time does with a storage.

    The values are the keys of PostgreSQL's advisory locks: any numbers that all hpsearch processes
    share.
    """

    SET_UP = 4870465
    """Making a schema or a study: others wait for it, so it has to be short."""
    COPY = 4870466
    """Copying studies into it, which may take minutes."""


@contextmanager
def exclusive(
    url: str, work: Work = Work.SET_UP, *, patience: float | None = None
) -> Iterator[None]:
    """Hold off other processes on any machine that are about to do the same kind of work.

    Claims and reports do not come here; their transactions are enough.

    Args:
        url: the storage's.
        work: what is done.
        patience: seconds to wait for who is at it; None: ``BUSY_TIMEOUT``, or where that may take
            minutes by itself, for ever.

    Raises:
        UnreachableError: another process is at it for longer; it is named.
    """
    if patience is None:
        patience = BUSY_TIMEOUT if work is Work.SET_UP else math.inf
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        kind = "" if work is Work.SET_UP else f".{work.name.lower()}"
        with ExitStack() as held:
            with _readable_opening(url):
                held.enter_context(_locked(Path(f"{parsed.database}{kind}.lock"), patience))
            yield
        return
    engine = _engine(parsed).execution_options(isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            sign(connection)
            # Freed when the connection ends. Not waited for by the server: it may end a statement
            # that takes long.
            taken = sa.text("SELECT pg_try_advisory_lock(:key)"), {"key": int(work)}
            wait_for(
                lambda: bool(connection.scalar(*taken)),
                lambda: holder_on_server(connection, int(work)),
                f"storage {_shown(parsed)}",
                patience,
            )
            yield
    finally:
        engine.dispose()


@contextmanager
def _locked(file: Path, patience: float) -> Iterator[None]:
    """Hold a lock file, which is kept: removing it would let two processes hold it.

    Args:
        file: the lock file.
        patience: seconds to wait for who has it.

    Raises:
        UnreachableError: another process has it for longer.
        OSError: the file cannot be made.
    """
    lock = FileLock(file)

    def take() -> bool:
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return False
        return True

    wait_for(take, lambda: holder_of_file(file), str(file), patience)
    try:
        yield
    finally:
        lock.release()


def _parse(url: str, where: str = "--storage") -> URL:
    """The URL with a driver that is installed; messages about it never show a password."""
    wrong = InputError(
        f"{where}: is not a database URL; write sqlite:///FILE or postgresql://USER@HOST/NAME"
    )
    try:
        parsed = make_url(url)
    except (sa.exc.ArgumentError, ValueError):  # ValueError: a port that is no number
        raise wrong from None
    server = parsed.get_backend_name() != "sqlite"
    if server and url.split("?", maxsplit=1)[0].count("@") > 1:
        # Where such a URL is cut is anybody's guess, and so what of it is secret.
        raise InputError(f"{where}: has more than one @; write %40 for each in user or password")
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    try:
        parsed.get_dialect()
    except sa.exc.NoSuchModuleError:
        raise wrong from None
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise wrong
    if parsed.get_backend_name() == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise InputError(
                f"{where}: workers cannot share an SQLite database in memory; write sqlite:///FILE"
            )
        if "?" in url:  # what follows would silently be no part of the file's name
            raise InputError(
                f"{where}: SQLite has no options; write %3F for a question mark in the path: {url}"
            )
    return parsed


def is_locked(error: BaseException) -> bool:
    """Whether a storage error says only that another program holds a lock just now.

    By the database's own codes: its words hold names that users gave.
    """
    found: BaseException | None = error
    while found is not None:
        told = getattr(found, "orig", found)  # SQLAlchemy wraps them, and Optuna these
        code = getattr(told, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return True
        if getattr(told, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
            return True
        found = found.__cause__
    return False


def is_passing(error: BaseException) -> bool:
    """Whether a storage error may be over soon: a lock is held, or the server is away."""
    return is_locked(error) or is_away(error)


def has_password(url: str, where: str) -> bool:
    """Whether a URL holds something secret; ``where`` it was written, for what is wrong with it."""
    parsed = _parse(url, where)
    return bool(parsed.password or _SECRETS & parsed.query.keys())


def hide_password(url: str) -> str:
    """The URL as it may be shown and stored: with *** for its password."""
    return _shown(_parse(url))


def without_secrets(url: str) -> str:
    """The URL as other programs of the database take it: without a password and a driver."""
    parsed = _parse(url).difference_update_query(_SECRETS)
    return parsed._replace(drivername="postgresql", password=None).render_as_string()


def _shown(url: URL) -> str:
    """The URL with *** for its passwords."""
    secrets = dict.fromkeys(_SECRETS & url.query.keys(), "hidden")
    return _text(url.update_query_dict(secrets), hide_password=True)


def _text(url: URL, *, hide_password: bool = False) -> str:
    """The URL as text, from which it can be read again; paths stay readable."""
    if url.get_backend_name() == "sqlite":
        return sqlite_url(str(url.database))
    return url.render_as_string(hide_password=hide_password)


def _sqlite_file(url: URL, *, create: bool, force: bool) -> Path:
    """The database file, its folder made, in WAL mode; refused on a network file system."""
    file = Path(str(url.database)).absolute()
    if not create and not file.exists():
        raise InputError(
            f"{file}: no study has been started here; start one with hpsearch run FILE, or give"
            " the right place with --home or --storage"
        )
    try:
        if create:
            file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnreachableError(
            f"{file.parent}: cannot be created: {error.strerror}; choose another folder with --home"
        ) from None
    filesystem = network_filesystem(file.parent)
    if filesystem is not None and not force:
        raise InputError(
            f"{file}: is on a network file system ({filesystem}), where SQLite loses data;"
            " choose a local --home, use PostgreSQL (--storage), or continue with --force"
        )
    if create:
        # The mode is kept in the file; it can only be set while nobody else is writing.
        with (
            _locked(Path(f"{file}.lock"), BUSY_TIMEOUT),
            closing(sqlite3.connect(file, timeout=BUSY_TIMEOUT)) as connection,
        ):
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                connection.execute("PRAGMA journal_mode=WAL")
    return file


def network_filesystem(folder: Path) -> str | None:
    """The type of the network file system that holds ``folder``, or None for a local one."""
    folder = folder.resolve()
    mounts = [
        mount
        for mount in psutil.disk_partitions(all=True)
        if folder.is_relative_to(mount.mountpoint)
    ]
    # Of several at one place the last counts: an automounter mounts NFS over itself.
    mounts.reverse()
    kind = max(mounts, key=lambda mount: len(mount.mountpoint)).fstype if mounts else ""
    return kind if kind in _NETWORK_FILESYSTEMS else None


def _engine(url: URL, patience: float = 0.0, hurried: Callable[[], bool] = never) -> sa.Engine:
    """For single connections, which are closed when they are given back.

    Args:
        url: of the database.
        patience: seconds to wait for a server that is away.
        hurried: as for :func:`open_storage`.
    """
    if url.get_backend_name() == "sqlite":
        return sa.create_engine(url, poolclass=sa.NullPool)
    options = engine_options(BUSY_TIMEOUT)["connect_args"]
    engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args=options)
    sa.event.listen(engine, "connect", session_settings(None))
    sa.event.listen(engine, "do_connect", connect_patiently(patience, hurried))
    return engine


def _set_synchronous(connection: Any, _record: object) -> None:
    """With WAL, NORMAL survives kills; a power cut may lose the last commits, never more."""
    connection.execute("PRAGMA synchronous=NORMAL")


@contextmanager
def readable_errors(url: str) -> Iterator[None]:
    """Turn what a database says into one message for the user.

    Raises:
        UnreachableError: in place of SQLAlchemy's, sqlite3's and Optuna's storage errors.
    """
    try:
        yield
    except optuna.exceptions.StorageInternalError as error:
        raise UnreachableError(_message(url, error.__cause__ or error)) from error
    except (sa.exc.SQLAlchemyError, sqlite3.Error, json.JSONDecodeError) as error:
        raise UnreachableError(_message(url, error)) from error


@contextmanager
def _readable_opening(url: str) -> Iterator[None]:
    """As readable_errors, for what else may happen while a storage is opened.

    Later on a missing file or module has nothing to do with the database.
    """
    try:
        yield
    except (OSError, ImportError) as error:
        raise UnreachableError(_message(url, error)) from error


def _message(url: str, error: BaseException) -> str:
    """One line about a storage that failed, with the cure that fits."""
    reason = " ".join(str(getattr(error, "orig", None) or error).split())
    cures = {
        "not a database": "the file is damaged or not a database; restore or remove it",
        "Expecting value": "the database is damaged; restore it from a copy",
        "malformed": "the file is damaged; restore it from a copy",
        "Read-only": "check the permissions of the file and its folder",
        "disk I/O": "check that the disk works and has free space, then run the same command again",
        "readonly": "check the permissions of the file and its folder",
        "unable to open": "check the permissions of the file and its folder",
        "Permission denied": "check the permissions of the file and its folder",
        "is full": "free some space and run the same command again",
        "No space": "free some space and run the same command again",
        "locked": "another program holds the file; close it and run the same command again",
        "password authentication failed": "check the user and password (PGPASSWORD or ~/.pgpass)",
        "no password supplied": "give the password in PGPASSWORD or ~/.pgpass",
        "no pg_hba.conf entry": "the server admits only the clients in its pg_hba.conf, perhaps"
        " only with TLS (sslmode); ask its administrator",
        "certificate verify failed": "check sslrootcert, and that the certificate was issued for"
        " HOST",
        "read-only transaction": "the server is a standby, or set to read only; give the address of"
        " the primary server, or run the same command again later",
        "statement timeout": "the server ends statements that take so long; raise its"
        " statement_timeout for this user",
        "too many c": "the server has no connection left; end programs that use it, or raise its"
        " max_connections",
        "connection slots": "the server has no connection left; end programs that use it, or raise"
        " its max_connections",
        "No module named 'psycopg": "install it with pip install 'hpsearch[postgres]'",
    }
    cure = next(
        (text for word, text in cures.items() if word in reason),
        "check that it exists and is reachable, then run the same command again",
    )
    return f"storage {hide_password(url)}: {reason}; {cure}"
