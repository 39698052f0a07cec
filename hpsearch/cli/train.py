"""``hpsearch train``: trains one recipe, with no study needed."""

import dataclasses
import json
import signal
from pathlib import Path
from types import FrameType
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
from hpsearch.home import RESULT, WEIGHTS, Home

if TYPE_CHECKING:
    from hpsearch.data.dataset import Dataset
    from hpsearch.data.parts import Parts
    from hpsearch.recipe import Recipe
    from hpsearch.training.metrics import Evaluation
    from hpsearch.training.outcome import Epoch, Outcome


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
    from hpsearch.files import write_text
    from hpsearch.recipe import dump

    chosen = _read(recipe, overrides or ())
    if seed is not None:
        chosen = chosen.model_copy(update={"seed": seed})
    place = Home.find(home)
    dataset, parts = opened_data(chosen.dataset, place)
    _warn_of_other_data(chosen, dataset.fingerprint)
    folder = output or place.trained(recipe.stem, chosen.seed)
    for stale in (WEIGHTS, RESULT, "test.json", "confusion.html"):
        (folder / stale).unlink(missing_ok=True)  # of another training in the same folder
    write_text(folder / "recipe.toml", dump(chosen, ".toml"))
    say(f"Training {recipe} with seed {chosen.seed}; TensorFlow takes some seconds to start.")
    outcome = _train(chosen, parts, folder)
    result = _test(chosen, parts, dataset, folder, str(recipe)) if test else None
    values = {
        "values": [outcome.value],
        "parameters": outcome.parameters,
        "epochs": outcome.epochs,
        "best_epoch": outcome.best_epoch,
        "train_accuracy": outcome.train_accuracy,
        "gap": outcome.gap,
        "seconds": outcome.seconds,
        "fingerprint": dataset.fingerprint,
    }
    values |= {"test": dataclasses.asdict(result)} if result else {}
    write_text(folder / RESULT, json.dumps(values, indent=2) + "\n")
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


def _train(recipe: "Recipe", parts: "Parts", folder: Path) -> "Outcome":
    """Train in this process, showing the epochs; Ctrl-C ends it in good order."""
    from hpsearch.errors import Failure, NoTrialError, TrialFailedError
    from hpsearch.training.outcome import Watch
    from hpsearch.training.start import start_tensorflow

    caught: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        caught.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    start_tensorflow()
    from hpsearch.training.train import train as train_recipe

    watch = Watch(
        on_epoch=lambda epoch: _show_epoch(epoch, recipe.training.epochs),
        interrupted=lambda: bool(caught),
    )
    try:
        return train_recipe(recipe, parts, folder, watch)
    except TrialFailedError as error:
        if error.failure is Failure.INTERRUPTED and caught:
            raise typer.Exit(128 + caught[0]) from None
        raise NoTrialError(f"training failed: {error.failure}: {error}") from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _show_epoch(epoch: "Epoch", epochs: int) -> bool:
    say(
        f"epoch {epoch.epoch}/{epochs}  loss {epoch.loss:.4f}  accuracy {epoch.accuracy:.4f}"
        f"  val_loss {epoch.val_loss:.4f}  val_accuracy {epoch.val_accuracy:.4f}"
        f"  val_f1_macro {epoch.val_f1_macro:.4f}  {epoch.seconds:.1f} s"
    )
    return False


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
