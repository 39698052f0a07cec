"""What ``kills.py`` tries: each command with what the user does then, and what must hold."""

from collections.abc import Callable
from dataclasses import dataclass

from case import Case
from looks import (
    Look,
    choose,
    lose,
    of_confirm,
    of_copy,
    of_delete,
    of_fork,
    of_grid,
    of_queue,
    of_refit,
    of_tpe,
)

Command = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A command that is killed, and what is done and looked at then."""

    prepared: tuple[Command, ...]
    """What is done once, for all cases."""
    command: Command
    by: str = "KILL"
    """The signal: KILL or INT, which is Ctrl-C."""
    target: str = ""
    """Which command is killed: "" for itself, else one that it starts."""
    again: Command = ()
    """What the user does then; the same command where nothing is said."""
    done: str = ""
    """What ``again`` says, with exit code 2, where the killed command had done all."""
    then: tuple[Command, ...] = ()
    """What comes after that."""
    looks: tuple[Look, ...]
    """What must be as if nobody had been killed."""
    has_other: bool = True
    """Whether another study is in the storage, which nobody touches."""
    is_copy: bool = False
    """Whether what is prepared is in the home's own storage, and another one is the case's."""


def run_of(name: str, *more: str) -> Command:
    """``run`` of a study file."""
    return ("run", f"{name}.toml", "--workers", "1", "--no-reference", *more)


MADE: Command = ("made",)
"""Stands for making the study of a file without trials."""
_CONFIRM = ("confirm", "queue", "--top", "2", "--seeds", "2", "--workers", "1")
STEPS: dict[str, Callable[[Case], None]] = {"choose": choose, "lose": lose}
"""What is done in a preparation, beside commands."""
_REFIT = ("refit", "queue", "--ensemble", "--workers", "1")
_CHOSEN = (run_of("queue"), _CONFIRM, ("choose",))
_LOST = (*_CHOSEN, _REFIT, ("lose",))
_DELETE = ("delete", "queue", "--yes")

SCENARIOS: dict[str, Scenario] = {
    "worker, grid": Scenario(
        prepared=((*MADE, "grid"),),
        command=("worker", "grid"),
        again=run_of("grid"),
        looks=(of_grid,),
    ),
    "worker, TPE": Scenario(
        prepared=((*MADE, "tpe"),), command=("worker", "tpe"), again=run_of("tpe"), looks=(of_tpe,)
    ),
    "a run's worker": Scenario(
        prepared=(), command=run_of("grid"), target="worker", looks=(of_grid,)
    ),
    "run, first of all": Scenario(
        prepared=(), command=run_of("tpe"), looks=(of_tpe,), has_other=False
    ),
    "run, new study": Scenario(prepared=(), command=run_of("grid"), looks=(of_grid,)),
    "enqueue": Scenario(
        prepared=(run_of("queue"),),
        command=("enqueue", "queue", "wanted.toml"),
        then=(run_of("queue", "--trials", "4"),),
        looks=(of_queue,),
    ),
    "fork": Scenario(
        prepared=(run_of("queue"),),
        command=("fork", "queue", "new.toml"),
        done="already exists",
        then=(run_of("new"),),
        looks=(of_fork,),
    ),
    "storage copy": Scenario(
        prepared=(run_of("queue"), _CONFIRM),
        command=("storage", "copy", "{own}", "{url}"),
        looks=(of_copy,),
        is_copy=True,
    ),
    "confirm": Scenario(prepared=(run_of("queue"),), command=_CONFIRM, looks=(of_confirm,)),
    "a confirm's worker": Scenario(
        prepared=(run_of("queue"),), command=_CONFIRM, target="worker", looks=(of_confirm,)
    ),
    "refit": Scenario(prepared=_CHOSEN, command=_REFIT, looks=(of_refit,)),
    "refit, Ctrl-C": Scenario(prepared=_CHOSEN, command=_REFIT, by="INT", looks=(of_refit,)),
    "a refit's worker": Scenario(
        prepared=_CHOSEN, command=_REFIT, target="worker", looks=(of_refit,)
    ),
    "refit, lost weights": Scenario(prepared=_LOST, command=_REFIT, looks=(of_refit,)),
    "delete": Scenario(
        prepared=(run_of("queue"),), command=_DELETE, done="not found", looks=(of_delete,)
    ),
    "delete, confirmed": Scenario(
        prepared=(run_of("queue"), _CONFIRM), command=_DELETE, done="not found", looks=(of_delete,)
    ),
}
