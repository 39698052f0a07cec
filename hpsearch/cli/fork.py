"""``hpsearch fork``: a new study with another space or budget, with the trials of an old one."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hpsearch.cli.common import (
    ForceOption,
    HomeOption,
    JsonOption,
    SetOption,
    StorageOption,
    StudyArgument,
    opened_data,
    opened_storage,
    print_json,
    progress,
    say,
    tell,
)
from hpsearch.home import Home

if TYPE_CHECKING:
    from hpsearch.search.fork import Plan
    from hpsearch.search.study import OpenStudy

WHY = {
    "outside": "outside the new space",
    "max_parameters": "over max_parameters",
    "running": "still running",
    "waiting": "still waiting",
    "interrupted": "interrupted (continued as another trial)",
    "too_large": "too large and drawn again",
    "program_error": "failed by a program error",
    "data_error": "failed by damaged data",
    "unknown": "from another program, without a configuration",
}
"""Why trials are left behind, in words."""


def fork(
    study: StudyArgument,
    file: Annotated[
        Path, typer.Argument(metavar="NEW", help="Study file (.toml) with another name.")
    ],
    overrides: SetOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a new study with another space or budget from all trials that are valid in it."""
    from hpsearch.cli.provenance import record
    from hpsearch.data.facts import facts
    from hpsearch.outputs.copies import Copies
    from hpsearch.search import fork as forks
    from hpsearch.search.study import load_study
    from hpsearch.study_file import load, written_budget

    new, place = load(file, overrides or ()), Home.find(home)
    with opened_storage(place, storage, force=force) as opened:
        old = load_study(opened, study)
        forks.refuse_taken(opened, new.name)
        dataset, parts = opened_data(new.dataset, place, warn=False)
        with progress() as report:
            known, own = facts(dataset, parts), written_budget(file)
            made, plan = forks.fork(old, new, known, Copies(place), written=own, report=report)
        record(made, file)
        values = _plain(study, made, plan)
    if as_json:
        print_json(values)
        return
    tell("\n".join(_lines(values)))
    again = [str(file), *(word for text in overrides or () for word in ("--set", text))]
    _say_what_next(values, shlex.join(["hpsearch", "run", *again]))


def _plain(study: str, made: "OpenStudy", plan: "Plan") -> dict[str, Any]:
    """What was done, as JSON."""
    from hpsearch.search.budget import ending

    counts = made.counts()
    return {
        "study": made.name,
        "forked_from": study,
        "taken": {"trials": len(plan.taken), **plan.by_state},
        "left": {reason: len(numbers) for reason, numbers in plan.left.items()},
        "outside": dict(plan.outside),
        "counted": counts.counted,
        "waiting": counts.waiting,
        "trials": made.budget.trials,
        "over": ending(made),
    }


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
