"""``hpsearch fork``: a new study with another space or budget, with the trials of an old one."""

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from hpsearch.cli.options import ForceOption, HomeOption, JsonOption, SetOption, StudyArgument
from hpsearch.cli.output import Screen, print_json, say, tell
from hpsearch.cli.run_there import fork_there, submitted
from hpsearch.cli.served import counts_of
from hpsearch.cli.server import ServerOption, service_of
from hpsearch.cli.workspace import StorageOption, workspace
from hpsearch.services import fork as service
from hpsearch.text import plural

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
    if client is not None:
        with client:
            row = fork_there(client.study(study), submitted(file, overrides or (), None))
        if as_json:
            print_json(row)
        else:
            tell(
                f"Made study {row['name']} with {plural(counts_of(row).ended, 'trial')} of {study};"
                f" it is {row['state']}."
            )
        return
    where = workspace(home, storage, force=force)
    values = service.fork(study, file, where, Screen(), overrides=overrides or ()).plain()
    if as_json:
        print_json(values)
        return
    tell("\n".join(_lines(values)))
    again = [str(file), *(word for text in overrides or () for word in ("--set", text))]
    _say_what_next(values, shlex.join(["hpsearch", "run", *again]))


def _lines(values: dict[str, Any]) -> list[str]:
    """The counts for a reader."""
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
