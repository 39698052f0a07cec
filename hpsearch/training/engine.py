"""Engine: the one place where epochs of training and evaluation run.

It is the seam between what a trial is (callbacks, curves, outcomes) and how its steps are
computed, kept narrow so that the inside can change: rows of examples go in, Keras' logs of each
epoch come out through callbacks. Nothing outside hands it a batch, and nothing outside depends
on how many steps one call makes. What a trial does next follows from the weights, the
optimizer's variables and its position, so that a trial whose variables were restored goes on with
``fit(start=...)`` as if it had never stopped.

Inside: two compiled functions, one that makes the optimizer steps of many batches and one that
scores a large batch, and Keras' callbacks around their calls in the order of ``Model.fit``. A
``train_step`` under ``fit`` computes the same; but fit's data sets, iterators and wrappers took
a quarter to a third of a short trial.
"""

import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from hpsearch.augment import Augment
from hpsearch.training import devices, quiet, seeds, users
from hpsearch.training.augment import SHARE, augmented, draws, mixed
from hpsearch.training.resident import Resident, Rows
from hpsearch.training.tasks.task import Task

_EVALUATION_VALUES = 2**24
"""At most so many values of one layer's outputs in an evaluation batch (64 MB of float32)."""


@dataclass(frozen=True, kw_only=True)
class Position:
    """How far training has come; between two calls of the engine."""

    epoch: int = 0
    """The epoch that comes or has begun, from 0."""
    examples: int = 0
    """Examples of this epoch that are trained, in its order: whole batches, or all."""
    totals: Mapping[str, float] = field(default_factory=dict)
    """What the task counted of these examples."""


BEGINNING = Position()
"""Where a training begins that nothing came before."""


