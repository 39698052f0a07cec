"""``hpsearch init``: writes a commented study file."""

import os
from pathlib import Path
from typing import Annotated

import typer

from hpsearch.cli.output import tell
from hpsearch.cli.table import below
from hpsearch.data.sources import SOURCES, source_classes
from hpsearch.errors import InputError
from hpsearch.fields import check_name
from hpsearch.files import write_text
from hpsearch.services.overwriting import is_there
from hpsearch.services.tables import check_target, columns_of, rows_of
from hpsearch.services.template import NETWORKS, study_text
from hpsearch.text import closest, listed

_TABLE = "table"
_WITHOUT_PATH = next(iter(SOURCES))
"""What is taken where neither a source nor a path is given."""


def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Study file to write (.toml).")],
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset", metavar="NAME",
            help=f"One of: {', '.join(SOURCES)}. By default what --path is, else {_WITHOUT_PATH}.",
        ),
    ] = None,
    path: Annotated[
        Path | None,
        typer.Option(
            "--path", metavar="PATH",
            help="The data: a table, an .npz file, a folder of images, or a copy of a public set.",
        ),
    ] = None,
    network: Annotated[
        str,
        typer.Option("--network", metavar="KIND", help=f"Of networks: {' or '.join(NETWORKS)}."),
    ] = "dense",
    target: Annotated[
        str | None,
        typer.Option("--target", metavar="COLUMN", help="Of a table: the column to predict."),
    ] = None,
) -> None:  # fmt: skip
    """Write a commented study file that you can run as it is, or edit."""
    source = _source(path) if dataset is None else dataset
    if source not in SOURCES:
        raise InputError(f"--dataset {source}: unknown; {closest(source, list(SOURCES))}")
    if network not in NETWORKS:
        raise InputError(f"--network {network}: unknown; {closest(network, list(NETWORKS))}")
    if file.suffix != ".toml":
        raise InputError(f"{file}: a study file ends in .toml; choose such a name")
    if is_there(file):
        raise InputError(f"{file}: already exists; remove it or choose another name")
    try:
        name = check_name(file.stem)
    except ValueError as error:
        raise InputError(f"{file}: its name becomes the study's, but {file.stem} {error}") from None
    if network == "conv" and source == _TABLE:
        raise InputError("--network conv: is for images, and a table has none; leave it out")
    if target is not None and source != _TABLE:
        raise InputError(f"--target {target}: only tables have one; leave it out")
    given = None if path is None else below(path, file, source)
    rows = None
    if source == _TABLE and path is not None:
        if target is None:
            raise InputError(
                f"--path {path}: is a table; name the column to predict with --target, one of"
                f" {listed(columns_of(path))}"
            )
        check_target(path, target)
        rows = rows_of(path)
    write_text(file, study_text(name, source, given, network, target, rows=rows))
    tell(
        f"Wrote {file}. Look it over, then: hpsearch data {file}; hpsearch check {file};"
        f" hpsearch run {file}"
    )


def _source(path: Path | None) -> str:
    """The source that a path is of by its looks; "digits" without a path."""
    if path is None:
        return _WITHOUT_PATH
    known = source_classes()
    for one in known:
        if one.looks_like(path):
            return one.name
    if not is_there(Path(os.path.expanduser(path))):  # noqa: PTH111  # leaves ~nobody as it is
        raise InputError(f"--path {path}: does not exist; correct it")
    looks = " nor ".join(sorted(one.looks for one in known if one.looks))
    raise InputError(
        f"--path {path}: is neither {looks}; say what it is with --dataset, one of"
        f" {', '.join(one.name for one in known if one.takes_path())}"
    )
