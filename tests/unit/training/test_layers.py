"""Layers that compute faster: they compute what Keras' own do."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from hpsearch.training.layers import BatchNormalization, Conv2D


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("channels", [4, 16])
def test_batch_normalisation_is_that_of_keras(channels: int, precision: str) -> None:
    shape = (16, 3, 5, channels)
    random = np.random.default_rng(0)
    x = tf.constant(random.normal(3, 2, shape), tf.float32)
    weights = tf.constant(random.normal(0, 1, shape), tf.float32)
    found = []
    for kind in (BatchNormalization, keras.layers.BatchNormalization):
        layer = kind(dtype=keras.DTypePolicy(precision))
        layer.build(shape)
        layer.gamma.assign(np.linspace(0.5, 2, channels))
        for _ in range(3):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = layer(x, training=True)
                assert y.dtype == layer.compute_dtype
                loss = tf.reduce_sum(tf.cast(y, tf.float32) * weights)
        slopes = tape.gradient(loss, [x, *layer.trainable_variables])
        after = layer(x, training=False)
        found.append([y, *slopes, *layer.non_trainable_variables, after])
    tolerance = 2e-5 if precision == "float32" else 0.05
    plain = [[np.asarray(tf.cast(one, tf.float32)) for one in each] for each in found]
    for ours, theirs in zip(*plain, strict=True):
        assert np.abs(ours - theirs).max() <= tolerance * max(1, np.abs(theirs).max())


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("strides", [1, 2])
def test_a_convolution_is_that_of_keras(strides: int, training: bool, precision: str) -> None:
    random = np.random.default_rng(0)
    x = tf.constant(random.normal(0, 1, (4, 7, 6, 3)), tf.float32)
    found = []
    for kind in (Conv2D, keras.layers.Conv2D):
        layer = kind(5, 3, strides, padding="same", dtype=precision)
        layer.build(x.shape)
        layer.kernel.assign(np.linspace(-1, 1, 135).reshape(3, 3, 3, 5))
        layer.bias.assign([-1, -0.5, 0, 0.5, 1])
        given = {"training": training} if kind is Conv2D else {}

        @tf.function
        def slopes(layer: keras.Layer = layer, given: dict[str, bool] = given) -> list[tf.Tensor]:
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = layer(x, **given)
                assert y.dtype == layer.compute_dtype
                loss = tf.reduce_sum(tf.cast(y, tf.float32) ** 2)
            return [y, *tape.gradient(loss, [x, *layer.trainable_variables])]

        found.append([np.asarray(tf.cast(one, tf.float32)) for one in slopes()])
    tolerance = 1e-5 if precision == "float32" else 0.02
    for ours, theirs in zip(*found, strict=True):
        assert np.abs(ours - theirs).max() <= tolerance * np.abs(theirs).max()
