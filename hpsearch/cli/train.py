"""``hpsearch train``: trains one recipe, with no study needed."""

import dataclasses
import json
import signal
from pathlib import Path
from types import FrameType
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
from hpsearch.home import RESULT, TEST_RESULT, WEIGHTS, Home

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
    if chosen.dataset.include_validation:
        say("warning: the validation examples are trained on, so their figures say little.")
    folder = output or place.trained(recipe.stem, chosen.seed)
    for stale in (WEIGHTS, RESULT, TEST_RESULT, "confusion.html"):
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
    """Open the test split, judge the kept weights on it, and record what came of it."""
    from hpsearch.cli.evaluation import judge_weights
    from hpsearch.data.dataset import open_test, record_result
    from hpsearch.data.record import Opening

    trial, study = recipe.provenance.get("trial"), recipe.provenance.get("study")
    opening = Opening(
        opened_by=f"train {name} --test",
        study=study,
        of=None if study is None else "baseline" if trial is None else str(trial),
        recipe=recipe.model_dump(mode="json", exclude={"provenance"}),
        seeds=(recipe.seed,),
    )
    result = judge_weights(recipe, parts, folder / WEIGHTS, open_test(dataset, opening))
    told = {"accuracy": [result.accuracy], "f1_macro": [result.f1_macro]}
    record_result(dataset, opening, told)
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
        out.print(f"train accuracy {outcome.train_accuracy:.4f}, gap {outcome.gap:+.4f}")
    if result is not None:
        print_accuracy(result)
        print_classes(result)
