"""``hpsearch train``: trains one recipe, with no study needed."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hpsearch.cli.common import (
    HomeOption,
    JsonOption,
    SetOption,
    duration,
    opened_data,
    print_json,
    say,
    stdout,
)
from hpsearch.cli.training import keep, prepare, say_files, train_here, values_of
from hpsearch.home import WEIGHTS, Home

if TYPE_CHECKING:
    from hpsearch.data.dataset import Dataset
    from hpsearch.data.parts import Parts
    from hpsearch.recipe import Recipe
    from hpsearch.training.metrics import Evaluation
    from hpsearch.training.outcome import Outcome


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
        typer.Option(
            "--test", help="Also evaluate on the test split: accuracy, F1, confusion matrix."
        ),
    ] = False,
    overrides: SetOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a recipe. No study is needed."""
    chosen = _read(recipe, overrides or ())
    if seed is not None:
        chosen = chosen.model_copy(update={"seed": seed})
    place = Home.find(home)
    dataset, parts = opened_data(chosen.dataset, place)
    _warn_of_other_data(chosen, dataset.fingerprint)
    if chosen.dataset.include_validation:
        say(
            "warning: the training includes the validation examples, so validation results mean"
            " little."
        )
    folder = prepare(output, place, recipe.stem, chosen, dataset.fingerprint)
    say(f"Training {recipe} with seed {chosen.seed}; TensorFlow takes a few seconds to start.")
    outcome = train_here(chosen, parts, folder)
    result = _test(chosen, parts, dataset, folder, str(recipe)) if test else None
    values = values_of(outcome, dataset.fingerprint)
    values |= {"test": dataclasses.asdict(result)} if result else {}
    keep(folder, values, outcome, f"{recipe.name}, seed {chosen.seed}")
    if as_json:
        print_json(values)
        return
    _print(chosen, outcome, result)
    say_files(folder)


def _read(file: Path, overrides: list[str] | tuple[str, ...]) -> "Recipe":
    """The recipe in a file, or the only one of a study file."""
    from hpsearch.errors import InputError
    from hpsearch.recipe import Recipe
    from hpsearch.study_file import load_either

    found = load_either(file, overrides)
    recipe = found if isinstance(found, Recipe) else found.fixed_recipe()
    if recipe is None:
        raise InputError(
            f"{file}: its space has ranges, so there is no single network to train; fix them, or"
            f" search with hpsearch run {file} and train the recipe that hpsearch export writes"
        )
    return recipe


def _warn_of_other_data(recipe: "Recipe", fingerprint: str) -> None:
    expected = recipe.provenance.get("data_fingerprint")
    if expected not in (None, fingerprint):
        say(
            f"warning: the data have the fingerprint {fingerprint[:12]}, but the recipe was found"
            f" on data with {str(expected)[:12]}; results may differ"
        )


def _test(
    recipe: "Recipe", parts: "Parts", dataset: "Dataset", folder: Path, name: str
) -> "Evaluation":
    """Open the test split, judge the kept weights on it, and record what came of it."""
    from hpsearch.cli.evaluation import judge_weights
    from hpsearch.data.dataset import open_test, record_result
    from hpsearch.data.record import Access

    trial, study = recipe.provenance.get("trial"), recipe.provenance.get("study")
    access = Access(
        opened_by=f"train {name} --test",
        study=study,
        of=None if study is None else "baseline" if trial is None else str(trial),
        recipe=recipe.model_dump(mode="json", exclude={"provenance"}),
        seeds=(recipe.seed,),
    )
    result = judge_weights(recipe, parts, folder / WEIGHTS, open_test(dataset, access))
    told = {"accuracy": [result.accuracy], "f1_macro": [result.f1_macro]}
    record_result(dataset, access, told)
    return result


def _print(recipe: "Recipe", outcome: "Outcome", result: "Evaluation | None") -> None:
    """The result for a reader."""
    from hpsearch.cli.evaluation import print_accuracy, print_classes

    out = stdout()
    out.print(f"{recipe.objective.metric} {outcome.value:.4f}", style="bold")
    out.print(
        f"{outcome.parameters:,} parameters, {outcome.epochs} epochs (best: {outcome.best_epoch}),"
        f" {duration(outcome.seconds)}"
    )
    if outcome.train_accuracy is not None and outcome.gap is not None:
        out.print(f"training accuracy {outcome.train_accuracy:.4f}, gap {outcome.gap:+.4f}")
    if result is not None:
        print_accuracy(result)
        print_classes(result)
