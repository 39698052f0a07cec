"""The grid: every point of a space that is finite, and which one a trial tries."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from optuna.trial import FrozenTrial

from hpsearch.errors import InputError
from hpsearch.ranges import RANGES
from hpsearch.search.attributes import FIXED_KEY, requested_params
from hpsearch.search.sampling.seeds import derive_seed
from hpsearch.space import Corner, Space, suggest_config
from hpsearch.study_file import StudyFile
from hpsearch.walks import is_per_layer, place_of, places

MAX_GRID = 1_000_000
"""Points of the largest grid that is laid out."""


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
        key = ".".join(place.keys)
        choices = [place.keys[:end] for end in range(1, len(place.keys), 2)]
        several = [
            keys[-1] for keys in choices if len(getattr(by_keys.get(keys), "choices", ())) > 1
        ]
        if several and isinstance(place.field, RANGES):
            chosen = several[0]
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
