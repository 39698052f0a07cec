"""The workspace that a command works in, and the option that names its storage."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from hpsearch.cli.output import say
from hpsearch.environment import SERVER_VARIABLE
from hpsearch.errors import InputError
from hpsearch.home import Home
from hpsearch.search.database.urls import has_password
from hpsearch.services.workspace import Workspace


def without_password(param: typer.CallbackParam, url: str | None) -> str | None:
    """The URL as it was typed.

    Raises:
        InputError: it holds a password, which every user of the machine can read in the list of
            processes.
    """
    if url is None:
        return None
    is_option = isinstance(param, typer.core.TyperOption)
    where = param.opts[0] if is_option else str(param.metavar)
    if has_password(url, where):
        raise InputError(
            f"{where}: a password on the command line can be read by every user of this machine:"
            " leave it out of the URL and give it in a file (~/.pgpass, or the one that PGPASSFILE"
            " names)" + is_option * ", in PGPASSWORD, or with the whole URL in HPSEARCH_STORAGE"
        )
    return url


StorageOption = Annotated[
    str | None,
    typer.Option(
        "--storage",
        callback=without_password,
        help="Storage URL (default: HPSEARCH_STORAGE, else SQLite in the home).",
    ),
]


def workspace(home: Path | None, storage: str | None, *, force: bool = False) -> Workspace:
    """Home and storage by ``--home``, ``--storage`` and ``--force``, and what was typed."""
    return Workspace(
        home=Home.find(home), storage=storage, force=force, command=tuple(sys.argv[1:])
    )


def say_here(home: Path | None, storage: str | None) -> None:
    """Say that a command looks for a study here, where only the environment says something else.

    Args:
        home: what it was given as ``--home``.
        storage: what it was given as ``--storage``.
    """
    named = os.environ.get(SERVER_VARIABLE, "").strip()
    if named and home is None and storage is None:
        say(f"{named} ({SERVER_VARIABLE}) is not asked: this command works here (--home) alone.")
