"""A regression's target in Keras: standardised as a network models it, and back in its own unit.

The same as ``hpsearch.data.target`` has it for NumPy; exported models and scripts have these, too.
"""

import math

import keras

from hpsearch.data.target import Standard


def standardised(
    target: Standard, y: keras.KerasTensor, dtype: str = "float64"
) -> keras.KerasTensor:
    """Targets as a network models them, float32.

    Args:
        target: how they are standardised.
        y: targets in their own unit, of any shape.
        dtype: what is computed in.
    """
    y = keras.ops.cast(y, dtype)
    found = keras.ops.log1p(y) if target.is_log else y
    return keras.ops.cast((found - target.mean) / target.deviation, "float32")


def restored(
    target: Standard, outputs: keras.KerasTensor, dtype: str = "float64"
) -> keras.KerasTensor:
    """Predictions in the target's own unit, within the training rows' range.

    Args:
        target: how targets were standardised.
        outputs: of a network, of any shape; what is no number becomes the mean.
        dtype: what is computed in.
    """
    found = keras.ops.cast(outputs, dtype) * target.deviation + target.mean
    found = keras.ops.where(keras.ops.isnan(found), target.mean, found)
    if target.is_log:
        low, high = math.log1p(target.low), math.log1p(target.high)
        found = keras.ops.expm1(keras.ops.clip(found, low, high))
    return keras.ops.clip(found, target.low, target.high)
