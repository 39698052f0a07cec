"""What export writes, known again without loading TensorFlow: models, and what lies beside them."""

import json
import keyword
import re
import unicodedata
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from hpsearch.data.arrays import TaskName
from hpsearch.data.parts import Parts
from hpsearch.data.tables.column import EPOCH, Column, Kind
from hpsearch.data.tables.fitted import Tabular
from hpsearch.data.tables.raw import MISSING_CODE, UNKNOWN_CODE
from hpsearch.fields import Section
from hpsearch.files import is_saved_model, made_beside
from hpsearch.recipe import Recipe
from hpsearch.text import significant
from hpsearch.training.other_formats import OTHER_FORMATS, OtherForm, other_form

Form = Literal["keras", "saved_model"]
"""A .keras file, or the folder of a SavedModel."""
ModelForm = Literal[Form, OtherForm]
"""Those, and the formats of other tools."""

NAME = "hpsearch"
"""Of every model that is written, by which it is known again."""
CLASSES = Path("assets.extra", "classes.json")
"""In the folder of a SavedModel, where TensorFlow leaves other programs' files alone."""
SIGNATURE = Path("assets.extra", "signature.json")
"""In the folder of a SavedModel of a table or of a regression."""
_TAKES: dict[Kind, str] = {
    "number": "float32, shape (batch,); NaN: missing",
    "category": 'texts as they stand in the table, shape (batch,); "": missing',
    "date": 'texts like 2024-03-01 or 2024-03-01 12:30:00, shape (batch,); "": missing',
}
_OTHERS_TAKE: dict[Kind, str] = {
    "number": "float32, shape (batch,); NaN: missing",
    "category": f"int64, shape (batch,): places in categories, from 0; {UNKNOWN_CODE}: another one,"
    f" {MISSING_CODE}: missing",
    "date": f"float32, shape (batch,): days since {EPOCH}; NaN: missing",
}
_WITH_TIME = (
    f"float32, shape (batch, 2): whole days since {EPOCH}, and the share of the day that is over;"
    " NaN: missing"
)
ANSWERS = ("probabilities", "predictions")
"""What outputs of models for other tools are called, and no input."""
_REFUSED = ("self",)
"""Names that TensorFlow's signatures have no input by, beside Python's keywords."""


class ModelInput(Section):
    """One input of an exported model."""

    name: str
    """The key by which the model takes it."""
    column: str | None = None
    """Of a table: the name of its column; with characters that TensorFlow refuses it is another."""
    kind: Kind | Literal["array"]
    takes: str
    """In words."""
    categories: tuple[str, ...] = ()
    """Of a category that is taken as a number: those that the model knows, by their numbers."""
    date_format: str = ""
    """Of a date: how the data have it, as polars' strptime; the model itself takes ISO 8601."""


class Signature(Section):
    """What an exported model of a table, or of a regression, takes and gives."""

    format: Literal["hpsearch-signature/1"] = "hpsearch-signature/1"
    task: TaskName
    target: str | None
    """The column that is predicted; of arrays none."""
    class_names: tuple[str, ...]
    """In the order of the outputs; of a regression none."""
    inputs: tuple[ModelInput, ...]
    gives: str
    """In words."""
    files: Mapping[str, str] = Field(default_factory=dict)
    """Of another tool's model: its files' SHA-256, by their names."""

    @property
    def is_written(self) -> bool:
        """Whether it lies beside its model: not of arrays with classes, which are as stored."""
        return self.task == "regression" or self.inputs[0].kind != "array"


def signature(parts: Parts, target: str | None, form: ModelForm) -> Signature:
    """What a model takes and gives.

    Args:
        parts: its data; of another tool's model those with the categories that it knows.
        target: the name of the target's column, if it has one.
        form: of the model; names of inputs depend on it.
    """
    table = parts.transform if isinstance(parts.transform, Tabular) else None
    columns = () if table is None else table.columns
    names = input_names([column.name for column in columns], form)
    takes = tuple(
        _of_column(name, column, form) for name, column in zip(names, columns, strict=True)
    )
    if table is None:
        dtype = parts.train.x.dtype.name
        told = f"{dtype}, shape (batch, {', '.join(map(str, parts.input_shape))}), as stored"
        takes = (ModelInput(name="inputs", kind="array", takes=told),)
    low_high = (
        parts.answers and f"{significant(parts.answers.low)} to {significant(parts.answers.high)}"
    )
    return Signature(
        task="regression" if parts.target else "classification",
        target=target,
        class_names=parts.class_names,
        inputs=takes,
        gives=(
            f"predictions in the target's own unit, {_number(form)}, shape (batch, 1), {low_high}"
            if parts.target
            else f"probabilities, float32, shape (batch, {parts.outputs})"
        ),
    )


