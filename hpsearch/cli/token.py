"""``hpsearch token``: who may use the service, and for what."""

from typing import Annotated

import typer

from hpsearch.cli.options import HomeOption, JsonOption
from hpsearch.cli.output import print_json, print_table, say, tell
from hpsearch.home import Home
from hpsearch.server.tokens import Role, Tokens

group = typer.Typer(
    name="token",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Whose token it is.")]


@group.callback()
def token() -> None:
    """Add, list and revoke the tokens of the service (hpsearch serve)."""


@group.command()
def add(
    name: NameArgument,
    role: Annotated[
        Role,
        typer.Option(
            "--role",
            help="read: see all; submit: also submit studies and stop one's own; admin: all.",
        ),
    ] = Role.SUBMIT,
    home: HomeOption = None,
) -> None:
    """Make a token, which is shown this once; only its hash is kept."""
    made = Tokens(Home.find(home).tokens).add(name, role)
    say(f"The token of {name} ({role}), which is not shown again:")
    tell(made)


@group.command()
def ls(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the tokens: names and roles."""
    rows = [
        {"name": one.name, "role": one.role.value, "added": one.added}
        for one in Tokens(Home.find(home).tokens).all()
    ]
    if as_json:
        print_json(rows)
    elif rows:
        columns = ("token", "role", "added")
        print_table(columns, [[*row.values()] for row in rows], words=columns)
    else:
        say("There are no tokens yet; hpsearch token add NAME makes one.")


@group.command()
def revoke(name: NameArgument, home: HomeOption = None) -> None:
    """Have a token, and the browsers that entered with it, refused from now on."""
    Tokens(Home.find(home).tokens).revoke(name)
    tell(f"Revoked the token of {name}.")
