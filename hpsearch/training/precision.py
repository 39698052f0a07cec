"""Precision: which one a device trains a study's networks fastest in, measured on a few steps."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import tensorflow as tf

from hpsearch.data.parts import Parts
from hpsearch.errors import Failure, TrialFailedError
from hpsearch.recipe import Recipe, computing_in
from hpsearch.training import devices, memory
from hpsearch.training.engine import Engine, steps_per_call
from hpsearch.training.train import build_engine, size_of

SECONDS = 1.0
"""How long the precisions are measured in turns, all together; each at least ``_ROUNDS`` times."""

_ROUNDS = 3
_MOST = 10 * SECONDS
"""After so long one round of each is enough."""
_VALIDATION = 64
"""Examples that are validated in each round."""

LEAST_MACS = 100_000
"""Multiplications for an example below which a processor gains nothing by bfloat16: with its
instructions networks of 10,000 to 80,000 took 0.92 to 1.21 times as long in it (1.06 in the mean),
those of 120,000 to 10 million 0.84 times (scripts/bench/README.md)."""

_CPU_INFO = Path("/proc/cpuinfo")
_BFLOAT16 = {"avx512_bf16", "amx_bf16"}
"""Instructions of x86 processors that multiply bfloat16; without them it is emulated, up to ten
times slower than float32 (scripts/bench/README.md)."""

_log = logging.getLogger(__name__)


def rival() -> str:
    """The precision that float32 is compared with on the device of this process."""
    return "mixed_float16" if devices.on_gpu() else "mixed_bfloat16"


def why_not(precision: str) -> str:
    """Why this device need not be tried in a precision; empty: it is to be measured."""
    if precision == "mixed_bfloat16" and not devices.on_gpu() and not _has_bfloat16():
        return "has no instructions for bfloat16"
    return ""


def _are_small(recipes: Sequence[Recipe], parts: Parts) -> bool:
    """Whether measuring would take longer than it could save."""
    return max(size_of(recipe, parts).macs for recipe in recipes) < LEAST_MACS


def _has_bfloat16() -> bool:
    """Whether the processor may multiply bfloat16; True where that cannot be told."""
    try:
        lines = _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return True
    flags = next((line for line in lines if line.startswith("flags")), None)
    return flags is None or bool(_BFLOAT16 & set(flags.split()))


def measure(
    recipes: Sequence[Recipe],
    parts: Parts,
    precision: str,
    *,
    stopped: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Time some steps of training in float32 and another precision, in turns: what disturbs one
    disturbs the other.

    Args:
        recipes: what is trained, one after the other; their own precision is not looked at.
        parts: their data.
        precision: the other one.
        stopped: asked after every round.
        clock: tells seconds.

    Returns:
        By precision the fastest round in seconds, all recipes together.

    Raises:
        TrialFailedError: out of memory, or interrupted, as ``stopped`` said.
        tensorflow.errors.OpError: the device cannot compute so.
    """
    both = ("float32", precision)
    found = dict.fromkeys(both, 0.0)
    for recipe in recipes:
        seconds = SECONDS / len(recipes)
        each = memory.within(
            lambda: _measure(recipe, parts, both, seconds, stopped, clock)  # noqa: B023  # at once
        )
        found = {one: total + each[one] for one, total in found.items()}
    return found


def _measure(  # noqa: PLR0917  # those of measure
    recipe: Recipe,
    parts: Parts,
    precisions: Sequence[str],
    seconds: float,
    stopped: Callable[[], bool],
    clock: Callable[[], float],
) -> dict[str, float]:
    """The fastest round of each precision with one recipe."""
    size = size_of(recipe, parts)
    batch = recipe.config.batch_size
    short = parts.first(batch * steps_per_call(size.parameters, size.macs, batch), _VALIDATION)
    engines = {one: build_engine(_in(recipe, one), short) for one in precisions}
    for engine in engines.values():
        _round(engine, stopped, clock)  # which traces it
    fastest, spent, rounds = dict.fromkeys(precisions, math.inf), 0.0, 0
    while spent < seconds or (rounds < _ROUNDS and spent < _MOST):
        for one, engine in engines.items():
            took = _round(engine, stopped, clock)
            fastest[one], spent = min(fastest[one], took), spent + took
        rounds += 1
    return fastest


def _in(recipe: Recipe, precision: str) -> Recipe:
    return recipe.model_copy(update={"training": computing_in(recipe.training, precision)})


def _round(engine: Engine, stopped: Callable[[], bool], clock: Callable[[], float]) -> float:
    began = clock()
    engine.fit(epochs=1, callbacks=[])
    took = clock() - began
    if stopped():
        raise TrialFailedError(Failure.INTERRUPTED, "while the precision was measured")
    return took


def measured(
    recipes: Sequence[Recipe],
    parts: Parts,
    precision: str | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> tuple[dict[str, float], str]:
    """What :func:`measure` finds on this device; or nothing, and why only float32 is left.

    Args:
        recipes: see there; none: there is nothing to measure.
        parts: see there.
        precision: the other one; None: the usual one of the device.
        stopped: see there.

    Raises:
        TrialFailedError: interrupted, as ``stopped`` said.
    """
    other = precision or rival()
    if reason := why_not(other):
        return {}, reason
    if not recipes:
        return {}, "has no network to measure"
    try:
        if other == "mixed_bfloat16" and not devices.on_gpu() and _are_small(recipes, parts):
            return {}, f"gains nothing by {other} with networks as small as these"
        return measure(recipes, parts, other, stopped=stopped), ""
    except (TrialFailedError, tf.errors.OpError) as error:
        if isinstance(error, TrialFailedError) and error.failure is Failure.INTERRUPTED:
            raise
        _log.warning("%s cannot be measured: %s", other, error)
        return {}, f"failed in {other} ({str(error).splitlines()[0]})"
