"""``python -m hpsearch.services.received FOLDER FORMAT MOST FREE``: unpacks and reads an upload.

A process of its own: what others made may take all of its memory, or end it. It writes what it
found into ``facts.json`` of the folder. Exit codes are those of the commands, with one message on
standard error behind "error: ".
"""

import gzip
import json
import os
import re
import resource
import shutil
import sys
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from hpsearch.data.arrays import Arrays, silent
from hpsearch.data.savez import NAMES
from hpsearch.data.sources.image_folder import ImageFolder
from hpsearch.data.sources.npz import Npz
from hpsearch.data.tables.files import ENDINGS, TEXT, files_of, holds_table, open_bytes
from hpsearch.data.tables.reading import open_table
from hpsearch.data.tables.table import Table
from hpsearch.data.unpacking import unpack
from hpsearch.errors import EXIT_OK, EXIT_PROGRAM, HpsearchError, InputError, UnreachableError
from hpsearch.files import write_text
from hpsearch.text import size

ARCHIVES = ("zip", "tar", "tar.gz")
"""Formats that are unpacked: to folders of images, or files of a table."""
FORMATS = ("npz", *(ending.removeprefix(".") for ending in ENDINGS), *ARCHIVES)
"""Formats that can be uploaded, by the endings of their files."""
DATA = "data"
"""The name of the file or folder of data, without an ending."""
FACTS = "facts.json"
"""Beside the data: what is known of them."""

LONGEST_LINE = 2**22
"""Bytes of a line of a table, which is read at once."""
MOST_COLUMNS = 100_000
"""Of a table."""
_DELIMITERS = (b",", b";", b"\t", b"|")
_LOOKED_AT = (8, 8)
"""The size to which images are brought to be looked at: whether they can be read is all."""
_FIELDS, _ROWS = 100_000, 64
"""Values of a table that are looked at at once, and rows at least."""
LEAST_MEMORY = 2**30
"""Bytes of memory that may be taken however little is free; else it is half of what is."""
_EVERY = 2**26
"""Bytes after which the free space is looked at again."""


def look(folder: Path, kind: str, most: int, keep_free: int) -> dict[str, Any]:
    """Unpack an upload where it is an archive, and read it whole.

    Args:
        folder: with the upload, ``data.FORMAT``; an archive gives way to the folder ``data``.
        kind: one of :data:`FORMATS`.
        most: bytes that it may have, unpacked, too.
        keep_free: bytes of the disk that stay free.

    Returns:
        ``source`` of ``[dataset]`` that reads it; ``stored``, bytes on the disk; and what
        ``hpsearch data --json`` says of such data, under the same names.

    Raises:
        InputError: it is damaged, refused, or no such data.
        UnreachableError: the disk is full, or cannot be read or written.
    """
    file = folder / f"{DATA}.{kind}"
    try:
        if kind not in ARCHIVES:
            stored = file.stat().st_size
            source = "npz" if kind == "npz" else "table"
            return {"source": source, "stored": stored, **_LOOKS[source](file, most)}
        path = folder / DATA
        stored = _unpacked(file, path, most, keep_free)
        source = "table" if holds_table(path) else "image_folder"
        return {"source": source, "stored": stored, **_LOOKS[source](path, most)}
    except OSError as error:
        raise UnreachableError(f"{file}: {error.strerror or error}; free space there") from None


def _unpacked(file: Path, folder: Path, most: int, keep_free: int) -> int:
    """Unpack an archive and remove it; gives the bytes that were written."""
    unseen = 0

    def may_go_on(count: int) -> None:
        nonlocal unseen
        unseen += count
        if unseen > _EVERY:
            unseen = 0
            if shutil.disk_usage(folder).free < keep_free:
                raise UnreachableError(f"{file}: the disk is nearly full; free space there")

    try:
        written = unpack(file, folder, most, may_go_on)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None
    file.unlink()
    os.sync()  # before anybody is told that they are there
    return written


def _images(path: Path, most: int) -> dict[str, Any]:  # noqa: ARG001  # as of all sources
    """What is known of a folder of images."""
    reader = ImageFolder(
        path=str(path), image_size=_LOOKED_AT, image_mode="rgb", max_unreadable=0.99
    )
    found = reader.read(silent)
    return {**_facts(found), "skipped": len(found.skipped)}


def _npz(path: Path, most: int) -> dict[str, Any]:
    """What is known of a file of arrays.

    Raises:
        InputError: among other things, it has more bytes than it may.
    """
    with suppress(zipfile.BadZipFile, OSError, ValueError), zipfile.ZipFile(path) as archive:
        declared = sum(info.file_size for info in archive.infolist()[: len(NAMES)])
        if declared > most:
            raise InputError(f"{path}: has {size(declared)} unpacked, over {size(most)}; send less")
    found = Npz(path=str(path)).read(silent)
    shape, dtype = list(found.x_train.shape[1:]), str(found.x_train.dtype)
    return {"input_shape": shape, "dtype": dtype, **_facts(found)}


