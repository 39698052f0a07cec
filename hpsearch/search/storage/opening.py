"""Opening a storage so that many processes may share it; what a database says, in words."""

import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import optuna
import psutil
import sqlalchemy as sa
from sqlalchemy.engine import URL

from hpsearch.errors import InputError, UnreachableError
from hpsearch.search.database.engines import BUSY_TIMEOUT, make_engine
from hpsearch.search.database.exclusive import exclusive
from hpsearch.search.database.messages import readable_errors, readable_opening
from hpsearch.search.database.server import (
    connect_patiently,
    engine_options,
    give_up_what_only_reads,
    never,
    session_settings,
)
from hpsearch.search.database.sqlite import LONE_COPY, OpenedFile, connect_to_read, is_writable
from hpsearch.search.database.urls import _text, hide_password, parse_url, shown_url, sqlite_file
from hpsearch.search.storage import Storage
from hpsearch.search.storage.retrying import ServerStorage

_Kind = TypeVar("_Kind", bound=Storage)


_NETWORK_FILESYSTEMS = {
    "9p", "afs", "beegfs", "ceph", "cifs", "fuse.glusterfs", "fuse.sshfs", "gpfs", "lustre", "nfs",
    "nfs4", "panfs", "smb3", "smbfs",
}  # fmt: skip


def open_storage(
    url: str,
    *,
    create: bool = True,
    read_only: bool = False,
    force: bool = False,
    patience: float = BUSY_TIMEOUT,
    awaited: bool = False,
    hurried: Callable[[], bool] = never,
    foreign: bool = False,
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
        foreign: it is another program's: tables are not made, and those of an older Optuna refused,
            not upgraded.

    Raises:
        InputError: a URL that is no database URL, SQLite on a network file system, or no
            storage there and ``create`` is off.
        UnreachableError: no permission, a full disk, a damaged file, a server that is away.
    """
    parsed, create = parse_url(url), create and not read_only
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with readable_errors(url), readable_opening(url):
        if parsed.get_backend_name() != "sqlite":
            with make_engine(parsed, patience if awaited else 0.0, hurried).connect():
                pass
            served = _connect(
                ServerStorage, parsed, engine_options(patience), create=create, foreign=foreign
            )
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
        storage = _connect(Storage, parsed, options, create=create, foreign=foreign)
        if not file.stat().st_size:
            raise UnreachableError(f"{file}: is empty; remove it and run the command again")
        if not read_only:
            sa.event.listen(storage.engine, "connect", _set_synchronous)
        storage.close()  # its first connections were opened without the setting
        storage.opened = opened = OpenedFile(file)
        # The log beside another file may be that of ours, and would be written into it.
        sa.event.listen(storage.engine, "do_connect", lambda *_: opened.check())
        return storage


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


def _connect(
    kind: type[_Kind],
    url: URL,
    engine_kwargs: dict[str, Any],
    *,
    create: bool,
    foreign: bool = False,
) -> _Kind:
    """Build the storage; only one process at a time makes its schema, or upgrades it.

    Eight processes that make the schema at the same moment crash one another, on SQLite and on
    PostgreSQL alike.
    """
    text = _text(url)
    reads = "creator" in engine_kwargs  # a file of which nothing may be changed
    if not _has_schema(sa.create_engine(url, **engine_kwargs) if reads else make_engine(url)):
        if foreign:
            raise InputError(
                f"{shown_url(url)}: there is no Optuna study in it; give the storage that has one"
                + " (of a file that was copied while in use copy the one that ends in -wal, too)"
                * (url.get_backend_name() == "sqlite")
            )
        if not create:
            raise InputError(
                f"{shown_url(url)}: holds no studies yet; start one with hpsearch run FILE"
                + f" ({LONE_COPY})" * (url.get_backend_name() == "sqlite")
            )
        with exclusive(text):
            return kind(text, engine_kwargs)
    storage = kind(text, engine_kwargs, skip_table_creation=True, skip_compatibility_check=True)
    if storage.get_current_version() != storage.get_head_version():
        _check_upgradable(storage, foreign=foreign)
        own = kind(text, skip_table_creation=True, skip_compatibility_check=True)
        _upgrade(own)
    return storage


def _check_upgradable(storage: Storage, *, foreign: bool = False) -> None:
    """Refuse a schema that is not ours and cannot become it.

    Raises:
        UnreachableError: it is a newer Optuna's, or cannot be written, or is another program's.
    """
    found, wanted = storage.get_current_version(), storage.get_head_version()
    shown = f"storage {hide_password(storage.url)}: its tables (schema {found}) were made by"
    if found not in storage.get_all_versions():
        storage.close()
        raise UnreachableError(
            f"{shown} a newer Optuna than the installed one (schema {wanted}); install that Optuna"
            " here"
        )
    if foreign:
        storage.close()
        raise UnreachableError(
            f"{shown} an older Optuna than the installed one (schema {wanted}); upgrade a copy of"
            " it, and give that: optuna storage upgrade --storage URL"
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
            exclusive(_text(url)),
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


def _set_synchronous(connection: Any, _record: object) -> None:
    """With WAL, NORMAL survives kills; a power cut may lose the last commits, never more."""
    connection.execute("PRAGMA synchronous=NORMAL")
