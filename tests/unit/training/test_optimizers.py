import keras
import numpy as np
import pytest

from hpsearch.optimizers import OPTIMIZERS, SGD, Adam, AdamW, Lion, Optimizer, RMSprop
from hpsearch.training import optimizers

ODD = [
    Adam(learning_rate=0.01, beta_1=0.8, beta_2=0.98, epsilon=1e-5, amsgrad=True),
    AdamW(learning_rate=0.02, weight_decay=0.3, beta_1=0.7, beta_2=0.9, epsilon=1e-4, amsgrad=True),
    SGD(learning_rate=0.03, momentum=0.6, nesterov=True),
    RMSprop(learning_rate=0.04, rho=0.85, momentum=0.2, epsilon=1e-3, centered=True),
    Lion(learning_rate=0.05, beta_1=0.8, beta_2=0.95, weight_decay=0.2),
]


@pytest.mark.parametrize("config", ODD, ids=lambda config: config.type)
def test_every_setting_arrives(config: Optimizer) -> None:
    optimizer = optimizers.build(config, config.learning_rate)
    fused = "Fused" if config.keras in optimizers._FUSED else ""
    assert type(optimizer).__name__ == f"{fused}{config.keras}"
    arrived = optimizer.get_config()
    settings = config.model_dump(exclude={"type"})
    # Nothing odd may be Keras' default by chance.
    plain = OPTIMIZERS[config.type]().model_dump()
    assert all(settings[key] != plain[key] for key in settings)
    assert {key: arrived[key] for key in settings} == pytest.approx(settings)


def without_none(config: dict[str, object]) -> dict[str, object]:
    """Keras' configuration; a decay of 0 is none."""
    return {key: value for key, value in config.items() if value not in (None, 0.0)}


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_our_defaults_are_those_of_keras(kind: str) -> None:
    config = OPTIMIZERS[kind]()
    ours = without_none(optimizers.build(config, config.learning_rate).get_config())
    keras_own = without_none(type(optimizers.build(config, 0.1))().get_config())
    assert ours.pop("learning_rate") == pytest.approx(keras_own.pop("learning_rate"))
    assert ours | {"name": ""} == keras_own | {"name": ""}


def test_a_schedule_is_taken_as_it_is() -> None:
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 10)
    assert float(optimizers.build(Adam(), schedule).learning_rate) == pytest.approx(0.1)


def test_only_float16_scales_the_loss() -> None:
    scaled = optimizers.build(SGD(), 0.5, "mixed_float16")
    assert isinstance(scaled, keras.optimizers.LossScaleOptimizer)
    assert isinstance(scaled.inner_optimizer, keras.optimizers.SGD)
    assert isinstance(optimizers.build(SGD(), 0.5, "mixed_bfloat16"), keras.optimizers.SGD)


@pytest.mark.parametrize(
    "config",
    [
        Adam(),
        Adam(amsgrad=True),
        AdamW(),
        SGD(),
        SGD(momentum=0.9),
        RMSprop(),
        RMSprop(momentum=0.9, centered=True),
        Lion(),
    ],
)
def test_as_many_numbers_are_kept_as_are_reckoned_with(config: Optimizer) -> None:
    optimizer = optimizers.build(config, 1e-3)
    optimizer.build([keras.Variable(np.zeros(1000, np.float32))])
    kept = sum(int(np.prod(v.shape)) for v in optimizer.variables)
    assert kept // 1000 == config.slots


@pytest.mark.parametrize("kind", ["AdamW", "SGD"])
@pytest.mark.parametrize("told", ["var_names", "var_list"])
def test_what_a_model_left_out_of_the_decay_stays_out(kind: str, told: str) -> None:
    kernel, bias = (keras.Variable(np.ones(2, np.float32), name=name) for name in ("w", "bias"))
    given = getattr(keras.optimizers, kind)(0.1, weight_decay=0.5)
    given.exclude_from_weight_decay(**{told: ["bias"] if told == "var_names" else [bias]})
    optimizer = optimizers.kept(given)
    optimizer.build([kernel, bias])
    optimizer.apply([keras.ops.zeros(2)] * 2, [kernel, bias])
    np.testing.assert_allclose(kernel.numpy(), [0.95, 0.95])
    np.testing.assert_array_equal(bias.numpy(), [1, 1])
