"""``hpsearch dashboard``: shows all studies of a storage in the browser, behind a token."""

import os
import re
import signal
import threading
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from hpsearch.cli.options import ForceOption, HomeOption
from hpsearch.cli.output import say, tell
from hpsearch.cli.workspace import StorageOption, workspace
from hpsearch.dashboard.server import LOOPBACK, new_token, own_token, serving
from hpsearch.environment import SUPERVISOR_VARIABLE, TOKEN_VARIABLE
from hpsearch.errors import InputError
from hpsearch.search.storage.opening import can_write
from hpsearch.workers.presence import is_busy

_TOKEN = re.compile(r"[A-Za-z0-9._~-]{8,}")
"""What goes into an address, a header and a cookie as it is, and is not guessed at once."""


def dashboard(
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; 0.0.0.0 for the whole network.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            min=0,
            max=65535,
            help="Port to listen on; 0 for any free one (default: 8080, or a free one if it is"
            " taken).",
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            metavar="T",
            envvar=TOKEN_VARIABLE,
            show_envvar=False,
            help=f"Access token. Better set {TOKEN_VARIABLE}: other users can read command lines"
            " (default: a token kept in the home).",
        ),
    ] = None,
    no_token: Annotated[
        bool,
        typer.Option(
            "--no-token", help="Ask for no token: let in everybody who can reach the port."
        ),
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host",
            metavar="NAME",
            help="Also answer to this host name, such as a proxy's (repeatable).",
        ),
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Refuse all changes to studies.")
    ] = False,
    open_browser: Annotated[
        bool, typer.Option("--open", help="Open the dashboard in a browser.")
    ] = False,
    home: HomeOption = None,
    storage: StorageOption = None,
    force: ForceOption = False,
) -> None:
    """Show the studies in the browser: optuna-dashboard behind a token."""
    where = workspace(home, storage, force=force)
    place = where.home
    is_kept = True
    if no_token:
        token = None
    elif token is None:
        kept = own_token(place.dashboard_token)
        token, is_kept = kept or new_token(), kept is not None
    elif not _TOKEN.fullmatch(token):
        raise InputError(
            f"--token or {TOKEN_VARIABLE}: must be at least 8 letters, digits or - . _ ~"
        )
    may_write = can_write(where.url)
    read_only = read_only or not may_write
    with (
        where.opened(read_only=read_only) as opened,
        serving(
            opened,
            place,
            host=host,
            port=port,
            token=token,
            allowed=allow_host or (),
            read_only=read_only,
        ) as served,
        _until_signal() as caught,
    ):
        opened.is_busy = is_busy
        if not may_write:
            say("You have no write access to the storage: the dashboard is read-only.")
        if not is_kept:
            say(
                "The home cannot store a token of yours, so this one is valid for this dashboard"
                " only."
            )
        if no_token:
            may = "see all studies" if read_only else "change and delete studies"
            say(f"warning: everybody who can reach this port can {may}.")
        if host not in LOOPBACK:
            say(
                "warning: the connection is not encrypted, so others on the network can read the"
                " token. From another machine, prefer an SSH tunnel (ssh -L)."
            )
        tell(served.address)
        say("Ctrl-C stops it.")
        if open_browser:
            _open(served.address, place.dashboard_page)
        _end_with_search()
        served.server.run()
    raise typer.Exit(128 + caught[0] if caught else 0)


def _end_with_search() -> None:
    """Started beside a search, end when it is gone, however it went."""
    search = os.environ.get(SUPERVISOR_VARIABLE)
    if search is None:
        return

    def watch() -> None:
        while str(os.getppid()) == search:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _until_signal() -> Iterator[list[int]]:
    """Has signals end the server; yields those that came (it keeps them to itself otherwise)."""
    caught: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        caught.append(number)
        raise SystemExit

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield caught
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _open(address: str, page: Path) -> None:
    """Open the address by way of a page for our eyes only: others can read command lines."""
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.unlink(missing_ok=True)
        with os.fdopen(os.open(page, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f'<meta http-equiv="refresh" content="0; url={address}">\n')
    except OSError as error:
        say(f"{page}: {error.strerror}; open the address by hand.")
        return

    def open_it() -> None:
        if not webbrowser.open(page.as_uri()):
            say("No browser was found; open the address by hand.")

    # A browser in this terminal runs until it is closed, and asks the server meanwhile.
    threading.Thread(target=open_it, daemon=True).start()
