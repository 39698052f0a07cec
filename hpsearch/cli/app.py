"""The typer app: every command, in the order in which a user meets them; imported when used."""

import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from hpsearch import __version__

COMMANDS = (
    "init", "data", "check", "run", "worker", "stop", "enqueue", "fork", "adopt", "ls", "show",
    "trials", "logs", "best", "confirm", "ensemble", "refit", "evaluate", "report", "dashboard",
    "export", "predict", "train", "reproduce", "delete", "doctor", "storage",
    "serve", "token", "login",
)  # fmt: skip
"""Each is a module of this package, with a function of that name; its docstring is the help."""


class Commands(TyperGroup):
    """The commands: of those that are not used only the help is known, and nothing is imported."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands.update({name: TyperCommand(name) for name in COMMANDS})

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command as ``--help`` and shells list it; None where there is none of that name."""
        command = super().get_command(ctx, cmd_name)
        if command is not None and command.help is None:
            command.help = _documented(cmd_name)
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that the arguments name, imported, and the rest of the arguments."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name is None else _imported(name), rest


def _documented(name: str) -> str:
    """The docstring of a command's function, read from its file: to import it takes longer."""
    text = Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
    function = text.partition(f"\ndef {name}(")[2]
    return function.split('"""')[1]


@cache
def _imported(name: str) -> Any:
    """A command, or a group of some, that can be run."""
    module = import_module(f"hpsearch.cli.{name}")
    group = getattr(module, "group", None)
    if group is None:
        group = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        group.command(name)(getattr(module, name))
    return typer.main.get_command(group)


app = typer.Typer(
    name="hpsearch",
    cls=Commands,
    help="Search hyperparameters of Keras networks: one study file, one command.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"{__version__}\n")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass
