"""Dialect: how a table of text is written, as a user names it or as its first rows show it."""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from hpsearch.data.tables.files import ending, explained, open_bytes, open_text
from hpsearch.data.tables.table import INDEX
from hpsearch.data.tables.values import MISSING
from hpsearch.errors import InputError
from hpsearch.text import plural, show

Rows = list[list[str]]

_DELIMITERS = ("\t", ";", "|", ",")
"""In this order: the comma comes last, as it may be a decimal comma between the others."""
_WORDS = {"\t": "tab", ";": "semicolon", "|": "bar", ",": "comma"}
_HEAD = 2**17
"""Characters that are looked at first; as many as ``csv`` allows for one field."""
_ROWS = 1000
_BLOCK = 2**20
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
"""How files of other encodings than plain UTF-8 begin."""
_POINT = re.compile(r"[+-]?(\d+\.\d*|\.\d+)([eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?(\d+,\d*|,\d+)([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}([.,]\d{3})+")
"""What may be a whole number with separated thousands."""
_DATE = re.compile(r"\d{1,4}([-./])\d{1,2}\1\d{1,4}\b.*")
_WHOLE = re.compile(r"[+-]?\d+([eE][+-]?\d+)?")


@dataclass(frozen=True, kw_only=True)
class Named:
    """What a user says of how a table of text is written; None: it is found out."""

    delimiter: str | None = None
    """One character."""
    decimal: str | None = None
    """"." or ","."""
    encoding: str | None = None
    """As Python calls it."""
    header: bool | None = None
    """Whether the first row has the names of the columns."""
    missing: tuple[str, ...] = ()
    """Texts that stand for a missing value, beside the usual ones."""


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a table of text is written."""

    delimiter: str
    decimal: str
    encoding: str
    names: tuple[str, ...]
    """Of the columns: as the first row has them, or column_1 ..."""
    has_header: bool
    row_bytes: float
    """Characters of one line, in the mean over the first ones."""
    notes: tuple[str, ...]
    """What was found out that is not the usual; one line each."""
    index: tuple[str, ...] = ()
    """Columns that are called as programs call an index of rows, or not at all."""


def find(path: Path, named: Named, *, all_named: bool = True) -> Dialect:
    """Find out how a table of text is written, from its first 1,000 rows but for the encoding.

    - Encoding: by its byte order mark UTF-8 or UTF-16, else UTF-8 if the whole file is, else
      Windows-1252, else Latin-1.
    - Delimiter: in .tsv a tab; else the first of tab, semicolon, bar and comma that gives all rows
      as many fields, at least two; else the one that does so for the most rows.
    - Decimal comma: where the delimiter is no comma, and more fields are numbers with one than are
      numbers with a point.
    - Header: the first row has names where no field of it is a number, a date or missing (the very
      first may be missing: programs leave row numbers without a name), or where a column has a
      text in it and numbers or dates alone below.

    Args:
        path: the file, which is there and no binary file.
        named: what the user says, which is not looked at again.
        all_named: refuse columns without a name, but for the very first; else each is called by
            its place.

    Raises:
        InputError: one column, names missing or twice, no rows, an encoding that does not fit.
    """
    with explained(path):
        encoding = named.encoding or _encoding(path)
        text, is_all = _head(path, encoding)
    delimiter = named.delimiter or _delimiter(path, text, is_all)
    rows = _parse(text, is_all, delimiter)
    width = _width(path, rows)
    decimal = named.decimal or _decimal(rows, delimiter)
    missing = MISSING.union(named.missing)
    has_header = _has_header(rows, decimal, missing) if named.header is None else named.header
    names, notes = _names(path, rows[0], all_named) if has_header else _numbered(width)
    if named.encoding is None and encoding in ("cp1252", "latin-1"):
        notes += (f"{path.name}: read as {encoding}, as it is not UTF-8",)
    if named.decimal is None and decimal == ",":
        notes += (f"{path.name}: numbers have a decimal comma",)
    return Dialect(
        delimiter=delimiter,
        decimal=decimal,
        encoding=encoding,
        names=names,
        has_header=has_header,
        row_bytes=len(text) / max(text.count("\n"), text.count("\r"), 1),
        notes=notes,
        index=_index(names, rows[0]) if has_header else (),
    )


def _width(path: Path, rows: Rows) -> int:
    """How many columns there are: the fields of the first row, which most rows have, too."""
    if not rows:
        raise InputError(f"{path} has no rows; give a table with a row of names and values")
    width = len(rows[0])
    most = Counter(map(len, rows)).most_common(1)[0][0]
    if width != most > 1:
        raise InputError(
            f"{path}: the first row has {plural(width, 'field')}, but most rows have {most}; name"
            " every column in line 1, and remove lines above the names"
        )
    if width < 2:
        raise InputError(
            f"{path} has one column only, {show(rows[0][0])}; where it is written with another"
            " delimiter than comma, semicolon, tab or bar name it (dataset.delimiter); where one is"
            " named, correct it or leave it out"
        )
    return width


def _encoding(path: Path) -> str:
    """The encoding of a file, of which all bytes are looked at."""
    with open_bytes(path) as file:
        head = file.read(4)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    return next(one for one in ("utf-8", "cp1252", "latin-1") if _decodes(path, one))


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with open_bytes(path) as file:
            while block := file.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _head(path: Path, encoding: str) -> tuple[str, bool]:
    """The beginning of the text, with three lines at least, and whether it is all."""
    text = ""
    with open_text(path, encoding) as file:
        while block := file.read(_HEAD):
            text += block
            if text.count("\n") + text.count("\r") > 3:
                return text, not file.read(1)
    return text, True


def _parse(text: str, is_all: bool, delimiter: str) -> Rows:
    """The rows of a text without empty lines; the last one is left out where it may be cut off."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    rows: Rows = []
    with suppress(csv.Error):  # whoever reads the file whole says so
        rows.extend(
            [field.strip() for field in row] for row in islice(reader, _ROWS) if not is_blank(row)
        )
    return rows if is_all or len(rows) < 2 else rows[:-1]


