"""Folds: a training is one for each, resumes in any of them, and keeps a network of all."""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hpsearch.data.parts import Parts
from hpsearch.data.target import fit_target
from hpsearch.errors import Failure, TrialFailedError
from hpsearch.recipe import Recipe
from hpsearch.training import checkpoint
from hpsearch.training import engine as engine_module
from hpsearch.training.outcome import Outcome, Watch
from hpsearch.training.train import logits, train, validated

MakeRecipe = Callable[..., Recipe]


@pytest.fixture(scope="module", autouse=True)
def _short_calls() -> Iterator[None]:
    """Calls of two steps, so that a trial can be cut off within an epoch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_module, "steps_per_call", lambda *_: 2)
        yield


@pytest.fixture(scope="module")
def folded(blobs: Parts) -> Parts:
    """Three folds of the same examples."""
    rows = np.arange(len(blobs.train.x))
    every = [
        replace(
            blobs,
            train=replace(blobs.train, rows=rows[rows % 3 != fold]),
            validation=replace(blobs.validation, rows=rows[rows % 3 == fold]),
        )
        for fold in range(3)
    ]
    return replace(every[0], others=tuple(every[1:]))


@pytest.fixture(scope="module")
def recipe(make_recipe: MakeRecipe) -> Recipe:
    config = {"dropout": 0.2, "optimizer": {"type": "adam", "learning_rate": 0.02}}
    return make_recipe(config=config, training={"epochs": 3})


def untimed(outcome: Outcome) -> Outcome:
    curves = tuple(replace(epoch, seconds=0.0) for epoch in outcome.curves)
    return replace(outcome, curves=curves, seconds=0.0, examples_per_second=0.0)


def cut_off(recipe: Recipe, parts: Parts, run: Path, looks: int) -> None:
    """Train until the watch interrupts, after so many looks at it."""
    left = iter([False] * looks)
    watch = Watch(interrupted=lambda: next(left, True), checkpoint_every=1e6)
    with pytest.raises(TrialFailedError) as caught:
        train(recipe, parts, run, watch)
    assert caught.value.failure is Failure.INTERRUPTED


def alone(recipe: Recipe, folded: Parts, folder: Path) -> list[Outcome]:
    """Each fold trained by itself."""
    return [
        train(recipe, fold, folder / f"alone-{number}", Watch())
        for number, fold in enumerate(folded.folds)
    ]


@pytest.fixture(scope="module")
def whole(
    recipe: Recipe, folded: Parts, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Outcome, Path]:
    """What comes of all folds where nothing cuts them off, and its folder."""
    run = tmp_path_factory.mktemp("whole") / "run"
    return train(recipe, folded, run, Watch()), run


@pytest.fixture(scope="module")
def by_themselves(
    recipe: Recipe, folded: Parts, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[Outcome], Path]:
    """What comes of each fold, and where their folders are."""
    folder = tmp_path_factory.mktemp("alone")
    return alone(recipe, folded, folder), folder


def test_the_value_is_the_mean_of_folds_that_train_by_themselves(
    whole: tuple[Outcome, Path], by_themselves: tuple[list[Outcome], Path]
) -> None:
    outcome, run = whole
    each, _ = by_themselves
    assert outcome.folds == tuple((one.value, one.best_epoch) for one in each)
    assert outcome.value == pytest.approx(np.mean([one.value for one in each]))
    assert outcome.val_loss == pytest.approx(np.mean([one.val_loss for one in each]))
    assert outcome.gap == pytest.approx(np.mean([one.gap or 0.0 for one in each]))
    assert untimed(outcome).curves == untimed(each[0]).curves
    assert outcome.stopped == "epochs"
    files = {path.name for path in run.iterdir()}
    assert {"curves.csv", "curves.fold-2.csv", "curves.fold-3.csv", "best.weights.h5"} <= files


def test_the_kept_network_averages_the_probabilities_of_the_folds(
    recipe: Recipe,
    folded: Parts,
    whole: tuple[Outcome, Path],
    by_themselves: tuple[list[Outcome], Path],
) -> None:
    _, run = whole
    _, folder = by_themselves
    x = folded.train.x[:20]

    def shares(outputs: np.ndarray) -> np.ndarray:
        powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    own = [
        shares(logits(recipe, fold, folder / f"alone-{number}" / "best.weights.h5", x))
        for number, fold in enumerate(folded.folds)
    ]
    together = shares(logits(recipe, folded, run / "best.weights.h5", x))
    assert together == pytest.approx(np.mean(own, axis=0), abs=1e-6)


def test_the_kept_network_gives_the_value_of_its_training(
    recipe: Recipe, folded: Parts, whole: tuple[Outcome, Path]
) -> None:
    outcome, run = whole
    found = validated(recipe, folded, run / "best.weights.h5")
    assert found["val_accuracy"] == pytest.approx(outcome.value, abs=1e-6)
    assert found["val_loss"] == pytest.approx(outcome.val_loss, abs=1e-5)


def test_a_training_resumes_in_any_fold(
    recipe: Recipe, folded: Parts, whole: tuple[Outcome, Path], tmp_path: Path
) -> None:
    expected = untimed(whole[0])
    # An epoch of a fold has four calls and a validation.
    for looks in (1, 16, 40):
        told: list[tuple[int, float]] = []
        first, second = tmp_path / f"{looks}-first", tmp_path / f"{looks}-second"
        cut_off(recipe, folded, first, looks)
        assert (first / "checkpoint.npz").exists()
        again = Watch(
            checkpoint_every=1e6,
            earlier=[first],
            on_fold=lambda folds, mean, told=told: told.append((folds, mean)) is not None,
        )
        assert untimed(train(recipe, folded, second, again)) == expected
        values = [value for value, _ in expected.folds]
        assert told == [(n, pytest.approx(np.mean(values[:n]))) for n in (2, 3)]


def test_it_is_told_which_epochs_and_folds_were_trained(
    recipe: Recipe, folded: Parts, tmp_path: Path
) -> None:
    cut_off(recipe, folded, tmp_path / "first", 40)
    resumed: list[int] = []
    trained: list[int] = []
    again = Watch(
        checkpoint_every=1e6,
        earlier=[tmp_path / "first"],
        on_resume=lambda epochs: resumed.extend(epoch.epoch for epoch in epochs),
        on_epoch=lambda epoch: trained.append(epoch.epoch) is not None,
    )
    train(recipe, folded, tmp_path / "second", again)
    assert resumed == [1, 2, 3]
    assert trained == []  # of folds behind the first nothing is told but their means


def test_the_watch_ends_it_after_a_fold(recipe: Recipe, folded: Parts, tmp_path: Path) -> None:
    outcome = train(recipe, folded, tmp_path / "run", Watch(on_fold=lambda *_: True))
    assert outcome.stopped == "watch"
    assert len(outcome.folds) == 2
    assert outcome.value == pytest.approx(np.mean([value for value, _ in outcome.folds]))
    assert not (tmp_path / "run" / "best.weights.h5").exists()


def test_the_watch_ends_it_in_the_first_fold(recipe: Recipe, folded: Parts, tmp_path: Path) -> None:
    outcome = train(recipe, folded, tmp_path / "run", Watch(on_epoch=lambda e: e.epoch == 2))
    assert (outcome.stopped, outcome.epochs, outcome.folds) == ("watch", 2, ())


def test_a_checkpoint_of_more_folds_is_none(recipe: Recipe, folded: Parts, tmp_path: Path) -> None:
    cut_off(recipe, folded, tmp_path / "first", 40)
    fewer = replace(folded, others=folded.others[:1])
    again = Watch(checkpoint_every=1e6, earlier=[tmp_path / "first"])
    outcome = train(recipe, fewer, tmp_path / "second", again)
    assert untimed(outcome) == untimed(train(recipe, fewer, tmp_path / "third", Watch()))


@pytest.mark.parametrize("is_log", [False, True])
def test_folds_of_a_regression(
    make_recipe: MakeRecipe, folded: Parts, tmp_path: Path, is_log: bool
) -> None:
    recipe = make_recipe(training={"epochs": 2}, objective={"metric": "val_rmse"})
    dataset = recipe.dataset.model_copy(update={"task": "regression"})
    recipe = recipe.model_copy(update={"dataset": dataset})
    y = folded.train.x.astype(np.float64).sum(axis=1)
    every = [
        replace(
            fold,
            train=replace(fold.train, y=y),
            validation=replace(fold.validation, y=y),
            class_names=(),
            target=fit_target(y, fold.train.rows, is_log=is_log, where="t"),
        )
        for fold in folded.folds
    ]
    parts = replace(every[0], others=tuple(every[1:]))
    outcome = train(recipe, parts, tmp_path / "run", Watch())
    each = alone(recipe, parts, tmp_path)
    assert outcome.value == pytest.approx(np.mean([one.value for one in each]), rel=1e-5)
    found = validated(recipe, parts, tmp_path / "run" / "best.weights.h5")
    assert found["val_rmse"] == pytest.approx(outcome.value, rel=1e-5)
    x = parts.train.x[:20]
    together = logits(recipe, parts, tmp_path / "run" / "best.weights.h5", x)
    own = [
        logits(recipe, fold, tmp_path / f"alone-{number}" / "best.weights.h5", x)
        for number, fold in enumerate(parts.folds)
    ]
    mean = np.expm1(np.mean(np.log1p(own), axis=0)) if is_log else np.mean(own, axis=0)
    assert together == pytest.approx(mean, rel=2e-3)  # each fold is cut to its own range


def test_the_curves_of_finished_folds_are_there_after_a_resume(
    recipe: Recipe, folded: Parts, whole: tuple[Outcome, Path], tmp_path: Path
) -> None:
    cut_off(recipe, folded, tmp_path / "first", 40)
    again = Watch(checkpoint_every=1e6, earlier=[tmp_path / "first"])
    train(recipe, folded, tmp_path / "second", again)
    for name in ("curves.csv", "curves.fold-2.csv", "curves.fold-3.csv"):
        rows = [
            [line.rsplit(",", 1)[0] for line in (run / name).read_text().splitlines()]
            for run in (tmp_path / "second", whole[1])
        ]
        assert rows[0] == rows[1]
        assert len(rows[0]) == 4


def test_checkpoints_come_at_their_time_over_all_folds(
    recipe: Recipe, folded: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = itertools.count(0.0, 0.05)
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    written: list[Path] = []
    saved = checkpoint.save

    def save(run: Path, found: checkpoint.Checkpoint) -> None:
        written.append(run)
        saved(run, found)

    monkeypatch.setattr(checkpoint, "save", save)
    # A fold takes less time than there is between two checkpoints; all of them take more.
    train(recipe, folded, tmp_path / "run", Watch(checkpoint_every=2.0))
    assert written
