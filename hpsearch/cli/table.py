"""``hpsearch run houses.csv --target price``: the study file that it writes and runs."""

import re
from pathlib import Path

from hpsearch.cli.init import below
from hpsearch.cli.output import tell
from hpsearch.cli.template import study_text
from hpsearch.data.sources import source_class
from hpsearch.errors import InputError
from hpsearch.files import write_text
from hpsearch.services.overwriting import is_there
from hpsearch.study_file import load
from hpsearch.text import closest, listed, show

_SOURCE = "table"


def is_table(file: Path) -> bool:
    """Whether what a command was given is a table, and no study file."""
    return source_class(_SOURCE).looks_like(file)


def study_file_of(table: Path, target: str | None) -> Path:
    """The study file of a table in the working folder; written where it is not there.

    Args:
        table: the table's file.
        target: the column to predict.

    Raises:
        InputError: no target, or a file of that name that is of another table or target.
        UnreachableError: the file cannot be written.
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", table.name.partition(".")[0]).strip("-._") or _SOURCE
    file = Path(f"{name}.toml")
    if target is None:
        raise InputError(
            f"{table}: is a table; name the column to predict with --target, one of"
            f" {listed(_columns(table))}"
            + (f"; or run the study file that is there: hpsearch run {file}" * is_there(file))
        )
    if target not in (names := _columns(table)):
        raise InputError(f"--target {target}: {table} has no such column; {closest(target, names)}")
    if not is_there(file):
        write_text(file, study_text(name, _SOURCE, below(table, file, _SOURCE), target=target))
        tell(f"Wrote {file}; edit it to search otherwise: hpsearch run {file}")
        return file
    known = load(file).dataset
    if known.source != _SOURCE or known.path != str(table.resolve()) or known.target != target:  # type: ignore[attr-defined]  # a key of one source
        raise InputError(
            f"{file}: is there already, for {show(known.path or known.source)}, and not for"
            f" {table} with target {show(target)}; rename it, or write another one: hpsearch init"
            f" other.toml --path {table} --target {target}"
        )
    tell(f"{file} is there already, and is run.")
    return file


def _columns(table: Path) -> list[str]:
    """The names of a table's columns."""
    # polars is a tenth of the time that other commands take to start.
    from hpsearch.data.tables.dialect import Named  # noqa: PLC0415
    from hpsearch.data.tables.importing import train_names  # noqa: PLC0415

    return [*train_names(table, Named())]
