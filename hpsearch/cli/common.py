"""What the commands share: options, opening a study, progress and output."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hpsearch.home import Home
from hpsearch.text import printable

if TYPE_CHECKING:
    from hpsearch.cli.console import Console
    from hpsearch.data.dataset import Dataset
    from hpsearch.data.parts import Parts
    from hpsearch.data.section import DatasetSection
    from hpsearch.search.storage import Storage
    from hpsearch.search.study import OpenStudy
    from hpsearch.study_file import StudyFile
    from hpsearch.workers.gpus import Gpu
    from hpsearch.workers.packing import Load
    from hpsearch.workers.slots import Plan


def without_password(param: typer.CallbackParam, url: str | None) -> str | None:
    """The URL as it was typed.

    Raises:
        InputError: it holds a password, which every user of the machine can read in the list of
            processes.
    """
    if url is None:
        return None
    from hpsearch.search.database.urls import has_password

    is_option = isinstance(param, typer.core.TyperOption)
    where = param.opts[0] if is_option else str(param.metavar)
    if has_password(url, where):
        from hpsearch.errors import InputError

        raise InputError(
            f"{where}: a password on the command line can be read by every user of this machine:"
            " leave it out of the URL and give it in a file (~/.pgpass, or the one that PGPASSFILE"
            " names)" + is_option * ", in PGPASSWORD, or with the whole URL in HPSEARCH_STORAGE"
        )
    return url


def study_name(text: str) -> str:
    """The name of a study that was typed: as it is, or by the study file that has it.

    Raises:
        InputError: nothing was typed, or a file that names no study.
    """
    _check_text(text)
    is_path = os.sep in text
    if text.strip() and not is_path and not (text.endswith(".toml") and Path(text).exists()):
        return text  # a name may end so, too
    from hpsearch.errors import InputError
    from hpsearch.files import read_file

    if not text.strip():
        raise InputError("STUDY: is empty; give the name of a study (hpsearch ls) or its file")
    if not text.endswith(".toml"):
        raise InputError(
            f"{text}: is neither the name of a study (hpsearch ls) nor a study file (.toml)"
        )
    try:
        file = Path(text).expanduser()
    except RuntimeError:  # ~somebody
        raise InputError(f"{text}: no such user; write the path in full") from None
    name = read_file(file).get("name")
    if not isinstance(name, str) or not name:
        raise InputError(f"{text}: names no study; give a study file, which has the key name")
    return name


def any_study_name(text: str) -> str:
    """As :func:`study_name`, but a name may be a path: other programs give studies such names."""
    _check_text(text)
    is_file = text.endswith(".toml") and Path(text).exists()
    return study_name(text) if is_file or os.sep not in text else text


def _check_text(text: str) -> None:
    """Refuse what no database can look for."""
    try:
        text.encode()
    except UnicodeEncodeError:
        from hpsearch.errors import InputError

        raise InputError(f"STUDY: {text} is not UTF-8, as names of studies are") from None


HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="Data home (default: HPSEARCH_HOME, else ./hpsearch-data)."),
]
StorageOption = Annotated[
    str | None,
    typer.Option(
        "--storage",
        callback=without_password,
        help="Storage URL (default: HPSEARCH_STORAGE, else SQLite in the home).",
    ),
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Allow SQLite on a network file system.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the file (repeatable)."),
]
DataPathOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="dataset.path=PATH", help="Where the data are, if elsewhere than before."
    ),
]
WorkersOption = Annotated[
    str | None,
    typer.Option(
        "--workers",
        metavar="N|auto",
        help="Number of worker processes (default: workers.count of the study).",
    ),
]
GpusOption = Annotated[
    str, typer.Option("--gpus", metavar="all|none|0,1", help="GPUs to use: indices or UUIDs.")
]
StudyArgument = Annotated[
    str,
    typer.Argument(metavar="STUDY", callback=study_name, help="Name of the study, or its file."),
]
AnyStudyArgument = Annotated[
    str,
    typer.Argument(
        metavar="STUDY", callback=any_study_name, help="Name of the study, or its file."
    ),
]
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="Study file (.toml).")]


@contextmanager
def opened_storage(
    home: Home,
    url: str | None,
    *,
    create: bool = False,
    read_only: bool = False,
    force: bool = False,
    patience: float | None = None,
) -> "Iterator[Storage]":
    """The storage; whatever a database says within the block becomes one message.

    The options are those of ``hpsearch.search.storage.opening.open_storage``, with its defaults.
    """
    from hpsearch.search.database.engines import BUSY_TIMEOUT
    from hpsearch.search.database.messages import readable_errors
    from hpsearch.search.storage.opening import open_storage

    address = home.storage_url(url)
    with readable_errors(address):
        patience = BUSY_TIMEOUT if patience is None else patience
        storage = open_storage(
            address, create=create, read_only=read_only, force=force, patience=patience
        )
        try:
            yield storage
        finally:
            storage.close()


@contextmanager
def opened_study(
    name: str, home: Path | None, url: str | None, *, writes: bool = False
) -> "Iterator[OpenStudy]":
    """The study ``name``, for a command that looks at it, or ``writes`` something into it."""
    from hpsearch.search.study import load_study

    with opened_storage(Home.find(home), url, read_only=not writes) as storage:
        yield load_study(storage, name)


def opened_data(
    section: "DatasetSection", home: Home, *, warn: bool = True
) -> "tuple[Dataset, Parts]":
    """The data set of a data section, imported with progress where need be, and its parts.

    Args:
        section: the data section of a study or recipe.
        home: where data sets are kept.
        warn: say what is suspicious about the data.
    """
    from hpsearch.data.advice import advise
    from hpsearch.data.cache import open_dataset
    from hpsearch.data.parts import split

    with progress() as report:
        dataset = open_dataset(section, home, report)
    parts = split(dataset, section)
    if warn:
        for warning in advise(dataset, section, parts):
            say(f"warning: {warning}.")
    return dataset, parts


def planned_workers(file: "StudyFile", gpus: "Sequence[Gpu]", load: "Load", trials: int) -> "Plan":
    """The workers of a study on this machine: what ``run`` starts and ``doctor`` shows.

    Args:
        file: the study.
        gpus: the GPUs to use.
        load: what one worker takes; see ``hpsearch.workers.packing.study_load``.
        trials: how many are left, from 1.

    Raises:
        InputError: more workers than the GPUs' memory allows.
    """
    from hpsearch.workers.cores import available_cores
    from hpsearch.workers.slots import make_slots

    return make_slots(
        gpus,
        cores=available_cores().count,
        count=file.workers.count,
        per_gpu=file.workers.per_gpu,
        most=trials,
        load=load,
    )


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


def stdout() -> "Console":
    """Where results are printed for a reader."""
    from hpsearch.cli.console import Console

    # In a pipe nothing is cut or folded for the width of a terminal that is not there.
    return Console(width=None if sys.stdout.isatty() else 500)


def stderr() -> "Console":
    """Where progress is shown."""
    from hpsearch.cli.console import Console

    return Console(to_stderr=True)


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    title: str = "",
    words: Sequence[str] = (),
) -> None:
    """Print a table.

    Args:
        columns: their heads.
        rows: the cells.
        title: shown above.
        words: columns of text, on the left, which may go over several lines where the terminal
            is narrow; so is the first column. All others are numbers, on the right.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for column in columns:
        left = column in words or column == columns[0]
        table.add_column(column, justify="left" if left else "right", no_wrap=not left)
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    stdout().print(table)


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """Yields ``report(what, done, total)``: a bar on a terminal, a line every 5 s elsewhere."""
    if not sys.stderr.isatty():
        yield _plain_progress()
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    )  # fmt: skip
    with Progress(*columns, console=stderr(), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total or None)
            bars.update(tasks[what], completed=done, total=total or None)

        yield report


def _plain_progress() -> Callable[[str, int, int], None]:
    last: dict[str, float] = {}

    def report(what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if what not in last or now - last[what] >= 5 or (done == total and total > 0):
            last[what] = now
            say(f"{what}: {done} of {total}" if total else what)

    return report


def duration(seconds: float) -> str:
    """A time span for a reader: "8.4 s", "3 min 05 s", "2 h 07 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def size(count: float) -> str:
    """A number of bytes for a reader: "3.1 MB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
