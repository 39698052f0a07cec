"""Files of tables: which there are, which part each holds, and how a file of text is opened."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hpsearch.data.arrays import PartName
from hpsearch.data.litter import is_litter
from hpsearch.data.mistaken import HEAD, mistaken
from hpsearch.data.signature import unreadable
from hpsearch.errors import InputError, UnreachableError
from hpsearch.text import show

TEXT = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
"""Endings of tables of text."""
TYPED = (".parquet", ".arrow", ".feather", ".ipc")
"""Endings of tables whose columns have types."""
ENDINGS = TEXT + TYPED
PARTS: dict[str, PartName] = {
    "train": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}
"""What a file of a folder may be called, without its ending, and the part that it holds."""

_PACKED = "a gzipped file"
"""What :mod:`hpsearch.data.mistaken` calls a file that is no mistake here."""
_PARQUET = b"PAR1"
_GZIP = b"\x1f\x8b"
_WIDE = (b"\xff\xfe", b"\xfe\xff")
"""How UTF-16 begins, the only encoding of text with zero bytes."""


def ending(path: Path) -> str | None:
    """The ending of a table's file, in small letters; None: it is none.

    Args:
        path: the file, which need not be there.
    """
    name = path.name.casefold()
    return next((one for one in ENDINGS if name.endswith(one)), None)


def files_of(path: Path) -> dict[PartName, Path]:
    """The files of a data set: one file is its training part; a folder has one for each part.

    In a folder they are called train, val (valid, validation) and test, with any of the endings;
    litter is passed over, and so are study files.

    Args:
        path: the file or folder.

    Raises:
        InputError: nothing there, a folder without train, another file in it, two of one part.
        UnreachableError: a folder that cannot be read.
    """
    if not path.is_dir():
        return {"train": path}
    try:
        inside = [each for each in path.iterdir() if each.suffix != ".toml"]
        names = sorted(each.name for each in inside if not is_litter(each.name))
    except OSError as error:
        raise unreadable(path, error) from None
    found: dict[PartName, Path] = {}
    for name in names:
        part = _part(path / name)
        if part in found:
            raise InputError(
                f"{path}: {found[part].name} and {name} are both the {part} part; remove one"
            )
        found[part] = path / name
    if "train" not in found:
        raise InputError(f"{path} has no file train.csv (or {', '.join(ENDINGS[1:])}); add it")
    return found


def holds_table(folder: Path) -> bool:
    """Whether a folder has the training part of a table."""
    return any((folder / f"train{end}").is_file() for end in ENDINGS)


def _part(path: Path) -> PartName:
    end = ending(path)
    part = PARTS.get(path.name.casefold().removesuffix(end)) if end else None
    if part is None and path.is_dir():
        raise InputError(
            f"{path} is a folder, but a table's parts are files, train.csv and the like; for"
            ' folders of images use dataset.source = "image_folder"'
        )
    if part is None:
        raise InputError(
            f"{path}: no part of a table; a folder has train, val and test with the ending .csv"
            f" (or {', '.join(ENDINGS[1:])}) alone: rename it or move it away"
        )
    return part


def refuse_others(path: Path) -> None:
    """Refuse a file that is none of its ending by its first bytes.

    Raises:
        InputError: no such file, an empty one, a page of HTML, a binary file called .csv, an
            unknown ending.
        UnreachableError: it cannot be read.
    """
    with explained(path), path.open("rb") as file:
        head = file.read(HEAD)
    if not head:
        raise InputError(f"{path} is empty; give a table with a row of names and rows of values")
    end, other = ending(path), mistaken(head)
    if end is None and not (other and other.source == "npz"):
        raise InputError(
            f"{path} has none of the endings of tables ({', '.join(ENDINGS)}); convert or rename it"
        )
    if other is not None and other.source != "table" and other.kind != _PACKED:
        raise InputError(f"{path} is {other.kind}, not the data; {other.cure}")
    if end in TEXT and not is_packed(path) and _is_binary(head):
        cure = "call it .parquet" if head.startswith(_PARQUET) else "save it as CSV"
        raise InputError(f"{path} is called {end}, but is a binary file; {cure}")


def _is_binary(head: bytes) -> bool:
    return head.startswith((_PARQUET, _GZIP)) or (b"\0" in head and not head.startswith(_WIDE))


def is_packed(path: Path) -> bool:
    """Whether a file is gzipped, by its name."""
    return path.name.casefold().endswith(".gz")


def open_bytes(path: Path) -> gzip.GzipFile | io.BufferedReader:
    """The bytes of a file of text, unpacked where its name ends in .gz."""
    return gzip.open(path) if is_packed(path) else path.open("rb")


def open_text(path: Path, encoding: str) -> io.TextIOWrapper:
    """A file of text with its line ends as they stand, which is how ``csv`` wants it.

    Raises:
        InputError: an unknown encoding.
    """
    try:
        "".encode(encoding)
    except LookupError as error:
        raise InputError(f"{path}: {error}; correct dataset.encoding, or leave it out") from None
    return io.TextIOWrapper(open_bytes(path), encoding=encoding, newline="")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Say for a user what goes wrong with a file while it is read.

    Raises:
        InputError: no such file, a damaged archive, other bytes than the encoding has.
        UnreachableError: it cannot be read.
    """
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; correct dataset.path") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder; give the table in it") from None
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not {error.encoding} ({error.reason}); correct or leave out"
            " dataset.encoding"
        ) from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path} is a damaged archive ({show(str(error))}); copy it again") from (
            None
        )
    except OSError as error:
        raise UnreachableError(f"{path}: {error.strerror or error}; check its permissions") from (
            None
        )
