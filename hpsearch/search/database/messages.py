"""What a database says, as one message for the user."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import optuna
import sqlalchemy as sa
from optuna.storages._rdb.models import NOT_FOUND_MSG

from hpsearch.errors import UnreachableError
from hpsearch.search.database.server import is_away
from hpsearch.search.database.urls import hide_password

STORAGE_ERRORS = (
    optuna.exceptions.StorageInternalError,
    sa.exc.SQLAlchemyError,
    sqlite3.Error,
)
"""What is raised where a database cannot be read or written just now."""


_LOCK_NOT_AVAILABLE = "55P03"
"""PostgreSQL's code for a lock that was waited for too long."""


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


def is_missing(error: KeyError) -> bool:
    """Whether an error says that a study or trial is not there: it was removed just now."""
    return error.args == (NOT_FOUND_MSG,)


def is_passing(error: BaseException) -> bool:
    """Whether a storage error may be over soon: a lock is held, or the server is away."""
    return is_locked(error) or is_away(error)


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
def readable_opening(url: str) -> Iterator[None]:
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
