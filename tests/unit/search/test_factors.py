"""Factors of a space and their levels."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hpsearch.config import TrialConfig, flat
from hpsearch.search.factors import ABSENT, Factor, factors, levels_of, sampled
from hpsearch.study_file import StudyFile

Make = Callable[..., StudyFile]


def labels(file: StudyFile) -> dict[str, tuple[str, ...]]:
    return {one.name: one.labels for one in factors(file.space)}


def test_choices_and_short_ranges_have_a_level_for_each_value(make_file: Make) -> None:
    space = {
        "layers": {"type": "int", "low": 1, "high": 5},
        "batch_norm": {"type": "categorical", "choices": [True, False]},
        "dropout": {"type": "float", "low": 0.0, "high": 0.4, "step": 0.2},
        "l2": 0.0,
        "batch_size": {"type": "categorical", "choices": [64]},
    }
    assert labels(make_file(space=space)) == {
        "layers": ("1", "2", "3", "4", "5"),
        "batch_norm": ("true", "false"),
        "dropout": ("0", "0.2", "0.4"),
    }


@pytest.mark.parametrize(
    ("name", "field", "expected"),
    [
        (
            "dropout",
            {"type": "float", "low": 0.0, "high": 0.6},
            ("0 to 0.2", "0.2 to 0.4", "0.4 to 0.6"),
        ),
        (
            "l2",
            {"type": "float", "low": 1e-5, "high": 1e-2, "log": True},
            ("1e-5 to 0.0001", "0.0001 to 0.001", "0.001 to 0.01"),
        ),
        ("units", {"type": "int", "low": 1, "high": 9}, ("1 to 3", "4 to 6", "7 to 9")),
        (
            "units",
            {"type": "int", "low": 32, "high": 2048, "log": True},
            ("32 to 127", "128 to 511", "512 to 2,048"),
        ),
        ("units", {"type": "int", "low": 1, "high": 3, "log": True}, ("1", "2", "3")),
    ],
)
def test_a_range_has_three_levels_on_its_own_scale(
    make_file: Make, name: str, field: dict[str, Any], expected: tuple[str, ...]
) -> None:
    assert labels(make_file(space={name: field})) == {name: expected}


def only(file: StudyFile) -> Factor:
    (found,) = factors(file.space)
    return found


def test_a_value_has_the_level_that_names_it(make_file: Make) -> None:
    factor = only(make_file(space={"units": {"type": "int", "low": 1, "high": 9}, "layers": 1}))
    levels = [factor.level(flat(TrialConfig(layers=1, units=units))) for units in range(1, 10)]
    assert levels == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert factor.level(flat(TrialConfig(layers=1, units=10))) is None


def test_layers_with_values_of_their_own_are_compared_by_their_mean(make_file: Make) -> None:
    field = {"type": "int", "low": 10, "high": 1000, "log": True, "per_layer": True}
    factor = only(make_file(space={"units": field, "layers": 2}))
    assert factor.name == "units (mean of layers)"
    assert factor.level(flat(TrialConfig(layers=2, units=(10, 1000)))) == 1
    assert factor.level(flat(TrialConfig(layers=2, units=(10, 10)))) == 0
    assert factor.level(flat(TrialConfig(layers=2, units=(1000, 1000)))) == 2


def test_another_choices_setting_is_absent(make_file: Make) -> None:
    rate = {"type": "float", "low": 1e-4, "high": 1e-1, "log": True}
    file = make_file(space={"optimizer": {"adam": {"learning_rate": rate}, "sgd": {}}})
    found = factors(file.space)
    assert [one.name for one in found] == ["optimizer", "adam.learning_rate"]
    sgd = TrialConfig.model_validate({"optimizer": {"type": "sgd"}})
    assert levels_of(found, flat(sgd)) == [1, ABSENT]
    lion = TrialConfig.model_validate({"optimizer": {"type": "lion"}})
    assert levels_of(found, flat(lion)) is None


def test_samples_are_even_and_know_the_conditions(make_file: Make) -> None:
    space = {
        "layers": {"type": "int", "low": 1, "high": 3},
        "units": {"type": "int", "low": 16, "high": 512, "log": True},
        "optimizer": {
            "adam": {"learning_rate": {"type": "float", "low": 1e-4, "high": 1e-1, "log": True}},
            "sgd": {"momentum": {"type": "float", "low": 0.0, "high": 0.9}},
        },
    }
    file = make_file(space=space)
    found = factors(file.space)
    drawn = sampled(file.space, found, 600)
    assert drawn.shape == (600, 5)
    assert np.array_equal(drawn, sampled(file.space, found, 600))
    for number in range(2):
        assert (np.bincount(drawn[:, number]) > 150).all()
    optimizer, rate, momentum = drawn.T[2:]
    assert ((rate == ABSENT) == (optimizer == 1)).all()
    assert ((momentum == ABSENT) == (optimizer == 0)).all()
    assert (np.bincount(rate[rate != ABSENT]) > 60).all()


def test_the_ratio_of_layers_is_a_factor_of_its_own(make_file: Make) -> None:
    units = {"type": "int", "low": 32, "high": 512, "log": True, "ratio": [0.5, 1.0]}
    layers = {"type": "int", "low": 1, "high": 3}
    space = make_file(space={"units": units, "layers": layers}).space
    first, *_, ratio = factors(space)
    assert ratio.name == "units (of each layer to the one before)"
    assert ratio.labels == ("0.5", "1.0")
    for given, level in {(64, 32, 16): 0, (64, 64): 1, (64,): ABSENT, (64, 8): None}.items():
        assert ratio.level(flat(TrialConfig(layers=len(given), units=given))) == level
    assert first.name == "layers"


def test_one_ratio_alone_is_no_factor(make_file: Make) -> None:
    units = {"type": "int", "low": 32, "high": 512, "ratio": [0.5]}
    assert [one.name for one in factors(make_file(space={"units": units}).space)] == [
        "units (first layer)"
    ]
