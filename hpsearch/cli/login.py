"""``hpsearch login``: keeps the token that commands show to a service."""

import sys
from typing import Annotated

import typer

from hpsearch.cli.output import say, tell
from hpsearch.client import Client
from hpsearch.client.logins import Logins, address, checked_token, is_here
from hpsearch.errors import InputError


def login(
    url: Annotated[
        str | None,
        typer.Argument(metavar="URL", help="Address of the service (default: HPSEARCH_SERVER)."),
    ] = None,
    forget: Annotated[
        bool, typer.Option("--forget", help="Forget the token that is kept for it.")
    ] = False,
) -> None:
    """Keep your token for a service, asked for or read from standard input, for --server."""
    where, logins = address(url), Logins()
    if forget:
        if not logins.forget(where):
            raise InputError(f"{where}: no token is kept for it")
        tell(f"Forgot the token for {where}.")
        return
    if where.startswith("http:") and not is_here(where):
        say(f"warning: {where}: without TLS (https) others on the way can read the token")
    token = checked_token(
        typer.prompt("Token", hide_input=True, err=True)
        if sys.stdin.isatty()
        else sys.stdin.readline()
    )
    with Client(where, token) as client:
        me = client.me()
    logins.keep(where, token)
    tell(f"Logged in to {where} as {me['name']}, who may {me['role']}; kept in {logins.file}")