def _of_column(name: str, column: Column, form: ModelForm) -> ModelInput:
    """The input of a column."""
    other = other_form(form)
    told = ModelInput(
        name=name,
        column=column.name,
        kind=column.kind,
        takes=_TAKES[column.kind],
        date_format=column.date_format,
    )
    is_text = column.kind == "category" and (other is None or OTHER_FORMATS[other].takes_texts)
    if other is None or is_text:
        return told
    takes = _WITH_TIME if column.has_time else _OTHERS_TAKE[column.kind]
    return told.model_copy(update={"takes": takes, "categories": column.categories})


def _number(form: ModelForm) -> str:
    """The type of predictions."""
    other = other_form(form)
    return "float64" if other is None else OTHER_FORMATS[other].predictions


def target_name(recipe: Recipe) -> str | None:
    """The column that a recipe's network predicts; of arrays none."""
    name = recipe.dataset.model_dump().get("target")
    return name if isinstance(name, str) else None


def input_names(columns: Sequence[str], form: ModelForm) -> list[str]:
    """The names of a model's inputs: those of the columns as far as the form allows, all unique.

    Keras takes any name without a slash. All others take letters without
    accents, digits and underscores, no keyword of Python, and none twice that differ by case.
    What is refused becomes an underscore, and a number is put behind a name that is taken.
    """
    plain = [column.replace("/", "_") if form == "keras" else _plain(column) for column in columns]
    fold = str if form == "keras" else str.casefold
    # Columns that keep their names come first: no other one takes it from them.
    order = sorted(range(len(columns)), key=lambda place: plain[place] != columns[place])
    found, taken = [""] * len(columns), set(ANSWERS if other_form(form) else ())
    for place in order:
        name, number = plain[place], 1
        while fold(name) in taken:
            number += 1
            name = f"{plain[place]}_{number}"
        taken.add(fold(name))
        found[place] = name
    return found


def _plain(name: str) -> str:
    """A name of ASCII letters, digits and underscores that begins with none of the latter."""
    letters = (c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    bare = re.sub(r"[^A-Za-z0-9_]", "_", "".join(letters))
    if keyword.iskeyword(bare) or bare in _REFUSED:
        bare += "_"
    return f"x{bare}" if bare.startswith("_") else bare


def signature_file(output: Path, form: ModelForm) -> Path:
    """Where a model's signature is: ``best.signature.json`` beside ``best.keras``, and
    ``best.onnx.signature.json`` beside ``best.onnx``.
    """
    if other_form(form) is not None:
        return output.with_name(f"{output.name}.signature.json")
    return output / SIGNATURE if form == "saved_model" else output.with_suffix(".signature.json")


def write_signature(file: Path, told: Signature) -> None:
    """Write a signature as JSON.

    Raises:
        OSError: a full disk, no permission and the like.
    """
    text = json.dumps(told.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
    file.write_text(text, encoding="utf-8")


def read_signature(file: Path) -> Signature | None:
    """The signature in a file that :func:`write_signature` wrote; None: it is none."""
    try:
        return Signature.model_validate_json(file.read_bytes())
    except (OSError, ValidationError, RecursionError):
        return None


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


def is_signature(file: Path) -> bool:
    """Whether a file is one that :func:`write_signature` wrote."""
    return read_signature(file) is not None


def write_beside(output: Path, form: Form, told: Signature) -> None:
    """Write the names of a model's classes and its signature, as far as it has them.

    Each file is written whole or not at all; what hpsearch wrote there before is removed.

    Raises:
        UnreachableError: a full disk, no permission and the like.
    """
    classes, own = classes_file(output, form), signature_file(output, form)
    if told.class_names:
        with made_beside(classes) as partial:
            write_classes(partial, told.class_names)
    elif is_classes(classes):
        classes.unlink()
    if told.is_written:
        with made_beside(own) as partial:
            write_signature(partial, told)
    elif is_signature(own):
        own.unlink()


def is_classes(file: Path) -> bool:
    """Whether a file is one that :func:`write_classes` wrote: an array of texts."""
    try:
        names = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(names, list) and all(isinstance(name, str) for name in names)


def is_model(path: Path, form: Form) -> bool:
    """Whether a file or folder is a model that export wrote."""
    if form == "saved_model":
        beside = is_classes(path / CLASSES) or is_signature(path / SIGNATURE)
        return is_saved_model(path) and beside
    try:
        with zipfile.ZipFile(path) as archive:
            return bool(json.loads(archive.read("config.json"))["config"]["name"] == NAME)
    except (OSError, KeyError, ValueError, TypeError, RecursionError, zipfile.BadZipFile):
        return False
