"""Backup of a database that is in use, by SQLite's own means; read back and compared."""

import shlex
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from hpsearch.errors import InputError, UnreachableError
from hpsearch.files import made_beside
from hpsearch.search.database.engines import BUSY_TIMEOUT
from hpsearch.search.database.messages import readable_errors
from hpsearch.search.database.sqlite import address, connect_to_read, is_writable
from hpsearch.search.database.urls import sqlite_file, without_secrets

Report = Callable[[str, int, int], None]

PAGES = 2048
"""Pages that are copied at once: 8 MB."""

_OURS = {"alembic_version", "studies", "study_user_attributes", "trials"}
"""Tables by which a database of studies is known."""


@dataclass(frozen=True, kw_only=True)
class Backup:
    """What was copied."""

    studies: int
    """Confirmation studies among them."""
    trials: int
    bytes: int


def back_up(url: str, file: Path, report: Report = lambda *_: None) -> Backup:
    """Copy the database of a storage to a file, as it is at one moment; others go on writing.

    Args:
        url: the storage's; it is there.
        file: a new name, or that of an older backup, which gives way in the end.
        report: told what is done, how much of it, and of how much.

    Raises:
        InputError: PostgreSQL; or what is at ``file`` may not give way.
        UnreachableError: it cannot be read or written, or was not copied as it is.
    """
    source = sqlite_file(url)
    if source is None:
        raise InputError(_for_postgresql(url, file))
    _check_target(file, source)
    before = _state(source)
    with readable_errors(url), closing(connect_to_read(source, BUSY_TIMEOUT)) as reader:
        reader.isolation_level = None
        reader.execute("BEGIN")
        wanted = _rows(reader)  # from here on the reader sees the database as it is now
        with made_beside(file) as partial:
            try:
                _write(reader, partial, report)
            except sqlite3.Error as error:
                if not _is_of_target(error):
                    raise
                raise UnreachableError(f"{file}: cannot be written: {error}") from None
            _check_copy(partial, wanted)
            partial.chmod(stat.S_IMODE(source.stat().st_mode))
            # Without a log it may have been read as a file that nobody writes.
            if before[1] is None and _state(source) != before and not is_writable(source):
                raise UnreachableError(
                    f"{source}: was written while it was copied, by a run that began meanwhile;"
                    " run the same command again"
                )
    return Backup(studies=wanted["studies"], trials=wanted["trials"], bytes=file.stat().st_size)


def _write(reader: sqlite3.Connection, file: Path, report: Report) -> None:
    """Copy all pages of a database to a new file."""
    file.touch(mode=0o600)
    with closing(sqlite3.connect(file)) as writer:
        writer.execute("PRAGMA journal_mode=OFF")  # which would be a file beside it
        reader.backup(
            writer,
            pages=PAGES,
            progress=lambda _, left, total: report("pages", total - left, total),
        )


def _is_of_target(error: sqlite3.Error) -> bool:
    """Whether an error while pages are copied is of the file that they go to."""
    code = getattr(error, "sqlite_errorcode", 0)
    kinds = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
    return code & 0xFF in kinds or code == sqlite3.SQLITE_IOERR_WRITE


def _state(file: Path) -> list[tuple[int, int] | None]:
    """What tells that somebody has written a database: sizes and times of it and of its log."""
    found: list[tuple[int, int] | None] = []
    for path in (file, file.with_name(f"{file.name}-wal")):
        try:
            told = path.stat()
        except FileNotFoundError:
            found.append(None)
        else:
            found.append((told.st_size, told.st_mtime_ns))
    return found


def _for_postgresql(url: str, file: Path) -> str:
    """How to back up a server's database."""
    shown = shlex.quote(without_secrets(url))
    name = shlex.quote(str(file))
    return (
        f"the storage is PostgreSQL, which is backed up by its own means: pg_dump --format=custom"
        f" --file={name} {shown}; restored into an empty database by: pg_restore --dbname={shown}"
        f" {name}. Give its password in PGPASSWORD or ~/.pgpass"
    )


def _check_target(file: Path, source: Path) -> None:
    """Refuse to write over anything but an older backup.

    Raises:
        InputError: there is something else.
    """
    for ending in ("-wal", "-journal"):
        beside = file.with_name(f"{file.name}{ending}")
        if beside.exists():
            raise InputError(
                f"{file}: is in use, as {beside.name} exists; choose another name, or remove both"
                " if nobody needs them any more"
            )
    if not file.exists() and not file.is_symlink():
        return
    if file.exists() and file.samefile(source):
        raise InputError(f"{file}: is the database itself; choose another name")
    if not _is_ours(file):
        raise InputError(
            f"{file}: already exists and holds no hpsearch studies; choose another name"
        )


def _is_ours(file: Path) -> bool:
    """Whether a file is a database of studies, or empty."""
    try:
        if not file.stat().st_size:
            return True
        with closing(_copy(file)) as found:
            return _rows(found).keys() >= _OURS
    except (OSError, sqlite3.Error):
        return False


def _copy(file: Path) -> sqlite3.Connection:
    """A connection to a copy that nobody uses."""
    return sqlite3.connect(address(file, "immutable=1"), uri=True)


def _rows(database: sqlite3.Connection) -> dict[str, int]:
    """How many rows each table has."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    names = [name for (name,) in database.execute(query)]
    counted = {}
    for name in names:
        quoted = name.replace('"', '""')
        counted[name] = int(database.execute(f'SELECT count(*) FROM "{quoted}"').fetchone()[0])  # noqa: S608  # a name of its own
    return counted


def _check_copy(file: Path, wanted: dict[str, int]) -> None:
    """Refuse a copy that is not whole.

    Raises:
        UnreachableError: it is damaged, or has not as many rows as the database.
    """
    with closing(_copy(file)) as copied:
        said = copied.execute("PRAGMA integrity_check").fetchone()[0]
        if said != "ok":
            raise UnreachableError(f"the copy is damaged ({said}), and so may the database be")
        if _rows(copied) != wanted:
            raise UnreachableError("the copy does not have as many rows as the database; try again")
