"""Data frames from Python, of pandas, polars, Arrow and others alike, which become tables."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl

from hpsearch.api.arrays import is_mixed
from hpsearch.api.given import Keeping
from hpsearch.errors import InputError
from hpsearch.text import closest, listed, shortened

_TARGET = "target"
"""The target's column where it came without a name."""


def is_frame(data: Any) -> bool:
    """Whether something is a data frame of a library that narwhals knows.

    Raises:
        InputError: one that cannot be read, as columns have the same name.
    """
    with _readable():
        found = nw.from_native(data, pass_through=True)
        return isinstance(found, nw.DataFrame | nw.LazyFrame)


def kept(data: Any, target: str | None, keeping: Keeping) -> tuple[Path, int]:
    """The Parquet file of a data frame, and how many rows it has.

    Args:
        data: the frame.
        target: the column to predict.
        keeping: keeps the file.

    Raises:
        InputError: the frame has no such column, or cannot be a table.
        UnreachableError: the file cannot be written.
    """
    frame = as_polars(data)
    if target is None:
        raise InputError(
            "data: is a data frame; name the column to predict: target=..., one of"
            f" {listed(frame.columns)}"
        )
    if target not in frame.columns:
        raise InputError(
            f"target = {target!r}: the data frame has no such column;"
            f" {closest(str(target), frame.columns)}"
        )
    return keeping.keep_bytes("data.parquet", parquet(frame)), len(frame)


def joined(x: Any, y: Any, target: str | None) -> tuple[pl.DataFrame, str]:
    """A frame of inputs and its targets as one frame, and the target's column.

    Args:
        x: the frame.
        y: a series, an array or a list, in the same order.
        target: the name of its column; None: its own, else "target".

    Raises:
        InputError: they differ in length or in their index, a column of inputs has that name, or
            ``y`` is no values.
    """
    if not _are_values(y):
        raise InputError(
            f"data: y is {shortened(repr(y))}; give a target for each row, or the data frame alone"
            " and the column to predict: target=..."
        )
    frame, given = as_polars(x), y
    if is_frame(y):
        y = _only_column(as_polars(y))
    series = nw.from_native(y, series_only=True, pass_through=True)
    own = series.name if isinstance(series, nw.Series) else None
    name = str(target or own or _TARGET)
    if not isinstance(series, nw.Series) and is_mixed(y):
        raise InputError("data: y has texts and numbers; give labels of one kind")
    values = _column(name, series) if isinstance(series, nw.Series) else made(name, y)
    if len(values) != len(frame):
        raise InputError(f"data: x has {len(frame)} rows, and y has {len(values)}; give one each")
    _check_index(x, given)
    if name in frame.columns:
        raise InputError(
            f"data: x has a column {name!r}, as the target is called; take it out of x, or name"
            " the target otherwise: target=..."
        )
    return frame.with_columns(values), name


def _are_values(y: Any) -> bool:
    """Whether something may be targets: a sequence of them, in an order."""
    if isinstance(y, (str, bytes, Mapping)) or getattr(y, "ndim", 1) == 0:
        return False
    return is_frame(y) or (hasattr(y, "__len__") and hasattr(y, "__getitem__"))


def _check_index(x: Any, y: Any) -> None:
    """Refuse a frame and targets of pandas whose rows have other names: which belong together?"""
    rows, targets = _index(x), _index(y)
    if rows is not None and targets is not None and not rows.equals(targets):
        raise InputError(
            "data: x and y have different indices, and rows are matched by their order; give"
            " y.loc[x.index], or y.to_numpy() where their order is the same"
        )


def _index(data: Any) -> Any:
    """The index of a frame or a series of pandas; None: it has none."""
    found = nw.from_native(data, allow_series=True, pass_through=True)
    return nw.maybe_get_index(found) if isinstance(found, nw.DataFrame | nw.Series) else None


def _only_column(frame: pl.DataFrame) -> pl.Series:
    if len(frame.columns) != 1:
        raise InputError(f"data: y has {len(frame.columns)} columns; give the one to predict")
    return frame.to_series()


def as_polars(data: Any) -> pl.DataFrame:
    """A data frame of any library as one of polars; rows keep their order, an index is left out.

    Names of columns are texts: 0 is "0".

    Raises:
        InputError: columns without a name of their own, or of what no table holds.
    """
    if isinstance(data, pl.DataFrame):
        return data
    with _readable():
        frame = nw.from_native(data)
        frame = frame.collect() if isinstance(frame, nw.LazyFrame) else frame
        if frame.implementation in (nw.Implementation.POLARS, nw.Implementation.PYARROW):
            return frame.to_polars()
        columns = zip(frame.columns, frame.iter_columns(), strict=True)
        return pl.DataFrame([_column(str(name), column) for name, column in columns])


@contextmanager
def _readable() -> Iterator[None]:
    """Say what is wrong with a data frame in one message."""
    try:
        yield
    except (nw.exceptions.NarwhalsError, pl.exceptions.PolarsError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"data: the data frame cannot be read as a table: {reason}") from None


def _column(name: str, series: "nw.Series[Any]") -> pl.Series:
    """A column, of which what is missing is null."""
    missing = series.is_null()
    if series.dtype.is_numeric() and not missing.any():
        return pl.Series(name, series.to_numpy())
    rows = zip(series.to_list(), missing.to_list(), strict=True)
    return made(name, [None if is_missing else value for value, is_missing in rows])


def made(name: str, values: Sequence[Any]) -> pl.Series:
    """A column of values; where they are of several kinds, as texts."""
    try:
        return pl.Series(name, values)
    except (TypeError, pl.exceptions.PolarsError):
        return pl.Series(name, [None if one is None else str(one) for one in values])


def parquet(frame: pl.DataFrame) -> bytes:
    """The content of the Parquet file of a frame.

    Raises:
        InputError: a column of what Parquet does not hold.
    """
    found = io.BytesIO()
    try:
        frame.write_parquet(found)
    except pl.exceptions.PolarsError as error:
        kinds: Mapping[str, Any] = frame.schema
        raise InputError(
            f"data: the data frame cannot be written ({error}); its columns are"
            f" {', '.join(f'{name}: {kind}' for name, kind in kinds.items())}"
        ) from None
    return found.getvalue()
