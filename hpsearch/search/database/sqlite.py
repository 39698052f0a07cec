"""SQLite files: whether one may be written, and reading one without writing anything."""

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from hpsearch.errors import UnreachableError
from hpsearch.files import may_write

LONE_COPY = (
    "if this database was copied while in use, its studies are in the file that ends in -wal; copy"
    " it with hpsearch storage backup instead"
)
"""What to think of where a database has no studies."""


class OpenedFile:
    """A database file, as it is while a process has it open."""

    def __init__(self, file: Path) -> None:
        """Note which file that is.

        Args:
            file: the path; the file exists.
        """
        self._path, self._identity = file, _identity(file)

    def check(self) -> None:
        """Refuse to go on where another file is in its place: what is written would be lost.

        Raises:
            UnreachableError: another one, or none.
        """
        try:
            found = _identity(self._path)
        except OSError:
            return  # nobody knows; what is done with the file will say so
        if found != self._identity:
            what = "is gone" if found is None else "was replaced by another file"
            raise UnreachableError(
                f"{self._path}: {what} while it was in use; what was written since then is not in"
                " it. Stop all that uses it (hpsearch stop), put the right file there, and run the"
                " same command again"
            )


def _identity(file: Path) -> tuple[int, int] | None:
    """What tells a file from every other one of the machine; None where there is none."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def is_writable(file: Path) -> bool:
    """Whether this process may write a database file, and make files beside it as SQLite does."""
    file = file.resolve()
    return may_write(file) and may_write(file.parent)


def connect_to_read(file: Path, patience: float) -> sqlite3.Connection:
    """A connection that writes nothing; for a short time only, unless the file may be written.

    In WAL mode SQLite reads with the help of two more files, which are there while somebody uses
    the database. Where they are not and none can be made, nobody writes, and SQLite is told so
    (``immutable``). A run that starts meanwhile is seen by the next connection. Where only one
    of file and folder may be written, the two files would be ours, in the way of their owner.

    Args:
        file: the database file; it exists.
        patience: seconds to wait for another program's lock.

    Raises:
        UnreachableError: half of the two files is there.
        sqlite3.Error: the file cannot be opened.
    """
    file = file.resolve()
    uri = address(file, "mode=rw" if is_writable(file) else _mode(file))
    connection = sqlite3.connect(uri, uri=True, timeout=patience, check_same_thread=False)
    connection.execute("PRAGMA query_only=ON")
    return connection


def address(file: Path, query: str) -> str:
    """SQLite's URI of a file, whatever characters are in its name."""
    return f"file:{quote(os.fsencode(file))}?{query}"


def _mode(file: Path) -> str:
    """How a file that cannot be written is opened."""
    log = file.with_name(f"{file.name}-wal")
    there = {end for end in ("wal", "shm", "journal") if Path(f"{file}-{end}").exists()}
    if there == {"wal"} and log.stat().st_size:
        raise UnreachableError(
            f"{file}: was copied while in use, or its run was killed: {log.name} exists,"
            f" {file.name}-shm does not, and you have no write access. Ask somebody with write"
            " access to run hpsearch ls, or copy both files to a folder of your own"
        )
    return "mode=ro" if there >= {"wal", "shm"} or "journal" in there else "immutable=1"
