"""Delimited: a table of text, read once, and then packed away until a column is asked for."""

import csv
import functools
import io
import weakref
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import polars as pl

from hpsearch.data.tables import dialect
from hpsearch.data.tables.dialect import Named
from hpsearch.data.tables.files import explained, is_packed, open_text
from hpsearch.data.tables.table import Table
from hpsearch.data.tables.values import MISSING, cleaned
from hpsearch.errors import InputError, UnreachableError
from hpsearch.files import temporary_folder

_HELD = 2**26
"""Bytes of columns, by estimate, that are unpacked at a time."""
_FIELDS = 100_000
"""Fields that are Python texts at a time; more or fewer are slower."""
_BLOCK = 500_000
"""Fields that are packed at a time."""
_VIEW = 16
"""Bytes that polars needs for a text beside its characters."""
_PACKED = 8
"""So many times as large a gzipped table most likely is when it is unpacked."""

Rows = list[list[str]]
Place = tuple[int, int]
"""Where packed columns begin in the temporary file, and how many bytes they are."""


class Delimited(Table):
    """A table of text.

    It is read once, and each row's number of fields is checked. Its texts lie, compressed, in a
    temporary file without a name; those of the last columns that were asked for are in memory.

    Args:
        path: the file, which is there and no binary file.
        named: what the user says of how it is written.
        all_named: refuse columns without a name.
    """

    def __init__(self, path: Path, named: Named, *, all_named: bool = True) -> None:
        self.path = path
        self._dialect = dialect.find(path, named, all_named=all_named)
        self._missing = MISSING.union(named.missing)
        self._kept: dict[str, pl.Series] = {}
        self.names = self._dialect.names
        self.notes = self._dialect.notes
        self.decimal = self._dialect.decimal
        self.index = self._dialect.index

    @functools.cached_property
    def rows(self) -> int:
        """How many rows it has; the first columns are read for it."""
        return len(self.column(self.names[0]))

    def column(self, name: str) -> pl.Series:
        """One column of texts, which its neighbours are unpacked with."""
        if name not in self._kept:
            self._kept = {}  # before the next are unpacked
            place = self.names.index(name) // self._at_a_time
            frame = pl.concat(map(self._unpacked, self._places[place]))
            self._kept = {each.name: each for each in frame}
        return self._kept[name]

    @functools.cached_property
    def _places(self) -> list[list[Place]]:
        """Where all columns are, so many at a time; of these all rows, block by block."""
        count = self._at_a_time
        groups = [self.names[at : at + count] for at in range(0, len(self.names), count)]
        places: list[list[Place]] = [[] for _ in groups]
        rows = max(1, _FIELDS // len(self.names))
        batches = self.batches(self.names, rows)
        while frames := list(islice(batches, _BLOCK // _FIELDS)):
            frame = pl.concat(frames)
            for blocks, names in zip(places, groups, strict=True):
                blocks.append(self._pack(frame.select(names)))
        return places

    @functools.cached_property
    def _file(self) -> IO[bytes]:
        """The temporary file, which goes with this table."""
        file = TemporaryFile(buffering=0)  # noqa: SIM115 - closed by the line below
        weakref.finalize(self, file.close)
        return file

    def _pack(self, frame: pl.DataFrame) -> Place:
        """Write some columns of some rows."""
        block = io.BytesIO()
        frame.write_ipc_stream(block, compression="zstd")
        try:
            start = self._file.seek(0, io.SEEK_END)
            left = memoryview(block.getvalue())
            while left:  # a disk that is nearly full takes a part
                left = left[self._file.write(left) :]
        except OSError as error:
            raise UnreachableError(
                f"{temporary_folder()}: {error.strerror or error}; free space there, or set TMPDIR"
                " to another folder"
            ) from None
        return start, block.getbuffer().nbytes

    def _unpacked(self, place: Place) -> pl.DataFrame:
        start, size = place
        self._file.seek(start)
        return pl.read_ipc_stream(self._file.read(size))

    def batches(self, names: Sequence[str], rows: int) -> Iterator[pl.DataFrame]:
        """Some columns of texts, so many rows at a time."""
        place = {name: at for at, name in enumerate(self.names)}
        places = [place[name] for name in names]
        is_empty = True
        for batch in self._rows(rows):
            is_empty = False
            columns = list(zip(*batch, strict=True))
            texts = [pl.Series(self.names[i], columns[i], dtype=pl.String) for i in places]
            yield pl.DataFrame([cleaned(each, self._missing) for each in texts])
        if is_empty:
            raise InputError(f"{self.path} has a row of names and no other rows; add some")

    @functools.cached_property
    def _at_a_time(self) -> int:
        """How many columns fit into what may be unpacked."""
        size = self.path.stat().st_size * (_PACKED if is_packed(self.path) else 1)
        rows = size / self._dialect.row_bytes
        return max(1, int(_HELD / (_VIEW * rows + size / len(self.names))))

    def _rows(self, count: int) -> Iterator[Rows]:
        """The rows behind the names, ``count`` at a time, without empty lines."""
        width = len(self.names)
        with explained(self.path), open_text(self.path, self._dialect.encoding) as file:
            reader = csv.reader(
                file, delimiter=self._dialect.delimiter, skipinitialspace=True, strict=True
            )
            skip = self._dialect.has_header
            while batch := self._next(reader, count):
                if set(map(len, batch)) != {width}:
                    batch = [row for row in batch if not dialect.is_blank(row)]
                    if not set(map(len, batch)) <= {width}:
                        raise self._wrong_row()
                if skip and batch:
                    batch, skip = batch[1:], False
                if batch:
                    yield batch

    def _next(self, reader: "Iterator[list[str]]", count: int) -> Rows:
        try:
            return list(islice(reader, count))
        except csv.Error:
            raise self._wrong_row() from None

    def _wrong_row(self) -> InputError:
        """What is wrong with the first wrong row, which is looked for again to know its line."""
        width = len(self.names)
        with open_text(self.path, self._dialect.encoding) as file:
            reader = csv.reader(
                file, delimiter=self._dialect.delimiter, skipinitialspace=True, strict=True
            )
            while True:
                line = reader.line_num + 1
                try:
                    row = next(reader)
                except csv.Error as error:
                    return InputError(
                        f"{self.path}, line {line}: a quote is not closed, or text stands behind it"
                        f" ({error}); close it, and double quotes that belong to a quoted text"
                    )
                if len(row) != width and not dialect.is_blank(row):
                    return InputError(
                        f"{self.path}, line {line}: the row has {len(row)} fields, but there are"
                        f" {width} columns; correct it (texts with delimiters need quotes)"
                    )
