"""``hpsearch reproduce``: trains a trial again with its own seed and says how near it comes."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hpsearch.cli.common import (
    DataPathOption,
    HomeOption,
    JsonOption,
    StorageOption,
    StudyArgument,
    opened_data,
    opened_study,
    print_json,
    say,
    stdout,
)
from hpsearch.cli.training import keep, prepare, say_files, train_here, values_of
from hpsearch.home import Home
from hpsearch.tasks import METRICS

if TYPE_CHECKING:
    from hpsearch.search.reproduction import Comparison


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
    from hpsearch.data.facts import facts
    from hpsearch.outputs.trainings import REPRODUCED
    from hpsearch.search import trials
    from hpsearch.search.attributes import THREADS_KEY
    from hpsearch.search.recipes import recipe_of
    from hpsearch.search.reproduction import compare, last_epoch, other_surroundings
    from hpsearch.study_file import moved
    from hpsearch.workers.by_hand import settle_device
    from hpsearch.workers.identity import device
    from hpsearch.workers.machine import machine

    place = Home.find(home)
    settle_device()
    with opened_study(study, home, storage) as found:
        chosen = trials.best(found) if trial is None else trials.find(found, trial)
        last = last_epoch(chosen)
        recipe = moved(recipe_of(found, chosen), found.file, overrides or ())
        dataset, parts = opened_data(recipe.dataset, place, warn=False)
        others = other_surroundings(
            found, chosen, machine(), device=device(), data=facts(dataset, parts)
        )
    name = f"{study}-trial-{chosen.number:05d}"
    folder = prepare(output, place, name, recipe, dataset.fingerprint)
    say(f"Training trial {chosen.number} again with its own seed, {recipe.seed}.")
    threads = chosen.user_attrs.get(THREADS_KEY)
    outcome = train_here(recipe, parts, folder, last=last, threads=threads)
    metric = recipe.objective.metric
    epochs = {epoch.epoch: epoch.values[metric] for epoch in outcome.curves}
    comparison = compare(chosen, epochs, outcome.value)
    reproduced = {
        "study": study,
        "trial": chosen.number,
        "seed": recipe.seed,
        "metric": metric,
        "threads": threads,
        **dataclasses.asdict(comparison),
        "identical": comparison.identical,
        "differs": others,
    }
    values = {**values_of(outcome, dataset.fingerprint), REPRODUCED: reproduced}
    keep(folder, values, outcome, f"{study}, trial {chosen.number}, reproduced")
    if as_json:
        print_json(values)
        return
    _print(metric, comparison, others, reproduced)
    say_files(folder)


def _print(
    metric: str, comparison: "Comparison", others: list[str], reproduced: dict[str, Any]
) -> None:
    """How near it came, for a reader."""
    out, then, now = stdout(), comparison.then, comparison.now
    if then is None:
        out.print(f"Trial {reproduced['trial']} reported no epoch; {metric} is {now:.4f} now.")
    else:
        out.print(f"{metric} {then:.4f} then, {now:.4f} now: {_apart(metric, now - then)}.")
    if comparison.identical:
        number = comparison.compared
        what = "The only epoch is" if number == 1 else f"All {number} epochs are"
        out.print(f"{what} identical.", style="bold")
    elif comparison.largest == 0.0:
        out.print(
            f"The {comparison.compared} epochs that both have are identical; then there were"
            f" {comparison.epochs_then} epochs, now there are {comparison.epochs_now}."
        )
    elif comparison.largest is not None:
        out.print(
            f"The largest difference is {_apart(metric, comparison.largest)}, in epoch"
            f" {comparison.largest_at} of the {comparison.compared} that both have."
        )
    for line in others:
        out.print(f"Changed since then: {line}")


def _apart(metric: str, difference: float) -> str:
    """A difference in the metric's own measure: of shares in points."""
    if difference == 0.0:
        return "no difference"
    if not METRICS[metric].is_share:
        return f"{difference:+.3g}"
    return f"{100 * difference:+.3g} points"
