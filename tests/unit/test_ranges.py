"""Ranges: what they may be, what they hold, how they draw."""

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import between, choices, float_ranges, int_ranges

from hpsearch.errors import InputError
from hpsearch.fields import Bool
from hpsearch.networks.dense import Activation, Dropout, Layers, Units
from hpsearch.optimizers import SGD, LearningRate
from hpsearch.parsing import parse
from hpsearch.ranges import Categorical, FloatRange, IntRange, LayerInts, extent, words


def ints(**values: object) -> IntRange[int]:
    return parse(IntRange[Units], {"type": "int", **values}, "here")


def reals(**values: object) -> FloatRange[float]:
    return parse(FloatRange[LearningRate], {"type": "float", **values}, "here")


def trial(**params: object) -> optuna.trial.FixedTrial:
    return optuna.trial.FixedTrial(params)


def test_both_ends_are_in() -> None:
    assert [value for value in range(9) if ints(low=2, high=4).contains(value)] == [2, 3, 4]
    assert reals(low=0.1, high=0.3).contains(0.1)
    assert reals(low=0.1, high=0.3).contains(0.3)
    assert not reals(low=0.1, high=0.3).contains(0.3000001)


def test_a_step_leaves_values_out() -> None:
    assert [value for value in range(9) if ints(low=1, high=7, step=3).contains(value)] == [1, 4, 7]
    tenths = reals(low=0.1, high=0.5, step=0.1)
    assert tenths.contains(0.1 + 0.2)
    assert not tenths.contains(0.25)


@pytest.mark.parametrize(
    ("low", "high", "step", "reach"),
    [(1, 10, 4, "9"), (1, 3, 5, "1"), (64, 1000, 64, "960")],
)
def test_a_step_of_whole_numbers_meets_the_end(low: int, high: int, step: int, reach: str) -> None:
    message = f"step = {step} from low = {low} does not meet high = {high}; write high = {reach} or"
    with pytest.raises(InputError, match=message):
        ints(low=low, high=high, step=step)
    assert ints(low=low, high=int(reach), step=step).contains(int(reach))


