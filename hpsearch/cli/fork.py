"""``hpsearch fork``: a new study with another space or budget, with the trials of an old one."""

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from hpsearch.cli.options import ForceOption, HomeOption, JsonOption, SetOption, StudyArgument
from hpsearch.cli.output import Screen, print_json, say, tell
from hpsearch.cli.run_there import fork_there, submitted
from hpsearch.cli.server import ServerOption, service_of, spelled
from hpsearch.cli.workspace import StorageOption, workspace
from hpsearch.services import fork as service

WHY = {
    "outside": "outside the new space",
    "max_parameters": "over max_parameters",
    "max_macs": "over max_macs",
    "running": "still running",
    "waiting": "still waiting",
    "interrupted": "interrupted (continued as another trial)",
    "too_large": "too large and drawn again",
    "adopted": "adopted from another program (hpsearch adopt takes them into the fork, too)",
    "program_error": "failed by a program error",
    "data_error": "failed by damaged data",
    "unknown": "from another program, without a configuration",
}
"""Why trials are left behind, in words."""


def fork(
    context: typer.Context,
    study: StudyArgument,
    file: Annotated[
        Path, typer.Argument(metavar="NEW", help="Study file (.toml) with another name.")
    ],
    overrides: SetOption = None,
    server: ServerOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a new study with another space or budget from all trials that are valid in it."""
    client = service_of(context, server, "study", "file", "overrides", "as_json")
    words = [str(file), *(word for text in overrides or () for word in ("--set", text))]
    again = shlex.join(["hpsearch", "run", *words])
    if client is not None:
        with client:
            values = fork_there(client.study(study), submitted(file, overrides or (), None))
            _print(values, again + spelled(context, client), as_json=as_json)
        return
    where = workspace(home, storage, force=force)
    values = service.fork(study, file, where, Screen(), overrides=overrides or ()).plain()
    _print(values, again, as_json=as_json)


def _print(values: dict[str, Any], command: str, *, as_json: bool) -> None:
    """Print what was done, and the command that goes on with it."""
    if as_json:
        print_json(values)
        return
    tell("\n".join(_lines(values)))
    _say_what_next(values, command)


def _lines(values: dict[str, Any]) -> list[str]:
    """The counts for a reader."""
    if "taken" not in values:
        return [f"Study {values['study']} was made from {values['forked_from']} before."]
    taken = values["taken"]
    states = ", ".join(f"{taken[state]} {state}" for state in ("complete", "pruned", "failed"))
    of = f"{taken['trials']} trials of {values['forked_from']}"
    lines = [f"Made study {values['study']} with {of} ({states})."]
    for reason, count in values["left"].items():
        lines.append(f"Left out: {count} {WHY.get(reason, reason)}")
        if reason == "outside":
            lines += [f"  {field}: {number}" for field, number in values["outside"].items()]
    if values["waiting"]:
        lines.append(f"Enqueued configurations that are tried first: {values['waiting']}.")
    return lines


def _say_what_next(values: dict[str, Any], command: str) -> None:
    """How to go on, or what keeps the study from it."""
    over = values["over"]
    if over == "trials":
        say(
            f"The budget is met: {values['counted']} trials were taken over, and budget.trials ="
            f" {values['trials']}. To raise it: {command} --trials N"
        )
    elif over:
        say(f"The study has already ended by budget.{over}; raise it in its file.")
    else:
        left = values["trials"] - values["counted"]
        say(f"Trials left of budget.trials = {values['trials']}: {left}. To continue: {command}")