def is_blank(row: Sequence[str]) -> bool:
    """Whether a row is an empty line."""
    return not row or (len(row) == 1 and not row[0].strip())


def _delimiter(path: Path, text: str, is_all: bool) -> str:
    if (ending(path) or "").startswith(".tsv"):
        return "\t"
    best, most = ",", 0
    for delimiter in _DELIMITERS:
        counts = Counter(len(row) for row in _parse(text, is_all, delimiter))
        alike = max((times for width, times in counts.items() if width > 1), default=0)
        if alike == counts.total() > 0:
            return delimiter
        if alike > most:
            best, most = delimiter, alike
    return best


def _decimal(rows: Rows, delimiter: str) -> str:
    if delimiter == ",":
        return "."
    fields = [field for row in rows for field in row]
    sure = [field for field in fields if not _THOUSANDS.fullmatch(field)]
    if any(_COMMA.fullmatch(field) or _POINT.fullmatch(field) for field in sure):
        fields = sure
    commas = sum(_COMMA.fullmatch(field) is not None for field in fields)
    points = sum(_POINT.fullmatch(field) is not None for field in fields)
    return "," if commas > points else "."


def _has_header(rows: Rows, decimal: str, missing: frozenset[str]) -> bool:
    patterns = (_WHOLE, _DATE, _COMMA if decimal == "," else _POINT)

    def is_value(field: str) -> bool:
        return any(one.fullmatch(field) for one in patterns)

    first, below = rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]
    if not any(is_value(field) for field in first) and not missing.intersection(first[1:]):
        return True
    for place, field in enumerate(first):
        under = [row[place] for row in below if row[place] not in missing]
        if field not in missing and not is_value(field) and under and all(map(is_value, under)):
            return True
    return False


def _numbered(width: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    names = tuple(f"column_{place}" for place in range(1, width + 1))
    called = f"{names[0]} to {names[-1]}"
    return names, (f"no names in the first row: columns are {called} (header = true: it has)",)


def _index(names: tuple[str, ...], first: list[str]) -> tuple[str, ...]:
    return tuple(name for name, own in zip(names, first, strict=True) if INDEX.fullmatch(own))


def _names(
    path: Path, first: list[str], all_named: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names in the first row; where the very first is missing it is called column_1."""
    notes: tuple[str, ...] = ()
    names = list(first)
    if not names[0]:
        names[0] = "column_1"
        notes = ("the first column has no name: it is called column_1",)
    for place, name in enumerate(names, 1):
        if not name and not all_named:
            names[place - 1] = f"column_{place}"
        elif not name:
            raise InputError(
                f"{path}: column {place} has no name in line 1; name it, or remove it (a delimiter"
                " at the end of the line makes one)"
            )
    often, times = Counter(names).most_common(1)[0]
    if times > 1:
        raise InputError(f"{path}: {times} columns are called {show(often)}; rename all but one")
    return tuple(names), notes
