"""Source "npz": arrays in one file of ``numpy.savez``: x_train, y_train, optional val and test."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hpsearch.data.arrays import Arrays, Labels, Progress, TaskName
from hpsearch.data.savez import Array, check_names, read, shapes
from hpsearch.data.signature import SourceFiles, source_files
from hpsearch.data.sources.source import DataPath, Look, Source
from hpsearch.errors import InputError
from hpsearch.presets.sizes import Sizes
from hpsearch.text import show

_LARGEST = 2**53
"""Whole numbers beyond this are not all floats."""


class Npz(Source):
    """Arrays of your own, in one file."""

    name = "npz"
    looks = "an .npz file"
    given = "x_val and y_val"
    usual = Sizes(rows=10_000)
    usual_scale = "standardize"  # it may hold any numbers; the other sources have images
    sample = "data.npz"
    path_about = "x_train, y_train; x_test, y_test if you have them"

    path: DataPath
    task: TaskName | None = None

    @classmethod
    def looks_like(cls, path: Path) -> bool:
        """Whether its name ends so."""
        return path.suffix.casefold() == ".npz"

    @classmethod
    def look(cls, path: Path) -> Look:
        """What the file declares."""
        declared = shapes(path)
        first, *shape = declared["x_train"] or (0,)
        validation = sum(declared.get("x_val", ())[:1])
        return Look(rows=first, validation=validation, shape=tuple(shape))

    def files(self) -> SourceFiles:
        """That file."""
        return source_files(Path(self.path))

    def load(self, progress: Progress) -> Arrays:
        """Read the file.

        ``x_train`` and ``y_train`` are required; ``x_val`` with ``y_val``, ``x_test`` with
        ``y_test`` and ``class_names`` (texts) are not. Inputs are images of any shape or flat
        vectors, whole numbers or floats; labels are whole numbers or texts, shape (n,) or (n, 1).
        Numbers that are not whole are the targets of a regression, and so are whole ones where
        ``task`` says so.
        """
        path = Path(self.path)
        return understood(read(path, progress), path, self.task)


def understood(arrays: dict[str, Array], path: Path, task: TaskName | None) -> Arrays:
    """The data set that arrays are, as :meth:`Npz.load` gives it.

    Args:
        arrays: by their names, see :data:`hpsearch.data.savez.NAMES`.
        path: where they are from, for messages.
        task: as it was asked for; None: by the targets.

    Raises:
        InputError: arrays that are missing, unknown, or cannot be labels or targets.
    """
    check_names(path, list(arrays))
    names: tuple[str, ...]
    targets: Mapping[str, Array]
    if task == "regression" or (task is None and _is_fractional(arrays["y_train"])):
        names, targets = (), _numbers(path, arrays)
    else:
        names, targets = _encode(path, arrays)
    x_train = arrays["x_train"]
    return Arrays(
        x_train=x_train,
        y_train=targets["y_train"],
        x_val=arrays.get("x_val"),
        y_val=targets.get("y_val"),
        x_test=arrays.get("x_test"),
        y_test=targets.get("y_test"),
        class_names=names,
        maximum=255.0 if x_train.dtype == np.uint8 else None,
    )


def _encode(path: Path, arrays: dict[str, Array]) -> tuple[tuple[str, ...], dict[str, Labels]]:
    """Class names, and each y as labels 0 ... classes - 1.

    Classes are the values of ``y_train``, sorted, or, for texts, in the order of class_names.
    """
    raw = {name: _column(path, name, arrays[name]) for name in arrays if name.startswith("y_")}
    values = np.unique(raw["y_train"])
    names = _class_names(path, arrays["class_names"]) if "class_names" in arrays else None
    textual = values.dtype.kind == "U"
    if names is not None and (
        sorted(names) != values.tolist() if textual else len(names) != len(values)
    ):
        raise InputError(
            f"{path}: class_names has {len(names)} names ({show(list(names))}), which do not fit"
            f" the {len(values)} classes in y_train ({show(values.tolist())});"
            " give one for each class"
        )
    encoded = {name: _positions(path, name, y, values) for name, y in raw.items()}
    if names is None:
        return tuple(str(value) for value in values.tolist()), encoded
    if textual:
        order = np.array([names.index(value) for value in values.tolist()])
        encoded = {name: order[y] for name, y in encoded.items()}
    return names, encoded


def _column(path: Path, name: str, y: Array) -> Array:
    """Labels of shape (n,) or (n, 1) as (n,), whole numbers or texts."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise InputError(
            f"{path}: {name} has shape {y.shape}; give one label for each example"
            " (for one-hot rows: y.argmax(axis=1))"
        )
    if len(y) == 0:
        raise InputError(f"{path}: {name} has no labels; add examples, or leave this part out")
    if y.dtype.kind == "b":
        return y.astype(np.uint8)
    if y.dtype.kind == "f":
        return _whole(path, name, y)
    if y.dtype.kind not in "uiU":
        raise InputError(
            f"{path}: {name} holds {y.dtype}; labels are whole numbers or texts:"
            ' save y.astype("int64") or y.astype(str)'
        )
    return y


def _whole(path: Path, name: str, y: Array) -> Array:
    """Labels that are whole numbers stored as floats."""
    fractional = ~np.isfinite(y) | (y != np.floor(y)) | (np.abs(y) > _LARGEST)
    if fractional.any():
        value = y[int(np.argmax(fractional))].item()
        raise InputError(
            f"{path}: {name} holds {y.dtype} with values such as {value:g}, which are not"
            " classes; give a class for each example, as a whole number or a text, or set"
            ' dataset.task = "regression"'
        )
    return y.astype(np.int64)


def _is_fractional(y: Array) -> bool:
    """Whether targets are numbers that are not all whole."""
    return y.dtype.kind == "f" and bool((np.isfinite(y) & (y != np.floor(y))).any())


def _numbers(path: Path, arrays: dict[str, Array]) -> dict[str, Array]:
    """The targets of a regression."""
    if "class_names" in arrays:
        raise InputError(
            f"{path}: class_names belong to classes, but the targets are numbers (a regression);"
            " leave them out"
        )
    return {
        name: y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
        for name, y in arrays.items()
        if name.startswith("y_")
    }


def _class_names(path: Path, names: Array) -> tuple[str, ...]:
    if names.ndim != 1 or names.dtype.kind != "U":
        raise InputError(
            f"{path}: class_names holds {names.dtype} of shape {names.shape}; save a list of texts"
        )
    return tuple(names.tolist())


def _positions(path: Path, name: str, y: Array, values: Array) -> Labels:
    """The place of each label among the sorted classes."""
    if (y.dtype.kind == "U") != (values.dtype.kind == "U"):
        raise InputError(
            f"{path}: {name} and y_train mix texts and numbers; save both as the same type"
        )
    places: Labels = np.searchsorted(values, y).clip(max=len(values) - 1).astype(np.int64)
    wrong = values[places] != y
    if wrong.any():
        label = y[int(np.argmax(wrong))]
        raise InputError(
            f"{path}: {name} has the label {show(label.item())}, which y_train does not have; add"
            " training examples of it, or remove it"
        )
    return places
