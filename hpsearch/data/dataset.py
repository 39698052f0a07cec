"""An imported data set: what it is, its arrays on demand, and the one way to its test split."""

import math
import tokenize
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError

from hpsearch.data.arrays import Arrays, Beside, Inputs, Targets
from hpsearch.data.importing import META_FILE, Meta, array_file, fingerprint
from hpsearch.data.record import Access, write_access, write_result
from hpsearch.data.signature import unreadable
from hpsearch.errors import InputError, UnreachableError

# What NumPy raises on the header of an array that is cut off or changed.
_BROKEN = (ValueError, EOFError, LookupError, SyntaxError, tokenize.TokenError)


class Dataset(Meta):
    """An imported data set. Its training and validation arrays are memory-mapped on demand."""

    folder: Annotated[Path, Field(exclude=True)]
    """Where its arrays are, and ``meta.json``."""

    @property
    def train_size(self) -> int:
        """Examples of the training split, from which a validation share may yet be taken."""
        return self.sizes["train"]

    @property
    def val_size(self) -> int:
        """Examples of the source's own validation part; 0 where it has none."""
        return self.sizes.get("val", 0)

    @property
    def test_size(self) -> int:
        """Examples of the test split."""
        return self.sizes["test"]

    @property
    def test_taken(self) -> bool:
        """Whether the test split was taken from the training part, since the source has none."""
        return self.test_split == "taken"

    @property
    def private_bytes(self) -> int:
        """What the training and validation inputs take in each worker on a CPU: nothing where all
        workers read the mapped files (see ``hpsearch.training.resident``), else a copy in float32.
        """
        if self.dtype in ("uint8", "float32"):
            return 0
        return (self.train_size + self.val_size) * math.prod(self.input_shape) * 4

    @property
    def bytes_on_disk(self) -> int:
        """What all arrays take, the test part's included (their sizes are looked up, no more)."""
        return sum(file.stat().st_size for file in self.folder.glob("*.npy"))

    def train(self) -> tuple[Inputs, Targets]:
        """Inputs (train_size, *input_shape) and targets (train_size,), read-only.

        Raises:
            InputError: files that are damaged or gone.
            UnreachableError: files that cannot be read.
        """
        return _arrays(self, "train", self.train_size)

    def validation(self) -> tuple[Inputs, Targets] | None:
        """The source's own validation part as :meth:`train` gives its; None: it has none."""
        return _arrays(self, "val", self.val_size) if self.val_size else None

    def known(self, what: Beside, part: Literal["train", "val"]) -> npt.NDArray[np.generic] | None:
        """What is known of the examples of a part beside inputs and targets; None: it is not.

        Raises:
            InputError: files that are damaged or gone.
            UnreachableError: files that cannot be read.
        """
        name = f"{what}_{part}"
        return _array(array_file(self.folder, name)) if name in self.beside else None


def find(folder: Path) -> Dataset | None:
    """The data set in a folder; None where it is missing or damaged. Leaves test arrays alone.

    Raises:
        UnreachableError: files that cannot be read.
    """
    meta = read_meta(folder)
    if meta is None:
        return None
    dataset = Dataset(folder=folder, **dict(meta))
    try:
        dataset.train()
        dataset.validation()
    except InputError:
        return None
    return dataset


def read_meta(folder: Path) -> Meta | None:
    """What ``meta.json`` of a folder says; None where it is missing or damaged.

    Raises:
        UnreachableError: it cannot be read.
    """
    try:
        with reading(folder):
            return Meta.model_validate_json((folder / META_FILE).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValidationError):
        return None


def open_test(dataset: Dataset, access: Access) -> tuple[Inputs, Targets]:
    """Open the test split, and record that it was opened. The only way to it.

    Args:
        dataset: whose test split.
        access: who asks for it, and for which recipe; say what came of it with
            :func:`record_result`.

    Returns:
        Inputs (test_size, *input_shape) and targets (test_size,), memory-mapped and read-only.

    Raises:
        InputError: files that are damaged, gone or other than when they were imported.
        UnreachableError: files that cannot be read, or a record that cannot be written.
    """
    meta = read_meta(dataset.folder)
    if meta is None or meta.fingerprint != dataset.fingerprint:
        raise _changed(dataset)
    told = replace(
        access, source=dataset.source, path=dataset.path, fingerprint=dataset.fingerprint
    )
    with writing(dataset.folder.parent):
        write_access(dataset.folder.parent, told)
    x, y = _arrays(dataset, "test", dataset.test_size)
    if _fingerprint_now(dataset, x, y) != dataset.fingerprint:
        raise _damaged(dataset.folder)
    return x, y


def record_result(dataset: Dataset, access: Access, result: Mapping[str, Any]) -> None:
    """Add to the record what came of a test access.

    Args:
        dataset: whose test split was opened.
        access: as it was given to :func:`open_test`.
        result: ``accuracy`` and ``f1_macro``, of a regression ``rmse`` and ``r2``; one for each
            seed.

    Raises:
        UnreachableError: a record that cannot be written.
    """
    with writing(dataset.folder.parent):
        write_result(dataset.folder.parent, access, result)


def _changed(dataset: Dataset) -> InputError:
    return InputError(
        f"{dataset.path or dataset.source}: the data were changed meanwhile; run the command again"
    )


def _fingerprint_now(dataset: Dataset, x_test: Inputs, y_test: Targets) -> str:
    """The fingerprint of the arrays as they are in their files now."""
    (x, y), given = dataset.train(), dataset.validation()
    arrays = Arrays(
        x_train=x,
        y_train=y,
        x_val=given and given[0],
        y_val=given and given[1],
        x_test=x_test,
        y_test=y_test,
        class_names=dataset.class_names,
        maximum=dataset.maximum,
        columns=dataset.columns,
        target=dataset.target,
        beside={name: _array(array_file(dataset.folder, name)) for name in dataset.beside},
    )
    return fingerprint(arrays)


def _arrays(dataset: Dataset, part: str, size: int) -> tuple[Inputs, Targets]:
    """Inputs and targets of one part, memory-mapped."""
    x = _array(array_file(dataset.folder, f"x_{part}"))
    y = _array(array_file(dataset.folder, f"y_{part}"))
    fits = x.shape == (size, *dataset.input_shape) and x.dtype == dataset.dtype
    kind = np.int64 if dataset.task == "classification" else np.float64
    if not fits or y.shape != (size,) or y.dtype != kind:
        raise _damaged(dataset.folder)
    return x, y


def _array(file: Path) -> Inputs:
    try:
        with reading(file):
            return np.asarray(np.lib.format.open_memmap(file, mode="r"))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, *_BROKEN):
        raise _damaged(file) from None


def _damaged(path: Path) -> InputError:
    return InputError(
        f"{path} is damaged or missing; remove its folder in datasets/, and it is imported again"
    )


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what the system refuses on reading into an error that says what to do.

    What is not there, or of another kind, is left for the caller to judge.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise
    except OSError as error:
        raise unreadable(path, error) from None


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn what the system refuses on writing into an error that says what to do."""
    try:
        yield
    except OSError as error:
        raise UnreachableError(
            f"{folder}: data sets cannot be stored: {error.strerror or error}; free space, fix its"
            " permissions, or choose another place with --home"
        ) from None
