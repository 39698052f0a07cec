"""The cache of data sets: a source is imported once into arrays on disk, and opened from there.

The test split is set aside before anything else, in files that only ``open_test`` opens.
"""

import json
import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from pydantic import ValidationError

from hpsearch.data.importing import META_FILE, Meta, array_file, cache_key, hold_out, store
from hpsearch.data.loaders import load, loader
from hpsearch.data.source import Inputs, Labels, Progress, silent
from hpsearch.errors import InputError, UnreachableError
from hpsearch.home import Home
from hpsearch.recipe import DatasetSection

RECORD_FILE = "test_opened.jsonl"
"""One line for each opening of the test split, in the data set's folder."""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """An imported data set. Its training and validation arrays are memory-mapped on demand."""

    folder: Path
    source: str
    input_shape: tuple[int, ...]
    """Shape of one example."""
    dtype: str
    """NumPy's name of the inputs' type: "uint8", "float32" ..."""
    class_names: tuple[str, ...]
    """One name for each label, in the order of the labels."""
    maximum: float | None
    """Declared largest value of whole-number inputs (they start at 0), or None."""
    fingerprint: str
    """SHA-256 of all arrays, test split included, and class names, as hexadecimal digits."""
    train_size: int
    """Examples of the training split, from which a validation share may yet be taken."""
    val_size: int
    """Examples of the source's own validation part; 0 where it has none."""
    test_size: int

    @property
    def bytes_in_memory(self) -> int:
        """What the training and validation inputs take as a worker keeps them: bytes or float32."""
        each = 1 if self.dtype == "uint8" else 4
        return (self.train_size + self.val_size) * math.prod(self.input_shape) * each

    def train(self) -> tuple[Inputs, Labels]:
        """Inputs (train_size, *input_shape) and labels (train_size,), read-only.

        Raises:
            InputError: files that are damaged or gone.
            UnreachableError: files that cannot be read.
        """
        return _arrays(self, "train", self.train_size)

    def validation(self) -> tuple[Inputs, Labels] | None:
        """The source's own validation part as :meth:`train` gives its; None: it has none."""
        return _arrays(self, "val", self.val_size) if self.val_size else None


def open_dataset(section: DatasetSection, home: Home, progress: Progress = silent) -> Dataset:
    """Open the data set of a data section; import it first where that was not done yet.

    A source whose files have changed is imported anew, and so is a damaged import. Processes
    that ask at once import once: the others wait. Never opens test arrays that are there.

    Args:
        section: the data section, its path absolute.
        home: where data sets are kept.
        progress: told what is done, where that takes long.

    Raises:
        InputError: a source that cannot be read yet, or data that are wrong in themselves.
        UnreachableError: files that cannot be read or written; a full disk.
    """
    loader(section)  # a source that cannot be read leaves nothing behind
    folder = home.datasets / f"{section.source}-{cache_key(section)}"
    found = _find(folder)
    if found is not None:
        return found
    with _writing(home.datasets):
        home.datasets.mkdir(parents=True, exist_ok=True)
        # One import at a time for all data sets: they are rare, and each may fill the memory.
        with _locked(home.datasets / ".lock", progress):
            return _find(folder) or _import(section, folder, progress)


def open_test(dataset: Dataset, *, opened_by: str) -> tuple[Inputs, Labels]:
    """Open the test split, and record that it was opened. The only way to it.

    Args:
        dataset: whose test split.
        opened_by: what asks for it ("evaluate my-study", "train recipe.toml --test").

    Returns:
        Inputs (test_size, *input_shape) and labels (test_size,), memory-mapped and read-only.

    Raises:
        InputError: files that are damaged or gone.
        UnreachableError: files that cannot be read, or a record that cannot be written.
    """
    line = json.dumps(
        {"date": datetime.now(UTC).isoformat(timespec="seconds"), "opened_by": opened_by}
    )
    with _writing(dataset.folder), (dataset.folder / RECORD_FILE).open("a") as record:
        record.write(line + "\n")
    return _arrays(dataset, "test", dataset.test_size)


def _find(folder: Path) -> Dataset | None:
    """The data set in a folder; None where it is missing or damaged."""
    try:
        meta = Meta.model_validate_json((folder / META_FILE).read_bytes())
        dataset = Dataset(
            folder=folder,
            source=meta.source,
            input_shape=meta.input_shape,
            dtype=meta.dtype,
            class_names=meta.class_names,
            maximum=meta.maximum,
            fingerprint=meta.fingerprint,
            train_size=meta.sizes["train"],
            val_size=meta.sizes.get("val", 0),
            test_size=meta.sizes["test"],
        )
        dataset.train()
        dataset.validation()
    except (FileNotFoundError, NotADirectoryError, KeyError, ValidationError, InputError):
        return None
    except OSError as error:
        raise _unreadable(folder, error) from None
    return dataset


def _arrays(dataset: Dataset, part: str, size: int) -> tuple[Inputs, Labels]:
    """Inputs and labels of one part, memory-mapped."""
    x = _array(array_file(dataset.folder, f"x_{part}"))
    y = _array(array_file(dataset.folder, f"y_{part}"))
    fits = x.shape == (size, *dataset.input_shape) and x.dtype == dataset.dtype
    if not fits or y.shape != (size,) or y.dtype != np.int64:
        raise _damaged(dataset.folder)
    return x, y.view(np.int64)


def _array(file: Path) -> Inputs:
    try:
        return np.asarray(np.lib.format.open_memmap(file, mode="r"))
    except (FileNotFoundError, IsADirectoryError, ValueError, EOFError):
        raise _damaged(file) from None
    except OSError as error:
        raise _unreadable(file, error) from None


def _damaged(path: Path) -> InputError:
    return InputError(
        f"{path} is damaged or gone; remove its folder in datasets/, and it is imported anew"
    )


def _unreadable(path: Path, error: OSError) -> UnreachableError:
    return UnreachableError(f"{path}: {error.strerror or error}; check its permissions")


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Turn what the system refuses into an error that says what to do."""
    try:
        yield
    except OSError as error:
        raise UnreachableError(
            f"{folder}: data sets cannot be stored: {error.strerror or error}; free space or mend"
            " its permissions, or choose another place with --home"
        ) from None


@contextmanager
def _locked(file: Path, progress: Progress) -> Iterator[None]:
    """Hold the lock that lets one process import; says so when it has to wait."""
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress("waiting for another process that imports data", 0, 1)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _import(section: DatasetSection, folder: Path, progress: Progress) -> Dataset:
    """Read the source and store it in ``folder``, whole or not at all. Needs the lock."""
    partial = folder.with_name(".partial")
    shutil.rmtree(partial, ignore_errors=True)  # of an import that was killed
    given = load(section, progress)
    arrays = hold_out(given, section.path or section.source)
    if not folder.name.endswith(cache_key(section)):
        raise InputError(f"{section.path} was changed while it was read; start again")
    try:
        partial.mkdir()
        store(arrays, partial, section, "taken" if given.x_test is None else "given", progress)
        if (folder / RECORD_FILE).is_file():  # of a damaged import: the openings did happen
            shutil.copyfile(folder / RECORD_FILE, partial / RECORD_FILE)
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    stored = _find(folder)
    if stored is None:
        raise UnreachableError(f"{folder} cannot be read back; check the disk")
    return stored
