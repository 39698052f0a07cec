"""Whether another program's trial lies in a space, and what it is called there."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.study import Study
from optuna.trial import FrozenTrial

from hpsearch.errors import InputError
from hpsearch.ranges import RANGES, Categorical, FloatRange, IntRange
from hpsearch.search.study import size_of
from hpsearch.space import Space, suggest_config
from hpsearch.study_file import StudyFile
from hpsearch.text import closest, show
from hpsearch.walks import Place, has_ratio, is_per_layer, named_fields, place_of


@dataclass(frozen=True, kw_only=True)
class Fitting:
    """A trial of the other program that lies in the space."""

    number: int
    value: float
    params: Mapping[str, Any]
    """By the space's own names, with its types."""
    distributions: Mapping[str, BaseDistribution]
    """The space's own."""


class MisfitError(Exception):
    """A parameter is missing or has a value that the space cannot yield; says so."""


class _Known:
    """Asked as a trial, it gives the values of another program's; see ``ranges.Suggest``.

    Attributes:
        params: what was asked for, and given.
        distributions: from which, by the same names.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given
        self.params: dict[str, Any] = {}
        self.distributions: dict[str, BaseDistribution] = {}

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """The given value, which must be whole."""
        value = self._number(name)
        fits = IntRange[int](low=low, high=high, step=step, log=log).contains(value)
        if not (fits and float(value).is_integer()):
            raise MisfitError(f"{name}: outside of {low} to {high}" + f" by {step}" * (step > 1))
        distribution = IntDistribution(low, high, log=log, step=step)
        return int(self._take(name, int(value), distribution))

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """The given value."""
        value = self._number(name)
        if not FloatRange[float](low=low, high=high, step=step, log=log).contains(value):
            by = "" if step is None else f" by {step}"
            raise MisfitError(f"{name}: outside of {low:g} to {high:g}{by}")
        distribution = FloatDistribution(low, high, log=log, step=step)
        return float(self._take(name, float(value), distribution))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """The choice that is equal to the given value; the only one need not be given."""
        value = self._given.get(name, choices[0]) if len(choices) == 1 else self._value(name)
        for choice in choices:
            if choice == value and isinstance(choice, bool) == isinstance(value, bool):
                return self._take(name, choice, CategoricalDistribution(choices))
        raise MisfitError(f"{name}: none of {show(list(choices))}")

    def _value(self, name: str) -> Any:
        if name not in self._given:
            raise MisfitError(f"{name}: missing")
        return self._given[name]

    def _number(self, name: str) -> float:
        value = self._value(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise MisfitError(f"{name}: no number")
        return value

    def _take(self, name: str, value: Any, distribution: BaseDistribution) -> Any:
        self.params[name], self.distributions[name] = value, distribution
        return value


def fitting(
    trial: FrozenTrial, file: StudyFile, dataset: Mapping[str, Any], rename: Mapping[str, str]
) -> Fitting:
    """Another program's trial as one of the space of a study file.

    Args:
        trial: it is complete.
        file: the study file.
        dataset: the facts of its data.
        rename: the space's names of parameters that are named otherwise there; empty: they play no
            part here.

    Raises:
        MisfitError: it is none, or larger than the budget allows.
    """
    value = trial.values[0]
    if not math.isfinite(value) or abs(value) > 1e100:
        raise MisfitError("value: not finite")
    given = {rename.get(name, name): one for name, one in trial.params.items()}
    given.pop("", None)
    known = _Known(given)
    config = suggest_config(file.space, known)
    _check_rest(file, given, known.params)
    if excess := file.budget.excess(size_of(config, dataset)):
        raise MisfitError(f"larger than budget.max_{next(iter(excess))}")
    return Fitting(
        number=trial.number, value=value, params=known.params, distributions=known.distributions
    )


def check_names(source: Study, file: StudyFile, rename: Mapping[str, str]) -> None:
    """Refuse names of parameters that are none, there or here.

    Args:
        source: the other program's study; without trials nothing is known of its names.
        file: the study file.
        rename: as of :func:`fitting`.

    Raises:
        InputError: one is none.
    """
    there = _names_there(source)
    for theirs, ours in rename.items():
        given = f"--rename {theirs}={ours}"
        if there and theirs not in there:
            raise InputError(
                f"{given}: study {source.study_name} has no parameter {show(theirs)};"
                f" {closest(theirs, there)}"
            )
        if ours and _place(file.space, ours) is None:
            raise InputError(
                f"{given}: the space has no parameter {show(ours)};"
                f" {closest(ours, list(_drawn(file.space).values()))}"
            )


def unmatched(
    source: Study, file: StudyFile, rename: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    """The parameters there that have no name here, and those here that have none there.

    Args:
        source: the other program's study.
        file: the study file.
        rename: as of :func:`fitting`.
    """
    names = {name: rename.get(name, name) for name in _names_there(source)}
    found = {name: _place(file.space, ours) for name, ours in names.items() if ours}
    taken = {place.name for place in found.values() if place is not None}
    theirs = [name for name, place in found.items() if place is None]
    return theirs, [shown for name, shown in _drawn(file.space).items() if name not in taken]


def _names_there(source: Study) -> list[str]:
    """The parameters of all trials."""
    return sorted({name for one in source.get_trials(deepcopy=False) for name in one.params})


def _place(space: Space, parameter: str) -> Place | None:
    """The field that has a parameter of exactly this name."""
    place = place_of(space, parameter)
    if place is None or has_ratio(place.field):
        return place
    return place if (parameter == place.name) is not is_per_layer(place.field) else None


def _drawn(space: Space) -> dict[str, str]:
    """The fields that a space draws, each with its parameter's name, or that of its first layer."""
    return {
        name: f"{name}_0" if is_per_layer(field) else name
        for name, field in named_fields(space).items()
        if isinstance(field, RANGES)
        and not (isinstance(field, Categorical) and len(field.choices) == 1)
    }


def _check_rest(file: StudyFile, given: Mapping[str, Any], taken: Mapping[str, Any]) -> None:
    """Refuse parameters that play a part there and none here.

    Raises:
        MisfitError: the space has no such parameter, or fixes it to another value.
    """
    fields = named_fields(file.space)
    for name in sorted(given.keys() - taken.keys()):
        if place_of(file.space, name) is None:
            raise MisfitError(f"{name}: no parameter of the space")
        field = fields.get(name)
        if field is None or isinstance(field, RANGES):
            continue  # of another kind or layer than the configuration has
        fixed = getattr(field, "type", field)
        if fixed != given[name]:
            raise MisfitError(f"{name}: fixed to {show(fixed)}")
