"""What export writes, known again without loading TensorFlow: models, and names of classes."""

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from hpsearch.errors import InputError

Form = Literal["keras", "saved_model"]
"""A .keras file, or the folder of a SavedModel."""

NAME = "hpsearch"
"""Of every model that is written, by which it is known again."""
CLASSES = Path("assets.extra", "classes.json")
"""In the folder of a SavedModel, where TensorFlow leaves other programs' files alone."""


def classes_file(output: Path, form: Form) -> Path:
    """Where the names of a model's classes are: ``best.classes.json`` beside ``best.keras``."""
    return output / CLASSES if form == "saved_model" else output.with_suffix(".classes.json")


def write_classes(file: Path, class_names: Sequence[str]) -> None:
    """Write the names of the classes, in the order of the outputs, as a JSON array.

    Raises:
        OSError: a full disk, no permission and the like.
    """
    text = json.dumps(list(class_names), indent=2, ensure_ascii=False) + "\n"
    file.write_text(text, encoding="utf-8")


def is_classes(file: Path) -> bool:
    """Whether a file is one that :func:`write_classes` wrote: an array of texts."""
    try:
        names = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(names, list) and all(isinstance(name, str) for name in names)


def class_names_of(output: Path, form: Form) -> tuple[str, ...]:
    """The names of a model's classes, as they are beside it.

    Args:
        output: the file or folder that export wrote.
        form: which of the two.

    Raises:
        InputError: they are not there.
    """
    file = classes_file(output, form)
    if not is_classes(file):
        raise InputError(
            f"{file}: is not there, or has no names of classes, which export writes beside the"
            " model; move both together, or export it again"
        )
    return tuple(json.loads(file.read_text(encoding="utf-8")))


def is_model(path: Path, form: Form) -> bool:
    """Whether a file or folder is a model that export wrote."""
    if form == "saved_model":
        return (path / "saved_model.pb").is_file() and is_classes(path / CLASSES)
    try:
        with zipfile.ZipFile(path) as archive:
            return bool(json.loads(archive.read("config.json"))["config"]["name"] == NAME)
    except (OSError, KeyError, ValueError, TypeError, RecursionError, zipfile.BadZipFile):
        return False
