"""Keras' optimizer of a configuration, with every setting that the configuration names."""

import functools

import keras

from hpsearch.optimizers import Optimizer
from hpsearch.training.fused import FusedAdam, FusedAdamW, FusedRMSprop, FusedSGD, OneReplica

_FUSED: dict[str, type[keras.optimizers.Optimizer]] = {
    "Adam": FusedAdam,
    "AdamW": FusedAdamW,
    "RMSprop": FusedRMSprop,
    "SGD": FusedSGD,
}
"""Those of Keras' optimizers that there is a faster one of; others work without an entry."""


_EXCLUDED = ("_exclude_from_weight_decay", "_exclude_from_weight_decay_pattern")
"""Keras' names for the weights that are left out of the decay."""


def build(
    config: Optimizer,
    learning_rate: float | keras.optimizers.schedules.LearningRateSchedule,
    precision: str = "float32",
    *,
    stock: bool = False,
) -> keras.optimizers.Optimizer:
    """The optimizer.

    Args:
        config: its kind and settings.
        learning_rate: a number or a schedule, from ``hpsearch.training.schedules``; the
            configuration's own rate is what the schedule was made from.
        precision: with "mixed_float16" the optimizer scales the loss, since small gradients
            would vanish in float16 (Micikevicius et al., 2018, "Mixed Precision Training").
            bfloat16 has float32's range and needs none.
        stock: whether it is Keras' own class, which its files and copies need, not a faster one.
    """
    # The fields have the names of Keras' arguments.
    settings = config.model_dump(exclude={"type", "learning_rate"})
    made = getattr(keras.optimizers, config.keras) if stock else _class(config.keras)
    optimizer: keras.optimizers.Optimizer = made(learning_rate=learning_rate, **settings)
    if precision == "mixed_float16":
        return keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer


def kept(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """The optimizer that a model was compiled with; of one of Keras' own the faster one like it."""
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return keras.optimizers.LossScaleOptimizer(kept(optimizer.inner_optimizer))
    kind = type(optimizer)
    if kind is not getattr(keras.optimizers, kind.__name__, None):
        return optimizer
    made = _class(kind.__name__).from_config(optimizer.get_config())
    # What exclude_from_weight_decay() was told is in no configuration.
    told = {key: value for key, value in vars(optimizer).items() if key in _EXCLUDED}
    vars(made).update(told)
    return made


@functools.cache
def _class(name: str) -> type[keras.optimizers.Optimizer]:
    """Keras' optimizer of a name, or the faster one of it; neither keeps the graphs of trials."""
    if name in _FUSED:
        return _FUSED[name]
    return type(name, (OneReplica, getattr(keras.optimizers, name)), {})
