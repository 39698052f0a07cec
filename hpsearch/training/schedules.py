"""Learning-rate schedules: how the rate changes from step to step of a trial."""

import math
from collections.abc import Callable
from typing import Any

import keras

Rate = Any
"""A float or a ``keras.optimizers.schedules.LearningRateSchedule`` (keras ships no types)."""


def constant(base: float, _steps: int) -> Rate:
    """The same rate throughout."""
    return base


def plateau(base: float, _steps: int) -> Rate:
    """A plain number, which Keras' ReduceLROnPlateau lowers while training runs."""
    return base


def cosine(base: float, steps: int) -> Rate:
    """Half a cosine from ``base`` to 0 (Loshchilov & Hutter, 2017, without restarts)."""
    return keras.optimizers.schedules.CosineDecay(base, steps)


def step(base: float, steps: int) -> Rate:
    """A tenth after 1/2 of the steps, a hundredth after 3/4.

    As ResNet was trained on CIFAR-10 (He et al., 2015: divided by 10 at 32,000 and 48,000 of
    64,000 iterations).
    """
    # Keras' boundaries are the last steps, counted from 0, that have the rate before.
    ends = [math.ceil(steps / 2) - 1, math.ceil(3 * steps / 4) - 1]
    rates = [base, base / 10, base / 100]
    return keras.optimizers.schedules.PiecewiseConstantDecay(ends, rates)


def warmup_cosine(base: float, steps: int) -> Rate:
    """Up in a straight line over 5 % of the steps, then a cosine to 0 (Goyal et al., 2017).

    Step ``i`` of ``w`` warm-up steps has ``base * (i + 1) / (w + 1)``, so that none has 0.
    """
    warmup = max(1, round(0.05 * steps))
    return keras.optimizers.schedules.CosineDecay(
        base / (warmup + 1),
        max(1, steps - warmup),
        warmup_target=base,
        warmup_steps=warmup,
    )


def coslog4(base: float, steps: int) -> Rate:
    """Four waves from 0 to ``base`` and back, each twice as long as the one before.

    RealMLP's (Holzmüller et al., 2024, "Better by Default"):
    ``base * (1 - cos(2 pi log2(1 + 15 t))) / 2``, where t is the share of the steps that is over in
    the middle of a step, so that none has 0.
    """

    class CosLog4(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]  # no types
        def __call__(self, step: keras.KerasTensor) -> keras.KerasTensor:
            share = (keras.ops.cast(step, "float32") + 0.5) / steps
            wave = 2 * math.pi / math.log(2) * keras.ops.log1p(15 * share)
            return base * (1 - keras.ops.cos(wave)) / 2

    return CosLog4()


SCHEDULES: dict[str, Callable[[float, int], Rate]] = {
    "constant": constant,
    "plateau": plateau,
    "cosine": cosine,
    "step": step,
    "warmup_cosine": warmup_cosine,
    "coslog4": coslog4,
}
"""By the name in a configuration: (rate that it starts from, steps of the whole trial) to rate."""
