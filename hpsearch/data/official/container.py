"""Files in a folder or a tar archive, read alike; an archive is never unpacked to disk."""

import errno
import gzip
import posixpath
import stat
import struct
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import psutil

from hpsearch.data.litter import litter_in
from hpsearch.data.mistaken import HEAD, refuse
from hpsearch.data.signature import source_files
from hpsearch.errors import InputError, UnreachableError
from hpsearch.text import show

Role = Callable[[str], str | None]
"""What a file is wanted as, by its path below the folder or in the archive; None: it is not."""
Use = Callable[[str, str, IO[bytes]], None]
"""Told of each wanted file: its role, its name for messages, and its content."""

_GZIP = b"\x1f\x8b"
_PICKLE = b"\x80"
_MOST_MEMBERS = 10_000
"""Entries of an archive; the official ones have less than ten."""
_MOST_HEADER = 2**20
"""Bytes that an entry's header may have."""
_BROKEN = (
    EOFError,
    ValueError,
    LookupError,
    OverflowError,
    RecursionError,
    struct.error,
    zlib.error,
    gzip.BadGzipFile,
    tarfile.TarError,
)
"""What gzip and tarfile raise on files that are cut off, changed or made up."""


def read_files(path: Path, role: Role, use: Use, expected: str) -> list[str]:
    """Hand each file that has a role to ``use``; gives the names of all files there are.

    Args:
        path: a folder, of which three levels are looked into, or a tar archive, gzipped or not.
        role: which files are wanted. In a folder the one nearest to its top is taken, and one
            that is unpacked before one that is gzipped; in an archive there must be one.
        use: reads one file, and may leave it half read.
        expected: what the path may be, for messages.

    Raises:
        InputError: no such file or folder, no archive, a damaged one, two files of one role,
            links and the like, and sizes beyond the free memory; what ``use`` raises.
        UnreachableError: a file or folder that cannot be read.
    """
    with reading(str(path)):
        try:
            is_folder = stat.S_ISDIR(path.stat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            raise InputError(f"{path}: no such file or folder; give {expected}") from None
    if is_folder:
        return _read_folder(path, role, use)
    return _read_tar(path, role, use, expected)


def list_folder(path: Path) -> list[str]:
    """The files of a folder, three levels deep, by their paths below it; without litter.

    Raises:
        UnreachableError: a folder that cannot be read.
    """
    return [name.removeprefix("/") for name, *_ in source_files(path).files]


@contextmanager
def reading(where: str) -> Iterator[None]:
    """Turn what goes wrong while a file is read into an error that says what to do.

    Args:
        where: the file, for messages.
    """
    try:
        yield
    except _BROKEN as error:
        raise _damaged(where, error) from None
    except MemoryError:
        raise InputError(f"{where} does not fit into memory; free some memory") from None
    except OSError as error:
        if error.errno == errno.EINVAL:  # a place that the file's own header made up
            raise _damaged(where, error) from None
        raise UnreachableError(
            f"{where}: {error.strerror or error}; check its permissions and, for a link, its target"
        ) from None


def unzipped(stream: IO[bytes]) -> IO[bytes]:
    """The stream, or what it holds where that is gzipped; its first bytes tell, not its name."""
    head = stream.read(2)
    stream.seek(-len(head), 1)
    if head == _GZIP:
        return gzip.GzipFile(fileobj=stream)  # type: ignore[return-value] # it has all that is used
    return stream


def check_memory(where: str, size: int) -> None:
    """Refuse a size that a file declares where it is more than the free memory.

    Args:
        where: the file, for messages.
        size: in bytes.

    Raises:
        InputError: it is more.
    """
    free = psutil.virtual_memory().available
    if size > free:
        raise InputError(
            f"{where} declares {size / 1e9:.1f} GB, but only {free / 1e9:.1f} GB of memory are"
            " free; it is damaged or too large for this machine"
        )


def _damaged(where: str, error: Exception) -> InputError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return InputError(f"{where} is damaged or of another kind ({reason}); download it again")


def _read_folder(path: Path, role: Role, use: Use) -> list[str]:
    names = list_folder(path)
    found: dict[str, list[str]] = {}
    for name in names:
        if (wanted := role(name)) is not None:
            found.setdefault(wanted, []).append(name)
    for wanted, candidates in found.items():
        file = path / nearest(path, candidates)
        with reading(str(file)):
            status = file.stat()
            if not stat.S_ISREG(status.st_mode):
                raise InputError(
                    f"{file} is not a file that can be read; put the official one there"
                )
            check_memory(str(file), status.st_size)
            with file.open("rb") as stream:
                _refuse_mistaken(str(file), stream)
                use(wanted, str(file), stream)
    return names


def _refuse_mistaken(where: str, stream: IO[bytes]) -> None:
    """Refuse what is known to be no data, by the first bytes of a stream, which is then rewound."""
    head = stream.read(HEAD)
    stream.seek(-len(head), 1)
    refuse(where, head, allowed=(_GZIP, _PICKLE))


def nearest(path: Path, names: list[str]) -> str:
    """Of several files of one role: the nearest to the top, unpacked rather than gzipped.

    Args:
        path: the folder.
        names: their paths below it, at least one.

    Raises:
        InputError: two folders have one.
    """
    first, *rest = sorted(names, key=lambda name: (name.count("/"), name.endswith(".gz")))
    folder = posixpath.dirname(first)
    for other in rest:
        if other.count("/") == first.count("/") and posixpath.dirname(other) != folder:
            raise InputError(
                f"{path} has both {show(first)} and {show(other)}; give the folder of the right one"
            )
    return first


def _read_tar(path: Path, role: Role, use: Use, expected: str) -> list[str]:
    names: list[str] = []
    seen: dict[str, str] = {}
    with reading(str(path)), path.open("rb") as file:
        _refuse_mistaken(str(path), file)
        stream = _Guarded(unzipped(file))
        with _open_tar(path, stream, expected) as archive:
            for member in archive:
                where = f"{path}: {show(member.name)}"
                _check_member(path, where, member, len(names))
                if member.isdir():
                    continue
                name = posixpath.normpath(member.name)
                names.append(name)
                wanted = role(name) if litter_in(name) is None else None
                if wanted is None:
                    continue
                _check_wanted(path, where, member, seen.get(wanted))
                seen[wanted] = member.name
                content = archive.extractfile(member)
                if content is not None:
                    stream.most = max(member.size, _MOST_HEADER)
                    with reading(where), content:
                        use(wanted, where, content)
                    stream.most = _MOST_HEADER
        stream.read_to_end()
    return names


def _open_tar(path: Path, stream: "_Guarded", expected: str) -> tarfile.TarFile:
    try:
        return tarfile.open(fileobj=stream, mode="r:")
    except tarfile.TarError as error:
        raise InputError(f"{path} is not a tar archive ({error}); give {expected}") from None


def _check_member(path: Path, where: str, member: tarfile.TarInfo, count: int) -> None:
    """Refuse what would have tarfile run in circles or fill the memory."""
    if member.size < 0 or count > _MOST_MEMBERS:
        raise InputError(f"{path} is not the official archive; download it again")
    check_memory(where, member.size)


def _check_wanted(path: Path, where: str, member: tarfile.TarInfo, before: str | None) -> None:
    """Refuse a wanted entry that is no plain file, or not the first of its role."""
    if not member.isreg() or member.issparse():
        raise InputError(
            f"{where} is a link or not a plain file; download the official archive again"
        )
    if before is not None:
        raise InputError(
            f"{path} has both {show(before)} and {show(member.name)}; download the official archive"
        )


class _Guarded:
    """A stream for tarfile, which reads headers of any size that an archive declares."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.most = _MOST_HEADER
        """Bytes that may be read at once."""

    def read(self, size: int) -> bytes:
        """Read ``size`` bytes, or up to the end.

        Raises:
            tarfile.ReadError: more than may be read at once, or less than nothing.
        """
        if not 0 <= size <= self.most:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._stream.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def read_to_end(self) -> None:
        """Read the rest, at the end of which gzip compares its checksum."""
        while self._stream.read(_MOST_HEADER):
            pass
