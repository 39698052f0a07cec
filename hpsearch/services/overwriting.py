"""What hpsearch may write over: what it wrote itself, in the same form, and nothing else."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from hpsearch.errors import HpsearchError, InputError
from hpsearch.files import is_script_data
from hpsearch.formats import read_file
from hpsearch.script.pieces import MARK
from hpsearch.training.other_formats import other_form
from hpsearch.training.written import (
    ModelForm,
    classes_file,
    is_classes,
    is_model,
    is_signature,
    signature_file,
)
from hpsearch.training.written_other import files_of, is_other_model

Form = Literal["recipe", "script", ModelForm]
"""What ``export`` writes."""
Page = Literal["report", "data", "samples", "arrays", "predictions"]
"""What is written beside those: two kinds of pages, a picture, the data of a script, and a table of
predictions."""

_MARKS: dict[Form | Page, Sequence[tuple[bytes, ...]]] = {
    "report": [
        (b'<meta name="generator" content="hpsearch report">',),
        (b": report</title>", b"color-scheme: light; --ink: #1b1b1b"),
    ],
    "data": [
        (b'<meta name="generator" content="hpsearch data">',),
        (b"<title>Data: ", b"color: #1b1b1b; background: #fff"),
    ],
    "samples": [(b"tEXtSoftware\0hpsearch data",)],
}
"""What is near the beginning of such a file: all of one of these; a second one is of earlier
versions."""

_KINDS: dict[Form | Page, str] = {
    "recipe": "recipe",
    "script": "script that hpsearch wrote",
    "keras": "model that hpsearch wrote",
    "saved_model": "model that hpsearch wrote",
    "onnx": "model that hpsearch wrote",
    "litert": "model that hpsearch wrote",
    "openvino": "model that hpsearch wrote",
    "report": "report that hpsearch wrote",
    "data": "page that hpsearch data wrote",
    "samples": "picture that hpsearch data wrote",
    "arrays": "script's data that hpsearch wrote",
    "predictions": "table of predictions that hpsearch wrote",
}


def refuse_to_replace(path: Path, form: Form | Page) -> None:
    """What hpsearch wrote in this form may be written over; anything else may not.

    Raises:
        InputError: there is something else.
    """
    files = files_of(path, form) if form == "openvino" else [path]
    taken = next((file for file in files if is_there(file)), None)
    if taken is not None and not _is_ours(path, form):
        name = "another name (--data)" if form == "arrays" else "another name"
        raise InputError(
            f"{taken}: already exists and is not a {_KINDS[form]}; choose {name}, or remove it"
        )
    if form == "keras":
        _refuse_beside(classes_file(path, form), is_classes, "does not hold class names")
    if form == "keras" or form == "onnx" or form == "litert" or form == "openvino":  # noqa: PLR1714
        beside = signature_file(path, form)
        _refuse_beside(beside, is_signature, "is no signature that hpsearch wrote")


def _refuse_beside(file: Path, is_ours: Callable[[Path], bool], what: str) -> None:
    """Refuse a file that lies where one is written beside a model.

    Raises:
        InputError: it is not one of ours.
    """
    if is_there(file) and not is_ours(file):
        raise InputError(f"{file}: already exists and {what}; choose another name")


def is_there(path: Path) -> bool:
    """Whether a name is taken, and be it by a link that leads nowhere."""
    try:
        return path.is_symlink() or path.exists()
    except OSError:  # a folder that may not be looked into: writing will say so
        return False


def _is_ours(path: Path, form: Form | Page) -> bool:
    """Whether hpsearch wrote what is at a path, in this form; an empty folder is as good."""
    try:
        if form == "recipe":
            return str(read_file(path).get("format", "")).startswith("hpsearch-recipe/")
        if form == "script":
            return MARK.encode() in _beginning(path)
        if form == "keras" or form == "saved_model":  # noqa: PLR1714  # mypy knows no other way
            empty = form == "saved_model" and path.is_dir() and not any(path.iterdir())
            return empty or is_model(path, form)
        if (other := other_form(form)) is not None:
            return is_other_model(path, other)
        if form == "arrays":
            return is_script_data(path)
        if form == "predictions":
            from hpsearch.services.predictions import is_predictions  # noqa: PLC0415  # polars

            return is_predictions(path)
        begins = _beginning(path)
        return any(all(part in begins for part in parts) for parts in _MARKS[form])
    except (HpsearchError, OSError):
        return False


def _beginning(path: Path) -> bytes:
    """The first bytes of a file."""
    with path.open("rb") as file:
        return file.read(2000)
