"""Convolutional networks in Keras: what is counted of them is what is built."""

from typing import Any, get_args

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import conv_networks, image_shapes

from hpsearch.config import TrialConfig
from hpsearch.networks.conv import Conv
from hpsearch.networks.network import Activation
from hpsearch.training.networks import conv


def build(table: dict[str, Any], shape: tuple[int, ...], precision: str = "float32") -> Any:
    """The network's fields, and it in Keras."""
    network = TrialConfig.model_validate({"network": table}).network
    inputs = keras.Input(shape)
    outputs = conv.build(network, inputs, 3, 5, keras.DTypePolicy(precision))
    return network, keras.Model(inputs, outputs)


# 300 of them were compared by hand (2026-11-29); each takes half a second.
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(conv_networks(), image_shapes, st.sampled_from(["float32", "mixed_bfloat16"]))
def test_sizes_are_those_of_keras(
    table: dict[str, Any], shape: tuple[int, ...], precision: str
) -> None:
    network, built = build(table, shape, precision)
    weights = [int(np.prod(v.shape)) for v in built.trainable_variables]
    assert network.parameters(shape, 3) == sum(weights)
    outputs = [int(np.prod(layer.output.shape[1:])) for layer in built.layers]
    flat = len(shape) == 2  # channels are added
    assert sorted(network.output_sizes(shape, 3)) == sorted(outputs[flat:])
    assert network.macs(shape, 3) == sum(map(macs, built.layers))
    assert built(np.zeros((2, *shape), np.float32)).dtype == "float32"


def macs(layer: keras.Layer) -> int:
    """Multiplications of one layer: each weight once for each place of its outputs."""
    if not isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
        return 0
    return int(np.prod(layer.kernel.shape)) * int(np.prod(layer.output.shape[1:-1]))


def test_layers_come_in_their_order() -> None:
    table = {
        "type": "conv", "filters": [4, 8], "convs": [2, 1], "residual": True,
        "dropout": [0.5, 0.0], "units": [3], "batch_norm": True,
    }  # fmt: skip
    _, built = build(table, (6, 6))
    assert [layer.name for layer in built.layers[1:]] == [
        "channels", "conv_0_0", "norm_0_0", "act_0_0", "conv_0_1", "conv_0_shortcut", "norm_0_1",
        "norm_0_shortcut", "add_0", "pool_0", "act_0_1", "dropout_block_0", "conv_1_0",
        "conv_1_shortcut", "norm_1_0", "norm_1_shortcut", "add_1", "pool_1", "act_1_0", "head",
        "dense_0", "norm_0", "act_0", "logits",
    ]  # fmt: skip


@pytest.mark.parametrize("pool", ["max", "avg"])
@pytest.mark.parametrize("activation", get_args(Activation))
def test_pooling_before_the_activation_makes_no_difference(activation: str, pool: str) -> None:
    table = {"type": "conv", "filters": [4], "activation": activation, "pool": pool}
    _, built = build(table, (7, 5, 3))
    x = keras.random.normal((5, 7, 5, 3), seed=0)
    normed = built.get_layer("norm_0_0")
    act, pooling = (built.get_layer(name) for name in ("act_0_0", "pool_0"))
    conv = built.get_layer("conv_0_0")
    ours = keras.Model(built.inputs, built.get_layer("head").output)(x)
    theirs = built.get_layer("head")(pooling(act(normed(conv(x)))))
    assert np.allclose(ours, theirs, rtol=1e-6, atol=1e-6)


def test_what_rises_and_falls_comes_before_pooling() -> None:
    _, built = build({"type": "conv", "filters": [4], "activation": "gelu"}, (6, 6, 3))
    assert [layer.name for layer in built.layers[1:]] == [
        "conv_0_0", "norm_0_0", "act_0_0", "pool_0", "head", "logits",
    ]  # fmt: skip


def test_weights_and_masks_follow_from_the_seed() -> None:
    table = {"type": "conv", "filters": [4, 4], "dropout": 0.5, "units": [4], "dense_dropout": 0.5}
    (_, one), (_, other) = (build(table, (6, 6)) for _ in range(2))
    for a, b in zip(one.weights, other.weights, strict=True):
        assert np.array_equal(a, b)
    masks = [layer.seed for layer in one.layers if isinstance(layer, keras.layers.Dropout)]
    assert len(set(masks)) == 3


def test_a_network_has_all_that_its_fields_ask_for() -> None:
    network, built = build({"type": "conv", "filters": [4], "l2": 0.01, "pool": "stride"}, (6, 6))
    assert isinstance(network, Conv)
    conv = built.get_layer("conv_0_0")
    assert conv.strides == (2, 2)
    assert conv.kernel_regularizer.l2 == 0.01
    assert not conv.use_bias
