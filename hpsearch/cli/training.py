"""What ``train`` and ``reproduce`` share: one recipe trained in this process, and its folder."""

import contextlib
import itertools
import json
import signal
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import typer

from hpsearch.cli.common import say, tell
from hpsearch.cli.forms import is_there
from hpsearch.home import (
    CONFUSION,
    CURVES,
    CURVES_FIGURE,
    INPUTS,
    RECIPE,
    RESULT,
    TEST_RESULT,
    WEIGHTS,
    Home,
)

if TYPE_CHECKING:
    from hpsearch.data.parts import Parts
    from hpsearch.recipe import Recipe
    from hpsearch.training.outcome import Epoch, Outcome


_LEFT = (CURVES, WEIGHTS, INPUTS, RESULT, TEST_RESULT, CURVES_FIGURE, CONFUSION)
"""What a training leaves beside its recipe."""


def prepare(output: Path | None, home: Home, name: str, recipe: "Recipe", fingerprint: str) -> Path:
    """Write a recipe into the folder that it is trained in; the folder.

    What an earlier training of the same recipe left there goes. Another recipe's stays: the first
    folder of the home is taken that holds no other.

    Args:
        output: the folder that was asked for; None: one in the home.
        home: where else it is.
        name: the recipe's.
        recipe: what is to be trained.
        fingerprint: its data set's.

    Raises:
        InputError: ``output`` holds what another recipe came to, or files of other programs.
        UnreachableError: the folder cannot be written.
    """
    from hpsearch.errors import InputError, UnreachableError
    from hpsearch.files import write_text
    from hpsearch.recipe import dump

    if output is None:
        folders = (home.trained(name, recipe.seed, number) for number in itertools.count(1))
        folder = next(one for one in folders if not _unlike(one, recipe, fingerprint))
    elif unlike := _unlike(output, recipe, fingerprint):
        raise InputError(
            f"-o {output}: holds another recipe ({'; '.join(unlike)}), which would be overwritten;"
            " choose another folder"
        )
    else:
        folder = output
    stale = [path for name in _LEFT if is_there(path := folder / name)]
    if stale and not (folder / RECIPE).exists():
        raise InputError(
            f"-o {folder}: has a {stale[0].name} that no training wrote and that would be"
            " overwritten; choose another folder"
        )
    try:
        for path in stale:
            path.unlink()
    except OSError as error:
        raise UnreachableError(f"{folder}: cannot be written: {error.strerror}") from None
    write_text(folder / RECIPE, dump(recipe, ".toml"))
    return folder


def _unlike(folder: Path, recipe: "Recipe", fingerprint: str) -> list[str]:
    """In what the recipe that was trained in a folder differs; empty where none was, or in nothing.

    Where it comes from, and where its data lie, is no difference; other data are.
    """
    from hpsearch.errors import HpsearchError
    from hpsearch.fields import parse
    from hpsearch.files import read_file
    from hpsearch.recipe import Recipe
    from hpsearch.study_file import differences

    file = folder / RECIPE
    if not file.exists():
        return []
    try:
        there = parse(Recipe, read_file(file), str(file))
    except HpsearchError:
        return [f"{RECIPE} cannot be read"]
    found = differences(there, recipe, ("seed", "config", "dataset", "training", "objective"))
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # there may be no result
        then = json.loads((folder / RESULT).read_text(encoding="utf-8"))["fingerprint"]
        found += ["the data itself"] * (then != fingerprint)
    return found


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
        told = "  ".join(f"{name} {value:.4f}" for name, value in epoch.values.items())
        say(f"epoch {epoch.epoch}/{epochs}  {told}  {epoch.seconds:.1f} s")
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


def keep(folder: Path, values: dict[str, Any], outcome: "Outcome", title: str) -> None:
    """Write what came of a training into its folder, with a picture of its curves.

    Args:
        folder: where it was trained.
        values: as :func:`values_of` gives them, and more.
        outcome: what came of it.
        title: of the picture.
    """
    from hpsearch.figures.curve_image import image_of_epochs
    from hpsearch.files import write_bytes, write_text

    rows = [epoch.row() for epoch in outcome.curves]
    write_bytes(folder / CURVES_FIGURE, image_of_epochs(rows, title, outcome.best_epoch))
    write_text(folder / RESULT, json.dumps(values, indent=2) + "\n")


def say_files(folder: Path) -> None:
    """Name what a training left."""
    names = ", ".join(sorted(path.name for path in folder.iterdir()))
    tell(f"In {folder}: {names}")
