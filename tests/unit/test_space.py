"""Spaces: drawing, replaying, corners, and enqueued configurations."""

from typing import Any

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import configs, spaces

from hpsearch.config import TrialConfig, flat
from hpsearch.errors import InputError
from hpsearch.fields import parse
from hpsearch.ranges import RANGES
from hpsearch.space import (
    Corner,
    OptimizerChoice,
    PartialConfig,
    Space,
    config_of,
    fixed_config,
    max_layers,
    params_of,
    suggest_config,
)

optuna.logging.set_verbosity(optuna.logging.WARNING)

WIDE: dict[str, Any] = {
    "layers": {"type": "int", "low": 1, "high": 3},
    "units": {"type": "int", "low": 64, "high": 2048, "log": True, "per_layer": True},
    "batch_norm": {"type": "categorical", "choices": [True, False]},
    "dropout": {"type": "float", "low": 0.0, "high": 0.5, "step": 0.1},
    "optimizer": {
        "adam": {
            "learning_rate": {"type": "float", "low": 1e-4, "high": 1e-2, "log": True},
            "beta_1": {"type": "float", "low": 0.8, "high": 0.95},
            "epsilon": 1e-5,
        },
        "sgd": {"nesterov": True},
    },
}


def space(**fields: object) -> Space:
    return parse(Space, fields, "here")


def partial(**fields: object) -> PartialConfig:
    return parse(PartialConfig, fields, "here")


def sample(chosen: Space, seed: int) -> tuple[TrialConfig, dict[str, Any]]:
    """A configuration that Optuna draws at random, and its parameters."""
    asked = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed)).ask()
    return suggest_config(chosen, asked), asked.params


def within(chosen: Space, config: TrialConfig) -> bool:
    """Whether each field of the configuration is the space's value or lies in its range."""
    return all(_holds(getattr(chosen, key), getattr(config, key)) for key in Space.model_fields)


def _holds(field: Any, value: Any) -> bool:
    if isinstance(field, OptimizerChoice):
        table = field.tables().get(value.type)
        return table is not None and all(
            wanted is None or _holds(wanted, getattr(value, key)) for key, wanted in table
        )
    if isinstance(value, tuple) and not isinstance(field, tuple):
        alike = getattr(field, "per_layer", False) or len(set(value)) == 1
        return alike and all(_holds(field, item) for item in value)
    return bool(field.contains(value) if isinstance(field, RANGES) else field == value)


def test_an_empty_space_is_the_default_configuration() -> None:
    assert fixed_config(space()) == TrialConfig()


def test_the_names_are_those_that_optuna_sees() -> None:
    chosen = space(**WIDE)
    for seed in range(20):
        config, params = sample(chosen, seed)
        expected = {"layers", "batch_norm", "dropout", "optimizer"}
        expected |= {f"units_{layer}" for layer in range(config.layers)}
        if config.optimizer.type == "adam":
            expected |= {"adam.learning_rate", "adam.beta_1"}
        assert set(params) == expected


def test_a_setting_left_out_is_the_optimizers_default_and_a_plain_one_is_kept() -> None:
    params = {"layers": 1, "units_0": 64, "batch_norm": True, "dropout": 0.1}
    adam = config_of(
        space(**WIDE),
        params | {"optimizer": "adam", "adam.learning_rate": 0.001, "adam.beta_1": 0.9},
    )
    assert adam is not None
    assert flat(adam)["optimizer"] == {
        "type": "adam",
        "learning_rate": 0.001,
        "beta_1": 0.9,
        "beta_2": 0.999,
        "epsilon": 1e-5,
        "amsgrad": False,
    }
    sgd = config_of(space(**WIDE), params | {"optimizer": "sgd"})
    assert sgd is not None
    assert flat(sgd)["optimizer"]["learning_rate"] == 0.01
    assert flat(sgd)["optimizer"]["nesterov"] is True


