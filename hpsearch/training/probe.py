"""Probe: size and speed of a recipe's training, measured on a few steps of it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras

from hpsearch.data.parts import Parts
from hpsearch.recipe import Recipe
from hpsearch.training import memory
from hpsearch.training.engine import steps_per_call
from hpsearch.training.train import build_engine, size_of

_CALLS = 2
"""Calls of the engine in one timed epoch."""
_EPOCHS = 3
"""Short epochs that are trained; the first one prepares and does not count."""
_VALIDATION = 8192
"""Examples that are validated in a short epoch."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What training a recipe takes."""

    parameters: int
    """Trainable parameters."""
    macs: int
    """Multiplications, each with an addition, for one example."""
    bytes_weights_and_optimizer: int
    """Of the network's variables and the optimizer's; outputs and gradients come on top."""
    seconds_per_epoch: float
    """Estimated, validation included; the first epoch of a trial takes some seconds more."""
    seconds_to_start: float
    """What a trial takes besides its epochs: to build the network, and to trace its training."""


def probe(recipe: Recipe, parts: Parts) -> Probe:
    """Build a recipe's network, train short epochs of it and scale their time up.

    Raises:
        TrialFailedError: out of memory.
    """
    return memory.within(lambda: _probe(recipe, parts))


def _probe(recipe: Recipe, parts: Parts) -> Probe:
    batch = recipe.config.batch_size
    size = size_of(recipe, parts)
    steps = steps_per_call(size.parameters, size.macs, batch)
    began = time.perf_counter()
    short = parts.first(batch * _CALLS * steps, _VALIDATION)
    engine = build_engine(recipe, short)
    timer = _Timer()
    engine.fit(epochs=_EPOCHS, callbacks=[timer])
    to_start = time.perf_counter() - began - _EPOCHS * (timer.training + timer.validation)
    seconds = timer.training * len(parts.train) / len(short.train)
    seconds += timer.validation * len(parts.validation) / len(short.validation)
    return Probe(
        parameters=engine.parameters,
        macs=engine.macs,
        bytes_weights_and_optimizer=engine.bytes_of_variables,
        seconds_per_epoch=seconds,
        seconds_to_start=max(0.0, to_start),
    )


class _Timer(keras.callbacks.Callback):  # type: ignore[misc]  # keras ships no types
    """Times the fastest training and the fastest validation of several epochs, in seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.training = self.validation = float("inf")
        self._began = 0.0

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Training begins."""
        self._began = time.perf_counter()

    def on_test_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Training ends and validation begins."""
        now = time.perf_counter()
        self.training = min(self.training, now - self._began)
        self._began = now

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Validation ends."""
        self.validation = min(self.validation, time.perf_counter() - self._began)