class Engine:
    """Trains and evaluates one network on resident examples.

    Attributes:
        network: from ``hpsearch.training.model``; its layer with outputs is "logits".
        optimizer: its variables exist from the start.
        task: has the loss and what is counted.
        macs: multiplications of the network for an example.
        model: what callbacks know as theirs.
        train_rows: the rows of the training part, for :meth:`evaluate`.
        validation_rows: likewise.
        batch_size: examples of a step.
        steps_per_epoch: optimizer steps; the last one takes the examples that are left over.
        position: how far :meth:`fit` has come, from one call of a callback to the next.
    """

    def __init__(
        self,
        network: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        resident: Resident,
        task: Task,
        *,
        batch_size: int,
        seed: int,
        macs: int,
        augment: Augment = Augment(),  # noqa: B008  # does not change
        grey: npt.NDArray[np.generic] | None = None,
    ) -> None:
        self.network = network
        self.optimizer = optimizer
        self.task = task
        self.macs = macs
        self.train_rows, self.validation_rows = resident.train, resident.validation
        self.position = BEGINNING
        self.steps_per_epoch = math.ceil(len(resident.train) / batch_size)
        self._resident = resident
        self.batch_size = batch_size
        self._seed = seed
        self._rows_per_call = batch_size * steps_per_call(network.count_params(), macs, batch_size)
        self._evaluation_batch = evaluation_batch(network)
        optimizer.build(network.trainable_variables)
        # What callbacks know as their model: the same layers, and the optimizer. The network
        # itself has none, so that its file has the weights alone. Its outputs are those of the last
        # layer, where members stand apart, and the network's own.
        self.model = keras.Model(
            network.input, [network.get_layer("logits").output, network.output]
        )
        self.model.compile(optimizer=optimizer, jit_compile=False)
        self._augment, self._grey = augment, grey
        rows = tf.TensorSpec((None,), tf.int64)
        drawn = [tf.TensorSpec((None, 6), tf.float32), rows] if augment.is_on else []
        # XLA gains nothing on a CPU and compiles for longer than a small trial trains.
        self._learn = tf.function(self._learn_rows, input_signature=[rows, *drawn], autograph=False)
        self._score = tf.function(self._score_rows, input_signature=[rows], autograph=False)

    @property
    def parameters(self) -> int:
        """Trainable parameters of the network."""
        return sum(int(tf.size(variable.value)) for variable in self.network.trainable_variables)

    @property
    def bytes_of_variables(self) -> int:
        """Memory of the network's and the optimizer's variables."""
        variables = [*self.network.variables, *self.optimizer.variables]
        return sum(int(tf.size(v.value)) * v.value.dtype.size for v in variables)

    def get_variables(self) -> dict[str, npt.NDArray[np.generic]]:
        """Copies of the weights and of the optimizer's variables, by name."""
        return {name: np.array(variable) for name, variable in self._variables().items()}

    def set_variables(self, values: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Take on what :meth:`get_variables` gave; other entries are not looked at.

        Raises:
            ValueError: as :meth:`check_variables`; then nothing was taken on.
        """
        self.check_variables(values)
        for name, variable in self._variables().items():
            variable.assign(values[name])

    def check_variables(self, values: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Refuse values that are not those of this network and optimizer.

        Raises:
            ValueError: one is missing, or has another shape or type.
        """
        for name, variable in self._variables().items():
            found = values.get(name)
            if found is None or (found.shape, found.dtype.name) != (
                tuple(variable.shape), variable.dtype
            ):  # fmt: skip
                raise ValueError(f"{name} is missing, or has another shape or type")

    def _variables(self) -> dict[str, keras.Variable]:
        """All that training changes, but the state of our own dropout, which follows from the
        position.
        """
        groups = {
            "network": self.network.weights,
            "optimizer": self.optimizer.variables,
            "random": _random_states(self.network),
        }
        return {f"{group}.{i}": v for group, found in groups.items() for i, v in enumerate(found)}

    def fit(
        self,
        *,
        epochs: int,
        callbacks: Sequence[keras.callbacks.Callback],
        start: Position = BEGINNING,
    ) -> None:
        """Train, validating after every epoch.

        Epoch ``e`` shuffles, and drops out, as a function of the seed and ``e`` alone.

        Args:
            epochs: the epoch before which training ends, from 0.
            callbacks: called as ``keras.Model.fit`` calls them. ``logs`` have the task's means
                of training and, with "val_" before them, its values of validation at the end of
                an epoch, and the running means of the epoch at the end of a "batch", which is a
                call of many steps here. A callback ends training through
                ``self.model.stop_training``.
            start: where training begins; the variables are those of this position.
        """
        model = self.model
        called = keras.callbacks.CallbackList(list(callbacks), model=model, epochs=epochs)
        model.stop_training = False
        logs: dict[str, float] = {}
        with quiet.keras_copies(), users.told():
            called.on_train_begin()
            self.position = start
            for epoch in range(start.epoch, epochs):
                called.on_epoch_begin(epoch)
                logs = self._train(called)
                found = self._evaluate(self._resident.validation, called)
                logs |= {f"val_{name}": value for name, value in found.items()}
                self.position = Position(epoch=epoch + 1)
                called.on_epoch_end(epoch, logs)
                if model.stop_training:
                    break
            called.on_train_end(logs)

    def evaluate(
        self, rows: Rows, callbacks: Sequence[keras.callbacks.Callback] = ()
    ) -> dict[str, float]:
        """The task's values of the network as it is on some rows of the resident examples.

        Args:
            rows: at least one.
            callbacks: called as ``keras.Model.evaluate`` calls them; one of them ends it early
                through ``self.model.stop_evaluating``, and the values are of what was seen.
        """
        called = keras.callbacks.CallbackList(list(callbacks), model=self.model)
        return self._evaluate(rows, called)

    def _train(self, called: keras.callbacks.CallbackList) -> dict[str, float]:
        """Train what is left of the epoch, many steps in a call; the means over its examples."""
        at = self.position
        order = seeds.order(self._seed, at.epoch, len(self.train_rows))
        seen: list[npt.NDArray[Any]] = [self.train_rows[order]]
        if self._augment.is_on:
            drawn, others = draws(self._augment, self._seed, at.epoch, len(order))
            seen += [drawn[order], self.train_rows[others[order]]]
        steps = at.epoch * self.steps_per_epoch + math.ceil(at.examples / self.batch_size)
        for layer in self.network.layers:
            if isinstance(layer, keras.layers.Dropout):
                # A pair (seed, count); the layer counts one up at every step.
                layer.seed_generator.state.assign([layer.seed, steps])
        logs = self._means(at)
        for start in range(at.examples, len(order), self._rows_per_call):
            call = start // self._rows_per_call
            called.on_train_batch_begin(call)
            part = [one[start : start + self._rows_per_call] for one in seen]
            counted = zip(self.task.totals, self._learn(*map(tf.constant, part)), strict=True)
            totals = {name: at.totals.get(name, 0.0) + float(more) for name, more in counted}
            self.position = at = Position(
                epoch=at.epoch, examples=start + len(part[0]), totals=totals
            )
            logs = self._means(at)
            called.on_train_batch_end(call, logs)
            if self.model.stop_training:
                break
        return logs

    def _means(self, at: Position) -> dict[str, float]:
        """An epoch's logs so far."""
        return self.task.means(at.totals, at.examples) if at.examples else {}

    def _evaluate(self, rows: Rows, called: keras.callbacks.CallbackList) -> dict[str, float]:
        """Evaluate some rows, one large batch in a call; the task's values."""
        self.model.stop_evaluating = False
        called.on_test_begin()
        scores: list[list[npt.NDArray[np.generic]]] = []
        for call, start in enumerate(range(0, len(rows), self._evaluation_batch)):
            called.on_test_batch_begin(call)
            found = self._score(tf.constant(rows[start : start + self._evaluation_batch]))
            scores.append([np.asarray(one) for one in found])
            called.on_test_batch_end(call)
            if self.model.stop_evaluating:
                break
        logs = self.task.values(scores)
        called.on_test_end(logs)
        return logs

    def _learn_rows(self, *seen: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """An optimizer step for each batch of some rows; what the task counts of them.

        With augmentation what is drawn for each row, and the rows that they are mixed with, follow.
        """
        examples = tf.size(seen[0])

        def step(start: tf.Tensor, *totals: tf.Tensor) -> tuple[tf.Tensor, ...]:
            end = start + self.batch_size
            more = self._step(*(one[start : tf.minimum(end, examples)] for one in seen))
            return end, *(total + one for total, one in zip(totals, more, strict=True))

        _, loss, *others = tf.while_loop(
            lambda start, *_: start < examples,
            step,
            (tf.constant(0), *(tf.constant(0.0, tf.float64) for _ in self.task.totals)),
            parallel_iterations=1,
        )
        # ReLU makes 0 of NaN on a CPU: a network whose weights are gone still has a loss.
        weights = tf.add_n(
            [tf.cast(tf.reduce_sum(v), tf.float32) for v in self.network.trainable_variables]
        )
        return tf.where(tf.math.is_finite(weights), loss, tf.constant(np.nan, tf.float64)), *others

    def _step(self, rows: tf.Tensor, *drawn: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """One optimizer step; what the task counts of the batch."""
        x, y, *others = self._batch(rows, *drawn)
        with tf.GradientTape() as tape:
            apart, outputs = self.model(x, training=True)
            losses = self.task.losses(y, apart)
            if others:
                share, other = others
                losses = mixed(share, losses, self.task.losses(other, apart))
            # The penalties belong to the gradient; what is reported has none.
            objective = tf.add_n([tf.reduce_mean(losses), *_penalties(self.network)])
            objective = self.optimizer.scale_loss(objective)
        variables = self.network.trainable_variables
        self.optimizer.apply(tape.gradient(objective, variables), variables)
        return self.task.count(losses, y, outputs)

    def _batch(self, rows: tf.Tensor, *drawn: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Training examples and labels; with mixup their shares, and the others' labels."""
        x, y = self._resident.batch(rows)
        if not drawn:
            return x, y
        changes, partners = drawn
        mixes = self._augment.mixup > 0
        other, label = self._resident.batch(partners) if mixes else (None, None)
        x = augmented(self._augment, x, other, changes, tf.cast(self._grey, x.dtype))
        return (x, y, changes[:, SHARE], label) if mixes else (x, y)

    def _score_rows(self, rows: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """What the task keeps of some rows, dropout off."""
        x, y = self._resident.batch(rows)
        return self.task.score(y, self.network(x, training=False))


def steps_per_call(parameters: int, macs: int, batch: int) -> int:
    """Steps in one call, so that it lasts some tenths of a second: long against the way to
    Python and back, short enough to notice a signal or a loss that is no number.

    A step multiplies and adds about ``6 * macs * batch`` numbers. The optimizer takes the time of
    150 operations for each parameter by a fused kernel, of 500 by Keras' own. The answer changes
    how fast training is and nothing that it computes.
    """
    operations = 1e12 if devices.on_gpu() else 4e10
    return int(np.clip(operations / (6 * macs * batch + 500 * parameters), 1, 256))


def evaluation_batch(network: keras.Model) -> int:
    """Examples in one evaluation batch: a power of two, 64 to 8,192, less for wide networks.

    On a CPU at most 1,024: larger batches leave the caches and were slower.
    """
    widest = max(widths(network))
    fits = max(1, _EVALUATION_VALUES // widest)
    return int(np.clip(2 ** int(math.log2(fits)), 64, 8192 if devices.on_gpu() else 1024))


def widths(network: keras.Model) -> list[int]:
    """How many values each layer puts out for one example; in a model of the user's own those of
    layers of which Keras knows it.
    """
    found: list[int] = []
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            found += widths(layer)
        with contextlib.suppress(AttributeError, TypeError):  # called twice, or not by Keras
            found.append(int(np.prod(layer.output.shape[1:])))
    return found


def _random_states(network: keras.Model) -> list[keras.Variable]:
    """How far what a model of the user's own draws has come; in our networks it follows from the
    position.
    """
    inside = [layer for layer in network.layers if isinstance(layer, keras.Model)]
    kept = {id(weight) for layer in inside for weight in layer.weights}
    return [
        variable
        for layer in inside
        for variable in layer.non_trainable_variables
        if id(variable) not in kept and variable.name == "seed_generator_state"
    ]


def _penalties(network: keras.Model) -> list[tf.Tensor]:
    """The L2 penalty of each kernel that has one, ``l2 * sum(kernel ** 2)``; of a model of the
    user's own all that it adds.

    Keras' own ``network.losses`` have the same values, but the gradient of a sum of squares is
    made of three tensors of the kernel's size, and that of ``l2_loss`` of one.
    """
    own = [
        tf.cast(loss, tf.float32)
        for layer in network.layers
        if isinstance(layer, keras.Model)
        for loss in layer.losses
    ]
    return own + [
        2 * layer.kernel_regularizer.l2 * tf.nn.l2_loss(tf.convert_to_tensor(layer.kernel))
        for layer in network.layers
        if getattr(layer, "kernel_regularizer", None) is not None
    ]
