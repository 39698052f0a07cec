"""``hpsearch enqueue``: adds a configuration to a study, also while it runs."""

from pathlib import Path
from typing import Annotated

import typer

from hpsearch.cli.common import HomeOption, StorageOption, StudyArgument, opened_study, tell
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
    from hpsearch.cli.provenance import record
    from hpsearch.errors import InputError
    from hpsearch.fields import parse
    from hpsearch.files import read_file
    from hpsearch.search.budget import ENDED, ending
    from hpsearch.search.queueing import enqueue as put
    from hpsearch.space import PartialConfig

    data = read_file(config)
    if "space" in data:
        raise InputError(f"{config}: is a study file; give a file with fields of a configuration")
    if isinstance(data.get("config"), dict):
        data = data["config"]  # a recipe
    partial = parse(PartialConfig, data, str(config))
    with opened_study(study, home, storage, writes=True) as found:
        before = put(found, partial, str(config))
        record(found)
        over, budget = ending(found), found.budget
    if before is None:
        tell(f"{study} already has this configuration: nothing added.")
    elif over == "trials":
        tell(
            f"Added, but the budget of {plural(budget.trials, 'trial')} is met. To try it: hpsearch"
            f" run FILE --trials {budget.trials + before + 1}"
        )
    elif over:
        cure = "hpsearch run FILE" if over == "failures" else f"raise budget.{over}"
        tell(f"Added, but the study has ended: {ENDED[over]}. To try it: {cure}")
    else:
        ahead = f"{plural(before, 'other configuration')} first" if before else "it is tried next"
        tell(f"Added: {ahead}.")
