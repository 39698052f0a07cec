from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import f1_score

from hpsearch.config import TrialConfig
from hpsearch.data.parts import Part, Parts
from hpsearch.data.transform import Affine
from hpsearch.training import devices, fused, model, seeds
from hpsearch.training import engine as engine_module
from hpsearch.training.engine import Engine, Position, steps_per_call
from hpsearch.training.resident import Resident
from hpsearch.training.schedules import cosine
from hpsearch.training.tasks.classification import Classification
from hpsearch.workers import packing

MakeEngine = Callable[..., Engine]
STILL = keras.optimizers.SGD
"""With a learning rate of 0 the weights stay as they were."""


@pytest.fixture
def make_engine(blobs: Parts) -> MakeEngine:
    def make(
        optimizer: keras.optimizers.Optimizer,
        parts: Parts = blobs,
        seed: int = 1,
        **config: Any,
    ) -> Engine:
        settings = TrialConfig(**({"layers": 1, "units": 6, "batch_size": 8} | config))
        network = model.build(
            settings.network,
            input_shape=parts.input_shape,
            outputs=parts.outputs,
            transform=parts.transform,
            seed=seed,
        )
        return Engine(
            network,
            optimizer,
            Resident(parts),
            Classification(settings, parts),
            batch_size=settings.batch_size,
            seed=seed,
            macs=settings.network.macs(parts.input_shape, parts.outputs),
        )

    return make


class Logs(keras.callbacks.Callback):
    """Collects the logs of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs: list[dict[str, float]] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epochs.append({name: float(value) for name, value in logs.items()})


def fit(engine: Engine, epochs: int, first_epoch: int = 0) -> list[dict[str, float]]:
    logs = Logs()
    engine.fit(epochs=epochs, start=Position(epoch=first_epoch), callbacks=[logs])
    return logs.epochs


def cross_entropies(network: keras.Model, part: Part, weights: Any = None) -> tf.Tensor:
    """Of each example of a part, by Keras' own loss."""
    losses = keras.losses.sparse_categorical_crossentropy(
        part.y[part.rows], network(part.x[part.rows], training=False), from_logits=True
    )
    return losses if weights is None else losses * weights[part.y[part.rows]]


