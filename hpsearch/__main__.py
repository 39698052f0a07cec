"""``hpsearch`` and ``python -m hpsearch``: runs a command, turns errors into exit codes."""

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    # python -m looks for modules in the working folder first: a random.py of the user's must not
    # stand in for Python's, nor a folder called hpsearch for the rest of this package.
    del sys.path[0]

# what follows imports much

import errno
import logging
import os
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from hpsearch.cli.app import app
from hpsearch.cli.streams import standard_streams
from hpsearch.errors import (
    EXIT_NO_TRIAL,
    EXIT_PROGRAM,
    EXIT_UNREACHABLE,
    HpsearchError,
    StoppedError,
)
from hpsearch.text import printable

_REFUSED = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO,
    errno.ENAMETOOLONG, errno.ELOOP,
}  # fmt: skip
"""What the system says of a user's files that no part of the program foresaw."""

_heard: list[int] = []
"""The signals that have asked this command to end."""

_SOON = 0.01
"""Seconds after which a signal that was dropped is heard again."""


def main() -> None:
    """Run one command; every expected error is one message on stderr and its exit code.

    Any other exception is a fault of the program: its traceback, and exit code 4.
    """
    _settle()
    with standard_streams(), _dropped_signals_are_heard():
        codes = _run(app), _run(sys.stdout.flush)
    sys.exit(codes[0] or codes[1])


def _settle() -> None:
    """Have of this process what others inherit or set for all Python programs as we need it."""
    is_asked = os.environ.get("PYTHONUTF8") == "1"  # then it would not help to ask again
    if sys.getfilesystemencoding() == "ascii" and not is_asked:  # few file names can be opened
        utf8 = {**os.environ, "PYTHONUTF8": "1"}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], utf8)  # noqa: S606  # ourselves
    if sys.warnoptions:  # warnings of libraries among themselves must not end a search
        warnings.simplefilter("ignore")
    _heard.clear()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _quit)
    # Who started us may not want to hear of its children, and hold its signals back; we do.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    heard = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_UNBLOCK, heard)


def _quit(number: int, _frame: FrameType | None) -> None:
    """End at once with the shell's code for the signal; long commands take signals themselves."""
    # What is cut off may be a library, and what it says of that (SQLAlchemy of a query: with a
    # traceback) is nothing to who typed Ctrl-C.
    logging.disable()
    _heard.append(number)
    raise SystemExit(128 + number)


@contextmanager
def _dropped_signals_are_heard() -> Iterator[None]:
    """Have a signal heard again that came where Python drops what is raised: in a destructor."""
    usual = sys.unraisablehook

    def hear_again(dropped: "sys.UnraisableHookArgs") -> None:
        if not (_heard and isinstance(dropped.exc_value, SystemExit)):
            usual(dropped)
            return
        signal.signal(signal.SIGALRM, lambda *_: _quit(_heard[0], None))
        signal.setitimer(signal.ITIMER_REAL, _SOON)  # not now: this is in the destructor still

    sys.unraisablehook = hear_again
    try:
        yield
    finally:
        sys.unraisablehook = usual


def _run(action: Callable[[], object]) -> int:
    """Run an action; its exit code, with whatever went wrong told."""
    try:
        action()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else EXIT_PROGRAM
    except Exception as error:  # noqa: BLE001  # whatever it is, it is told
        if _heard:  # TensorFlow's C++ makes errors of its own of what a signal raises in it
            return 128 + _heard[0]
        return _told(error)
    return 0


def _told(error: Exception) -> int:
    """Tell what went wrong; its exit code."""
    if isinstance(error, HpsearchError):
        if str(error):
            _tell("" if isinstance(error, StoppedError) else "error: ")
            _tell(f"{error}\n")
        return error.exit_code
    if isinstance(error, BrokenPipeError):  # who read the results has enough of them
        return EXIT_NO_TRIAL
    if isinstance(error, FileNotFoundError) and _folder_is_gone():
        _tell("error: the working folder no longer exists; change to one that does\n")
        return EXIT_UNREACHABLE
    if isinstance(error, OSError) and error.filename and error.errno in _REFUSED:
        _tell(f"error: {error.filename}: {error.strerror}; check the file and its permissions\n")
        return EXIT_UNREACHABLE
    _tell("".join(traceback.format_exception(error)))  # a fault of ours: who mends it needs it
    return EXIT_PROGRAM


def _tell(text: str) -> None:
    sys.stderr.write(printable(text))


def _folder_is_gone() -> bool:
    try:
        os.getcwd()  # noqa: PTH109  # Path.cwd() is the same
    except FileNotFoundError:
        return True
    return False


if __name__ == "__main__":
    main()