def test_a_step_of_reals_meets_the_end_as_it_is_written() -> None:
    assert reals(low=0.1, high=0.7, step=0.1).contains(0.7)
    with pytest.raises(InputError, match=r"write high = 0\.7 or another step"):
        reals(low=0.1, high=0.75, step=0.1)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"low": 3, "high": 2}, "low = 3 is above high = 2; swap them"),
        ({"low": 1, "high": 2, "step": 0}, "step = 0 is out of range; write a value of at least 1"),
        ({"low": 1, "high": 8, "step": 2, "log": True}, "step = 2 and log = true exclude"),
        ({"low": 1, "high": 2, "log": 1}, "log = 1 has the wrong type; write true or false"),
        ({"low": 1.0, "high": 2}, "low = 1.0 has the wrong type; write a whole number"),
        ({"low": 0, "high": 2}, "low = 0 is out of range"),
        ({"low": 1, "high": 10**9}, "high = 1000000000 is out of range"),
        ({"high": 2}, "low: missing; add it"),
    ],
)
def test_a_wrong_range_of_whole_numbers_is_told(values: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        ints(**values)
    assert f"here: {message}" in str(caught.value)


def test_a_logarithmic_range_of_reals_takes_no_step_and_starts_above_0() -> None:
    with pytest.raises(InputError, match=r"step = 1\.0 and log = true"):
        reals(low=1, high=3, step=1.0, log=True)
    with pytest.raises(InputError, match=r"low = 0\.0 with log = true; .* must start above 0"):
        parse(FloatRange[Dropout], {"low": 0, "high": 0.5, "log": True}, "here")


def test_choices_are_there_and_differ() -> None:
    with pytest.raises(InputError, match=r"choices = .* is empty; write at least one entry"):
        parse(Categorical[Bool], {"choices": []}, "here")
    with pytest.raises(InputError, match=r"choices has 0\.1 twice; list each value once"):
        parse(Categorical[Dropout], {"choices": [0.1, 0.2, 0.1]}, "here")
    with pytest.raises(InputError, match=r"choices\[0\] = 1 has the wrong type; write true or"):
        parse(Categorical[Bool], {"choices": [1, True]}, "here")


def test_one_choice_is_enough() -> None:
    only = parse(Categorical[Activation], {"choices": ["relu"]}, "here")
    assert only.contains("relu")
    assert not only.contains("tanh")
    assert only.draw(trial(a="relu"), "a") == "relu"


def test_the_extent_is_told_in_words() -> None:
    assert extent(ints(low=1, high=7, step=3)) == "1 to 7 in steps of 3"
    assert extent(reals(low=0.1, high=0.5)) == "0.1 to 0.5"
    assert extent(parse(Categorical[Bool], {"choices": [True]}, "here")) == "one of [true]"
    whole = reals(low=1, high=3, step=1.0)
    assert extent(whole) == "1.0 to 3.0 in steps of 1.0"


def test_a_range_is_asked_for_by_name_with_its_bounds() -> None:
    per_layer = parse(LayerInts[Units], {"low": 1, "high": 7, "step": 3, "per_layer": True}, "here")
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    asked = study.ask()
    assert per_layer.draw(asked, "units_3") in (1, 4, 7)
    assert asked.distributions == {"units_3": optuna.distributions.IntDistribution(1, 7, step=3)}


@given(int_ranges(1, 300), st.integers(0, 400))
def test_a_range_holds_what_optuna_would_take(table: dict[str, object], value: int) -> None:
    range_ = ints(**table)
    distribution = optuna.distributions.IntDistribution(
        range_.low, range_.high, log=range_.log, step=range_.step
    )
    assert range_.contains(value) == distribution._contains(value)


@given(float_ranges(between(1e-3, 10)), between(0, 11))
def test_a_range_of_reals_holds_what_optuna_would_take(
    table: dict[str, object], value: float
) -> None:
    range_ = reals(**table)
    distribution = optuna.distributions.FloatDistribution(range_.low, range_.high, log=range_.log)
    assert range_.contains(value) == distribution._contains(value)


@given(st.integers(1, 50), st.integers(1, 20), st.integers(0, 20))
def test_a_step_that_is_taken_leaves_optuna_nothing_to_round(low: int, step: int, n: int) -> None:
    tenth = 1000
    table = {"low": low / tenth, "high": (low + n * step) / tenth, "step": step / tenth}
    range_ = reals(**table)
    asked = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).ask()
    assert range_.contains(range_.draw(asked, "x"))  # a rounded end would warn: an error in tests


@given(int_ranges(1, 64))
def test_ranges_of_whole_numbers_survive_json(table: dict[str, object]) -> None:
    range_ = parse(IntRange[Layers], table, "here")
    assert IntRange[Layers].model_validate(range_.model_dump(mode="json")) == range_


@given(choices(between(0, 0.99)))
def test_choices_survive_json(table: dict[str, object]) -> None:
    chosen = parse(Categorical[Dropout], table, "here")
    assert Categorical[Dropout].model_validate(chosen.model_dump(mode="json")) == chosen


def test_fields_in_words() -> None:
    layered = LayerInts[Units](low=64, high=2048, log=True, per_layer=True)
    assert words(layered) == "64 to 2048, logarithmic, for each layer"
    assert words(FloatRange(low=0.0, high=0.5, step=0.1)) == "0.0 to 0.5 in steps of 0.1"
    assert words(Categorical(choices=("a", "b"))) == 'one of ["a", "b"]'
    assert words(SGD(momentum=0.9)) == (
        "sgd with learning_rate 0.01, momentum 0.9, nesterov false (fixed)"
    )
    assert words(0.5) == "0.5 (fixed)"
    assert words("relu") == '"relu" (fixed)'
