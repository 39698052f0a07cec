"""Layers that compute faster: they compute what Keras' own do."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from hpsearch.training.layers import BatchNormalization


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_batch_normalisation_is_that_of_keras(precision: str) -> None:
    shape = (16, 3, 5, 4)
    random = np.random.default_rng(0)
    x = tf.constant(random.normal(3, 2, shape), tf.float32)
    weights = tf.constant(random.normal(0, 1, shape), tf.float32)
    found = []
    for kind in (BatchNormalization, keras.layers.BatchNormalization):
        layer = kind(dtype=keras.DTypePolicy(precision))
        layer.build(shape)
        layer.gamma.assign([0.5, 1, 1.5, 2])
        for _ in range(3):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = layer(x, training=True)
                loss = tf.reduce_sum(tf.cast(y, tf.float32) * weights)
        slopes = tape.gradient(loss, [x, *layer.trainable_variables])
        after = layer(x, training=False)
        found.append([y, *slopes, *layer.non_trainable_variables, after])
    tolerance = 2e-5 if precision == "float32" else 0.05
    plain = [[np.asarray(tf.cast(one, tf.float32)) for one in each] for each in found]
    for ours, theirs in zip(*plain, strict=True):
        assert np.abs(ours - theirs).max() <= tolerance * max(1, np.abs(theirs).max())
