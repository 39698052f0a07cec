"""A table's rows as arrays, and five random splits of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from sets import Table
from sklearn.model_selection import train_test_split

from hpsearch.data.tables.column import EPOCH, Column
from hpsearch.reference.inputs import Features, Values, features

SPLITS = 5
TEST, VALIDATION = 0.2, 0.25
"""A fifth of all rows, then a fourth of those that are left: 60 %, 20 % and 20 %."""

_DAY = 86_400e6
"""Microseconds."""

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A table in one of its splits."""

    table: Table
    frame: pl.DataFrame
    """The CSV file as it was read."""
    inputs: Features
    """Of all rows, in the order of the file."""
    y: Values
    """Labels 0 ... classes - 1, in the order of their texts, or numbers; shape (rows,)."""
    classes: int
    """0: numbers are predicted."""
    split: int
    """From 0; the seed of whatever is random."""
    train: Rows
    validation: Rows
    test: Rows

    @property
    def known(self) -> Rows:
        """All rows but those of the test."""
        return np.concatenate([self.train, self.validation])


def problem(folder: Path, table: Table, split: int) -> Problem:
    """A table in one of its splits.

    Args:
        folder: with its CSV file.
        table: one of ``TABLES``.
        split: the seed of the split; compare.py has 0 to ``SPLITS`` - 1.
    """
    frame = pl.read_csv(
        folder / f"{table.name}.csv", try_parse_dates=True, infer_schema_length=None
    )
    target = frame[table.target]
    classes = 0
    if table.task == "classification":
        names = target.cast(pl.String).unique().sort()
        classes = len(names)
        target = target.cast(pl.String).cast(pl.Enum(names)).to_physical()
    y = target.to_numpy()
    rows, test = _drawn(np.arange(len(y)), y, TEST, classes, split)
    train, validation = _drawn(rows, y, VALIDATION, classes, split)
    return Problem(
        table=table,
        frame=frame,
        inputs=_inputs(frame.drop(table.target)),
        y=y.astype(np.int64 if classes else np.float64),
        classes=classes,
        split=split,
        train=train,
        validation=validation,
        test=test,
    )


def write_parts(problem: Problem, folder: Path) -> None:
    """The rows of a split as three files, train.csv, val.csv and test.csv.

    Args:
        problem: the table in its split.
        folder: that they go to; it is not there yet.
    """
    folder.mkdir()
    parts: dict[str, Rows] = {
        "train": problem.train,
        "val": problem.validation,
        "test": problem.test,
    }
    for part, rows in parts.items():
        problem.frame[rows].write_csv(folder / f"{part}.csv")


def _drawn(rows: Rows, y: Values, share: float, classes: int, seed: int) -> tuple[Rows, Rows]:
    """Rows that stay, and a share that is drawn, of classes each its share."""
    labels = y[rows] if classes else None
    rest, drawn = train_test_split(rows, test_size=share, random_state=seed, stratify=labels)
    return rest, drawn


def _inputs(frame: pl.DataFrame) -> Features:
    """The inputs as the reference models take them."""
    found = [_stored(series) for series in frame]
    stored = np.column_stack([values for _, values in found])
    return features(stored, [column for column, _ in found])


def _stored(series: pl.Series) -> tuple[Column, npt.NDArray[np.float32]]:
    """A column, and its values as hpsearch stores them, shape (rows, width)."""
    name = series.name
    if series.dtype.is_temporal():
        microseconds = series.cast(pl.Datetime("us")).to_physical().cast(pl.Float64).to_numpy()
        elapsed = microseconds / _DAY - np.datetime64(EPOCH, "D").astype(np.int64)
        whole = np.floor(elapsed)
        has_time = series.dtype == pl.Datetime
        parts = [whole, elapsed - whole] if has_time else [whole]
        values = np.column_stack(parts).astype(np.float32)
        return Column(name=name, kind="date", has_time=has_time), values
    if series.dtype.is_numeric():
        return Column(name=name, kind="number"), series.cast(pl.Float32).to_numpy()
    texts = series.cast(pl.String)
    names = texts.drop_nulls().unique().sort()
    places = texts.cast(pl.Enum(names)).to_physical().cast(pl.Float32)
    return Column(name=name, kind="category", categories=tuple(names)), places.to_numpy()
