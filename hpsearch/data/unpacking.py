"""Unpacking archives that others made: bounded, and never outside of one folder.

Refused are paths that climb or are absolute, links, devices, files of one name, and more than the
limits allow. Nothing in an archive says how much is written: what is counted are bytes.
"""

import errno
import gzip
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, cast

from hpsearch.data.litter import litter_in
from hpsearch.errors import InputError
from hpsearch.text import show, size

MOST_MEMBERS = 1_000_000
"""Files and folders of an archive; of the largest sets of images, which fit into memory."""
MOST_LEVELS = 32
"""Folders within each other."""
RATIO = 100
"""How many times its own size an archive may unpack to; images hardly get smaller at all."""
ALWAYS = 2**26
"""Bytes that any archive may unpack to, whatever its size."""
BLOCK = 4096
"""Bytes that a file takes at least on a disk."""

_AT_ONCE = 2**20
_MOST_READ = 2**27
"""Bytes that an archive's own tables may have, which are read at once."""
_UTF8 = 0x800
"""The flag of a zip archive's member whose name is UTF-8."""
_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Others may take any memory to unpack."""
_BROKEN = (
    tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError, ValueError,
    LookupError, NotImplementedError, OverflowError, RuntimeError, UnicodeError,
)  # fmt: skip
"""What the libraries raise on archives that are cut off, changed or made up."""


_NAMES = (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)
"""What systems say of names that they cannot have."""


@dataclass(frozen=True, kw_only=True)
class _Member:
    """A file or folder of an archive."""

    name: str
    is_folder: bool
    wrong: str
    """What it is instead: "a link"; empty: it is a file or folder."""
    open: Callable[[], IO[bytes]]


@dataclass(kw_only=True)
class _Target:
    """The folder that is written, and what was written so far."""

    folder: Path
    most: int
    may_go_on: Callable[[int], None]
    written: int = 0
    made: set[Path] = field(default_factory=set)
    """Folders."""

    def count(self, count: int) -> None:
        """Count bytes that are about to be written.

        Raises:
            InputError: they are too many.
        """
        self.written += count
        if self.written > self.most:
            raise InputError(f"unpacks to more than {size(self.most)}; send less")
        self.may_go_on(count)

    def make(self, folder: Path) -> None:
        """Make a folder, and those above it."""
        if folder == self.folder or folder in self.made:
            return
        self.make(folder.parent)
        self.count(BLOCK)
        folder.mkdir()
        self.made.add(folder)

    def copy(self, content: IO[bytes], path: Path) -> None:
        """Write a file with a content, whatever size the archive says it has."""
        total = 0
        with path.open("xb") as file:
            while block := content.read(_AT_ONCE):
                self.count(len(block))
                file.write(block)
                total += len(block)
        self.count(max(0, BLOCK - total))


def unpack(
    archive: Path, folder: Path, most: int, may_go_on: Callable[[int], None] = lambda _: None
) -> int:
    """Unpack a zip or tar archive; litter (:mod:`hpsearch.data.litter`) is passed over.

    Args:
        archive: its name ends in .zip, .tar or .tar.gz.
        folder: a new folder; what is in it when this raises is for the caller to remove.
        most: bytes that are written, each file counted with :data:`BLOCK` at least.
        may_go_on: is told of bytes before they are written, and may raise.

    Returns:
        Bytes that were written, so counted.

    Raises:
        InputError: what is refused, or a damaged archive; the message does not name it.
        OSError: the archive cannot be read, or the folder not be written.
    """
    limit = min(most, max(ALWAYS, RATIO * archive.stat().st_size))
    target = _Target(folder=folder, most=limit, may_go_on=may_go_on)
    folder.mkdir()
    try:
        with archive.open("rb") as file:
            is_zip = archive.suffix == ".zip"
            members = _in_zip(file) if is_zip else _in_tar(file, archive.suffix == ".gz", limit)
            for number, member in enumerate(members):
                if number >= MOST_MEMBERS:
                    raise InputError(f"has more than {MOST_MEMBERS:,} members; send fewer")
                _write(member, target)
    except _BROKEN as error:
        reason = show(" ".join(str(error).split()) or type(error).__name__)
        raise InputError(f"is a damaged archive, or none ({reason}); pack it again") from None
    return target.written


def _write(member: _Member, target: _Target) -> None:
    """Write one member.

    Raises:
        InputError: it is refused.
    """
    shown = show(member.name)
    parts = [part for part in member.name.split("/") if part not in ("", ".")]
    if litter_in(member.name):
        return
    if member.wrong:
        raise InputError(f"{shown} is {member.wrong}; pack files and folders alone")
    if member.name.startswith("/") or ".." in parts or not (parts or member.is_folder):
        raise InputError(f"{shown} leads out of the archive; pack it with paths below one folder")
    if len(parts) > MOST_LEVELS:
        raise InputError(f"{shown} lies in more than {MOST_LEVELS} folders; pack it flatter")
    path = target.folder.joinpath(*parts)
    try:
        target.make(path if member.is_folder else path.parent)
        if not member.is_folder:
            with member.open() as content:
                target.copy(content, path)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise InputError(f"has two members of the name {shown}; pack it again") from None
    except OSError as error:
        if error.errno in _NAMES:
            raise InputError(f"{shown} is a name that no file can have; rename it") from None
        raise


def _in_zip(file: IO[bytes]) -> Iterator[_Member]:
    """The members of a zip archive."""
    with zipfile.ZipFile(cast("IO[bytes]", _Careful(file))) as archive:
        for info in archive.infolist():
            name = _name(info)
            kind = stat.S_IFMT(info.external_attr >> 16)
            wrong = "" if kind in (0, stat.S_IFREG, stat.S_IFDIR) else _wrong(stat.S_ISLNK(kind))
            if info.flag_bits & _ENCRYPTED:
                wrong = "encrypted"
            elif info.compress_type not in _METHODS:
                wrong = "packed by another method than deflate"
            yield _Member(
                name=name,
                is_folder=name.endswith("/"),
                wrong=wrong,
                open=partial(archive.open, info),
            )


def _name(info: zipfile.ZipInfo) -> str:
    """The name of a zip archive's member; macOS writes UTF-8 without saying so, and old Windows
    separates by backslashes.
    """
    name = info.filename
    if not info.flag_bits & _UTF8:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def _in_tar(file: IO[bytes], is_packed: bool, limit: int) -> Iterator[_Member]:
    """The members of a tar archive, each of which has to be read before the next."""
    content = cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if is_packed else file
    careful = _Careful(content, most=2 * limit + ALWAYS)
    with tarfile.open(fileobj=cast("IO[bytes]", careful), mode="r:") as archive:
        while (info := archive.next()) is not None:
            is_known = info.isreg() or info.isdir()
            yield _Member(
                name=info.name,
                is_folder=info.isdir(),
                wrong="" if is_known else _wrong(info.islnk() or info.issym()),
                open=partial(_content, archive, info),
            )
            # Else it keeps all; the types leave it out.
            archive.members.clear()  # type: ignore[attr-defined]


def _content(archive: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    """The content of a tar archive's file."""
    content = archive.extractfile(info)
    if content is None:
        raise ValueError(f"{info.name} has no content")
    return content


def _wrong(is_link: bool) -> str:
    return "a link" if is_link else "a device or the like"


class _Careful:
    """A file for libraries that believe what archives say of themselves.

    They read tables of any size at once, and go back for ever where a size is negative.
    """

    def __init__(self, file: IO[bytes], most: int | None = None) -> None:
        """Args: the file; bytes of it that are looked at, going forward alone (None: any way)."""
        self._file, self._most = file, most

    def read(self, count: int = -1) -> bytes:
        found = self._file.read(count if 0 <= count <= _MOST_READ else _MOST_READ + 1)
        if len(found) > _MOST_READ:
            raise ValueError("its own tables are too large")
        return found

    def seek(self, offset: int, whence: int = 0) -> int:
        if self._most is not None and not self.tell() <= offset <= self._most:
            raise ValueError("it goes back, or too far")
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True
