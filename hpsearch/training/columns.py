"""Columns of a table as inputs of a model of the user's own, which names them."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import numpy.typing as npt

from hpsearch.data.tables.column import places
from hpsearch.data.tables.fitted import Category, Date, Number, Tabular
from hpsearch.networks.python import InputColumn
from hpsearch.training import tables


def columns_of(table: Tabular) -> tuple[InputColumn, ...]:
    """What a function that builds a model is told of a table's columns."""
    numbers, categories, dates = _fitted(table)
    found = list[InputColumn]()
    for column, place in zip(table.columns, places(table.columns), strict=True):
        name = column.name.replace("/", "_")  # which Keras' names have not
        while name in {one.input for one in found}:
            name += "_"
        width, count = 1, 0
        if column.kind == "category":
            count = categories[place].count + 1
        else:
            width += numbers[place].has_missing
        if column.kind == "date":
            width += 6 + 2 * dates[place].has_time
        found.append(
            InputColumn(
                name=column.name, input=name, kind=column.kind, width=width, categories=count
            )
        )
    return tuple(found)


def by_name(
    table: Tabular, x: keras.KerasTensor, features: keras.KerasTensor
) -> dict[str, keras.KerasTensor]:
    """All that an input of a model may be named after.

    Args:
        table: what was fitted.
        x: stored rows, float32, shape (batch, values).
        features: what a model of one input gets.

    Returns:
        by column ``InputColumn.input``, shape (batch, width): float32 of a number and of a date,
        int32 of a category; and the groups "numbers", "categories" (as far as there are any) and
        "features".
    """
    numbers, categories, dates = _fitted(table)
    scaled: keras.KerasTensor = tables.numbers(table.arrays(), x) if table.numbers else None
    order, found = [*numbers], dict[str, keras.KerasTensor]()
    codes = [_codes(table, one, x) for one in table.categories]
    for column, place in zip(columns_of(table), places(table.columns), strict=True):
        if column.kind == "category":
            found[column.input] = codes[[*categories].index(place)]
            continue
        number = order.index(place)
        parts = [scaled[:, number : number + 1]]
        if numbers[place].has_missing:
            parts.append(keras.ops.cast(keras.ops.isnan(x[:, place : place + 1]), "float32"))
        if column.kind == "date":
            parts += tables.calendar(x[:, place : place + 1])
            if dates[place].has_time:
                parts += tables.cycle(x[:, place + 1 : place + 2])
        found[column.input] = _joined(parts)
    groups = {"features": features}
    if scaled is not None:
        groups["numbers"] = scaled
    if codes:
        groups["categories"] = _joined(codes)
    return groups | found


def _fitted(
    table: Tabular,
) -> tuple[Mapping[int, Number], Mapping[int, Category], Mapping[int, Date]]:
    """What was fitted, by the place in a stored row."""
    return (
        {one.place: one for one in table.numbers},
        {one.place: one for one in table.categories},
        {one.place: one for one in table.dates},
    )


def _codes(table: Tabular, category: Category, x: keras.KerasTensor) -> keras.KerasTensor:
    """Numbers of categories: 0 of one that training rows have not, from 1 on the others, the last
    of them that of a missing one, if training rows lack it; int32, shape (batch, 1).
    """
    sizes = dict(zip(places(table.columns), table.columns, strict=True))
    numbers: npt.NDArray[np.int32] = np.zeros(2 + len(sizes[category.place].categories), np.int32)
    numbers[2 + np.array(category.known, np.int32)] = np.arange(1, 1 + len(category.known))
    numbers[0] = category.count if category.has_missing else 0
    stored = x[:, category.place : category.place + 1]
    place = keras.ops.where(keras.ops.isnan(stored), -2.0, stored)
    return keras.ops.take(numbers, keras.ops.cast(place, "int32") + 2)


def _joined(parts: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
    return parts[0] if len(parts) == 1 else keras.ops.concatenate(parts, axis=1)
