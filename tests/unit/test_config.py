"""TrialConfig: defaults, values for each layer, the number of parameters."""

import json
import tomllib

import pytest
import tomli_w
from hypothesis import given
from strategies import configs

from hpsearch.config import TrialConfig, describe, flat
from hpsearch.errors import InputError
from hpsearch.optimizers import OPTIMIZERS, SGD, Adam
from hpsearch.parsing import parse
from hpsearch.searchable import per_layer


def config(**values: object) -> TrialConfig:
    return parse(TrialConfig, values, "here")


def test_the_defaults_are_those_of_the_study_file() -> None:
    assert flat(TrialConfig()) == {
        "layers": 2,
        "units": [128, 128],
        "activation": "relu",
        "parametric_activation": False,
        "batch_norm": False,
        "dropout": [0.0, 0.0],
        "l2": 0.0,
        "initializer": "glorot_uniform",
        "numeric_embedding": "none",
        "embedding_sigma": 0.1,
        "input_scale": False,
        "members": 1,
        "batch_size": 32,
        "lr_schedule": "constant",
        "label_smoothing": 0.0,
        "augment": {"flip": False, "translate": 0, "cutout": 0, "mixup": 0.0},
        "optimizer": {
            "type": "adam",
            "learning_rate": 1e-3,
            "beta_1": 0.9,
            "beta_2": 0.999,
            "epsilon": 1e-7,
            "amsgrad": False,
        },
    }


def test_one_value_stands_for_every_layer() -> None:
    assert config(layers=3, units=32).network.units == (32, 32, 32)
    assert config(layers=3).network.dropout == (0.0, 0.0, 0.0)
    assert config(layers=1, units=[7], dropout=[0.5]).network.units == (7,)
    assert per_layer([1, 2], 2, "units") == (1, 2)


@pytest.mark.parametrize(
    ("values", "units", "dropout"),
    [
        ({"units": [64, 64, 64]}, (64,) * 3, (0.0,) * 3),
        ({"dropout": [0.1]}, (128,), (0.1,)),
        ({"units": [8, 9], "dropout": [0.1, 0.2]}, (8, 9), (0.1, 0.2)),
        ({"units": [8] * 64}, (8,) * 64, (0.0,) * 64),
    ],
)
def test_the_number_of_layers_follows_from_a_list(
    values: dict[str, object], units: tuple[int, ...], dropout: tuple[float, ...]
) -> None:
    found = config(**values)
    network = found.network
    assert (network.layers, network.units, network.dropout) == (len(units), units, dropout)


@pytest.mark.parametrize("layers", [1, 3])
def test_a_list_has_one_value_for_each_layer(layers: int) -> None:
    with pytest.raises(
        InputError, match=rf"units = \[1, 2\] is a list of 2, but layers = {layers}"
    ):
        config(layers=layers, units=[1, 2])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"layers": 0}, "layers = 0 is out of range; write a value of at least 1"),
        ({"layers": 65}, "layers = 65 is out of range; write a value of at most 64"),
        ({"layers": True}, "layers = true has the wrong type; write a whole number"),
        ({"layers": 2.0}, "layers = 2.0 has the wrong type; write a whole number"),
        ({"units": []}, "units = [] is empty; write at least one value, one for each layer"),
        ({"units": [1, 2], "dropout": [0.1]},
         "units is a list of 2 and dropout is a list of 1; give each list one value for each"),
        ({"units": [1] * 65}, "layers = 65 is out of range; write a value of at most 64"),
        ({"units": [0, 1]}, "units[0] = 0 is out of range; write a value of at least 1"),
        ({"units": [1, 2.0]}, "units[1] = 2.0 has the wrong type; write a whole number"),
        ({"units": {"type": "int", "low": 1, "high": 2}},
         'units = {"type": "int", "low": 1, "high": 2} is a table; write a plain value'),
        ({"l2": {"type": "float"}}, 'l2 = {"type": "float"} is a table; write a plain value'),
        ({"dropout": 1}, "dropout[0] = 1 is out of range; write a value below 1.0"),
        ({"batch_size": 10**30}, f"batch_size = {10**30} is out of range; write a value of at"),
        ({"optimizer": {"type": "sgd", "beta_1": 0.9}},
         "optimizer.beta_1: unknown key; known: learning_rate, momentum, nesterov, type"),
        ({"optimizer": {"learning_rate": 0.1}},
         'optimizer: the table has no type; add type = "adam"'),
        ({"optimizer": "adam"},
         'optimizer = "adam" has the wrong type; write a table such as { type = "adam"'),
        ({"optimizer": {"type": "adam", "learning_rate": "1e-3"}},
         'optimizer.learning_rate = "1e-3" has the wrong type; write a number'),
    ],
)  # fmt: skip
def test_a_wrong_field_is_told(values: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        config(**values)
    assert f"here: {message}" in str(caught.value)


def test_the_optimizers_are_named_by_their_type() -> None:
    for name, optimizer in OPTIMIZERS.items():
        assert optimizer().type == name


@given(configs())
def test_a_configuration_survives_json_and_toml(chosen: TrialConfig) -> None:
    assert TrialConfig.model_validate(flat(chosen)) == chosen
    assert TrialConfig.model_validate(json.loads(json.dumps(flat(chosen)))) == chosen
    assert TrialConfig.model_validate(tomllib.loads(tomli_w.dumps(flat(chosen)))) == chosen


@given(configs())
def test_the_description_is_one_short_line(chosen: TrialConfig) -> None:
    line = describe(chosen)
    assert line.isprintable()
    assert line.startswith(f"{chosen.network.units[0]}")
    assert f" {chosen.optimizer.type} " in line
    assert line.endswith(f" b{chosen.batch_size}")


def test_the_description_says_what_is_switched_on() -> None:
    full = TrialConfig(batch_norm=True, dropout=(0.1, 0.3), optimizer=SGD(learning_rate=0.05))
    assert describe(full) == "128-128 relu bn drop 0.20 sgd 5.0e-02 constant b32"
    assert describe(TrialConfig(optimizer=Adam())) == "128-128 relu adam 1.0e-03 constant b32"


def test_a_deep_network_is_described_in_one_short_line() -> None:
    text = describe(TrialConfig(layers=64))
    assert text == "128-128-128-128-128-128-… (64 layers) relu adam 1.0e-03 constant b32"


def test_what_is_given_is_left_as_it_was() -> None:
    given: dict[str, object] = {"units": [8, 9]}
    assert config(**given) == TrialConfig.model_validate(given) == TrialConfig(units=(8, 9))
    assert given == {"units": [8, 9]}
