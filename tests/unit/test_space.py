"""Spaces: drawing, replaying and corners."""

from typing import Any

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import WIDE, spaces, within

from hpsearch.config import TrialConfig, flat
from hpsearch.errors import InputError
from hpsearch.networks.dense import Dense
from hpsearch.parsing import parse
from hpsearch.space import Corner, Space, config_at, config_of, fixed_config, suggest_config, varied
from hpsearch.walks import named_fields

optuna.logging.set_verbosity(optuna.logging.WARNING)


def space(**fields: object) -> Space:
    return parse(Space, fields, "here")


def sample(chosen: Space, seed: int) -> tuple[TrialConfig, dict[str, Any]]:
    """A configuration that Optuna draws at random, and its parameters."""
    asked = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed)).ask()
    return suggest_config(chosen, asked), asked.params


def test_an_empty_space_is_the_default_configuration() -> None:
    assert fixed_config(space()) == TrialConfig()


def test_the_names_are_those_that_optuna_sees() -> None:
    chosen = space(**WIDE)
    for seed in range(20):
        config, params = sample(chosen, seed)
        expected = {"layers", "batch_norm", "dropout", "optimizer"}
        expected |= {f"units_{layer}" for layer in range(config.network.layers)}
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
    assert config.network.layers <= suggest_config(chosen, Corner(1.0)).network.layers


def test_the_corners_of_a_space() -> None:
    chosen = space(
        layers={"type": "int", "low": 1, "high": 3},
        units={"type": "int", "low": 64, "high": 1024, "log": True},
        batch_norm={"type": "categorical", "choices": [True, False]},
        batch_size={"type": "categorical", "choices": [128, 32, 64]},
        l2={"type": "float", "low": 0.0, "high": 0.5},
    )
    low, middle, high = (suggest_config(chosen, Corner(where)) for where in (0.0, 0.5, 1.0))
    assert (low.network, low.batch_size) == (
        Dense(layers=1, units=(64,), dropout=(0.0,), batch_norm=False, l2=0.0), 32
    )  # fmt: skip
    assert (middle.network.units, middle.network.l2, middle.batch_size) == ((256,) * 2, 0.25, 64)
    assert (high.network, high.batch_size) == (
        Dense(layers=3, units=(1024,) * 3, dropout=(0.0,) * 3, batch_norm=True, l2=0.5), 128
    )  # fmt: skip


def test_what_a_space_has_several_values_of() -> None:
    rate = {"type": "float", "low": 0.001, "high": 0.01}
    schedules = {"type": "categorical", "choices": ["constant", "cosine"]}
    found = space(units=64, optimizer={"adam": {"learning_rate": rate}}, lr_schedule=schedules)
    assert varied(found) == {"optimizer", "lr_schedule"}
    assert varied(space()) == set()


def test_the_largest_configuration_within_a_limit() -> None:
    chosen = space(layers=1, units={"type": "int", "low": 10, "high": 1010})

    def units(where: float, limit: int) -> tuple[int, ...]:
        """10 parameters for each unit, and one."""
        config = config_at(
            chosen, where, fits=lambda config: config.network.parameters((8,), 1) <= limit
        )
        network = config.network
        assert isinstance(network, Dense)
        return network.units

    assert units(1.0, 10**9) == units(1.0, 10_101) == (1010,)
    assert units(1.0, 10_100) == (990,)  # a fiftieth of the range lower
    assert units(0.5, 10_100) == (510,)
    assert units(1.0, 5) == (10,)


@given(spaces())
def test_a_space_survives_json(table: Any) -> None:
    chosen = space(**table)
    assert Space.model_validate(chosen.model_dump(mode="json")) == chosen


def test_lists_in_a_space_need_a_fixed_number_of_layers() -> None:
    assert fixed_config(space(layers=2, units=[8, 9])) == TrialConfig(units=(8, 9))
    assert fixed_config(space(units=[7, 8, 9])) == TrialConfig(layers=3, units=(7, 8, 9))
    with pytest.raises(InputError, match="units is a list of 1 and dropout is a list of 3"):
        space(units=[7], dropout=[0.1, 0.2, 0.3])
    with pytest.raises(InputError, match="units is a list, but layers is a range"):
        space(layers={"type": "int", "low": 1, "high": 2}, units=[8, 9])


def test_fields_by_name() -> None:
    rate = {"type": "float", "low": 1e-4, "high": 1e-2, "log": True}
    choice = {"adam": {"learning_rate": rate, "beta_1": 0.8}, "sgd": {}}
    named = named_fields(parse(Space, {"units": 7, "optimizer": choice}, "space"))
    assert named["units"] == 7
    assert named["optimizer"].choices == ("adam", "sgd")
    assert named["adam.learning_rate"].high == 1e-2
    assert named["adam.beta_1"] == 0.8
    assert not any(name.startswith("sgd.") for name in named)
    fixed = named_fields(parse(Space, {"optimizer": {"type": "sgd"}}, "space"))
    assert fixed["optimizer"].type == "sgd"
    assert not any("." in name for name in fixed if not name.startswith("augment."))
