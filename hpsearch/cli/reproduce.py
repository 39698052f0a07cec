"""``hpsearch reproduce``: trains a trial again with its own seed and says how near it comes."""

from pathlib import Path
from typing import Annotated

import typer

from hpsearch.cli.options import DataPathOption, HomeOption, JsonOption, StudyArgument
from hpsearch.cli.output import Screen, print_json, stdout
from hpsearch.cli.results import print_files
from hpsearch.cli.workspace import StorageOption, say_here, workspace
from hpsearch.services import reproduce as service
from hpsearch.services.reproduce import Reproduction
from hpsearch.tasks import metric_of
from hpsearch.text import decimal


def reproduce(
    study: StudyArgument,
    trial: Annotated[
        int | None,
        typer.Option("--trial", metavar="N", help="Number of the trial (default: the best one)."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help="Folder for curves, weights and results"
            " (default: trained/STUDY-trial-N-seedN"
            " in the home).",
        ),
    ] = None,
    overrides: DataPathOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Retrain a trial on this machine with its own seed and compare every epoch."""
    say_here(home, storage)
    found = service.reproduce(
        study,
        workspace(home, storage),
        Screen(),
        trial=trial,
        output=output,
        overrides=overrides or (),
    )
    if as_json:
        print_json(found.plain())
        return
    print_reproduction(found)
    print_files(found.folder)


def print_reproduction(found: Reproduction) -> None:
    """How near it came, for a reader."""
    comparison, metric = found.comparison, found.recipe.objective.metric
    out, then, now = stdout(), comparison.then, comparison.now
    steps = "epochs and folds" if found.outcome.folds else "epochs"
    if then is None:
        out.print(f"Trial {found.trial} reported no epoch; {metric} is {decimal(now)} now.")
    else:
        out.print(
            f"{metric} {decimal(then)} then, {decimal(now)} now: {_apart(metric, now - then)}."
        )
    if comparison.identical:
        number = comparison.compared
        what = "The only epoch is" if number == 1 else f"All {number} {steps} are"
        out.print(f"{what} identical.", style="bold")
    elif comparison.largest == 0.0:
        out.print(
            f"The {comparison.compared} {steps} that both have are identical; then there were"
            f" {comparison.epochs_then}, now there are {comparison.epochs_now}."
        )
    elif comparison.largest is not None:
        out.print(
            f"The largest difference is {_apart(metric, comparison.largest)}, in epoch"
            f" {comparison.largest_at} of the {comparison.compared} that both have."
        )
    for line in found.differs:
        out.print(f"Changed since then: {line}")


def _apart(metric: str, difference: float) -> str:
    """A difference in the metric's own measure: of shares in points."""
    if difference == 0.0:
        return "no difference"
    if not metric_of(metric).is_share:
        return f"{difference:+.3g}"
    return f"{100 * difference:+.3g} points"
