"""Samplers: what each ``[sampler]`` of the study file is in Optuna, and what it is seeded with."""

import hashlib
import importlib.util
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, GPSampler, QMCSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from hpsearch.errors import InputError
from hpsearch.ranges import RANGES
from hpsearch.search.attributes import FIXED_KEY, requested_params
from hpsearch.search.sampling.view import newest_and_best
from hpsearch.search_sections import GP, QMC, TPE, Grid, Random
from hpsearch.space import Corner, Space, suggest_config
from hpsearch.study_file import StudyFile
from hpsearch.walks import is_per_layer, place_of, places

MAX_GRID = 1_000_000
"""Points of the largest grid that is laid out."""

MEMORY = 1_000
"""Finished trials that TPE learns from, the newest ones; more where it starts after more only. (It
gives old trials less weight by itself.)"""

BEST = 25
"""The best trials of a study, which it learns from however old they are; it never takes more for
good (``optuna.samplers._tpe.sampler.default_gamma``)."""


def derive_seed(seed: int, *parts: int | str) -> int:
    """A seed below 2**31 that depends on all arguments; neighbours have nothing in common."""
    text = "/".join(str(part) for part in (seed, *parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) >> 1


def make_sampler(
    file: StudyFile, number: int, given: Mapping[str, Any] | None = None
) -> BaseSampler:
    """The sampler for one trial.

    What it draws is a function of the study's seed, the trial's number, the history and, of the
    first trials, the budget that the study began with: not of the worker, so that two workers
    never draw the same random points and one that starts again does not repeat the first points
    of the one before.

    Args:
        file: the study.
        number: the trial's number.
        given: the trial's parameters where they follow from the trials before it: of the initial
            design, or a point of the grid.

    Raises:
        InputError: a grid over a space that is infinite or conditional, or ``gp`` without torch.
    """
    if given:
        return _Given(given)
    seed = derive_seed(file.seed, "sampler", number)
    options = file.sampler.model_dump(exclude={"type", "cheapest_first"})
    with warnings.catch_warnings():
        # QMC is marked experimental, and so is group = true, which a user has to write.
        warnings.simplefilter("ignore", ExperimentalWarning)
        match file.sampler:
            case TPE():
                memory = max(MEMORY, file.sampler.n_startup_trials)
                return _Remembers(TPESampler(seed=seed, **options), memory)
            case GP():
                _require_torch()
                return GPSampler(seed=seed, warn_independent_sampling=False, **options)
            case QMC():
                return QMCSampler(
                    # All workers take points of one sequence, so its seed is the study's alone.
                    seed=derive_seed(file.seed, "sequence"),
                    independent_sampler=RandomSampler(seed=seed),
                    warn_independent_sampling=False,
                    **options,
                )
            case Random():
                return RandomSampler(seed=seed)
            case Grid():
                if file.budget.size_limits:
                    raise InputError(
                        'sampler.type = "grid": cannot leave out points by'
                        " budget.max_parameters or max_macs; take that out and make the space"
                        " smaller"
                    )
                grid_values(file.space)
                return RandomSampler(seed=seed)  # of what was enqueued in part; others have a point


def check_sampler(file: StudyFile, where: str) -> None:
    """Make sure that the sampler can work on the space.

    Args:
        file: the study.
        where: what it was read from, for the message.

    Raises:
        InputError: it cannot, as :func:`make_sampler` says.
    """
    try:
        make_sampler(file, 0)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _require_torch() -> None:
    if importlib.util.find_spec("torch") is None:
        raise InputError(
            'sampler.type = "gp" needs the package torch; pip install torch, or use "tpe"'
        )


class _Given(BaseSampler):
    """Gives a trial the parameters that were drawn for it ahead."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        """Args: all parameters of the trial."""
        self._params = params

    def infer_relative_search_space(self, *_: Any) -> dict[str, Any]:
        """Nothing: every parameter is given by itself."""
        return {}

    def sample_relative(self, *_: Any) -> dict[str, Any]:
        """Nothing, as above."""
        return {}

    def sample_independent(self, _study: Any, _trial: Any, name: str, _distribution: Any) -> Any:
        """The given value."""
        return self._params[name]


class _Remembers(BaseSampler):
    """A sampler of one trial that looks at the study once, and at no more than it can use.

    TPE by itself reads the running trials anew for every parameter that only some configurations
    have, and sorts and weighs all trials: at 10,000 a second per trial.
    """

    def __init__(self, sampler: BaseSampler, memory: int) -> None:
        """Args: the sampler; the finished trials, the newest ones, that it sees."""
        self._sampler, self._memory = sampler, memory
        self._seen: Study | None = None

    def _see(self, study: Study) -> Study:
        if self._seen is None:
            self._seen = newest_and_best(study, self._memory, BEST)
        return self._seen

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:
        """As the sampler, of what is seen."""
        return self._sampler.infer_relative_search_space(self._see(study), trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, Any]
    ) -> dict[str, Any]:
        """As the sampler, from what is seen."""
        return self._sampler.sample_relative(self._see(study), trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: Any
    ) -> Any:
        """As the sampler, from what is seen."""
        return self._sampler.sample_independent(
            self._see(study), trial, param_name, param_distribution
        )


def grid_point(file: StudyFile, before: Sequence[FrozenTrial], number: int) -> dict[str, Any]:
    """The point of the grid that a trial tries: the first one, in a random order, that is left.

    It follows from the trials before it, of which nobody can change any more which point they try,
    so that workers never take the same one. (Optuna's GridSampler lets them, once trials are
    enqueued; it also ends the study itself, and refuses trials that are enqueued in part.)

    Args:
        file: the study.
        before: all trials before it.
        number: the trial's number.
    """
    values = grid_values(file.space)
    sizes = [len(found) for found in values.values()]
    # All workers walk over one grid in one order, so its seed is the study's alone.
    order = np.random.default_rng(derive_seed(file.seed, "grid")).permutation(math.prod(sizes))
    walk, taken = iter(order), set[int]()

    def first_left() -> int:
        return int(
            next((point for point in walk if point not in taken), order[number % len(order)])
        )

    for trial in before:
        if FIXED_KEY in trial.system_attrs:
            # What it draws beside that nobody knows at first; so it is no point of it later on, in
            # a trial that goes on for it, either.
            point = _point(values, sizes, requested_params(trial))
        elif (point := _point(values, sizes, trial.params)) is None:
            point = first_left()  # it has not got all of its parameters yet, or never
        taken |= set() if point is None else {point}
    found = np.unravel_index(first_left(), sizes) if sizes else ()
    return {name: values[name][int(index)] for name, index in zip(values, found, strict=True)}


def _point(
    values: Mapping[str, list[Any]], sizes: Sequence[int], params: Mapping[str, Any]
) -> int | None:
    """Which point of a grid some parameters are; None where they are none, or not all."""
    found = []
    for name, choices in values.items():
        known = params.get(name)
        index = next((i for i, one in enumerate(choices) if _is_same(one, known)), None)
        if index is None:
            return None
        found.append(index)
    return int(np.ravel_multi_index(found, sizes)) if found else 0


def _is_same(one: Any, other: Any) -> bool:
    """Whether two values of a parameter are the same, but for the last bit of a sum."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
    return bool(one == other)


def grid_values(space: Space) -> dict[str, list[Any]]:
    """The values of every parameter, for a space that is a grid.

    Raises:
        InputError: a range without end (a real range without step), parameters that some
            configurations lack, or more than MAX_GRID points.
    """
    collect = _Collect(space)
    suggest_config(space, collect)
    named = places(space)
    by_keys = {place.keys: place.field for place in named}
    for place in named:
        by, key = place.trait.by, ".".join(place.keys)
        count = by_keys.get((*place.keys[:-1], by or ""))  # None: its default
        if by and is_per_layer(place.field) and isinstance(count, RANGES):
            raise InputError(
                f'sampler.type = "grid": space.{key} has per_layer = true while {by} is a'
                " range, so that not every point has the same parameters; set per_layer = false,"
                f" fix {by}, or use another sampler"
            )
        if (
            by
            and isinstance(place.field, RANGES)
            and isinstance(count, RANGES)
            and count.contains(0)
        ):
            raise InputError(
                f'sampler.type = "grid": space.{key} is a range while {by} may be 0, so that not'
                f" every point has it; fix {key}, let {by} begin at 1, or use another sampler"
            )
    for place in named:
        chosen, key = place.keys[0], ".".join(place.keys)
        kinds = by_keys.get((chosen,))
        several = len(place.keys) > 1 and kinds is not None and len(kinds.choices) > 1
        if several and isinstance(place.field, RANGES):
            raise InputError(
                f'sampler.type = "grid": space.{key} belongs to one of several'
                f" {chosen}s, so that not every point has it; fix it, keep one {chosen}, or use"
                " another sampler"
            )
    size = math.prod(len(values) for values in collect.values.values())
    if size > MAX_GRID:
        raise InputError(
            f'sampler.type = "grid": the space has {size:,} points (at most {MAX_GRID:,});'
            " use fewer values or another sampler"
        )
    return collect.values


def grid_size(space: Space, enqueued: Sequence[Mapping[str, Any]] = ()) -> int:
    """The number of points of a grid, and of what was enqueued that is none of them.

    Raises as :func:`grid_values`.
    """
    values = grid_values(space)
    sizes = [len(found) for found in values.values()]
    return math.prod(sizes) + sum(_point(values, sizes, one) is None for one in enqueued)


class _Collect(Corner):
    """Takes the low end of every range of a space, and notes all values of each."""

    def __init__(self, space: Space) -> None:
        super().__init__(0.0)
        self._space = space
        self.values: dict[str, list[Any]] = {}

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """The low end."""
        self.values[name] = list(range(low, high + 1, step))
        return low

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """The low end."""
        if step is None and low < high:
            place = place_of(self._space, name)
            key = ".".join(("space", *place.keys)) if place else name
            raise InputError(
                f'sampler.type = "grid": {key} is a real range without step; give it a'
                " step or choices, or use another sampler"
            )
        count = 1 if step is None else int((high - low) / step + 1e-9) + 1
        # Rounding may carry the last step over the end.
        self.values[name] = [min(low + i * (step or 0.0), high) for i in range(count)]
        return low

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """The first choice."""
        self.values[name] = list(choices)
        return choices[0]
