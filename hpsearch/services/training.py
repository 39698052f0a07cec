"""What ``train`` and ``reproduce`` share: one recipe trained in this process, and its folder."""

import contextlib
import itertools
import json
import signal
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any, get_args

from hpsearch.data.parts import Parts
from hpsearch.errors import (
    Failure,
    HpsearchError,
    InputError,
    NoTrialError,
    StoppedError,
    TrialFailedError,
    UnreachableError,
)
from hpsearch.figures.curve_image import image_of_epochs
from hpsearch.files import write_bytes, write_text
from hpsearch.formats import read_file
from hpsearch.home import (
    CURVES,
    CURVES_FIGURE,
    INPUTS,
    OF_TEST,
    RECIPE,
    RESULT,
    WEIGHTS,
    Home,
)
from hpsearch.parsing import parse
from hpsearch.recipe import Computed, Recipe, computing_in, dump
from hpsearch.search.attributes import trained_key
from hpsearch.services.overwriting import is_there
from hpsearch.services.progress import Progress
from hpsearch.signals import heard
from hpsearch.study_file import differences
from hpsearch.tasks.evaluating import AnyEvaluation
from hpsearch.text import decimal
from hpsearch.training.outcome import Epoch, Outcome, Watch, fold_step
from hpsearch.training.start import start_tensorflow

_LEFT = (CURVES, WEIGHTS, INPUTS, RESULT, CURVES_FIGURE, *OF_TEST)
"""What a training leaves beside its recipe."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What came of a recipe that was trained."""

    recipe: Recipe
    outcome: Outcome
    folder: Path
    """Where curves, weights and results lie."""
    fingerprint: str
    """The data set's."""
    test: AnyEvaluation | None = None
    """What it achieves on the test split; None: that was not accessed."""

    @property
    def train_value(self) -> float | None:
        """What the gap is a difference of (``Task.gap``), on training examples, where known."""
        return self.outcome.train_value

    def plain(self) -> dict[str, Any]:
        """The results as ``--json`` prints them and ``result.json`` keeps them."""
        outcome = self.outcome
        return {
            "values": [outcome.value],
            "parameters": outcome.parameters,
            "epochs": outcome.epochs,
            "best_epoch": outcome.best_epoch,
            "train_accuracy": None,
            "train_value": self.train_value,
            trained_key(self.recipe.task): self.train_value,
            "gap": outcome.gap,
            "seconds": outcome.seconds,
            "fingerprint": self.fingerprint,
            **({"test": asdict(self.test)} if self.test else {}),
        }


def prepare(output: Path | None, home: Home, name: str, recipe: Recipe, fingerprint: str) -> Path:
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


def _unlike(folder: Path, recipe: Recipe, fingerprint: str) -> list[str]:
    """In what the recipe that was trained in a folder differs; empty where none was, or in nothing.

    Where it comes from, and where its data lie, is no difference; other data are.
    """
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


def precision_before(
    output: Path | None, home: Home, name: str, recipe: Recipe, fingerprint: str
) -> str | None:
    """The precision in which a recipe with "auto" was trained where it would be trained again.

    Near the threshold another measurement would choose otherwise, and what is there would be
    another recipe's. Arguments as of :func:`prepare`; None: it was not trained there.
    """
    folder = output or home.trained(name, recipe.seed, 1)
    if not (folder / RECIPE).exists():
        return None
    precisions: tuple[str, ...] = get_args(Computed)
    for precision in precisions:
        training = computing_in(recipe.training, precision)
        known = recipe.model_copy(update={"training": training})
        if not _unlike(folder, known, fingerprint):
            return precision
    return None


def train_here(
    recipe: Recipe,
    parts: Parts,
    folder: Path,
    progress: Progress,
    *,
    last: int | None = None,
    threads: int | None = None,
    started: bool = False,
) -> Outcome:
    """Train in this process, showing the epochs; Ctrl-C ends it in good order.

    Args:
        recipe: what is trained.
        parts: its data.
        folder: where curves and weights go.
        progress: shows the epochs.
        last: the step after which training ends, whatever the recipe says; None: as it says.
        threads: of TensorFlow; None: all cores.
        started: whether TensorFlow is started already.

    Raises:
        NoTrialError: training failed.
        StoppedError: a signal came.
    """
    caught: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        caught.append(number)

    epochs = recipe.training.epochs

    def show(epoch: Epoch) -> bool:
        """Show an epoch; whether it is the last one that is wanted, though there are more."""
        progress.epoch(epoch, epochs)
        more = epoch.epoch < epochs or bool(parts.others)
        return last is not None and last <= epoch.epoch and more

    def fold(folds: int, mean: float) -> bool:
        """Show the folds so far; whether they are all that is wanted."""
        metric = recipe.objective.metric
        progress.say(f"{folds} of {len(parts.folds)} folds: mean {metric} {decimal(mean)}")
        return last is not None and last <= fold_step(epochs, folds)

    try:
        with heard((signal.SIGINT, signal.SIGTERM), note):
            if not started:
                start_tensorflow(threads)
            from hpsearch.training.train import train  # noqa: PLC0415  # imports TensorFlow

            watch = Watch(on_epoch=show, on_fold=fold, interrupted=lambda: bool(caught))
            return train(recipe, parts, folder, watch)
    except TrialFailedError as error:
        if error.failure is Failure.INTERRUPTED and caught:
            raise StoppedError("", 128 + caught[0]) from None
        raise NoTrialError(f"training failed: {error.failure}: {error}") from None


def keep(trained: Trained, title: str) -> None:
    """Write what came of a training into its folder, with a picture of its curves.

    Args:
        trained: what came of it.
        title: of the picture.
    """
    folder, outcome = trained.folder, trained.outcome
    rows = [epoch.row() for epoch in outcome.curves]
    write_bytes(folder / CURVES_FIGURE, image_of_epochs(rows, title, outcome.best_epoch))
    write_text(folder / RESULT, json.dumps(trained.plain(), indent=2) + "\n")
