"""Predictions as a table: what its columns are, and the file that it is written to row by row."""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from hpsearch.errors import InputError
from hpsearch.files import made_beside, remove

PREDICTION = "prediction"
"""The column of the predicted class or number."""
PROBABILITY = "probability"
"""The column of the greatest probability, or the beginning of the names of one for each class."""
ENDINGS = (".csv", ".parquet")
"""Of the files that are written."""

_MOST = 100
"""Classes of which each has a column for its probability."""

Write = Callable[[pl.DataFrame], None]


def names_of(class_names: Sequence[str]) -> list[str]:
    """The columns of predictions; of more than 100 classes only the greatest probability is told.

    Args:
        class_names: by label; of a regression none.
    """
    if not class_names:
        return [PREDICTION]
    if len(class_names) > _MOST:
        return [PREDICTION, PROBABILITY]
    return [PREDICTION, *(f"{PROBABILITY}_{name}" for name in class_names)]


def table_of(answers: npt.NDArray[np.floating], class_names: Sequence[str]) -> pl.DataFrame:
    """Predictions as a table.

    Args:
        answers: probabilities, shape (n, classes); of a regression predictions, shape (n, 1).
        class_names: by label; of a regression none.
    """
    names = names_of(class_names)
    if not class_names:
        return pl.DataFrame({PREDICTION: answers[:, 0].astype(np.float64)})
    best = answers.argmax(axis=1)
    shares = answers if len(names) > 2 else answers.max(axis=1, keepdims=True)
    columns = [pl.Series(PREDICTION, class_names, dtype=pl.String)[best]]
    columns += [
        pl.Series(name, shares[:, place].astype(np.float32)) for place, name in enumerate(names[1:])
    ]
    return pl.DataFrame(columns)


def check_ending(path: Path) -> None:
    """Refuse a file whose ending says no form.

    Raises:
        InputError: it ends otherwise than .csv and .parquet.
    """
    if path.suffix not in ENDINGS:
        raise InputError(f"-o {path}: predictions are a table; use a name that ends in .csv or"
                         " .parquet")  # fmt: skip


@contextmanager
def written(path: Path) -> Iterator[Write]:
    """A file that tables of the same columns are written to, one after the other, in the block.

    It is there in the end, whole, or not at all; what was there gives way. No more than one of the
    tables is in memory.

    Args:
        path: ends in .csv or .parquet; folders above it are made.

    Raises:
        UnreachableError: no permission, a full disk and the like.
    """
    form = _csv if path.suffix == ".csv" else _parquet
    with made_beside(path) as partial, form(partial) as write:
        yield write


@contextmanager
def _csv(path: Path) -> Iterator[Write]:
    with path.open("wb") as file:

        def write(table: pl.DataFrame) -> None:
            file.write(table.write_csv(include_header=file.tell() == 0).encode())

        yield write


@contextmanager
def _parquet(path: Path) -> Iterator[Write]:
    """Each table is a file of its own first: polars appends to none, but joins many."""
    folder = path.with_name(f"{path.name}.parts")
    files: list[Path] = []

    def write(table: pl.DataFrame) -> None:
        files.append(folder / f"{len(files)}.parquet")
        with _as_os_error():
            table.write_parquet(files[-1])

    try:
        remove(folder)  # of one that was killed
        folder.mkdir()
        yield write
        with _as_os_error():
            pl.scan_parquet(files, glob=False).sink_parquet(path)
    finally:
        remove(folder)


@contextmanager
def _as_os_error() -> Iterator[None]:
    """What polars says where a disk is full and the like, as Python says it."""
    try:
        yield
    except pl.exceptions.PolarsError as error:
        raise OSError(str(error)) from None


def is_predictions(path: Path) -> bool:
    """Whether a file is one that was written here: its last columns are those of predictions.

    Raises:
        OSError: it cannot be read.
    """
    try:
        if path.suffix == ".parquet":
            return _ends_so(list(pl.read_parquet_schema(path)))
        with path.open(encoding="utf-8", newline="") as file:
            return _ends_so(next(csv.reader(file), []))
    except (ValueError, csv.Error, pl.exceptions.PolarsError):
        return False


def _ends_so(names: Sequence[str]) -> bool:
    if PREDICTION not in names:
        return False
    behind = names[names.index(PREDICTION) + 1 :]
    return list(behind) == [PROBABILITY] or all(
        name.startswith(f"{PROBABILITY}_") for name in behind
    )
