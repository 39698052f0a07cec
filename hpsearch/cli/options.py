"""The options and arguments that several commands have."""

import os
from pathlib import Path
from typing import Annotated

import typer

from hpsearch.errors import InputError
from hpsearch.formats import read_file


def study_name(text: str) -> str:
    """The name of a study that was typed: as it is, or by the study file that has it.

    Raises:
        InputError: nothing was typed, or a file that names no study.
    """
    _check_text(text)
    is_path = os.sep in text
    if text.strip() and not is_path and not (text.endswith(".toml") and Path(text).exists()):
        return text  # a name may end so, too
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
        raise InputError(f"STUDY: {text} is not UTF-8, as names of studies are") from None


HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="Data home (default: HPSEARCH_HOME, else ./hpsearch-data)."),
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
TargetOption = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="COLUMN",
        help="With a table in place of a study file: the column to predict.",
    ),
]
