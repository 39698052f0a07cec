"""Importing a data set: sets the test split aside, writes arrays to disk, names what they are."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from pydantic import model_validator

from hpsearch.data.arrays import Arrays, Inputs, PartName, Progress, TaskName, rows_in_order
from hpsearch.data.litter import listed
from hpsearch.data.section import DatasetSection
from hpsearch.data.signature import SourceFiles
from hpsearch.data.sources import source_class
from hpsearch.data.splitting import held_out
from hpsearch.data.stratify import Rows
from hpsearch.data.summary import Summary, summarize
from hpsearch.data.tables.column import Column
from hpsearch.errors import InputError
from hpsearch.fields import Section
from hpsearch.files import written_whole

FORMAT: Literal[3] = 3
"""Of the files below and of how sources are read; a new number has every data set imported anew, in
place of the older import. 3: images are turned upright."""
_KEYED = 2
"""The format since when imports have the names that they have."""
META_FILE = "meta.json"
TEST_SHARE = 0.2
TEST_SPLIT_SEED = 20_250_401
"""Of the test split that is taken where a source has none: the same for all studies."""
TestSplit = Literal["given", "taken"]
"""Whether a source has a test part of its own, or one was taken from its training part."""
_ROWS = 1024
"""Rows that are moved at a time."""
_NAMED_BY = {"source", "image_size", "image_mode", "max_unreadable"}
"""Keys of a data section that name the imports of every source, those of folders included."""


class Meta(Section):
    """``meta.json``: what the arrays beside it are. Written last."""

    format: Literal[3] = FORMAT
    source: str
    path: str | None
    """File or folder that the data were read from."""
    input_shape: tuple[int, ...]
    dtype: str
    class_names: tuple[str, ...]
    """Of a regression none."""
    maximum: float | None
    columns: tuple[Column, ...] = ()
    """Of a table: its inputs."""
    target: str | None = None
    """Of a table: the name of the target's column."""
    decimal: str | None = None
    """Of a table: what stands before the fraction of a number that is a text."""
    beside: tuple[str, ...] = ()
    """The arrays beside inputs and targets; see ``Arrays.beside``."""
    sizes: dict[PartName, int]
    """Examples of each part that there is."""
    test_split: TestSplit
    fingerprint: str
    """SHA-256 of all arrays and class names, as hexadecimal digits."""
    imported: str
    """When, as ISO 8601 in UTC."""
    signature: str | None
    """Of the source's files when they were read; see ``hpsearch.data.signature``."""
    contents: str | None
    """Hash of what was in them."""
    skipped: tuple[str, ...]
    """Files that were passed over as unreadable, with reasons."""
    turned: int
    """Images that an orientation tag has turned upright."""
    notes: tuple[str, ...]
    """How the source was understood; one line each."""
    summary: Summary

    @model_validator(mode="after")
    def _fits_together(self) -> "Meta":
        """A file that was cut, mixed up or edited is damaged, and its data are imported anew."""
        counts = self.summary.counts
        if {part: sum(each) for part, each in counts.items()} != self.sizes:
            raise ValueError("counts and sizes differ")
        if {len(each) for each in counts.values()} != {len(self.class_names) or 1}:
            raise ValueError("counts and class names differ")
        unscaled = self.maximum is not None and self.maximum <= 0
        if unscaled or not {"train", "test"} <= self.sizes.keys():
            raise ValueError("no such data set was ever stored")
        return self

    @property
    def task(self) -> TaskName:
        """What the targets are for."""
        return "classification" if self.class_names else "regression"


def array_file(folder: Path, name: str) -> Path:
    """The file of one array ("x_train", "y_test" ...) in a data set's folder."""
    return folder / f"{name}.npy"


