from pathlib import Path
from typing import get_args

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hpsearch.config import TrialConfig
from hpsearch.data.transform import Affine
from hpsearch.networks.dense import Activation, DenseInitializer
from hpsearch.training import model

SCALE = Affine(multiplier=np.float32([0.5]), offset=np.float32([-1.0]))


def build(config: TrialConfig, **more: object) -> keras.Model:
    given = {"input_shape": (6,), "outputs": 3, "seed": 5, "transform": SCALE} | more
    return model.build(config.network, **given)  # type: ignore[arg-type]  # settings of a test


@st.composite
def configs(draw: st.DrawFn) -> TrialConfig:
    layers = draw(st.integers(1, 3))
    return TrialConfig(
        layers=layers,
        units=tuple(draw(st.lists(st.integers(1, 9), min_size=layers, max_size=layers))),
        dropout=tuple(
            draw(st.lists(st.sampled_from([0.0, 0.5]), min_size=layers, max_size=layers))
        ),
        activation=draw(st.sampled_from(get_args(Activation))),
        initializer=draw(st.sampled_from(get_args(DenseInitializer))),
        batch_norm=draw(st.booleans()),
        parametric_activation=draw(st.booleans()),
        l2=draw(st.sampled_from([0.0, 1e-3])),
    )


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(config=configs(), precision=st.sampled_from(["float32", "mixed_bfloat16"]))
def test_trainable_parameters_are_those_that_are_counted(
    config: TrialConfig, precision: str
) -> None:
    network = build(config, input_shape=(2, 3), outputs=4, precision=precision)
    trainable = sum(int(np.prod(v.shape)) for v in network.trainable_variables)
    assert trainable == config.network.parameters((2, 3), 4)
    logits = network(np.zeros((2, 2, 3), np.uint8))
    assert logits.shape == (2, 4)
    assert logits.dtype == "float32"


def test_layers_come_in_their_order() -> None:
    config = TrialConfig(layers=2, units=(4, 3), batch_norm=True, dropout=(0.5, 0.0))
    assert [layer.name for layer in build(config).layers] == [
        "inputs", "scale", "flatten", "dense_0", "norm_0", "act_0", "dropout_0",
        "dense_1", "norm_1", "act_1", "logits",
    ]  # fmt: skip


def test_inputs_are_scaled_inside() -> None:
    network = build(TrialConfig(layers=1, units=4))
    scaled = keras.Model(network.input, network.get_layer("scale").output)
    x = np.array([[0, 1, 2, 3, 254, 255]], np.uint8)
    np.testing.assert_allclose(scaled(x), x * 0.5 - 1.0)


def test_the_seed_makes_the_weights_and_layers_differ() -> None:
    config = TrialConfig(layers=2, units=(6, 6))
    first, same, other = (build(config, seed=seed).get_weights() for seed in (5, 5, 6))
    for a, b in zip(first, same, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[0], other[0])
    assert not np.array_equal(first[0], first[2])  # kernels of layers of one shape


def test_he_weights_are_wider_than_lecun_weights() -> None:
    def spread(name: str) -> float:
        config = TrialConfig(layers=1, units=400, initializer=name)
        return float(np.std(build(config, input_shape=(50,)).get_layer("dense_0").kernel))

    assert spread("lecun_normal") == pytest.approx((1 / 50) ** 0.5, rel=0.05)
    assert spread("he_uniform") == pytest.approx((2 / 50) ** 0.5, rel=0.05)
    assert spread("glorot_normal") == pytest.approx((2 / 450) ** 0.5, rel=0.05)


def test_the_tangent_parametrisation_begins_as_lecun_does_with_kernels_of_deviation_1() -> None:
    x = np.random.default_rng(0).integers(0, 255, (500, 50), dtype=np.uint8)

    def built(name: str) -> keras.Model:
        return build(TrialConfig(layers=2, units=400, initializer=name), input_shape=(50,))

    tangent, usual = built("ntk"), built("lecun_normal")
    for layer in ("dense_0", "dense_1", "logits"):
        assert np.std(tangent.get_layer(layer).kernel) == pytest.approx(1, rel=0.05)
    assert np.std(tangent(x)) == pytest.approx(np.std(usual(x)), rel=0.3)