def test_parameters_that_are_missing_stand_for_no_configuration() -> None:
    assert config_of(space(**WIDE), {"layers": 2, "units_0": 64}) is None
    assert fixed_config(space(l2={"type": "categorical", "choices": [0.0]})) is None


@given(spaces(), st.integers(0, 2**31))
def test_whatever_is_drawn_is_a_configuration_of_the_space(table: Any, seed: int) -> None:
    chosen = space(**table)
    config, params = sample(chosen, seed)
    assert within(chosen, config)
    assert TrialConfig.model_validate(flat(config)) == config
    assert config_of(chosen, params) == config


@given(spaces(), st.sampled_from([0.0, 0.5, 1.0]))
def test_corners_lie_in_the_space(table: Any, where: float) -> None:
    chosen = space(**table)
    config = suggest_config(chosen, Corner(where))
    assert within(chosen, config)
    assert config.layers <= max_layers(chosen)


def test_the_corners_of_a_space() -> None:
    chosen = space(
        layers={"type": "int", "low": 1, "high": 3},
        units={"type": "int", "low": 64, "high": 1024, "log": True},
        batch_norm={"type": "categorical", "choices": [True, False]},
        batch_size={"type": "categorical", "choices": [128, 32, 64]},
        l2={"type": "float", "low": 0.0, "high": 0.5},
    )
    low, middle, high = (suggest_config(chosen, Corner(where)) for where in (0.0, 0.5, 1.0))
    assert (low.layers, low.units, low.batch_norm, low.batch_size, low.l2) == (
        *(1, (64,), False, 32, 0.0),
    )
    assert (middle.layers, middle.units, middle.batch_size, middle.l2) == (2, (256,) * 2, 64, 0.25)
    assert (high.layers, high.units, high.batch_norm, high.batch_size, high.l2) == (
        *(3, (1024,) * 3, True, 128, 0.5),
    )


@given(spaces())
def test_a_space_survives_json(table: Any) -> None:
    chosen = space(**table)
    assert Space.model_validate(chosen.model_dump(mode="json")) == chosen


@given(spaces(), st.integers(0, 2**31), st.data())
def test_what_is_enqueued_from_the_space_comes_back(table: Any, seed: int, data: Any) -> None:
    chosen = space(**table)
    config, params = sample(chosen, seed)
    written = flat(config)
    if isinstance(chosen.optimizer, OptimizerChoice):
        wanted = data.draw(st.sets(st.sampled_from(sorted(written["optimizer"]))))
        kept = {"type", *wanted}
        written["optimizer"] = {k: v for k, v in written["optimizer"].items() if k in kept}
    keys = data.draw(st.sets(st.sampled_from(sorted(written))))
    some = PartialConfig.model_validate({key: written[key] for key in keys})
    fixed = params_of(chosen, some)
    assert fixed.items() <= params.items()
    assert PartialConfig.model_validate(some.model_dump(mode="json")) == some
    assert params_of(chosen, PartialConfig.model_validate(some.model_dump(mode="json"))) == fixed
    if keys == set(written):
        assert config_of(chosen, params | fixed) == config


@given(spaces(), st.integers(0, 2**31))
def test_a_whole_configuration_enqueued_is_all_parameters(table: Any, seed: int) -> None:
    chosen = space(**table)
    config, params = sample(chosen, seed)
    assert params_of(chosen, PartialConfig.model_validate(flat(config))) == params


@given(spaces(), configs(most_layers=4))
def test_what_is_not_in_the_space_is_refused_in_words(table: Any, config: TrialConfig) -> None:
    chosen = space(**table)
    whole = PartialConfig.model_validate(flat(config))
    if within(chosen, config):
        assert config_of(chosen, params_of(chosen, whole)) == config
        return
    with pytest.raises(ValueError, match=r"; |, but "):
        params_of(chosen, whole)


