"""Whether another program's trial lies in a space."""

from collections.abc import Callable
from typing import Any

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial
from strategies import WIDE

from hpsearch.parsing import parse
from hpsearch.search.matching import Fitting, MisfitError, fitting
from hpsearch.space import suggest_config
from hpsearch.study_file import StudyFile

DATA = {"input_shape": [8], "class_names": ["0", "1"]}
PARAMS: dict[str, Any] = {
    "layers": 2, "units_0": 64, "units_1": 100, "batch_norm": True, "dropout": 0.2,
    "optimizer": "adam", "adam.learning_rate": 1e-3, "adam.beta_1": 0.9,
}  # fmt: skip
"""A configuration of the wide space."""

FILE = parse(
    StudyFile, {"name": "study", "dataset": {"source": "digits"}, "space": WIDE}, "study.toml"
)


def theirs(params: dict[str, Any], value: float = 0.5) -> FrozenTrial:
    """A trial that drew these parameters from ranges of its own."""

    def wide(one: Any) -> Any:
        if isinstance(one, bool | str | None):
            return CategoricalDistribution(["else", one])
        return (FloatDistribution if isinstance(one, float) else IntDistribution)(-(10**6), 10**6)

    return create_trial(
        state=TrialState.COMPLETE,
        value=value,
        params=params,
        distributions={name: wide(one) for name, one in params.items()},
    )


def fit(params: dict[str, Any], file: StudyFile = FILE, **rename: str) -> Fitting:
    return fitting(theirs(params), file, DATA, rename)


@given(st.integers(0, 2**32 - 1))
def test_what_the_space_draws_fits_with_its_own_names_and_ranges(seed: int) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    trial = study.ask()
    suggest_config(FILE.space, trial)
    study.tell(trial, 0.5)
    (drawn,) = study.trials
    found = fitting(drawn, FILE, DATA, {})
    assert (found.params, found.distributions) == (drawn.params, drawn.distributions)


def test_values_of_other_types_are_taken_as_the_spaces_own() -> None:
    found = fit(PARAMS | {"layers": 2.0, "units_0": 64.0, "dropout": 0, "adam.beta_1": 0.95})
    assert found.params == PARAMS | {"dropout": 0.0, "adam.beta_1": 0.95}
    assert [type(found.params[name]) for name in ("layers", "units_0", "dropout")] == [
        int, int, float,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"layers": 4}, "layers: outside of 1 to 3"),
        ({"layers": 1.5}, "layers: outside of 1 to 3"),
        ({"units_1": 63}, "units_1: outside of 64 to 2048"),
        ({"units_1": None}, "units_1: no number"),
        ({"units_1": True}, "units_1: no number"),
        ({"dropout": 0.25}, "dropout: outside of 0 to 0.5 by 0.1"),
        ({"adam.learning_rate": 0.011}, "adam.learning_rate: outside of 0.0001 to 0.01"),
        ({"batch_norm": 1}, "batch_norm: none of [true, false]"),
        ({"optimizer": "Adam"}, 'optimizer: none of ["adam", "sgd"]'),
        ({"optimizer": "sgd", "sgd.nesterov": False}, "sgd.nesterov: fixed to true"),
        ({"momentum": 0.9}, "momentum: no parameter of the space"),
    ],
)
def test_what_does_not_fit_is_told_by_its_name(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(MisfitError) as caught:
        fit(PARAMS | changes)
    assert str(caught.value) == says


def test_what_plays_no_part_in_a_configuration_may_be_there() -> None:
    of_others = {"units_2": 9, "batch_size": 32, "adam.epsilon": 1e-5}
    assert fit(PARAMS | of_others).params == PARAMS
    with pytest.raises(MisfitError, match="batch_size: fixed to 32"):
        fit(PARAMS | {"batch_size": 64})


def test_parameters_may_have_other_names_or_none() -> None:
    given = {name: one for name, one in PARAMS.items() if name != "adam.learning_rate"}
    given |= {"lr": 1e-3, "device": "cuda"}
    with pytest.raises(MisfitError, match=r"adam\.learning_rate: missing"):
        fit(given)
    assert fit(given, lr="adam.learning_rate", device="").params == PARAMS


def test_the_only_choice_need_not_be_given() -> None:
    space = {"optimizer": {"adam": WIDE["optimizer"]["adam"]}, "layers": WIDE["layers"]}
    file = parse(StudyFile, FILE.model_dump(mode="json") | {"space": space}, "study.toml")
    params = {"layers": 1, "adam.learning_rate": 1e-3, "adam.beta_1": 0.9}
    assert fit(params, file).params == {**params, "optimizer": "adam"}


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), 1e200])
def test_values_that_cannot_be_compared_do_not_fit(value: float) -> None:
    with pytest.raises(MisfitError, match="value: not finite"):
        fitting(theirs(PARAMS, value), FILE, DATA, {})


def test_a_network_over_the_budgets_limits_does_not_fit(
    make_file: Callable[..., StudyFile],
) -> None:
    file = make_file(space=WIDE, budget={"max_parameters": 500})
    with pytest.raises(MisfitError, match=r"larger than budget\.max_parameters"):
        fit(PARAMS, file)