@pytest.mark.parametrize("members", [1, 2])
def test_a_parametric_activation_goes_from_the_activation_to_its_input(members: int) -> None:
    network = build(TrialConfig(layers=1, units=4, parametric_activation=True, members=members))
    before = "dense_0" if members == 1 else "scale_out_0"
    ends = [network.get_layer(name).output for name in (before, "act_0", "mixed_0")]
    layer, x = network.get_layer("mix_0"), np.arange(12, dtype=np.uint8).reshape(2, 6) * 20
    got, given, mixed = keras.Model(network.input, ends)(x)
    np.testing.assert_allclose(mixed, given, rtol=1e-6)
    weights = np.linspace(-1, 2, layer.kernel.shape.num_elements()).reshape(layer.kernel.shape)
    layer.kernel.assign(weights)
    *_, mixed = keras.Model(network.input, ends)(x)
    np.testing.assert_allclose(mixed, (1 - weights) * got + weights * given, rtol=1e-5, atol=1e-5)


def test_every_kernel_has_the_penalty_and_no_other_variable() -> None:
    network = build(TrialConfig(layers=2, units=(4, 3), l2=0.01, batch_norm=True))
    kernels = [w for w in network.get_weights() if w.ndim == 2]
    assert len(kernels) == 3
    expected = sum(0.01 * np.sum(np.square(kernel)) for kernel in kernels)
    assert float(sum(network.losses)) == pytest.approx(expected, rel=1e-5)


def test_precision_is_the_layers_and_leaves_the_default_alone() -> None:
    config = TrialConfig(layers=1, units=4, dropout=(0.1,), batch_norm=True)
    network = build(config, precision="mixed_float16")
    compute = {layer.name: layer.compute_dtype for layer in network.layers[1:]}
    in_float32 = [compute.pop(name) for name in ("scale", "dropout_0", "logits")]
    assert set(in_float32) == {"float32"}
    assert set(compute.values()) == {"float16"}
    assert {v.dtype for v in network.trainable_variables} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize(
    ("activation", "precision", "computes_in"),
    [
        ("gelu", "mixed_bfloat16", "float32"),
        ("relu", "mixed_bfloat16", "bfloat16"),
        ("gelu", "mixed_float16", "float16"),
        ("gelu", "float32", "float32"),
    ],
)
def test_slow_activations_of_bfloat16_compute_in_float32(
    activation: str, precision: str, computes_in: str
) -> None:
    config = TrialConfig.model_validate({"layers": 1, "units": 4, "activation": activation})
    network = build(config, precision=precision)
    assert network.get_layer("act_0").compute_dtype == computes_in
    products = "float32" if precision == "float32" else precision.removeprefix("mixed_")
    assert network.get_layer("dense_0").compute_dtype == products


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_dropout_keeps_to_its_rate(precision: str) -> None:
    config = TrialConfig(layers=1, units=4, dropout=(0.05,))
    network = build(config, precision=precision)
    values = tf.ones((1000, 1000), network.get_layer("dense_0").compute_dtype)
    dropped = network.get_layer("dropout_0")(values, training=True) == 0
    assert float(tf.reduce_mean(tf.cast(dropped, tf.float32))) == pytest.approx(0.05, abs=0.001)


# Keras copies TensorFlow's variables in a way that NumPy is going to change.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_saved_model_loads_without_hpsearch_and_answers_alike(tmp_path: Path) -> None:
    config = TrialConfig(layers=1, units=7, batch_norm=True, dropout=(0.3,), l2=0.1)
    network = build(
        config,
        input_shape=(4, 4, 3),
        transform=Affine(
            multiplier=np.float32([0.1, 0.2, 0.3]),
            offset=np.linspace(-1, 1, 48, dtype=np.float32).reshape(4, 4, 3),
        ),
    )
    network.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    x = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3), dtype=np.uint8)
    np.testing.assert_array_equal(network(x), loaded(x))
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in network.layers]
    assert loaded.get_layer("dropout_0").rate == 0.3
    assert float(sum(loaded.losses)) == float(sum(network.losses)) > 0