@pytest.mark.parametrize(
    ("fields", "params"),
    [
        ({}, {}),
        ({"layers": 2}, {"layers": 2}),
        ({"units": [64, 128]}, {"layers": 2, "units_0": 64, "units_1": 128}),
        ({"units": 64}, {"units_0": 64, "units_1": 64, "units_2": 64}),
        ({"layers": 1, "units": 64}, {"layers": 1, "units_0": 64}),
        ({"dropout": [0.3, 0.3]}, {"layers": 2, "dropout": 0.3}),
        ({"activation": "relu", "batch_norm": True}, {"batch_norm": True}),
        ({"optimizer": {"type": "adam"}}, {"optimizer": "adam"}),
        ({"optimizer": {"type": "adam", "beta_1": 0.9, "epsilon": 1e-5, "amsgrad": False}},
         {"optimizer": "adam", "adam.beta_1": 0.9}),
        ({"optimizer": {"type": "sgd", "nesterov": True}}, {"optimizer": "sgd"}),
    ],
)  # fmt: skip
def test_an_enqueued_configuration_fixes_what_it_names(fields: Any, params: Any) -> None:
    assert params_of(space(**WIDE), partial(**fields)) == params


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"layers": 4}, "layers = 4 is not in the space (1 to 3); change it or widen the range"),
        ({"units": [64, 32]}, "units[1] = 32 is not in the space (64 to 2048)"),
        ({"dropout": 0.25}, "dropout = 0.25 is not in the space (0.0 to 0.5 in steps of 0.1)"),
        ({"dropout": [0.1, 0.2]}, "dropout = [0.1, 0.2] differs by layer, but"),
        ({"units": [64, 64], "dropout": [0.1]}, "dropout = [0.1] is a list of 1, but layers = 2"),
        (
            {"activation": "tanh"},
            'activation = "tanh", but the space fixes it to "relu"; change it',
        ),
        ({"optimizer": {"type": "rmsprop"}}, 'optimizer.type = "rmsprop" is not in the space'),
        (
            {"optimizer": {"type": "adam", "epsilon": 1e-7}},
            "optimizer.epsilon = 1e-07, but the space",
        ),
        ({"optimizer": {"type": "sgd", "momentum": 0.9}}, "fixes it to 0.0"),
    ],
)
def test_an_enqueued_value_out_of_the_space_is_told(fields: Any, message: str) -> None:
    with pytest.raises(ValueError, match=r"; ") as caught:
        params_of(space(**WIDE), partial(**fields))
    assert message in str(caught.value)


def test_a_list_is_held_against_a_fixed_number_of_layers() -> None:
    with pytest.raises(ValueError, match=r"units = \[64\] is a list of 1, but layers = 3"):
        params_of(space(layers=3, units=64), partial(units=[64]))
    with pytest.raises(
        ValueError, match=r"units = \[64, 65\], but the space fixes it to \[64, 64\]"
    ):
        params_of(space(units=[64, 64]), partial(units=[64, 65]))


def test_an_enqueued_optimizer_is_held_against_a_fixed_one() -> None:
    fixed = space(optimizer={"type": "adam", "learning_rate": 0.01})
    assert params_of(fixed, partial(optimizer={"type": "adam"})) == {}
    with pytest.raises(
        ValueError, match=r'optimizer\.type = "sgd", but the space fixes it to "adam"'
    ):
        params_of(fixed, partial(optimizer={"type": "sgd", "momentum": 0.5}))
    with pytest.raises(
        ValueError, match=r"optimizer\.learning_rate = 0\.1, but the space fixes it"
    ):
        params_of(fixed, partial(optimizer={"type": "adam", "learning_rate": 0.1}))


def test_lists_in_a_space_need_a_fixed_number_of_layers() -> None:
    assert fixed_config(space(layers=2, units=[8, 9])) == TrialConfig(units=(8, 9))
    with pytest.raises(InputError, match="units is a list but layers is a range"):
        space(layers={"type": "int", "low": 1, "high": 2}, units=[8, 9])
