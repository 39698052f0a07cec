"""Training loops of the user's own: around each of their epochs happens what does around ours.

The loop is a function ``fit(model, data, config, report)``. ``report(epoch, metrics)`` measures the
validation examples as the engine does, and calls the same callbacks; it leaves the loop by an
exception where training has to end. A thread does so between two reports.
"""

import contextlib
import logging
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from hpsearch.data.parts import Parts
from hpsearch.data.tables.fitted import Tabular
from hpsearch.errors import InputError
from hpsearch.networks.python import Python
from hpsearch.recipe import Recipe
from hpsearch.tasks.regression import REGRESSION
from hpsearch.training import model, quiet, seeds, users
from hpsearch.training.callbacks import Guard
from hpsearch.training.columns import columns_of
from hpsearch.training.engine import Engine, Position
from hpsearch.training.interrupting import Interrupter, StopTraining
from hpsearch.training.networks import python
from hpsearch.training.outcome import OTHERS
from hpsearch.training.own_data import FitData
from hpsearch.training.tasks.classification import losses

Loss = Callable[[Any, Any], Any]

_log = logging.getLogger(__name__)


def is_wanted(recipe: Recipe) -> bool:
    """Whether a recipe's network is trained by a loop of the user's own."""
    network = recipe.config.network
    return isinstance(network, Python) and bool(network.fit)


def fit(
    recipe: Recipe,
    parts: Parts,
    engine: Engine,
    *,
    callbacks: Sequence[keras.callbacks.Callback],
    guard: Guard,
    start: Position,
    rows: npt.NDArray[np.int64],
) -> None:
    """Have the user's function train an engine's network, as :meth:`Engine.fit` would.

    Args:
        recipe: names the function.
        parts: its data, of one fold.
        engine: has the network, and measures it.
        callbacks: as for the engine; ``guard`` among them is the first.
        guard: says whether training must end at once.
        start: the epoch to begin with.
        rows: training examples that training is measured on, in the part's order.

    Raises:
        InputError: the function is wrong, or reported nothing; the message names its line.
    """
    network = recipe.config.network
    if not isinstance(network, Python):
        raise TypeError("the network is none of the user's own")
    function = users.function(network, network.fit)
    _check_settings(recipe)
    epochs, own = recipe.training.epochs, engine.network.get_layer(python.NAME)
    called = keras.callbacks.CallbackList(list(callbacks), model=engine.model, epochs=epochs)
    report = Report(recipe, engine, called, guard, rows=rows)
    policy = keras.DTypePolicy(recipe.training.precision)
    seed = seeds.weights_seed(recipe.seed, start.epoch)  # another one where it goes on
    with quiet.keras_copies(), users.told(function), users.running(users.folder_of(function)):
        called.on_train_begin()
        engine.position = start
        if start.epoch < epochs:
            with python.settled(seed, policy), report.followed():
                called.on_epoch_begin(start.epoch)
                data = _data(recipe, parts, own, start)
                function(own, data, network.settings, report)
        python.remember(own)  # the loop may have unfrozen layers
        if guard.failure is None and engine.position.epoch == 0:
            raise InputError(
                f"{users.line_of(function)} has ended without a report; call report(epoch, metrics)"
                " after each epoch, counted from 0"
            )
        called.on_train_end()


def _check_settings(recipe: Recipe) -> None:
    """Tell of settings that only our own loop applies.

    Raises:
        InputError: images are to be changed at random.
    """
    if recipe.config.augment.is_on:
        raise InputError(
            "augment has no effect on a loop of your own (network.fit); leave it out, and change"
            " the images in the model or in the loop"
        )
    if recipe.config.lr_schedule == "plateau":
        _log.warning('lr_schedule = "plateau" has no effect on a loop of your own (network.fit)')


def _data(recipe: Recipe, parts: Parts, own: keras.Model, start: Position) -> FitData:
    table = parts.transform if isinstance(parts.transform, Tabular) else None
    return FitData(
        input_shape=parts.input_shape if table is None else (table.shape.width,),
        outputs=parts.outputs,
        task=recipe.task.name,
        class_names=parts.class_names,
        training_rows=parts.training_rows,
        columns=() if table is None else columns_of(table),
        batch_size=recipe.config.batch_size,
        epochs=recipe.training.epochs,
        first_epoch=start.epoch,
        seed=recipe.seed,
        parts=parts,
        front=model.front(recipe, parts, own),
    )


