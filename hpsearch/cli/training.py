"""What ``train`` and ``reproduce`` share: one recipe trained in this process, and its folder."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import typer

from hpsearch.cli.common import say
from hpsearch.home import INPUTS, RESULT, TEST_RESULT, WEIGHTS

if TYPE_CHECKING:
    from hpsearch.data.parts import Parts
    from hpsearch.recipe import Recipe
    from hpsearch.training.outcome import Epoch, Outcome


def prepare(folder: Path, recipe: "Recipe") -> None:
    """Write a recipe into the folder that it is trained in, and take away what is of another one.

    Raises:
        UnreachableError: the folder cannot be written.
    """
    from hpsearch.files import write_text
    from hpsearch.recipe import dump

    for stale in (WEIGHTS, INPUTS, RESULT, TEST_RESULT, "confusion.html"):
        (folder / stale).unlink(missing_ok=True)
    write_text(folder / "recipe.toml", dump(recipe, ".toml"))


def train_here(
    recipe: "Recipe",
    parts: "Parts",
    folder: Path,
    *,
    last: int | None = None,
    threads: int | None = None,
) -> "Outcome":
    """Train in this process, showing the epochs; Ctrl-C ends it in good order.

    Args:
        recipe: what is trained.
        parts: its data.
        folder: where curves and weights go.
        last: the epoch after which training ends, whatever the recipe says; None: as it says.
        threads: of TensorFlow; None: all cores.

    Raises:
        NoTrialError: training failed.
        Exit: a signal came.
    """
    from hpsearch.errors import Failure, NoTrialError, TrialFailedError
    from hpsearch.training.outcome import Watch
    from hpsearch.training.start import start_tensorflow

    caught: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        caught.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    start_tensorflow(threads)
    from hpsearch.training.train import train as train_recipe

    try:
        shown = _shown_until(recipe.training.epochs, last)
        watch = Watch(on_epoch=shown, interrupted=lambda: bool(caught))
        return train_recipe(recipe, parts, folder, watch)
    except TrialFailedError as error:
        if error.failure is Failure.INTERRUPTED and caught:
            raise typer.Exit(128 + caught[0]) from None
        raise NoTrialError(f"training failed: {error.failure}: {error}") from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _shown_until(epochs: int, last: int | None) -> "Callable[[Epoch], bool]":
    """Shows each epoch; asks to stop after the last one that is wanted, unless training ends."""

    def show(epoch: "Epoch") -> bool:
        say(
            f"epoch {epoch.epoch}/{epochs}  loss {epoch.loss:.4f}  accuracy {epoch.accuracy:.4f}"
            f"  val_loss {epoch.val_loss:.4f}  val_accuracy {epoch.val_accuracy:.4f}"
            f"  val_f1_macro {epoch.val_f1_macro:.4f}  {epoch.seconds:.1f} s"
        )
        return last is not None and last <= epoch.epoch < epochs

    return show


def values_of(outcome: "Outcome", fingerprint: str) -> dict[str, Any]:
    """What came of a training, as ``--json`` prints it and ``result.json`` keeps it.

    Args:
        outcome: what came of it.
        fingerprint: the data set's.
    """
    return {
        "values": [outcome.value],
        "parameters": outcome.parameters,
        "epochs": outcome.epochs,
        "best_epoch": outcome.best_epoch,
        "train_accuracy": outcome.train_accuracy,
        "gap": outcome.gap,
        "seconds": outcome.seconds,
        "fingerprint": fingerprint,
    }


def keep(folder: Path, values: dict[str, Any]) -> None:
    """Write what came of a training into its folder."""
    from hpsearch.files import write_text

    write_text(folder / RESULT, json.dumps(values, indent=2) + "\n")
