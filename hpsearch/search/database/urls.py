"""Storage URLs: read, shown without secrets, and given to other programs."""

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url

from hpsearch.errors import InputError
from hpsearch.home import sqlite_url

_SECRETS = {"password", "sslpassword"}
"""What libpq also takes from the query of a URL (…?password=…) and nobody may see."""


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite storage; None of a server."""
    parsed = parse_url(url)
    return Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" else None


def absolute_url(url: str) -> str:
    """The URL for processes that work in other folders."""
    file = sqlite_file(url)
    return url if file is None else sqlite_url(str(file.absolute()))


def parse_url(url: str, where: str = "--storage") -> URL:
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


def has_password(url: str, where: str) -> bool:
    """Whether a URL holds something secret; ``where`` it was written, for what is wrong with it."""
    parsed = parse_url(url, where)
    return bool(parsed.password or _SECRETS & parsed.query.keys())


def hide_password(url: str) -> str:
    """The URL as it may be shown and stored: with *** for its password."""
    return shown_url(parse_url(url))


def without_secrets(url: str) -> str:
    """The URL as other programs of the database take it: without a password and a driver."""
    parsed = parse_url(url).difference_update_query(_SECRETS)
    return parsed._replace(drivername="postgresql", password=None).render_as_string()


def shown_url(url: URL) -> str:
    """The URL with *** for its passwords."""
    secrets = dict.fromkeys(_SECRETS & url.query.keys(), "hidden")
    return _text(url.update_query_dict(secrets), hide_password=True)


def _text(url: URL, *, hide_password: bool = False) -> str:
    """The URL as text, from which it can be read again; paths stay readable."""
    if url.get_backend_name() == "sqlite":
        return sqlite_url(str(url.database))
    return url.render_as_string(hide_password=hide_password)
