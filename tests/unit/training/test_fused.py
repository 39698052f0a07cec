"""Fused updates against Keras' own: the same gradients, 200 steps, every optimizer and setting."""

from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from hpsearch.training.fused import FusedAdam, FusedAdamW, FusedRMSprop, FusedSGD

PAIRS = {
    "adam": (FusedAdam, keras.optimizers.Adam),
    "adamw": (FusedAdamW, keras.optimizers.AdamW),
    "sgd": (FusedSGD, keras.optimizers.SGD),
    "rmsprop": (FusedRMSprop, keras.optimizers.RMSprop),
}
SETTINGS: list[tuple[str, str, dict[str, Any]]] = [
    ("adam", "constant", {}),
    ("adam", "cosine", {"beta_1": 0.8, "beta_2": 0.98}),
    ("adam", "constant", {"beta_1": 0.95, "beta_2": 0.9999}),
    ("adam", "cosine", {"beta_1": 0.0, "beta_2": 0.5}),
    ("adam", "constant", {"epsilon": 1e-3}),
    ("adam", "cosine", {"amsgrad": True}),
    ("adamw", "constant", {}),
    ("adamw", "cosine", {"weight_decay": 1e-5, "beta_2": 0.9999}),
    ("adamw", "constant", {"weight_decay": 0.1, "amsgrad": True}),
    ("sgd", "constant", {}),
    ("sgd", "cosine", {"momentum": 0.9}),
    ("sgd", "constant", {"momentum": 0.95, "nesterov": True}),
    ("rmsprop", "constant", {}),
    ("rmsprop", "cosine", {"rho": 0.8, "epsilon": 1e-3}),
    ("rmsprop", "constant", {"rho": 0.9999}),
    ("rmsprop", "cosine", {"momentum": 0.9, "rho": 0.99}),
    ("rmsprop", "constant", {"centered": True, "momentum": 0.5}),
]
"""Each with one of the rates: every optimizer meets both."""
RATES = {
    "constant": 1e-3,
    "cosine": keras.optimizers.schedules.CosineDecay(3e-3, 200),
}


def trained(
    kind: type, rate: Any, settings: dict[str, Any], *, scaled: bool = False
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Each variable's way after 200 steps of given gradients, and the optimizer's slots."""
    random = np.random.default_rng(0)
    shapes = [(30, 20), (20,)]
    starts = [random.normal(size=shape).astype(np.float32) for shape in shapes]
    variables = [keras.Variable(start) for start in starts]
    gradients = [
        tf.constant(random.normal(0.1, size=(200, *shape)) * 10.0**-i, tf.float32)
        for i, shape in enumerate(shapes)
    ]
    optimizer = kind(learning_rate=rate, **settings)
    if scaled:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=1.0)
    optimizer.build(variables)

    @tf.function
    def steps() -> None:
        for step in tf.range(200):
            optimizer.apply([gradient[step] for gradient in gradients], variables)

    steps()
    ways = [v.numpy() - start for v, start in zip(variables, starts, strict=True)]
    return ways, [np.asarray(v) for v in optimizer.variables]


@cache
def trained_by_keras(
    name: str, rate: str, settings: tuple[tuple[str, Any], ...] = ()
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """As ``trained``, with Keras' own optimizer."""
    return trained(PAIRS[name][1], RATES[rate], dict(settings))


@pytest.mark.parametrize(("name", "rate", "settings"), SETTINGS)
def test_fused_updates_are_those_of_keras(name: str, rate: str, settings: dict[str, Any]) -> None:
    fused = trained(PAIRS[name][0], RATES[rate], settings)
    plain = trained_by_keras(name, rate, tuple(settings.items()))
    for ours, theirs in zip(fused[0], plain[0], strict=True):
        assert np.abs(ours - theirs).max() <= 1e-5 * np.abs(theirs).max()
    assert [slot.shape for slot in fused[1]] == [slot.shape for slot in plain[1]]


@pytest.mark.parametrize("name", PAIRS)
def test_a_scaled_loss_changes_nothing(name: str) -> None:
    fused = trained(PAIRS[name][0], RATES["constant"], {}, scaled=True)
    plain = trained_by_keras(name, "constant")
    for ours, theirs in zip(fused[0], plain[0], strict=True):
        assert np.abs(ours - theirs).max() <= 1e-5 * np.abs(theirs).max()


@pytest.mark.parametrize("name", PAIRS)
def test_other_types_are_updated_as_keras_does(name: str) -> None:
    found = []
    for kind in PAIRS[name]:
        variable = keras.Variable([1.0, -2.0], dtype="float64")
        optimizer = kind(0.1)
        optimizer.build([variable])
        optimizer.apply([tf.constant([0.5, 0.25], tf.float64)], [variable])
        found.append(variable.numpy())
    np.testing.assert_allclose(*found, rtol=1e-7)