class Report:
    """What the user's loop calls after each epoch; leaves the loop where training has to end."""

    def __init__(
        self,
        recipe: Recipe,
        engine: Engine,
        called: keras.callbacks.CallbackList,
        guard: Guard,
        *,
        rows: npt.NDArray[np.int64],
    ) -> None:
        """Args as of :func:`fit`."""
        self._engine, self._called, self._guard = engine, called, guard
        self._epochs, self._curves = recipe.training.epochs, recipe.task.curves
        self._rows = engine.train_rows[rows]
        self._interrupter = Interrupter(guard)

    def __call__(
        self, epoch: int, metrics: Mapping[str, Any] | None = None, /, **more: Any
    ) -> None:
        """Tell of an epoch.

        What hpsearch can measure it measures: all values of validation of its own, and those that
        the model was compiled with. Loss and accuracy (RMSE) of training are as they are told, else
        of as many training examples as there are of validation, dropout off. All other names are
        as they are told.

        Args:
            epoch: from 0, one after the other, as Keras counts.
            metrics: numbers by name, such as Keras' logs: ``LambdaCallback(on_epoch_end=report)``.
            more: likewise.

        Raises:
            StopTraining: training has to end here: pruned, no better for too long, over time,
                interrupted, diverged, or the last epoch was reported before.
            ValueError: the epoch does not follow on the last one, or a value is no number.
        """
        with self._interrupter.paused():
            ends = self._interrupter.is_over or self._guard.failure is not None
            ends = ends or self._end(epoch, {**(metrics or {}), **more})
            if ends:
                self._interrupter.told()
        if ends:
            raise StopTraining

    @contextlib.contextmanager
    def followed(self) -> Iterator[None]:
        """While the block runs, have it left where training has to end between two reports."""
        self._engine.model.stop_training = False
        self._interrupter.start()
        try:
            try:
                yield
            finally:
                self._interrupter.end()
        except StopTraining:
            self._interrupter.end()  # it may have come while the first was on its way

    def _end(self, epoch: int, told: Mapping[str, Any]) -> bool:
        """End an epoch; whether training ends with it."""
        due, engine = self._engine.position.epoch, self._engine
        if due == self._epochs:
            return True
        if operator.index(epoch) != due:
            raise ValueError(
                f"report({epoch}): the epoch that follows is {due}; they are counted from 0, and"
                " data.first_epoch is the first one"
            )
        logs = self._measured(_numbers(told))
        engine.position = Position(epoch=due + 1)
        self._called.on_epoch_end(due, logs)
        self._called.on_train_batch_end(0, logs)  # where a checkpoint is due, or the trial ends
        ends = self._guard.failure is not None or bool(engine.model.stop_training)
        if not ends and due + 1 < self._epochs:
            self._called.on_epoch_begin(due + 1)
        return ends

    def _measured(self, told: Mapping[str, float]) -> dict[str, float]:
        """All values of an epoch."""
        engine = self._engine
        logs: dict[str, float] = {**told}
        optimizer = engine.network.get_layer(python.NAME).optimizer  # the loop may compile anew
        if optimizer is not None and "learning_rate" not in logs:
            logs["learning_rate"] = float(keras.ops.convert_to_tensor(optimizer.learning_rate))
        learned = [name for name in self._curves if not name.startswith("val_")]
        if any(name not in told for name in learned):
            found = engine.evaluate(self._rows)
            logs |= {name: found[name] for name in learned if name not in told}
        found = engine.evaluate(engine.validation_rows)
        logs |= {f"val_{name}": value for name, value in found.items()}
        weights = engine.network.trainable_variables
        if not all(bool(tf.reduce_all(tf.math.is_finite(one.value))) for one in weights):
            logs["val_loss"] = math.nan  # ReLU makes 0 of NaN on a CPU
        return logs


def _numbers(told: Mapping[str, Any]) -> dict[str, float]:
    """The values of a report as numbers.

    Raises:
        ValueError: one is none, or has a name that hpsearch needs.
    """
    found = {}
    for name, value in told.items():
        if name in OTHERS and name != "learning_rate":
            raise ValueError(f"report: {name} is hpsearch's own; give it another name")
        try:
            found[str(name)] = float(value)
        except (TypeError, ValueError):
            raise ValueError(f"report: {name} = {value!r} is no number") from None
    return found


def with_optimizer(
    network: keras.Model, recipe: Recipe, optimizer: keras.optimizers.Optimizer
) -> keras.optimizers.Optimizer:
    """The optimizer of the model that a loop of the user's own trains.

    A model that did not come compiled gets the study's optimizer and loss first.

    Args:
        network: around the model.
        recipe: what is trained.
        optimizer: of its configuration.
    """
    own = network.get_layer(python.NAME)
    if not own.compiled:
        own.compile(optimizer, _loss(network, recipe), jit_compile=False)
    return own.optimizer


def _loss(network: keras.Model, recipe: Recipe) -> Loss:
    """The loss of the study, of targets as :class:`FitData` has them and the model's outputs."""
    probabilities = python.gives_probabilities(network)

    def cross_entropy(y: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        logits = keras.ops.log(outputs) if probabilities else outputs
        return losses(recipe.config, tf.reshape(y, (-1,)), tf.cast(logits, tf.float32))

    found: Loss = keras.losses.SparseCategoricalCrossentropy(from_logits=not probabilities)
    if recipe.task is REGRESSION:
        found = keras.losses.MeanSquaredError()
    elif recipe.config.label_smoothing:
        found = cross_entropy
    return found
