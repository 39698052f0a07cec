import csv
import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any, get_args

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorflow.python.framework.func_graph import FuncGraph

from hpsearch.data.parts import Parts
from hpsearch.errors import DataError, Failure, InputError, TrialFailedError, UnreachableError
from hpsearch.networks.dense import Activation
from hpsearch.optimizers import OPTIMIZERS
from hpsearch.recipe import Metric, ObjectiveSection, Recipe
from hpsearch.services.judging import check_kept
from hpsearch.training import train as train_module
from hpsearch.training.networks import dense
from hpsearch.training.outcome import Epoch, Outcome, Watch
from hpsearch.training.train import gap_rows, logits, train, validated

MakeRecipe = Callable[..., Recipe]
NORMAL = Watch()


def untimed(outcome: Outcome) -> tuple[Epoch, ...]:
    return tuple(replace(epoch, seconds=0.0) for epoch in outcome.curves)


def rows_of(run: Path) -> list[dict[str, str]]:
    with (run / "curves.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def accuracy(recipe: Recipe, parts: Parts, run: Path, which: str) -> float:
    part = getattr(parts, which)
    answers = logits(recipe, parts, run / "best.weights.h5", part.x[part.rows]).argmax(axis=1)
    return float(np.mean(answers == part.y[part.rows]))


@dataclass(frozen=True)
class Trained:
    """A training that several tests look at, and change nothing of."""

    recipe: Recipe
    outcome: Outcome
    run: Path


Train = Callable[..., Trained]


@pytest.fixture(scope="module")
def train_rough(
    make_recipe: MakeRecipe, blobs: Parts, tmp_path_factory: pytest.TempPathFactory
) -> Train:
    """Trains in steps so large that epochs get better and worse; everything random is on."""

    def one(seed: int = 1, epoch: str = "best", epochs: int = 12) -> Trained:
        recipe = make_recipe(
            seed,
            config={
                "layers": 2,
                "units": [12, 6],
                "batch_norm": True,
                "dropout": 0.3,
                "l2": 1e-3,
                "batch_size": 8,
                "optimizer": {"type": "adam", "learning_rate": 0.2},
            },
            training={"epochs": epochs, "early_stopping": {"monitor": "val_loss", "patience": 3}},
            objective={"metric": "val_loss", "epoch": epoch},
        )
        run = tmp_path_factory.mktemp("run")
        return Trained(recipe, train(recipe, blobs, run, NORMAL), run)

    return one


@pytest.fixture(scope="module")
def rough(train_rough: Train) -> Trained:
    """A training of which the best epoch counts."""
    return train_rough()


@pytest.fixture(scope="module")
def rough_last(train_rough: Train) -> Trained:
    """The same, but the last epoch counts."""
    return train_rough(epoch="last")


@pytest.fixture(scope="module")
def other(train_rough: Train) -> Trained:
    """One epoch with another seed."""
    return train_rough(seed=2, epochs=1)


def test_early_stopping_ends_training_some_epochs_after_the_best(rough: Trained) -> None:
    outcome = rough.outcome
    losses = [epoch.values["val_loss"] for epoch in outcome.curves]
    best = int(np.argmin(losses))
    assert outcome.stopped == "early_stopping"
    assert outcome.epochs == len(losses) == best + 1 + 3 < 12
    assert outcome.best_epoch == best + 1
    assert outcome.value == losses[best]


def test_the_weights_of_the_best_epoch_are_kept(rough: Trained, blobs: Parts) -> None:
    outcome, best = rough.outcome, rough.outcome.curves[rough.outcome.best_epoch - 1]
    part = blobs.validation
    found = logits(rough.recipe, blobs, rough.run / "best.weights.h5", part.x[part.rows])
    right = log_softmax(found.astype(np.float64), axis=1)[np.arange(len(part)), part.y[part.rows]]
    assert -right.mean() == pytest.approx(best.values["val_loss"], rel=1e-4)
    judged = validated(rough.recipe, blobs, rough.run / "best.weights.h5")
    assert judged == pytest.approx(
        {k: v for k, v in best.values.items() if k.startswith("val_")}, rel=1e-6
    )
    assert best.values["val_loss"] != pytest.approx(outcome.curves[-1].values["val_loss"], rel=1e-3)
    assert accuracy(rough.recipe, blobs, rough.run, "validation") == best.values["val_accuracy"]
    rows = blobs.train.rows[gap_rows(rough.recipe, blobs)]
    sample = replace(blobs, train=replace(blobs.train, rows=rows))
    assert accuracy(rough.recipe, sample, rough.run, "train") == outcome.train_value
    assert outcome.train_value is not None
    assert outcome.gap == outcome.train_value - best.values["val_accuracy"]
    assert outcome.val_loss == best.values["val_loss"]


def test_an_outcome_is_what_it_says(rough: Trained) -> None:
    outcome = rough.outcome
    rows = rows_of(rough.run)
    assert [int(row["epoch"]) for row in rows] == list(range(1, outcome.epochs + 1))
    assert [float(row["val_loss"]) for row in rows] == [
        e.values["val_loss"] for e in outcome.curves
    ]
    assert outcome.parameters == 5 * 12 + 24 + 12 * 6 + 12 + 6 * 3 + 3
    assert 0 < sum(epoch.seconds for epoch in outcome.curves) < outcome.seconds
    assert outcome.examples_per_second == pytest.approx(
        53 * outcome.epochs / sum(epoch.seconds for epoch in outcome.curves)
    )
    kept = {"curves.csv", "best.inputs.json", "best.weights.h5"}
    assert {path.name for path in rough.run.iterdir()} == kept


def test_the_seed_makes_the_curve(rough: Trained, rough_last: Trained, other: Trained) -> None:
    """Which epoch counts does not change any."""
    assert untimed(rough_last.outcome) == untimed(rough.outcome)
    assert untimed(other.outcome) != untimed(rough.outcome)[:1]


def test_the_last_epoch_counts_where_the_objective_says_so(
    rough_last: Trained, blobs: Parts
) -> None:
    outcome = rough_last.outcome
    last = outcome.curves[-1]
    assert outcome.val_loss == last.values["val_loss"]
    assert outcome.best_epoch < outcome.epochs
    assert outcome.value == last.values["val_loss"]
    assert (
        accuracy(rough_last.recipe, blobs, rough_last.run, "validation")
        == last.values["val_accuracy"]
    )


@pytest.mark.parametrize("metric", ["val_accuracy", "val_f1_macro", "val_loss"])
def test_kept_weights_must_give_the_value_of_their_training(
    rough: Trained, other: Trained, blobs: Parts, metric: Metric
) -> None:
    """Before the test split is opened: with val_loss any weights that fit were taken."""
    recipe = rough.recipe.model_copy(update={"objective": ObjectiveSection(metric=metric)})
    value = rough.outcome.curves[rough.outcome.best_epoch - 1].values[metric]
    check_kept(recipe, blobs, rough.run / "best.weights.h5", value)
    wrong = other.run / "best.weights.h5"
    check_kept(recipe, blobs, wrong, None)  # a refit's value is not known
    with pytest.raises(InputError, match=f"gives {metric} .*but its training gave"):
        check_kept(recipe, blobs, wrong, value)


def test_a_watch_ends_training_after_an_epoch(
    make_recipe: MakeRecipe, blobs: Parts, tmp_path: Path
) -> None:
    seen: list[Epoch] = []

    def second(epoch: Epoch) -> bool:
        seen.append(epoch)
        return epoch.epoch == 2

    outcome = train(make_recipe(training={"epochs": 9}), blobs, tmp_path, Watch(on_epoch=second))
    assert outcome.stopped == "watch"
    assert outcome.epochs == 2
    assert tuple(seen) == outcome.curves
    assert outcome.train_value is None
    assert outcome.gap is None
    assert not (tmp_path / "best.weights.h5").exists()


def test_the_rate_falls_on_a_plateau_and_only_there(
    make_recipe: MakeRecipe, blobs: Parts, tmp_path: Path
) -> None:
    def rates(schedule: str) -> list[float]:
        # With this rate no step changes a float32 weight: every epoch is a plateau.
        optimizer = {"type": "sgd", "learning_rate": 1e-12}
        recipe = make_recipe(
            config={"lr_schedule": schedule, "optimizer": optimizer},
            training={"epochs": 4, "reduce_lr_on_plateau": {"factor": 0.25, "patience": 1}},
        )
        return [epoch.learning_rate for epoch in train(recipe, blobs, tmp_path, NORMAL).curves]

    # The first epoch is better than none; the rate falls after each one that follows.
    expected = [1e-12, 1e-12, 0.25e-12, 0.0625e-12]
    assert rates("plateau") == pytest.approx(expected, rel=1e-5, abs=0)
    assert rates("constant") == pytest.approx([1e-12] * 4, rel=1e-5, abs=0)


def test_a_schedule_reaches_its_end_with_the_last_step(
    make_recipe: MakeRecipe, blobs: Parts, tmp_path: Path
) -> None:
    recipe = make_recipe(
        config={"lr_schedule": "cosine", "optimizer": {"type": "sgd", "learning_rate": 0.1}}
    )
    found = [epoch.learning_rate for epoch in train(recipe, blobs, tmp_path, NORMAL).curves]
    assert found == pytest.approx([0.05, 0.0], abs=1e-8)


@pytest.mark.parametrize("which", ["train", "validation"])
def test_what_diverges_on_damaged_data_is_not_the_configurations_fault(  # noqa: PLR0917  # fixtures
    make_recipe: MakeRecipe,
    blobs: Parts,
    with_nan: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    which: str,
) -> None:
    # ReLU hides NaN on some CPUs, and this one on all; in training the weights show it.
    monkeypatch.setattr(dense, "silu", lambda x: keras.ops.where(x > 0, x, 0.0))
    name, activation = ("training", "silu") if which == "train" else ("validation", "tanh")
    with pytest.raises(DataError, match=f"of the {name} examples has NaN, infinity or a label"):
        train(
            make_recipe(config={"activation": activation}), with_nan(blobs, which), tmp_path, NORMAL
        )
    assert rows_of(tmp_path) == []
    assert not (tmp_path / "best.weights.h5").exists()


def test_too_large_a_rate_is_diverged(
    make_recipe: MakeRecipe, blobs: Parts, tmp_path: Path
) -> None:
    transform = replace(blobs.transform, multiplier=np.float32([1e30]))
    loud = replace(blobs, transform=transform)
    recipe = make_recipe(config={"optimizer": {"type": "sgd", "learning_rate": 10.0}})
    with pytest.raises(TrialFailedError, match=r"^loss is (nan|inf) in epoch 1") as caught:
        train(recipe, loud, tmp_path, NORMAL)
    assert caught.value.failure == Failure.DIVERGED
    assert caught.value.epoch == 1


def test_an_interruption_ends_training_within_an_epoch(
    make_recipe: MakeRecipe, blobs: Parts, tmp_path: Path
) -> None:
    def after(calls: int) -> Iterator[bool]:
        yield from [False] * calls
        while True:
            yield True

    answers = after(3)
    watch = Watch(interrupted=lambda: next(answers))
    with pytest.raises(TrialFailedError) as caught:
        train(make_recipe(training={"epochs": 9}), blobs, tmp_path, watch)
    assert caught.value.failure == Failure.INTERRUPTED
    # An epoch makes two calls here: training, validation.
    assert caught.value.epoch == 2
    assert len(rows_of(tmp_path)) == 1
    assert not (tmp_path / "best.weights.h5").exists()


def test_what_is_trained_is_not_lost_to_a_signal(
    make_recipe: MakeRecipe, blobs: Parts, tmp_path: Path
) -> None:
    calls: list[Epoch] = []
    watch = Watch(
        on_epoch=lambda epoch: bool(calls.append(epoch)), interrupted=lambda: len(calls) == 2
    )
    assert train(make_recipe(), blobs, tmp_path, watch).epochs == 2
    assert (tmp_path / "best.weights.h5").exists()


def test_a_trial_that_takes_too_long(make_recipe: MakeRecipe, blobs: Parts, tmp_path: Path) -> None:
    recipe = make_recipe(training={"epochs": 9, "trial_timeout": 0.001})
    with pytest.raises(TrialFailedError, match=r"not done after 0\.001 seconds") as caught:
        train(recipe, blobs, tmp_path, NORMAL)
    assert caught.value.failure == Failure.TIMEOUT
    assert caught.value.epoch == 1


def test_too_little_memory_is_a_failure_of_the_trial(
    make_recipe: MakeRecipe, blobs: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A network that fills the machine would be slow to refuse; this array is refused at once.
    monkeypatch.setattr(train_module, "build_engine", lambda *_: np.empty(2**56))
    with pytest.raises(TrialFailedError, match="out of memory") as caught:
        train(make_recipe(), blobs, tmp_path, NORMAL)
    assert caught.value.failure == Failure.OUT_OF_MEMORY
    assert caught.value.epoch is None


def test_a_fault_of_the_program_is_not_a_failure_of_the_trial(
    make_recipe: MakeRecipe, blobs: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise tf.errors.InternalError(None, None, "libdevice not found")

    monkeypatch.setattr(train_module, "build_engine", broken)
    with pytest.raises(tf.errors.InternalError, match="libdevice"):
        train(make_recipe(), blobs, tmp_path, NORMAL)


def test_a_run_folder_that_cannot_be_written(
    make_recipe: MakeRecipe, blobs: Parts, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnreachableError, match="cannot be created"):
        train(make_recipe(), blobs, tmp_path / "file" / "run", NORMAL)


def test_tensorboard_writes_curves_and_histograms(
    make_recipe: MakeRecipe, blobs: Parts, tmp_path: Path
) -> None:
    recipe = make_recipe(training={"epochs": 2, "tensorboard": {"histograms": True}})
    outcome = train(recipe, blobs, tmp_path, NORMAL)
    written = EventAccumulator(str(tmp_path / "tensorboard" / "train")).Reload().Tags()
    assert {"epoch_loss", "epoch_accuracy", "epoch_learning_rate"} <= set(written["tensors"])
    assert "dense_0/kernel/histogram" in written["tensors"]
    events = EventAccumulator(str(tmp_path / "tensorboard" / "validation")).Reload()
    values = [
        float(tf.make_ndarray(event.tensor_proto)) for event in events.Tensors("epoch_f1_macro")
    ]
    assert values == pytest.approx([epoch.values["val_f1_macro"] for epoch in outcome.curves])


class BoomError(Exception):
    """What a watch may raise, as a fault of its own."""


@pytest.mark.parametrize("way", ["interrupted", "raises"])
def test_tensorboards_files_are_closed_however_training_ends(
    make_recipe: MakeRecipe,
    blobs: Parts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    closed: list[int] = []

    class Spy(keras.callbacks.TensorBoard):
        def on_train_end(self, logs: Any = None) -> None:
            super().on_train_end(logs)
            closed.append(1)

    def boom(_: Epoch) -> bool:
        raise BoomError

    monkeypatch.setattr(keras.callbacks, "TensorBoard", Spy)
    recipe = make_recipe(training={"epochs": 2, "tensorboard": {}})
    watch = Watch(interrupted=lambda: True) if way == "interrupted" else Watch(on_epoch=boom)
    with pytest.raises(TrialFailedError if way == "interrupted" else BoomError):
        train(recipe, blobs, tmp_path, watch)
    assert closed == [1]


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_learns(
    make_recipe: MakeRecipe, blobs: Parts, tmp_path: Path, precision: str
) -> None:
    recipe = make_recipe(
        config={
            "units": 8,
            "batch_norm": True,
            "dropout": 0.1,
            "l2": 1e-4,
            "lr_schedule": "cosine",
            "optimizer": {"type": "adam", "learning_rate": 0.02},
        },
        training={"epochs": 12, "precision": precision},
    )
    outcome = train(recipe, blobs, tmp_path, NORMAL)
    assert outcome.value > 0.9
    assert accuracy(recipe, blobs, tmp_path, "validation") == outcome.value


@pytest.mark.parametrize(
    ("activation", "optimizer"), [*zip_longest(get_args(Activation), OPTIMIZERS)]
)
def test_nothing_of_a_trial_is_kept(
    make_recipe: MakeRecipe, blobs: Parts, tmp_path: Path, activation: str, optimizer: str | None
) -> None:
    """TensorFlow and Keras keep the graphs of some functions, and with them the weights.

    Each optimizer has an activation of its own, and all the rest with it.
    """
    config: dict[str, Any] = {"activation": activation}
    if optimizer is not None:
        config |= {"batch_norm": True, "dropout": 0.3, "l2": 1e-3, "lr_schedule": "warmup_cosine"}
        config |= {"optimizer": {"type": optimizer}}
    before = graphs_and_models()
    train(make_recipe(config=config, training={"epochs": 1}), blobs, tmp_path, NORMAL)
    assert not graphs_and_models().keys() - before.keys()


def graphs_and_models() -> dict[int, object]:
    """All that there are, other tests' too, by identity; held, so that none is given again."""
    gc.collect()
    return {id(o): o for o in gc.get_objects() if isinstance(o, FuncGraph | keras.Model)}
