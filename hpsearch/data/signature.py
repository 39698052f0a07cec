"""The files of a source: noticed as changed by name, size and time, and then by what is in them."""

import errno
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hpsearch.data.arrays import Progress, throttled
from hpsearch.data.litter import is_litter
from hpsearch.errors import UnreachableError

_DEPTH = 3
"""Levels of folders that are looked into where nothing else is said."""


@dataclass(frozen=True)
class SourceFiles:
    """The files of a source as they are now, ordered by name; litter is passed over."""

    root: Path
    """The file or folder."""
    files: tuple[tuple[str, int, int], ...]
    """Of each file: name below the root ("" for the root), size in bytes, time of change in ns."""
    litter: tuple[str, ...] = field(default=(), compare=False)
    """The names of files and folders that were passed over; see :mod:`hpsearch.data.litter`."""

    @property
    def signature(self) -> str:
        """SHA-256 of names, sizes and times: quick, but a file that was only touched changes it."""
        return hashlib.sha256(json.dumps(self.files).encode()).hexdigest()

    def contents(self, progress: Progress) -> str:
        """SHA-256 of the names of all files and of what is in them.

        Args:
            progress: told of files read.

        Raises:
            UnreachableError: a file that cannot be read.
        """
        progress = throttled(progress)
        digest = hashlib.sha256()
        for done, (name, *_) in enumerate(self.files):
            path = Path(f"{self.root}{name}")
            try:
                digest.update(json.dumps([name, _hash(path)]).encode())
            except OSError as error:
                raise unreadable(path, error) from None
            progress("hashing the files of the source", done + 1, len(self.files))
        return digest.hexdigest()


def source_files(root: Path, depth: int = _DEPTH) -> SourceFiles:
    """The files at ``root``: that file, or those of the folder.

    Args:
        root: the file or folder.
        depth: levels of folders that are looked into.

    Raises:
        UnreachableError: a folder that cannot be read.
    """
    litter: list[str] = []
    try:
        return SourceFiles(root, tuple(_listed(root, depth, litter)), tuple(litter))
    except OSError as error:
        raise unreadable(Path(error.filename or root), error) from None


def unreadable(path: Path, error: OSError) -> UnreachableError:
    """The error of a file or folder that the system does not let anybody read."""
    return UnreachableError(f"{path}: {error.strerror or error}; check its permissions")


def _hash(path: Path) -> str:
    """SHA-256 of a file; "" for what is none (a link to nowhere, a pipe)."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return ""
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP):
            return ""  # a link to nowhere or in a circle; whoever reads the source says so
        raise
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _listed(path: Path, depth: int, litter: list[str]) -> Iterator[tuple[str, int, int]]:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return  # whoever reads the source says so
    if stat.S_ISDIR(status.st_mode):
        yield from _below(str(path), "", depth, litter)
    else:
        yield "", status.st_size, status.st_mtime_ns


def _below(
    folder: str, name: str, depth: int, litter: list[str]
) -> Iterator[tuple[str, int, int]]:  # fmt: skip
    """Files of a folder, ``depth`` levels deep (which also ends loops of symbolic links)."""
    with os.scandir(folder) as listed:
        entries = sorted(listed, key=lambda entry: entry.name)
    for entry in entries:
        if is_litter(entry.name):
            litter.append(entry.name)
            continue
        inner = f"{name}/{entry.name}"
        try:
            status = entry.stat()
        except OSError:  # a link to nowhere
            status = entry.stat(follow_symlinks=False)
        if not stat.S_ISDIR(status.st_mode):
            yield inner, status.st_size, status.st_mtime_ns
        elif depth > 1:
            yield from _below(entry.path, inner, depth - 1, litter)
