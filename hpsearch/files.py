"""Files written whole or not at all, and the names that may be written."""

import contextlib
import os
import platform
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from hpsearch.errors import InputError, UnreachableError
from hpsearch.locks import locked

PLAIN_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
"""Names of files that mean the same everywhere, also in the header of an answer; studies and
uploads have such, too."""

PLAIN_NAME_IS = (
    "1 to 100 letters (a to z, A to Z), digits, '.', '_' or '-', starting with a letter or digit"
)
"""The same for a reader."""

_HOST = f"{zlib.crc32(platform.node().encode()):08x}"
"""Stands for this machine in names: processes of others that share a folder have other numbers."""

BESIDE_MODEL = (".classes.json", ".signature.json")
"""How the names end of files that lie beside a model and begin with its name."""

SCRIPT_DATA_MARK = b"Written by hpsearch"
"""The comment of each archive with the data of a script, by which it is known again."""


def is_script_data(path: Path) -> bool:
    """Whether a file is an archive with the data of a script, which hpsearch wrote.

    Raises:
        OSError: it cannot be read, or is a folder.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.comment == SCRIPT_DATA_MARK
    except (FileNotFoundError, zipfile.BadZipFile):
        return False


def is_saved_model(folder: Path) -> bool:
    """Whether a folder is that of a SavedModel, whoever wrote it."""
    return (folder / "saved_model.pb").is_file()


def utf8(path: Path) -> str:
    """The path for TensorFlow, which knows names in UTF-8 only.

    Raises:
        InputError: it has others.
    """
    text = str(path)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(
            f"{path}: is not UTF-8, and TensorFlow cannot write to such a name; choose another one"
        ) from None
    return text


def temporary_folder() -> str:
    """Where temporary files go, for a message; it is named also where none can be written."""
    try:
        return tempfile.gettempdir()
    except OSError:
        return os.environ.get("TMPDIR", "/tmp")  # noqa: S108 - nothing is written there


def may_write(path: Path) -> bool:
    """Whether this process may write a file that is there, or make files in a folder."""
    effective = os.access in os.supports_effective_ids
    return os.access(path, os.W_OK, effective_ids=effective)


def partial_of(path: Path) -> Path:
    """What a file or folder is called until it is whole; a process that is killed leaves it."""
    return path.with_name(f".partial.{path.name}")


def write_text(path: Path, text: str, *, makes_folder: bool = True) -> None:
    """Write a text as :func:`write_bytes` does, in UTF-8."""
    write_bytes(path, text.encode("utf-8"), makes_folder=makes_folder)


def write_bytes(path: Path, content: bytes, *, makes_folder: bool = True) -> None:
    """Write a file whole or not at all.

    Args:
        path: where to.
        content: what it holds.
        makes_folder: make its folder when there is none.

    Raises:
        UnreachableError: no permission, a full disk and the like; nothing is left behind.
    """
    try:
        if makes_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as file:
            file.write(content)
    except OSError as error:
        raise UnreachableError(f"{path}: cannot be written: {error.strerror}") from None


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """A new file that the block writes; it is at ``path`` in the end, or not at all.

    A link at ``path`` gives way; what it leads to stays.

    Args:
        path: in a folder that exists.

    Raises:
        OSError: no permission, a full disk and the like; nothing is left behind.
    """
    partial = partial_of(path)
    file = new_file(partial)
    try:
        with file:
            yield file
        partial.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise


def new_file(path: Path) -> BinaryIO:
    """A new, empty file to write and read.

    What has its name gives way: of a link only the link, whose target may be anybody's.

    Raises:
        OSError: no permission, a folder of that name, and the like.
    """
    path.unlink(missing_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, 0o666), "w+b")


def continued_file(path: Path) -> BinaryIO:
    """A file to append to, made when there is none; a link of its name gives way to a new one.

    Raises:
        OSError: as :func:`new_file`.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.fdopen(os.open(path, flags, 0o666), "ab")
    except OSError:
        if not path.is_symlink():
            raise
        return new_file(path)


@contextlib.contextmanager
def made_beside(path: Path) -> Iterator[Path]:
    """A name beside ``path`` under which the block makes a file or folder; it is then renamed.

    What is at ``path`` gives way in the end. Where the block raises, it stays as it was, and
    nothing else is left. Of several processes that make the same at once each has a name of its
    own, and the last one's stays.

    Args:
        path: where the file or folder is wanted; folders above it are made.

    Raises:
        UnreachableError: no permission, a full disk and the like.
    """
    partial = path.with_name(f".partial.{_HOST}.{os.getpid()}.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove(partial)  # of one that was killed, and had this number
        _tidy_beside(path)
        yield partial
        with locked(path.parent):
            _rename(partial, path)
    except OSError as error:
        reason = error.strerror or error
        raise UnreachableError(f"{path}: cannot be written: {reason}") from None
    finally:
        with contextlib.suppress(OSError):
            remove(partial)


def _tidy_beside(path: Path) -> None:
    """Remove what killed processes left of :func:`made_beside`, as far as it may be removed."""
    begun = re.compile(rf"\.partial\.{_HOST}\.(\d+)\.{re.escape(path.name)}")
    with contextlib.suppress(OSError):
        for name in os.listdir(path.parent):  # noqa: PTH208  # names are enough
            known = begun.fullmatch(name)
            if known and not _runs(int(known[1])):
                remove(path.with_name(name))


def _runs(pid: int) -> bool:
    """Whether a process of this machine is there."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # another user's
    return True


def check_writable(path: Path) -> None:
    """Make sure that a file can be made at a path; what is there stays, and nothing is left.

    Raises:
        UnreachableError: as :func:`made_beside`.
    """
    with contextlib.suppress(_EnoughError), made_beside(path) as partial:
        partial.touch()
        raise _EnoughError


class _EnoughError(Exception):
    """Ends a block of :func:`made_beside` before what was made takes its place."""


def _rename(partial: Path, path: Path) -> None:
    """Rename a file or folder to a name that a file or folder may have already."""
    if not path.is_dir() or path.is_symlink():
        partial.replace(path)
        return
    replaced = path.with_name(f".replaced.{path.name}")
    remove(replaced)
    path.rename(replaced)
    try:
        partial.rename(path)
    except BaseException:
        replaced.rename(path)
        raise
    remove(replaced)


def remove(path: Path) -> None:
    """Remove a file or folder, if it is there; of a link only the link."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
