"""Curves: a trial's epochs as rows of ``run/curves.csv``, written while it trains."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

from hpsearch.errors import UnreachableError
from hpsearch.training.outcome import Epoch

NAME = "curves.csv"

_FIELDS = [field.name for field in fields(Epoch)]


def start(run: Path, earlier: Sequence[Epoch] = ()) -> None:
    """Begin the file anew with a header and the epochs of a trial that is resumed.

    Args:
        run: the trial's folder, made when there is none.
        earlier: epochs that are trained already.

    Raises:
        UnreachableError: the folder or the file cannot be written.
    """
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnreachableError(f"{run}: cannot be made: {error.strerror}") from None
    _write(run / NAME, "w", [_FIELDS, *(_row(epoch) for epoch in earlier)])


def append(run: Path, epoch: Epoch) -> None:
    """Add one epoch.

    Raises:
        UnreachableError: the file cannot be written.
    """
    _write(run / NAME, "a", [_row(epoch)])


def _row(epoch: Epoch) -> list[object]:
    values = asdict(epoch)
    return [values[name] for name in _FIELDS]


def _write(path: Path, mode: str, rows: Sequence[Sequence[object]]) -> None:
    try:
        with path.open(mode, encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
    except OSError as error:
        raise UnreachableError(f"{path}: cannot be written: {error.strerror}") from None