def test_every_training_row_is_seen_once_in_every_epoch(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "steps_per_call", lambda *_: 3)
    engine = make_engine(STILL(0.0))
    calls: list[list[int]] = []

    def learn(rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        calls.append(rows.numpy().tolist())
        return tf.constant(0.0), tf.constant(0.0)

    monkeypatch.setattr(engine, "_learn", learn)

    def epoch(number: int) -> list[int]:
        calls.clear()
        fit(engine, epochs=number + 1, first_epoch=number)
        assert [len(rows) for rows in calls] == [24, 24, 5]
        return [row for rows in calls for row in rows]

    first, second = epoch(0), epoch(1)
    assert sorted(first) == sorted(second) == list(range(53))
    assert first != second
    assert epoch(0) == first


def test_callbacks_are_called_as_keras_calls_them(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names in their order, and what they get, against ``keras.Model.fit`` on as many batches."""
    monkeypatch.setattr(engine_module, "steps_per_call", lambda *_: 4)
    engine = make_engine(STILL(0.0))
    ours, theirs = Names(), Names()
    engine.fit(epochs=3, callbacks=[ours])

    zeros = keras.layers.Dense(3, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((1,)), zeros])
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = np.zeros((2, 1), np.float32), np.zeros(2, np.int64)
    model.fit(
        x,
        y,
        batch_size=1,
        epochs=3,
        validation_data=(x[:1], y[:1]),
        callbacks=[theirs],
        shuffle=False,
        verbose=0,
    )
    # Validation has more values than Keras' here, and a batch of it none.
    more = ("f1_macro", "auc", "balanced_accuracy")
    known = [(name, [key for key in keys if not key.endswith(more)]) for name, keys in ours]
    wanted = [(name, keys * (name != "on_test_batch_end")) for name, keys in theirs.called]
    assert known == wanted


class Names(keras.callbacks.Callback):
    """Notes which of its methods are called, and with which logs; ends training in epoch 1."""

    def __init__(self) -> None:
        super().__init__()
        self.called: list[tuple[str, list[str]]] = []

    def __iter__(self) -> Iterator[tuple[str, list[str]]]:
        return iter(self.called)

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("on_") and "predict" not in name and name not in _ALIASES:

            def note(*given: Any, logs: Any = None) -> None:
                logs = given[-1] if given and isinstance(given[-1], dict) else logs
                self.called.append((name, sorted(logs or {})))
                if name == "on_epoch_end" and given[0] == 1:
                    self.model.stop_training = True

            return note
        return super().__getattribute__(name)


_ALIASES = ("on_batch_begin", "on_batch_end")


def test_one_step_by_hand_with_penalty_and_class_weights(
    make_engine: MakeEngine, blobs: Parts
) -> None:
    parts = replace(blobs, class_weights=np.float32([0.5, 1.0, 3.0]))
    engine = make_engine(STILL(0.25), parts, l2=0.1, batch_size=64, activation="tanh")
    before = [tf.constant(w) for w in engine.network.get_weights()]
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(cross_entropies(engine.network, parts.train, parts.class_weights))
    gradients = tape.gradient(loss, [v.value for v in engine.network.trainable_variables])
    (logs,) = fit(engine, epochs=1)

    # The gradient has the penalty, 2 l2 w for kernels, and the class weights.
    for weight, gradient, after in zip(
        before, gradients, engine.network.get_weights(), strict=True
    ):
        penalty = 2 * 0.1 * weight if len(weight.shape) == 2 else 0.0
        np.testing.assert_allclose(after, weight - 0.25 * (gradient + penalty), atol=1e-6)
    # What is reported has no penalty; class weights in the training loss only.
    assert logs["loss"] == pytest.approx(float(loss), rel=1e-5)
    val_loss = float(tf.reduce_mean(cross_entropies(engine.network, parts.validation)))
    assert logs["val_loss"] == pytest.approx(val_loss, rel=1e-5)
    assert val_loss != pytest.approx(val_loss + float(sum(engine.network.losses)), rel=0.01)
    y = parts.validation.y[parts.validation.rows]
    answers = np.argmax(engine.network(parts.validation.x[parts.validation.rows]), axis=-1)
    assert logs["val_accuracy"] == np.mean(answers == y)
    assert logs["val_f1_macro"] == pytest.approx(f1_score(y, answers, average="macro"))


def test_the_epochs_loss_is_the_mean_over_all_examples(
    make_engine: MakeEngine, blobs: Parts
) -> None:
    engine = make_engine(STILL(0.0))
    (logs,) = fit(engine, epochs=1)
    losses = cross_entropies(engine.network, blobs.train)
    assert logs["loss"] == pytest.approx(float(tf.reduce_mean(losses)), rel=1e-5)
    scores = engine.evaluate(engine.train_rows)
    assert scores["loss"] == pytest.approx(logs["loss"], rel=1e-5)
    assert scores["accuracy"] == logs["accuracy"]


def test_dropout_and_statistics_move_in_training_only(make_engine: MakeEngine) -> None:
    engine = make_engine(STILL(0.0), dropout=0.5, batch_norm=True, batch_size=64)
    statistics = engine.network.get_layer("norm_0").moving_mean
    seed = engine.network.get_layer("dropout_0").seed_generator.state
    first = engine.evaluate(engine.train_rows)
    assert first == engine.evaluate(engine.train_rows)
    assert not np.any(statistics)
    assert int(seed[1]) == 0
    epochs = fit(engine, epochs=2)
    assert np.all(np.asarray(statistics.value.numpy()) != 0)
    assert int(seed[1]) == 2
    # One batch, weights that stay: only the mask can differ.
    assert epochs[0]["loss"] != epochs[1]["loss"]


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        (
            fused.FusedAdamW,
            {"dropout": 0.3, "batch_norm": True, "l2": 1e-2, "activation": "silu"},
        ),
        (fused.FusedSGD, {"layers": 2, "units": 7, "dropout": 0.2, "activation": "gelu"}),
    ],
)
def test_training_is_that_of_keras_to_the_last_bit(
    make_engine: MakeEngine,
    blobs: Parts,
    kind: type[keras.optimizers.Optimizer],
    config: dict[str, Any],
) -> None:
    """The same network by ``keras.Model.fit``, given the examples in the epoch's order."""
    weights = np.float32([0.5, 1.0, 3.0])
    parts = replace(blobs, class_weights=weights)
    engine = make_engine(kind(cosine(0.05, 14)), parts, **config)
    theirs = make_engine(keras.optimizers.SGD(), parts, **config).network
    theirs.compile(
        optimizer=kind(cosine(0.05, 14)),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    x, y = (values[parts.train.rows] for values in (parts.train.x, parts.train.y))
    for epoch in range(2):
        fit(engine, epochs=epoch + 1, first_epoch=epoch)
        order = seeds.order(1, epoch, len(y))
        theirs.fit(
            x[order],
            y[order],
            batch_size=8,
            shuffle=False,
            class_weight=dict(enumerate(weights.tolist())),
            verbose=0,
        )
    assert int(engine.optimizer.iterations) == int(theirs.optimizer.iterations) == 2 * 7
    for a, b in zip(engine.network.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_trial_resumed_at_an_epoch_is_the_same_trial(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make() -> Engine:
        rate = cosine(0.01, 3 * 7)
        return make_engine(
            keras.optimizers.Adam(rate), dropout=0.3, batch_norm=True, l2=1e-3, units=16
        )

    whole, logs = make(), Logs()
    kept: list[dict[str, Any]] = []
    keeps = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: kept.append(whole.get_variables())
    )
    whole.fit(epochs=3, callbacks=[logs, keeps])

    # How many steps one call makes must not be seen either.
    monkeypatch.setattr(engine_module, "steps_per_call", lambda *_: 2)
    resumed = make()
    resumed.set_variables(kept[0])
    assert fit(resumed, epochs=3, first_epoch=1) == logs.epochs[1:]
    for a, b in zip(resumed.network.get_weights(), whole.network.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_parameters_and_bytes(make_engine: MakeEngine) -> None:
    engine = make_engine(keras.optimizers.Adam(), batch_norm=True)
    assert engine.parameters == 5 * 6 + 2 * 6 + 6 * 3 + 3
    # Adam keeps two values for each parameter, the step (int64) and the rate; batch
    # normalisation two statistics for each unit.
    assert engine.bytes_of_variables == 4 * (3 * engine.parameters + 2 * 6) + 8 + 4


def test_small_networks_make_many_steps_in_a_call() -> None:
    assert steps_per_call(1_000, 1_000, 8) == 256
    assert 10 < steps_per_call(400_000, 400_000, 32) < 256
    assert steps_per_call(10**9, 10**9, 256) == 1


def test_wide_networks_are_evaluated_in_smaller_batches() -> None:
    def batch(units: int) -> int:
        config = TrialConfig(layers=1, units=units)
        scale = Affine(multiplier=np.float32([1]), offset=np.float32([0]))
        network = model.build(config.network, input_shape=(3,), outputs=2, transform=scale, seed=0)
        return engine_module.evaluation_batch(network)

    assert batch(8) == 1024
    assert batch(40_000) == 256


@pytest.mark.parametrize("widest", [1, 2, 2047, 2048, 2049, 3072, 65536, 2**24, 2**30])
def test_the_evaluation_batch_is_reckoned_with(
    monkeypatch: pytest.MonkeyPatch, widest: int
) -> None:
    monkeypatch.setattr(devices, "on_gpu", lambda: True)
    layers = [SimpleNamespace(output=np.broadcast_to(0, (1, width))) for width in (1, widest)]
    assert engine_module.evaluation_batch(
        SimpleNamespace(layers=layers)
    ) == packing.evaluation_batch(widest)


def test_penalties_are_those_of_keras() -> None:
    network = keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Dense(4, kernel_regularizer=keras.regularizers.L2(0.3)),
            keras.layers.Activation("relu"),
            keras.layers.Dense(3, kernel_regularizer=keras.regularizers.L2(1e-4)),
            keras.layers.Dense(2),
        ]
    )
    with tf.GradientTape(persistent=True) as tape:
        ours, theirs = tf.add_n(engine_module._penalties(network)), tf.add_n(network.losses)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    for kernel in (network.layers[0].kernel.value, network.layers[2].kernel.value):
        np.testing.assert_allclose(
            tape.gradient(ours, kernel), tape.gradient(theirs, kernel), rtol=1e-6
        )
