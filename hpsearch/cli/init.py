"""``hpsearch init``: writes a commented study file."""

from pathlib import Path
from typing import Annotated

import typer

from hpsearch.cli.named import NetworkOption, below, check_network
from hpsearch.cli.output import tell
from hpsearch.data.sources import SOURCES, source_classes
from hpsearch.errors import InputError
from hpsearch.fields import check_name
from hpsearch.files import write_text
from hpsearch.services.named import Spelling, expanded, named, place
from hpsearch.services.overwriting import is_there
from hpsearch.services.template import NETWORKS, study_text
from hpsearch.text import closest

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
    network: NetworkOption = None,
    target: Annotated[
        str | None,
        typer.Option("--target", metavar="COLUMN", help="Of a table: the column to predict."),
    ] = None,
) -> None:  # fmt: skip
    """Write a commented study file that you can run as it is, or edit."""
    with_path = [one.name for one in source_classes() if one.takes_path()]
    spelling = Spelling(
        data=str(file if path is None else f"--path {path}"),
        target=f"--target {target}",
        ask_target="--target COLUMN",
        ask_source=f"say what it is with --dataset, one of {', '.join(with_path)}",
    )
    if dataset is not None:
        source = dataset
    else:
        where = path and str(expanded(path).absolute())  # or "mnist" would be the public set
        source = place(where, spelling)[0] if where else _WITHOUT_PATH
    if source not in SOURCES:
        raise InputError(f"--dataset {source}: unknown; {closest(source, list(SOURCES))}")
    check_network(network, source)
    if file.suffix != ".toml":
        raise InputError(f"{file}: a study file ends in .toml; choose such a name")
    if is_there(file):
        raise InputError(f"{file}: already exists; remove it or choose another name")
    try:
        name = check_name(file.stem)
    except ValueError as error:
        raise InputError(f"{file}: its name becomes the study's, but {file.stem} {error}") from None
    given = None if path is None else below(path, file, source)
    found = named(source, path and expanded(path), target, spelling)
    check_network(network, source, found.look)
    write_text(
        file, study_text(name, source, given, network or NETWORKS[0], target, look=found.look)
    )
    tell(
        f"Wrote {file}. Look it over, then: hpsearch data {file}; hpsearch check {file};"
        f" hpsearch run {file}"
    )
