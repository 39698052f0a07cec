"""Notes what a process opens for writing, makes, renames or removes outside of some places."""

# ruff: noqa: PTH100, PTH115, PTH117, PTH118  # a hook sees plain texts, and is asked often

import os
import re
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
NO_PLACE = ("/dev/", "/proc/", "/memfd:")
"""Where nothing is kept."""
BYTECODE = "__pycache__"
"""What Python itself keeps beside modules."""
AT_START = """\
import sys
import tempfile
sys.path.append({tests!r})
import watched
tempfile.tempdir = {temporary!r}
watched.watch({allowed!r}, {log!r})
"""
"""What Python runs at its start (``sitecustomize.py``) in processes that are watched."""


def watch(allowed: Sequence[str], log: str) -> None:
    """Write a line to a file for each such path, from now on to the end of the process.

    Args:
        allowed: files and folders; below a folder everything may be written.
        log: the file.
    """
    noted = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    places = [os.path.realpath(place) for place in allowed]

    def look(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in _EVENTS:
            return
        for path, folder in _EVENTS[event](*arguments):
            # Whoever makes it.
            found = re.sub(r"(/\.partial)\.\w+\.\d+\.", r"\1.", _real(path, folder))
            inside = any(found == one or found.startswith(one + os.sep) for one in places)
            if event == "os.mkdir" and os.path.lexists(found):
                continue  # it is refused, or made only where it is not there
            if not inside and not found.startswith(NO_PLACE) and BYTECODE not in found:
                command = " ".join(sys.argv[1:3])
                os.write(noted, f"{command}: {event} {found}\n".encode(errors="replace"))

    sys.addaudithook(look)


Found = Iterator[tuple[Any, int]]
"""Paths, and the open folders that they are in (-1: the working folder)."""


def _real(path: Any, folder: int) -> str:
    """Where a path leads; of a link that is made, renamed or removed, where the link is."""
    text = os.fsdecode(path)
    if folder != -1 and not os.path.isabs(text):
        text = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), text)
    above, name = os.path.split(os.path.abspath(text))
    return os.path.join(os.path.realpath(above), name)


def _opened(path: Any, _mode: Any, flags: int) -> Found:
    if not isinstance(path, int) and flags & WRITING:
        followed = not flags & os.O_NOFOLLOW
        yield (os.path.realpath(os.fsdecode(path)) if followed else path), -1


def _connected(database: Any) -> Found:
    text = os.fsdecode(database)
    if text.startswith("file:"):
        text, _, options = text.removeprefix("file:").partition("?")
        if "mode=ro" in options or "immutable=1" in options:
            return
    if text not in ("", ":memory:"):
        yield os.path.realpath(unquote(text)), -1


def _one(path: Any, *rest: Any) -> Found:
    if not isinstance(path, int):
        yield path, (rest[-1] if rest and isinstance(rest[-1], int) else -1)


def _at(path: Any, *_: Any) -> Found:
    if not isinstance(path, int):
        yield path, -1


def _two(source: Any, target: Any, source_folder: int = -1, target_folder: int = -1) -> Found:
    yield source, source_folder
    yield target, target_folder


def _second(_source: Any, target: Any, *rest: Any) -> Found:
    yield target, (rest[-1] if rest else -1)


_EVENTS: dict[str, Callable[..., Found]] = {
    "open": _opened, "sqlite3.connect": _connected, "os.mkdir": _one, "os.rmdir": _one,
    "os.remove": _one, "os.rename": _two, "os.link": _second, "os.symlink": _second,
    "os.truncate": _at, "os.chmod": _at, "os.chown": _at, "os.utime": _at,
}  # fmt: skip


def do_all(folder: Path) -> None:
    """Do in a folder, once each, what is to be noticed."""
    folder.mkdir()
    (folder / "one").write_text("")
    os.close(os.open(folder / "two", os.O_WRONLY | os.O_CREAT))
    os.truncate(folder / "two", 0)
    (folder / "one").rename(folder / "three")
    (folder / "four").symlink_to("three")
    (folder / "five").hardlink_to(folder / "three")
    (folder / "three").chmod(0o600)
    sqlite3.connect(folder / "six").close()
    (folder / "four").unlink()
