"""``hpsearch run houses.csv --target price``: the study file that it writes and runs."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hpsearch.cli.output import say, tell
from hpsearch.data.section import DatasetSection, resolve_path
from hpsearch.data.sources import source_class
from hpsearch.data.tables.files import ENDINGS
from hpsearch.errors import InputError
from hpsearch.files import write_text
from hpsearch.parsing import parse
from hpsearch.services.overwriting import is_there
from hpsearch.services.tables import check_target, columns_of, rows_of
from hpsearch.services.template import study_text
from hpsearch.study_file import load
from hpsearch.text import listed, show

_SOURCE = "table"
SUFFIXES = (".toml", ".json", ".yaml", ".yml")
"""Endings of study files and recipes."""


def is_table(file: Path) -> bool:
    """Whether what a command was given is a table, and no study file."""
    return source_class(_SOURCE).looks_like(file)


@contextmanager
def study_file_of(table: Path, target: str | None) -> Iterator[Path]:
    """The study file of a table in the working folder; written where it is not there.

    One that is written goes again where the block finds the table wrong.

    Args:
        table: the table's file.
        target: the column to predict.

    Raises:
        InputError: no table, no target, or a file of that name that is of another table or target.
        UnreachableError: the file cannot be written.
    """
    if not is_table(table):
        if table.suffix in SUFFIXES:
            raise InputError(
                f"--target {target}: {table} is a study file; set dataset.target in it"
            )
        raise InputError(
            f"{table}: its name does not say what it is; a table ends in {', '.join(ENDINGS)}"
        )
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", table.name.partition(".")[0]).strip("-._") or _SOURCE
    file = Path(f"{name}.toml")
    if target is None:
        raise InputError(
            f"{table}: is a table; name the column to predict with --target, one of"
            f" {listed(columns_of(table))}"
            + (f"; or run the study file that is there: hpsearch run {file}" * is_there(file))
        )
    check_target(table, target)
    if is_there(file):
        _check_same(file, table, target)
        tell(f"{file} is there already, and is run.")
        yield file
        return
    write_text(file, text_of(name, table, file, target))
    tell(f"Wrote {file}; edit it to search otherwise: hpsearch run {file}")
    try:
        yield file
    except InputError:
        file.unlink(missing_ok=True)  # or it would be in the way when the table is mended
        say(
            f"Removed {file}; to set a key such as dataset.missing, add --set KEY=VALUE, or keep a"
            f" file: hpsearch init {file} --path {table} --target {target}"
        )
        raise


def text_of(name: str, table: Path, file: Path, target: str) -> str:
    """A study file for a table, cross-validated where it is small.

    Args:
        name: the study's.
        table: the table's file.
        file: where the study file will be.
        target: the column to predict.
    """
    path = below(table, file, _SOURCE)
    return study_text(name, _SOURCE, path, target=target, rows=rows_of(table))


def _check_same(file: Path, table: Path, target: str) -> None:
    """Refuse a study file that is of another table or target.

    Raises:
        InputError: what it is of.
    """
    known = load(file).dataset
    own = known.source == _SOURCE and known.path == str(table.resolve())
    if not own or known.model_dump()["target"] != target:
        raise InputError(
            f"{file}: is there already, for {show(known.path or known.source)}, and not for"
            f" {table} with target {show(target)}; rename it, or write another one: hpsearch init"
            f" other.toml --path {table} --target {target}"
        )


def below(path: Path, file: Path, source: str) -> str:
    """The path as the study file has it: relative to its folder, where a relative one was typed.

    Raises:
        InputError: there is nothing at the path, or the source has none.
        UnreachableError: it may not be looked at.
    """
    section = parse(DatasetSection, {"source": source, "path": str(path)}, "--path")
    resolve_path(section, Path(), "--path")
    if path.is_absolute() or str(path).startswith("~"):
        return str(path)
    return os.path.relpath(path, file.parent)
