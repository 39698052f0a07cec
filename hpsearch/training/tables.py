"""Rows of a table in Keras: a network's first layer, which applies the fitted transform.

Exported scripts have these functions too: they take what ``Tabular.arrays`` gives.
"""

from collections.abc import Mapping

import keras
import numpy as np
import numpy.typing as npt

from hpsearch.data.tables.shape import DIMENSION
from hpsearch.networks.dense import Dense
from hpsearch.training.embeddings import embedded_numbers
from hpsearch.training.seeds import weights_seed

CATEGORIES = 2**20
"""In place of a layer's number, for the seed of embedded categories."""

TO_MARCH = 730425
"""Days from the first of March of the year 0 to the one that stored days are counted from."""


def features(
    fitted: Mapping[str, npt.NDArray[np.generic]],
    x: keras.KerasTensor,
    seed: int,
    network: Dense,
) -> keras.KerasTensor:
    """All that a network gets of stored rows: numbers, others, embedded categories.

    Args:
        fitted: what was fitted, see ``hpsearch.data.tables.fitted.Tabular.arrays``.
        x: stored rows, float32, shape (batch, values).
        seed: the trial's seed, for what is trainable.
        network: says how numbers are embedded.

    Returns:
        shape (batch, ``TableShape.width``), or more where numbers are embedded.
    """
    found = others(fitted, x)
    if len(fitted["number_places"]):
        found = [embedded_numbers(network, fitted, numbers(fitted, x), seed), *found]
    if len(fitted["embedded_places"]):
        found.append(embedded(fitted, x, weights_seed(seed, CATEGORIES)))
    if len(found) == 1:
        return found[0]
    return keras.layers.Concatenate(dtype="float32", name="features")(found)


def numbers(
    fitted: Mapping[str, npt.NDArray[np.generic]], x: keras.KerasTensor
) -> keras.KerasTensor:
    """The numbers, in interquartile ranges from the median and clipped smoothly to (-3, 3).

    Args:
        fitted: what was fitted.
        x: stored rows, float32, shape (batch, values).

    Returns:
        shape (batch, numbers); 0 where one is missing.
    """
    found = keras.ops.take(x, fitted["number_places"], axis=1)
    found = (found - fitted["medians"]) * fitted["factors"]
    found = keras.ops.where(keras.ops.isnan(found), 0.0, found)
    return found / keras.ops.sqrt(1 + keras.ops.square(found / 3))


def others(
    fitted: Mapping[str, npt.NDArray[np.generic]], x: keras.KerasTensor
) -> list[keras.KerasTensor]:
    """What is missing, one-hot categories, categories of two, and parts of dates; a tensor each.

    Arguments as of :func:`numbers`.
    """
    found = []
    if len(fitted["missing_places"]):
        missing = keras.ops.isnan(keras.ops.take(x, fitted["missing_places"], axis=1))
        found.append(keras.ops.cast(missing, "float32"))
    if len(fitted["equal_places"]):
        codes = keras.ops.take(x, fitted["equal_places"], axis=1)
        found.append(keras.ops.cast(keras.ops.equal(codes, fitted["equal_codes"]), "float32"))
    if len(fitted["pair_places"]):
        codes = keras.ops.take(x, fitted["pair_places"], axis=1)
        first = keras.ops.cast(keras.ops.equal(codes, fitted["pair_firsts"]), "float32")
        second = keras.ops.cast(keras.ops.equal(codes, fitted["pair_seconds"]), "float32")
        found.append(second - first)
    if len(fitted["date_places"]):
        found += calendar(keras.ops.take(x, fitted["date_places"], axis=1))
    if len(fitted["clock_places"]):
        found += cycle(keras.ops.take(x, fitted["clock_places"], axis=1))
    return found


def calendar(days: keras.KerasTensor) -> list[keras.KerasTensor]:
    """Day of the year, day of the month and day of the week, each as a place on a circle.

    The calendar's arithmetic is that of Howard Hinnant's "chrono-Compatible Low-Level Date
    Algorithms" (civil_from_days), in which years begin in March.

    Args:
        days: since the first of January 2000, shape (batch, dates); NaN where one is missing.
    """
    known = keras.ops.where(keras.ops.isnan(days), 0.0, days)
    whole = keras.ops.cast(keras.ops.floor(known), "int32") + TO_MARCH
    in_era = keras.ops.mod(whole, 146097)
    leaps = in_era // 36524 - in_era // 1460 - in_era // 146096
    year = (in_era + leaps) // 365
    in_year = in_era - (365 * year + year // 4 - year // 100)
    month = (5 * in_year + 2) // 153
    in_month = in_year - (153 * month + 2) // 5
    # NaN where a date is missing; of days - days TensorFlow's converters would make 0.
    gone = keras.ops.where(keras.ops.isnan(days), np.nan, 0.0)
    found = []
    for place, length in ((in_year, 366), (in_month, 31), (keras.ops.mod(whole, 7), 7)):
        found += cycle(keras.ops.cast(place, "float32") / length + gone)
    return found


def cycle(share: keras.KerasTensor) -> list[keras.KerasTensor]:
    """Sine and cosine of a place on a circle, 0 where it is missing.

    Args:
        share: of the circle, from 0 to 1, shape (batch, ...).
    """
    angle = share * (2 * np.pi)
    return [
        keras.ops.where(keras.ops.isnan(angle), 0.0, found)
        for found in (keras.ops.sin(angle), keras.ops.cos(angle))
    ]


def embedded(
    fitted: Mapping[str, npt.NDArray[np.generic]], x: keras.KerasTensor, seed: int
) -> keras.KerasTensor:
    """The categories of columns that have many, each as trainable values; 0 of unknown ones.

    Args:
        fitted: what was fitted.
        x: stored rows, float32, shape (batch, values).
        seed: of the values that training begins with.

    Returns:
        shape (batch, columns * DIMENSION).
    """
    codes = keras.ops.take(x, fitted["embedded_places"], axis=1)
    codes = keras.ops.cast(keras.ops.where(keras.ops.isnan(codes), -2.0, codes), "int32")
    rows = keras.ops.take(fitted["embedded_rows"], codes + 2 + fitted["embedded_starts"])
    table = keras.layers.Embedding(
        int(fitted["embedded_rows"].max()) + 1,
        DIMENSION,
        embeddings_initializer=keras.initializers.RandomNormal(0.0, 1.0, seed=seed),
        dtype="float32",
        name="categories",
    )
    values = table(keras.ops.maximum(rows, 0))
    known = keras.ops.cast(keras.ops.expand_dims(rows, -1) >= 0, "float32")
    return keras.layers.Flatten(dtype="float32", name="embedded")(values * known)
