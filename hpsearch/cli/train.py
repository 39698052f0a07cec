"""``hpsearch train``: trains one recipe, with no study needed."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hpsearch.cli.common import (
    HomeOption,
    JsonOption,
    SetOption,
    duration,
    opened_data,
    print_json,
    print_table,
    say,
    stdout,
)
from hpsearch.cli.training import keep, prepare, train_here, values_of
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
        int | None, typer.Option("--seed", min=0, max=2**31 - 1, metavar="N", help="Another seed.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="Folder for curves and weights."),
    ] = None,
    test: Annotated[
        bool, typer.Option("--test", help="Open the test split: accuracy, F1, confusion matrix.")
    ] = False,
    overrides: SetOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train one recipe from its file alone."""
    chosen = _read(recipe, overrides or ())
    if seed is not None:
        chosen = chosen.model_copy(update={"seed": seed})
    place = Home.find(home)
    dataset, parts = opened_data(chosen.dataset, place)
    _warn_of_other_data(chosen, dataset.fingerprint)
    folder = output or place.trained(recipe.stem, chosen.seed)
    prepare(folder, chosen)
    say(f"Training {recipe} with seed {chosen.seed}; TensorFlow takes some seconds to start.")
    outcome = train_here(chosen, parts, folder)
    result = _test(chosen, parts, dataset, folder, str(recipe)) if test else None
    values = values_of(outcome, dataset.fingerprint)
    values |= {"test": dataclasses.asdict(result)} if result else {}
    keep(folder, values)
    if as_json:
        print_json(values)
        return
    _print(chosen, outcome, result)
    typer.echo(f"{', '.join(sorted(path.name for path in folder.iterdir()))} are in {folder}")


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
            f" search with hpsearch run {file} and train what hpsearch export writes"
        )
    return recipe


def _warn_of_other_data(recipe: "Recipe", fingerprint: str) -> None:
    expected = recipe.provenance.get("data_fingerprint")
    if expected not in (None, fingerprint):
        say(
            f"warning: the data have fingerprint {fingerprint[:12]}, the recipe was found on"
            f" {str(expected)[:12]}: results may differ"
        )


def _test(
    recipe: "Recipe", parts: "Parts", dataset: "Dataset", folder: Path, name: str
) -> "Evaluation":
    """Open the test split, judge the kept weights on it, and write the figure."""
    from hpsearch.data.dataset import open_test
    from hpsearch.figures.confusion import write_confusion
    from hpsearch.files import write_text
    from hpsearch.training.metrics import evaluate
    from hpsearch.training.train import predict

    x, y = open_test(dataset, opened_by=f"train --test {name} seed {recipe.seed}")
    predicted = predict(recipe, parts, folder / WEIGHTS, x)
    result = evaluate(y, predicted, dataset.class_names)
    write_text(folder / "test.json", json.dumps(dataclasses.asdict(result), indent=2) + "\n")
    write_confusion(
        folder / "confusion.html",
        result.confusion,
        dataset.class_names,
        f"Test accuracy {result.accuracy:.2%}, macro F1 {result.f1_macro:.4f}",
    )
    return result


def _print(recipe: "Recipe", outcome: "Outcome", result: "Evaluation | None") -> None:
    """The result for a reader."""
    out = stdout()
    out.print(f"{recipe.objective.metric} {outcome.value:.4f}", style="bold")
    out.print(
        f"{outcome.parameters:,} parameters, {outcome.epochs} epochs (best: {outcome.best_epoch}),"
        f" {duration(outcome.seconds)}"
    )
    if outcome.train_accuracy is not None and outcome.gap is not None:
        out.print(f"train accuracy {outcome.train_accuracy:.4f}, gap {outcome.gap:+.4f}")
    if result is not None:
        _print_test(result)


def _print_test(result: "Evaluation") -> None:
    out = stdout()
    out.print(f"test accuracy {result.accuracy:.4f}", style="bold")
    out.print(
        f"95 % interval {result.accuracy_low:.4f} to {result.accuracy_high:.4f},"
        f" macro F1 {result.f1_macro:.4f}, {result.examples} examples"
    )
    print_table(
        ("class", "precision", "recall", "F1", "examples"),
        [
            [c.name, f"{c.precision:.4f}", f"{c.recall:.4f}", f"{c.f1:.4f}", str(c.support)]
            for c in result.classes
        ],
        title="By class",
    )
    _print_confusion(result)
    if result.most_confused:
        print_table(
            ("true class", "predicted as", "times"),
            [[pair.true, pair.predicted, str(pair.count)] for pair in result.most_confused],
            words=["predicted as"],
            title="Most confused",
        )


def _print_confusion(result: "Evaluation", most: int = 20) -> None:
    """The confusion matrix as a table, where it fits; the HTML figure has it in any case."""
    if len(result.classes) > most:
        stdout().print("The confusion matrix is in confusion.html.")
        return
    numbers = [str(index) for index in range(len(result.classes))]
    rows: list[list[Any]] = [
        [f"{index} {scores.name}", *(str(count) for count in result.confusion[index])]
        for index, scores in enumerate(result.classes)
    ]
    print_table(["true class (rows), predicted", *numbers], rows, title="Confusion matrix")
