"""``--server``: the service that a command asks, in place of working here."""

from types import TracebackType
from typing import Annotated

import typer

from hpsearch.client import Client
from hpsearch.environment import SERVER_VARIABLE
from hpsearch.errors import InputError
from hpsearch.text import listed

ServerOption = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        envvar=SERVER_VARIABLE,
        show_envvar=False,
        help="Ask the service (hpsearch serve) at this address (default: HPSEARCH_SERVER, else"
        " work here). Its token: hpsearch login, or HPSEARCH_TOKEN.",
    ),
]

_HERE = ("home", "storage")
"""Parameters that say where to work here."""

_THERE = ("detach", "upload", "priority", "cancel")
"""Parameters that only a service knows."""


class Asked(Client):
    """The service that a command asks: what it answers in a form of another version is told."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the connection.

        Raises:
            InputError: what it answered was of another version.
        """
        odd = isinstance(error, LookupError | TypeError | ValueError)
        told = self.connection.stranger() if odd else None
        self.close()
        if told is not None:
            raise told from None


def service_of(context: typer.Context, server: str | None, *known: str) -> Client | None:
    """The service that a command is to ask; None: it works here.

    What is typed counts before the environment: ``--home`` and ``--storage`` have a command work
    here, whatever ``HPSEARCH_SERVER`` says.

    Args:
        context: of the command.
        server: what it was given as ``--server``.
        known: names of its other parameters that can be given to a service.

    Raises:
        InputError: options that do not go together, an address that is none, or no token for it.
    """
    typed = {name for name in context.params if _is_typed(context, name)}
    here = sorted(typed & {*_HERE})
    if here and "server" in typed and server:
        raise InputError(
            f"--server and {_option(context, here[0])}: choose one; a service has its own"
        )
    if here or not (server or "").strip():
        if only := sorted(typed & {*_THERE}):
            raise InputError(
                f"{_option(context, only[0])}: is for a service; name it with --server URL, or in"
                f" {SERVER_VARIABLE}"
            )
        return None
    if unknown := sorted(typed - {*known, "server"}):
        options = listed([_option(context, name) for name in unknown])
        raise InputError(
            f"{options}: cannot be asked of a service ({server}); leave it out, or work here"
            " (--server '')"
        )
    return Asked(server)


def spelled(context: typer.Context, client: Client) -> str:
    """What a command has behind it to ask the same service: nothing where the environment says."""
    return f" --server {client.url}" if _is_typed(context, "server") else ""


def _is_typed(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _option(context: typer.Context, name: str) -> str:
    """How a parameter is typed."""
    parameter = next(one for one in context.command.params if one.name == name)
    return parameter.opts[0] if parameter.param_type_name == "option" else name.upper()
