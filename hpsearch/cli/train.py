"""``hpsearch train``: trains one recipe, with no study needed."""

from pathlib import Path
from typing import Annotated

import typer

from hpsearch.cli.options import HomeOption, JsonOption, SetOption
from hpsearch.cli.output import Screen, print_json, stdout
from hpsearch.cli.results import print_files, print_headline, print_scores
from hpsearch.home import Home
from hpsearch.services import train as service
from hpsearch.services.training import Trained
from hpsearch.text import duration


def train(
    recipe: Annotated[
        Path,
        typer.Argument(
            metavar="RECIPE", help="A recipe, or a study file whose space is entirely fixed."
        ),
    ],
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            min=0,
            max=2**31 - 1,
            metavar="N",
            help="Seed of the training (default: the recipe's).",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="DIR",
            help="Folder for curves, weights and results (default: trained/NAME-seedN in the"
            " home).",
        ),
    ] = None,
    test: Annotated[
        bool,
        typer.Option("--test", help="Also evaluate on the test split: metrics, mistakes, figures."),
    ] = False,
    overrides: SetOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a recipe. No study is needed."""
    trained = service.train(
        recipe,
        Home.find(home),
        Screen(),
        seed=seed,
        output=output,
        test=test,
        overrides=overrides or (),
    )
    if as_json:
        print_json(trained.plain())
        return
    print_trained(trained)
    print_files(trained.folder)


def print_trained(trained: Trained) -> None:
    """The result for a reader."""
    outcome, result = trained.outcome, trained.test
    out = stdout()
    objective, gap = trained.recipe.objective, trained.recipe.task.gap_metric
    out.print(f"{objective.metric} {objective.measure.written(outcome.value)}", style="bold")
    out.print(
        f"{outcome.parameters:,} parameters, {outcome.epochs} epochs (best: {outcome.best_epoch}),"
        f" {duration(outcome.seconds)}"
    )
    learned = trained.train_value
    if learned is not None and outcome.gap is not None:
        out.print(f"training {gap.short} {learned:.4f}, gap {outcome.gap:+.4f}")
    if result is not None:
        print_headline(result)
        print_scores(result)
