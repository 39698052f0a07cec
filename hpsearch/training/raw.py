"""Raw columns in Keras: what an exported model of a table takes, up to the rows that are stored.

All of it are layers and operations of Keras' own, so that a model with them needs no hpsearch.
"""

from collections.abc import Sequence

import keras
import numpy as np

from hpsearch.data.tables.column import Column
from hpsearch.data.tables.raw import MISSING_CODE, UNKNOWN, UNKNOWN_CODE
from hpsearch.training.tables import TO_MARCH

_CHARACTERS = "0123456789-."
_LENGTH = len("2024-03-01 12:30:00.000")
_FIRST = 2
"""The number of the first character of the vocabulary: 0 is the text's end, 1 any other one."""
_DATE = "dddd-dd-dd"
_FIELDS = ((0, 4), (5, 2), (8, 2), (11, 2), (14, 2), (17, 2), (20, 3))
"""Where year, month, day, hour, minute, second and milliseconds begin, and how long they are."""


def stored_rows(
    columns: Sequence[Column], names: Sequence[str]
) -> tuple[dict[str, keras.KerasTensor], keras.KerasTensor]:
    """Inputs of a table's columns, and the stored rows that come of them.

    Args:
        columns: in their order; a category that is not among a column's is unknown.
        names: of the inputs.

    Returns:
        inputs by name, each of shape (batch,): float32 of a number, texts of others; and stored
        rows, float32, shape (batch, stored values); see ``hpsearch.data.tables.column``.
    """
    inputs, found, characters = {}, list[keras.KerasTensor](), _characters()
    for column, name in zip(columns, names, strict=True):
        dtype = "float32" if column.kind == "number" else "string"
        given = inputs[name] = keras.Input((), dtype=dtype, name=name)
        if column.kind == "number":
            found.append(given)
        elif column.kind == "category":
            found.append(codes(column.categories, given))
        else:
            found += dates(characters(given))[: column.width]
    return inputs, keras.ops.stack(found, axis=1)


def coded_rows(
    columns: Sequence[Column], names: Sequence[str]
) -> tuple[dict[str, keras.KerasTensor], keras.KerasTensor]:
    """The same of what ``hpsearch.data.tables.raw.coded_columns`` gives, which has no texts.

    Args:
        columns: in their order; a number of no category is that of an unknown one.
        names: of the inputs.
    """
    inputs, found = {}, list[keras.KerasTensor]()
    for column, name in zip(columns, names, strict=True):
        if column.kind == "category":
            given = keras.Input((), dtype="int64", name=name)
            found.append(_code(column, given))
        else:
            given = keras.Input((2,) if column.has_time else (), dtype="float32", name=name)
            found += keras.ops.unstack(given, 2, axis=1) if column.has_time else [given]
        inputs[name] = given
    return inputs, keras.ops.stack(found, axis=1)


def _code(column: Column, given: keras.KerasTensor) -> keras.KerasTensor:
    """A category's number as it is stored."""
    is_known = keras.ops.logical_and(given >= 0, given < len(column.categories))
    code = keras.ops.where(is_known, keras.ops.cast(given, "float32"), float(UNKNOWN_CODE))
    return keras.ops.where(keras.ops.equal(given, MISSING_CODE), np.nan, code)


def codes(categories: Sequence[str], texts: keras.KerasTensor) -> keras.KerasTensor:
    """Places of texts among categories, float32; -1 of another text, NaN of an empty one.

    Args:
        categories: none of them empty.
        texts: shape (batch,).
    """
    # There is no lookup without a word; a place that no category has is as unknown as -1.
    words = [*categories] or [UNKNOWN]
    lookup = keras.layers.StringLookup(vocabulary=words, mask_token="", num_oov_indices=1)
    found = keras.ops.cast(lookup(texts), "float32")
    return keras.ops.where(keras.ops.equal(found, 0.0), np.nan, found - 2.0)


def _characters() -> keras.layers.TextVectorization:
    """A layer that gives of each text the numbers of its first characters."""
    return keras.layers.TextVectorization(
        standardize=None,
        split="character",
        vocabulary=[*_CHARACTERS],
        output_mode="int",
        output_sequence_length=_LENGTH,
        name="characters",
    )


def dates(characters: keras.KerasTensor) -> list[keras.KerasTensor]:
    """Whole days since 2000-01-01 and the share of the day, float32, each of shape (batch,).

    NaN of what does not begin as an ISO date does. The calendar's arithmetic is that of Howard
    Hinnant's "chrono-Compatible Low-Level Date Algorithms" (days_from_civil), in which years begin
    in March; days that a month has not, up to 31, are those of the next one.

    Args:
        characters: numbers of the texts' characters, shape (batch, _LENGTH), see _characters.
    """
    digits = characters - _FIRST
    is_digit = keras.ops.logical_and(digits >= 0, digits <= 9)
    numbers = keras.ops.expand_dims(keras.ops.where(is_digit, digits, 0), 1) * _powers()
    fields = keras.ops.unstack(keras.ops.sum(numbers, axis=2), num=len(_FIELDS), axis=1)
    year, month, day, hour, minute, second, thousandths = fields
    begun = year - keras.ops.cast(month <= 2, "int64")  # in March
    leaps = begun // 4 - begun // 100 + begun // 400
    before = (153 * keras.ops.mod(month + 9, 12) + 2) // 5
    days = 365 * begun + leaps + before + day - 1 - TO_MARCH
    time = (hour * 3600 + minute * 60 + second) * 1000 + thousandths
    share = keras.ops.cast(time, "float64") / 86_400_000.0
    is_date = keras.ops.logical_and(_is_written(digits, is_digit), _is_possible(month, day))
    return [
        keras.ops.where(is_date, keras.ops.cast(each, "float32"), np.nan) for each in (days, share)
    ]


def _powers() -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """What the digit at each place counts in each field, shape (fields, _LENGTH)."""
    found = np.zeros((len(_FIELDS), _LENGTH), np.int64)
    for row, (start, length) in zip(found, _FIELDS, strict=True):
        row[start : start + length] = 10 ** np.arange(length)[::-1]
    return found


def _is_written(digits: keras.KerasTensor, is_digit: keras.KerasTensor) -> keras.KerasTensor:
    """Whether texts begin as ISO dates do, by whatever stands behind."""
    wanted = np.array([each == "d" for each in _DATE])
    separators = np.flatnonzero(~wanted)
    begins = keras.ops.take(is_digit, np.arange(len(_DATE)), axis=1)
    between = keras.ops.take(digits, separators, axis=1)
    return keras.ops.logical_and(
        keras.ops.all(keras.ops.equal(begins, wanted), axis=1),
        keras.ops.all(keras.ops.equal(between, _CHARACTERS.index("-")), axis=1),
    )


def _is_possible(month: keras.KerasTensor, day: keras.KerasTensor) -> keras.KerasTensor:
    months = keras.ops.logical_and(month >= 1, month <= 12)
    return keras.ops.logical_and(months, keras.ops.logical_and(day >= 1, day <= 31))
