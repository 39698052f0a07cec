"""``hpsearch init``: writes a commented study file."""

from pathlib import Path
from typing import Annotated

import typer

from hpsearch.cli.common import tell

DATASETS = ("digits", "mnist", "fashion_mnist", "cifar10", "cifar100", "npz", "image_folder")
"""All sources, as ``hpsearch.recipe`` has them: importing that takes longer than --help should."""


def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Study file to write (.toml).")],
    dataset: Annotated[
        str, typer.Option("--dataset", metavar="NAME", help=f"One of: {', '.join(DATASETS)}.")
    ] = "digits",
) -> None:
    """Write a commented study file that you can run as it is, or edit."""
    from hpsearch.cli.template import study_text
    from hpsearch.errors import InputError
    from hpsearch.fields import check_name, closest
    from hpsearch.files import write_text

    if dataset not in DATASETS:
        raise InputError(f"--dataset {dataset}: unknown; {closest(dataset, list(DATASETS))}")
    if file.suffix != ".toml":
        raise InputError(f"{file}: a study file ends in .toml; choose such a name")
    if file.exists():
        raise InputError(f"{file}: is there already; remove it or choose another name")
    try:
        name = check_name(file.stem)
    except ValueError as error:
        raise InputError(f"{file}: its name becomes the study's, but {file.stem} {error}") from None
    write_text(file, study_text(name, dataset))
    tell(
        f"Wrote {file}. Look it over, then: hpsearch data {file}; hpsearch check {file};"
        f" hpsearch run {file}"
    )