def _facts(found: Arrays) -> dict[str, Any]:
    """What is known of arrays, as ``hpsearch data --json`` calls it."""
    counts: dict[str, Mapping[int, int]] = {
        part: Counter(y.tolist()) for part, _, y in found.parts() if found.class_names
    }
    return {
        "task": found.task,
        "classes": len(found.class_names),
        "per_class": [
            {"name": name, **{part: of.get(label, 0) for part, of in counts.items()}}
            for label, name in enumerate(found.class_names)
        ],
        **_sizes({part: len(x) for part, x, _ in found.parts()}),
        "notes": list(found.notes),
    }


def _sizes(rows: Mapping[str, int]) -> dict[str, Any]:
    return {
        "train_split": rows["train"],
        "validation_split": rows.get("val", 0),
        "test": rows.get("test", 0),
    }


def _table(path: Path, most: int) -> dict[str, Any]:
    """What is known of a table, whose target only a study file names.

    Raises:
        InputError: among other things, it has more bytes, unpacked, than it may.
    """
    files = files_of(path)
    for file in files.values():
        if file.name.endswith(TEXT):
            _check_lines(file, most)
    tables = {part: open_table(file) for part, file in files.items()}
    train = tables["train"]
    missing = {part: _missing(table, most) for part, table in tables.items()}
    return {
        **_sizes({part: rows for part, (rows, _) in missing.items()}),
        "columns": [
            {"name": name, "missing": count}
            for name, count in zip(train.names, missing["train"][1], strict=True)
        ],
        "notes": list(train.notes),
    }


def _check_lines(file: Path, most: int) -> None:
    """Refuse a table of text that is too large unpacked, or has too long a line.

    Raises:
        InputError: so it is.
    """
    total = since = 0
    head: bytes | None = b""
    with suppress(gzip.BadGzipFile, EOFError), open_bytes(file) as content:  # said when it is read
        while block := content.read(2**20):
            total += len(block)
            end = max(block.rfind(b"\n"), block.rfind(b"\r"))
            since = since + len(block) if end < 0 else len(block) - end
            if total > most:
                raise InputError(f"{file}: has over {size(most)} unpacked; send less")
            if since > LONGEST_LINE:
                raise InputError(f"{file}: has a line of over {size(LONGEST_LINE)}; is it a table?")
            if head is not None:
                head += block
                _check_width(file, re.split(rb"[\r\n]", head, maxsplit=1)[0])
                head = None if end >= 0 else head


def _check_width(file: Path, line: bytes) -> None:
    """Refuse a table by its first line; columns without number take minutes to look at.

    Raises:
        InputError: it has too many columns.
    """
    if max(map(line.count, _DELIMITERS)) >= MOST_COLUMNS:
        raise InputError(f"{file}: has more than {MOST_COLUMNS:,} columns; send fewer")


def _missing(table: Table, most: int) -> tuple[int, list[int]]:
    """The rows of a table, and how many of each column are missing; every row is read."""
    if not table.path.name.endswith(TEXT):  # its file says how many there are
        _check_rows(table, table.rows, most)
    rows, missing = 0, [0] * len(table.names)
    for batch in table.batches(table.names, max(_ROWS, _FIELDS // len(table.names))):
        rows += len(batch)
        _check_rows(table, rows, most)
        counts = batch.null_count().row(0)
        missing = [one + more for one, more in zip(missing, counts, strict=True)]
    return rows, missing


def _check_rows(table: Table, rows: int, most: int) -> None:
    """Refuse more values than may be stored, 4 bytes each.

    Raises:
        InputError: so many are they.
    """
    if 4 * rows * len(table.names) > most:
        raise InputError(f"{table.path}: has over {size(most)} of values; send fewer rows")


_LOOKS: Mapping[str, Callable[[Path, int], dict[str, Any]]] = {
    "npz": _npz, "table": _table, "image_folder": _images
}  # fmt: skip
"""How data of each source are looked at."""


def main(folder: Path, kind: str, most: int, keep_free: int) -> int:
    """Look at an upload and write down what is found; gives the exit code."""
    threading.Thread(target=partial(_end_with_parent, os.getppid()), daemon=True).start()
    most_memory = max(LEAST_MEMORY, psutil.virtual_memory().available // 2)
    with suppress(OSError, ValueError):  # where the system has no such limits
        resource.setrlimit(resource.RLIMIT_DATA, (most_memory, most_memory))
        # The kernel ends this process first where memory is short.
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    try:
        write_text(folder / FACTS, json.dumps(look(folder, kind, most, keep_free)))
    except HpsearchError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return EXIT_OK


def _end_with_parent(parent: int) -> None:
    """End this process when the one that started it is gone."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(EXIT_PROGRAM)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
