"""What the commands print: results on standard output, progress on standard error."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from rich import box
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from hpsearch.cli.console import Console
from hpsearch.text import decimal, printable

if TYPE_CHECKING:  # what prints a line needs no numpy
    from hpsearch.data.arrays import Progress as Steps
    from hpsearch.training.outcome import Epoch


def print_json(value: Any) -> None:
    """Write a result as JSON to standard output: in ASCII, which every encoding has."""
    text = json.dumps(value, indent=2, allow_nan=False)
    sys.stdout.write(text.replace("\x7f", "\\u007f") + "\n")


def tell(text: str = "") -> None:
    """A line of a result, on standard output."""
    sys.stdout.write(printable(text) + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """A plain line on standard error: progress and advice, never a result."""
    sys.stderr.write(printable(text) + "\n")
    sys.stderr.flush()


def stdout() -> Console:
    """Where results are printed for a reader."""
    # In a pipe nothing is cut or folded for the width of a terminal that is not there.
    return Console(width=None if sys.stdout.isatty() else 500)


def stderr() -> Console:
    """Where progress is shown."""
    return Console(to_stderr=True)


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    title: str = "",
    words: Sequence[str] = (),
    cut: Sequence[str] = (),
) -> None:
    """Print a table.

    Args:
        columns: their heads.
        rows: the cells.
        title: shown above.
        words: columns of text, on the left, which may go over several lines where the terminal
            is narrow; so is the first column. All others are numbers, on the right.
        cut: likewise, but cut where the terminal is narrow: each row is one line.
    """
    table = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for column in columns:
        left = column in {*words, *cut, columns[0]}
        table.add_column(column, justify="left" if left else "right", no_wrap=not left)
    for row in rows:
        table.add_row(*(_written(*each, cut) for each in zip(columns, row, strict=True)))
    stdout().print(table)


def _written(column: str, text: str, cut: Sequence[str]) -> Text:
    """A cell of a column, on one line where that is one of those that are cut."""
    if column in cut:
        return Text(printable(text), no_wrap=True, overflow="ellipsis")
    return Text(printable(text))


@contextmanager
def progress() -> "Iterator[Steps]":
    """Yields ``report(what, done, total)``: a bar on a terminal, a line every 5 s elsewhere."""
    if not sys.stderr.isatty():
        yield _plain_progress()
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    )  # fmt: skip
    with Bars(*columns, console=stderr(), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total or None)
            bars.update(tasks[what], completed=done, total=total or None)

        yield report


def _plain_progress() -> "Steps":
    last: dict[str, float] = {}

    def report(what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if what not in last or now - last[what] >= 5 or (done == total and total > 0):
            last[what] = now
            say(f"{what}: {done} of {total}" if total else what)

    return report


def number(value: float | None) -> str:
    """A metric's value for a reader; nothing where there is none."""
    return "" if value is None else decimal(value)


def cell(value: Any) -> str:
    """A setting of any kind for a reader."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


class Screen:
    """Shows the progress of services on standard error."""

    def say(self, text: str) -> None:
        """A plain line."""
        say(text)

    def steps(self) -> "AbstractContextManager[Steps]":
        """A bar, or a line every 5 s."""
        return progress()

    def epoch(self, epoch: "Epoch", epochs: int) -> None:
        """An epoch that was trained, in one line."""
        told = "  ".join(f"{name} {decimal(value)}" for name, value in epoch.values.items())
        say(f"epoch {epoch.epoch}/{epochs}  {told}  {epoch.seconds:.1f} s")
