"""Precision: which one a device trains a study's networks fastest in, measured on a few steps."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from hpsearch.data.parts import Parts
from hpsearch.errors import Failure, TrialFailedError
from hpsearch.recipe import Recipe, computing_in
from hpsearch.training import devices, memory
from hpsearch.training.engine import Engine, steps_per_call
from hpsearch.training.train import build_engine

SECONDS = 1.0
"""How long the precisions are measured in turns, all together; each at least ``_ROUNDS`` times."""

_ROUNDS = 3
_VALIDATION = 64
"""Examples that are validated in each round."""

_CPU_INFO = Path("/proc/cpuinfo")
_BFLOAT16 = {"avx512_bf16", "amx_bf16"}
"""Instructions of x86 processors that multiply bfloat16; without them it is emulated, up to ten
times slower than float32 (scripts/bench/README.md)."""


def candidates() -> tuple[str, ...]:
    """The precisions that may be the fastest on the device of this process, float32 first."""
    if devices.on_gpu():
        return "float32", "mixed_float16"
    return ("float32", "mixed_bfloat16") if _has_bfloat16() else ("float32",)


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
    precisions: Sequence[str],
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Time some steps of training in each precision, in turns: what disturbs one disturbs all.

    Args:
        recipes: what is trained, one after the other; their own precision is not looked at.
        parts: their data.
        precisions: what they are trained in.
        clock: tells seconds.

    Returns:
        The fastest round of each in seconds, all recipes together; of one alone 0.0: there is
        nothing to measure.

    Raises:
        TrialFailedError: out of memory.
    """
    found = dict.fromkeys(precisions, 0.0)
    for recipe in recipes if len(precisions) > 1 else ():
        try:
            each = _measure(recipe, parts, precisions, clock, SECONDS / len(recipes))
        except memory.CANDIDATES as error:
            if not memory.is_out_of_memory(error):
                raise
            raise TrialFailedError(Failure.OUT_OF_MEMORY, memory.describe(error)) from None
        finally:
            devices.release()
        found = {one: seconds + each[one] for one, seconds in found.items()}
    return found


def _measure(
    recipe: Recipe,
    parts: Parts,
    precisions: Sequence[str],
    clock: Callable[[], float],
    seconds: float,
) -> dict[str, float]:
    """The fastest round of each precision with one recipe."""
    size = recipe.config.network.size(parts.input_shape, parts.outputs)
    batch = recipe.config.batch_size
    examples = batch * steps_per_call(size.parameters, size.macs, batch)
    short = replace(
        parts,
        train=replace(parts.train, rows=parts.train.rows[:examples]),
        validation=replace(parts.validation, rows=parts.validation.rows[:_VALIDATION]),
    )
    engines = {one: build_engine(_in(recipe, one), short) for one in precisions}
    for engine in engines.values():
        _round(engine, clock)  # which traces it
    fastest, spent, rounds = dict.fromkeys(precisions, float("inf")), 0.0, 0
    while spent < seconds or rounds < _ROUNDS:
        for one, engine in engines.items():
            took = _round(engine, clock)
            fastest[one], spent = min(fastest[one], took), spent + took
        rounds += 1
    return fastest


def _in(recipe: Recipe, precision: str) -> Recipe:
    return recipe.model_copy(update={"training": computing_in(recipe.training, precision)})


def _round(engine: Engine, clock: Callable[[], float]) -> float:
    began = clock()
    engine.fit(epochs=1, callbacks=[])
    return clock() - began
