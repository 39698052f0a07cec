"""Curves: a trial's epochs as rows of ``run/curves.csv``, written while it trains."""

import contextlib
import csv
import io
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

from hpsearch.errors import UnreachableError
from hpsearch.files import continued_file, new_file
from hpsearch.home import CURVES, OF_TEST
from hpsearch.training.outcome import Epoch


def start(run: Path, names: Sequence[str], earlier: Sequence[Epoch] = (), fold: int = 0) -> None:
    """Begin the file anew with a header and the epochs of a trial that is resumed.

    Args:
        run: the trial's folder, made when there is none; the one above it is there.
        names: of the task's values.
        earlier: epochs that are trained already; of an earlier version they may lack values.
        fold: from 0; each has a file of its own.

    Raises:
        UnreachableError: the folder or the file cannot be written.
    """
    try:
        run.mkdir(exist_ok=True)
        for stale in OF_TEST:  # of other weights
            (run / stale).unlink(missing_ok=True)
    except OSError as error:
        raise UnreachableError(f"{run}: cannot be created: {error.strerror}") from None
    head = ["epoch", *names, "learning_rate", "seconds"]
    rows = ([epoch.row().get(name, math.nan) for name in head] for epoch in earlier)
    _write(run / _name(fold), new_file, [head, *rows])


def append(run: Path, epoch: Epoch, fold: int = 0) -> None:
    """Add one epoch. Arguments as of :func:`start`.

    Raises:
        UnreachableError: the file cannot be written.
    """
    _write(run / _name(fold), continued_file, [epoch.row().values()])


def _name(fold: int) -> str:
    """The file of a fold: "curves.csv", "curves.fold-2.csv"."""
    return CURVES if fold == 0 else CURVES.replace(".", f".fold-{fold + 1}.")


def read(run: Path) -> list[Epoch]:
    """The epochs in a trial's folder; none where it has no such file, or not of this machine.

    A last line that was cut off by a kill is left out.
    """
    try:
        text = (run / CURVES).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    epochs: list[Epoch] = []
    whole = text[: text.rfind("\n") + 1]
    with contextlib.suppress(csv.Error):  # of a damaged file what stands before the damage
        for row in csv.DictReader(whole.splitlines()):
            with contextlib.suppress(KeyError, OverflowError, TypeError, ValueError):
                epochs.append(Epoch.of_row({name: float(value) for name, value in row.items()}))
    return epochs


def _write(
    path: Path, opened: Callable[[Path], BinaryIO], rows: Sequence[Iterable[object]]
) -> None:
    try:
        with io.TextIOWrapper(opened(path), encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
    except OSError as error:
        raise UnreachableError(f"{path}: cannot be written: {error.strerror}") from None
