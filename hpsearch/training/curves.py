"""Curves: a trial's epochs as rows of ``run/curves.csv``, written while it trains."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import BinaryIO

from hpsearch.errors import UnreachableError
from hpsearch.files import continued_file, new_file
from hpsearch.home import CONFUSION, CURVES, TEST_RESULT
from hpsearch.training.outcome import Epoch

_FIELDS = [field.name for field in fields(Epoch)]


def start(run: Path, earlier: Sequence[Epoch] = ()) -> None:
    """Begin the file anew with a header and the epochs of a trial that is resumed.

    Args:
        run: the trial's folder, made when there is none; the one above it is there.
        earlier: epochs that are trained already.

    Raises:
        UnreachableError: the folder or the file cannot be written.
    """
    try:
        run.mkdir(exist_ok=True)
        for stale in (TEST_RESULT, CONFUSION):  # of other weights
            (run / stale).unlink(missing_ok=True)
    except OSError as error:
        raise UnreachableError(f"{run}: cannot be created: {error.strerror}") from None
    _write(run / CURVES, new_file, [_FIELDS, *(_row(epoch) for epoch in earlier)])


def append(run: Path, epoch: Epoch) -> None:
    """Add one epoch.

    Raises:
        UnreachableError: the file cannot be written.
    """
    _write(run / CURVES, continued_file, [_row(epoch)])


def read(run: Path) -> list[Epoch]:
    """The epochs in a trial's folder; none where it has no such file, or not of this machine.

    A last line that was cut off by a kill is left out.
    """
    try:
        text = (run / CURVES).read_text(encoding="utf-8")
    except OSError:
        return []
    epochs = []
    whole = text[: text.rfind("\n") + 1]
    for row in csv.DictReader(whole.splitlines()):
        try:
            values = {name: float(row[name]) for name in _FIELDS}
        except (KeyError, TypeError, ValueError):
            continue
        epochs.append(Epoch(**{**values, "epoch": int(values["epoch"])}))  # type: ignore[arg-type]
    return epochs


def _row(epoch: Epoch) -> list[object]:
    values = asdict(epoch)
    return [values[name] for name in _FIELDS]


def _write(
    path: Path, opened: Callable[[Path], BinaryIO], rows: Sequence[Sequence[object]]
) -> None:
    try:
        with io.TextIOWrapper(opened(path), encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
    except OSError as error:
        raise UnreachableError(f"{path}: cannot be written: {error.strerror}") from None