def cache_key(section: DatasetSection) -> str:
    """16 hexadecimal digits that name an import: the source, its path and how it is read.

    What a study does with the imported arrays (splits, scale, weights) is no part of it, and
    neither are the source's files: whether these have changed is ``meta.json``'s to tell.
    """
    path = None if section.path is None else str(Path(section.path).absolute())
    own = source_class(section.source).own_keys()
    reading = section.model_dump(mode="json", include={*_NAMED_BY, *own})
    if section.task is not None:
        reading["task"] = section.task
    told = json.dumps([_KEYED, path, reading], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def hold_out(arrays: Arrays, where: str) -> Arrays:
    """The arrays with a test part: their own, else a fifth of the training part.

    It is stratified by class, of whole groups where there are groups, and the newest where there
    are times. The training inputs that are left stay in the memory of those that were given, which
    are used up.

    Raises:
        InputError: too few examples of a class.
    """
    if arrays.x_test is not None:
        return arrays
    y = arrays.y_train
    own = {name.removesuffix("_train"): array for name, array in arrays.beside.items()}
    try:
        train, test = held_out(
            np.arange(len(y)),
            y,
            TEST_SHARE,
            TEST_SPLIT_SEED,
            arrays.class_names,
            group=own.get("group"),
            time=own.get("time"),
            draws_left=True,
        )
    except ValueError as error:
        raise InputError(
            f"{where}: there is no test part, and {TEST_SHARE:.0%} of the training examples cannot"
            f" be set aside as one: {error}; add examples, or give a test part"
        ) from None
    beside = dict(arrays.beside)
    for name, array in own.items():
        if f"{name}_train" in beside:
            beside |= {f"{name}_train": array[train], f"{name}_test": array[test]}
    x_train, x_test = _taken_apart(arrays.x_train, train, test)
    return replace(
        arrays,
        x_train=x_train,
        y_train=y[train],
        x_test=x_test,
        y_test=y[test],
        beside=beside,
    )


def _taken_apart(x: Inputs, train: Rows, test: Rows) -> tuple[Inputs, Inputs]:
    """The training and the test rows, both ascending; the former in the memory of ``x``."""
    x = x if x.flags.writeable else x.copy()
    out = x[test]
    for start in range(0, len(train), _ROWS):  # no row moves to a place behind its own
        rows = train[start : start + _ROWS]
        x[start : start + len(rows)] = x[rows]
    return x[: len(train)], out


def fingerprint(arrays: Arrays) -> str:
    """SHA-256 over names, types, shapes and bytes of all arrays, class names, and columns."""
    digest = hashlib.sha256(json.dumps(arrays.class_names).encode())
    if arrays.columns:
        columns = [column.model_dump(mode="json") for column in arrays.columns]
        digest.update(json.dumps([arrays.target, columns]).encode())
    for name, array in arrays.named():
        digest.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        for block in rows_in_order(array):
            digest.update(block.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def store(  # noqa: PLR0917 - each is another thing
    arrays: Arrays,
    folder: Path,
    section: DatasetSection,
    test_split: TestSplit,
    files: SourceFiles | None,
    progress: Progress,
) -> None:
    """Write the arrays, test part included, and then ``meta.json``, to an empty folder.

    Args:
        arrays: all parts, checked, the test part set aside.
        folder: an empty folder.
        section: what was read.
        test_split: whether the test part is the source's own.
        files: those that were read, where the section names a path.
        progress: told of each array.

    Raises:
        OSError: a full disk, no permission and the like.
    """
    names = [*arrays.named()]
    for done, (name, array) in enumerate(names):
        progress("storing the data set", done, len(names))
        with array_file(folder, name).open("wb") as file:
            write_array(file, array)
            file.flush()
            os.fsync(file.fileno())  # a power cut must not leave a folder with holes in its arrays
    meta = Meta(
        source=section.source,
        path=section.path,
        input_shape=arrays.x_train.shape[1:],
        dtype=str(arrays.x_train.dtype),
        class_names=arrays.class_names,
        maximum=arrays.maximum,
        columns=arrays.columns,
        target=arrays.target,
        decimal=arrays.decimal,
        beside=tuple(arrays.beside),
        sizes={part: len(y) for part, _, y in arrays.parts()},
        test_split=test_split,
        fingerprint=fingerprint(arrays),
        imported=datetime.now(UTC).isoformat(timespec="seconds"),
        signature=files and files.signature,
        contents=files and files.contents(progress),
        skipped=arrays.skipped,
        turned=arrays.turned,
        notes=(*arrays.notes, *_notes(arrays, files)),
        summary=summarize(arrays, progress),
    )
    write_meta(folder, meta)
    progress("storing the data set", len(names), len(names))


def write_array(file: BinaryIO, array: Inputs) -> None:
    """What ``np.save`` writes of an array with the order of its rows."""
    descr = np.lib.format.dtype_to_descr(array.dtype)
    header = {"descr": descr, "fortran_order": False, "shape": array.shape}
    np.lib.format.write_array_header_1_0(file, header)
    for block in rows_in_order(array):
        block.tofile(file)


def _notes(arrays: Arrays, files: SourceFiles | None) -> Iterator[str]:
    """What else a user may want to know of how a source was read."""
    if arrays.turned:
        yield f"{arrays.turned:,} images turned upright by their EXIF orientation"
    if files and files.litter:
        yield f"passed over: {listed(files.litter)}"


def write_meta(folder: Path, meta: Meta) -> None:
    """Write ``meta.json`` whole or not at all.

    Raises:
        OSError: a full disk, no permission and the like.
    """
    with written_whole(folder / META_FILE) as file:
        file.write((meta.model_dump_json(indent=2) + "\n").encode())
