"""``hpsearch enqueue``: adds a configuration to a study, also while it runs."""

from pathlib import Path
from typing import Annotated

import typer

from hpsearch.cli.options import HomeOption, StudyArgument
from hpsearch.cli.output import tell
from hpsearch.cli.workspace import StorageOption, say_here, workspace
from hpsearch.search.budget import ENDED
from hpsearch.services import enqueue as service
from hpsearch.text import plural


def enqueue(
    study: StudyArgument,
    config: Annotated[
        Path,
        typer.Argument(
            metavar="CONFIG", help="Fields of a configuration, or a recipe (.toml .json .yaml)."
        ),
    ],
    home: HomeOption = None,
    storage: StorageOption = None,
) -> None:
    """Put a configuration at the front of a study's queue; fields left out are sampled."""
    say_here(home, storage)
    done = service.enqueue(study, config, workspace(home, storage))
    ahead, over, budget = done.ahead, done.over, done.budget
    if ahead is None:
        tell(f"{study} already has this configuration: nothing added.")
    elif over == "trials":
        tell(
            f"Added, but the budget of {plural(budget.trials, 'trial')} is met. To try it: hpsearch"
            f" run FILE --trials {budget.trials + ahead + 1}"
        )
    elif over:
        cure = "hpsearch run FILE" if over == "failures" else f"raise budget.{over}"
        tell(f"Added, but the study has ended: {ENDED[over]}. To try it: {cure}")
    else:
        first = f"{plural(ahead, 'other configuration')} first" if ahead else "it is tried next"
        tell(f"Added: {first}.")
