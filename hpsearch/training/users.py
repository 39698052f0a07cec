"""The user's Python files: loaded once, and what goes wrong in them told by their own line."""

import contextlib
import functools
import hashlib
import inspect
import io
import logging
import os
import re
import signal
import sys
import sysconfig
import traceback
from collections.abc import Callable, Collection, Iterator
from importlib import invalidate_caches
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from hpsearch.errors import HpsearchError, InputError, TrialFailedError
from hpsearch.networks import pickled
from hpsearch.networks.imported import imported
from hpsearch.networks.python import Python, unchanged
from hpsearch.training import memory

_PRINTED = 10_000
"""Characters that a user's file may print each time, so that no log grows without end."""
_SAID = 300
"""Characters of an error's text in a message; the log has all of it."""

_KERAS_ADDS = re.compile(
    r"\x1b\[[0-9;]*m|^Exception encountered when calling \S+\s|\s+Arguments received by .*",
    re.DOTALL,
)
"""Colours, and what Keras says of a layer around the error itself."""

_OTHERS = (
    *(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib")),
    Path(__file__).resolve().parents[1],
)
"""Folders whose files are not the user's, even where they lie below the user's folder."""

_log = logging.getLogger(__name__)
_modules: dict[str, ModuleType] = {}
"""What is loaded, by the name that the module has."""

Function = Callable[..., Any]


def function(network: Python, name: str | None = None) -> Function:
    """The user's function that builds, or another one of its file, from a file that is as it was
    when the study or recipe was made.

    The file is read once in a process, as a module with a name of its own. What lies beside it can
    be imported, by ``from . import name`` or ``import name``; installed packages come first.

    Raises:
        InputError: the file is gone, has changed, cannot be imported, or has no such function.
        UnreachableError: it cannot be read.
    """
    path = Path(network.file)
    content, found = unchanged(network)
    package = f"hpsearch_own_{hashlib.sha256(f'{path}:{found}'.encode()).hexdigest()[:12]}"
    if package not in _modules:
        _modules[package] = _load(path, content, package)
    key, name = ("function", network.function) if name is None else ("fit", name)
    made = getattr(_modules[package], name, None)
    if not callable(made):
        raise InputError(
            f"{path}: has no function {name}; define it, or name another one by network.{key}"
        )
    return made  # type: ignore[no-any-return]  # whatever the user calls so


def _load(path: Path, content: bytes, package: str) -> ModuleType:
    """Import what a file has, as a module of a package that is its folder.

    Raises:
        InputError: it cannot be imported; the message names its line.
    """
    if path.suffix == pickled.SUFFIX:
        return _unpickled(path, content, package)
    around = ModuleType(package)
    around.__path__ = [str(path.parent)]
    name = f"{package}.{re.sub(r'[^A-Za-z0-9_]', '_', path.stem)}"
    module = ModuleType(name)
    module.__file__, module.__package__ = str(path), package
    module.__spec__ = spec_from_file_location(name, path)
    _forget(imported(path, content))
    sys.modules |= {package: around, name: module}
    try:
        with told(path=path), running(path.parent):
            # What is compared by its SHA-256 is what runs.
            exec(compile(content, str(path), "exec"), module.__dict__)  # noqa: S102  # asked for
    except BaseException:
        del sys.modules[package], sys.modules[name]
        raise
    return module


def _forget(files: Collection[Path]) -> None:
    """Have files imported anew: another version of them, or one of another folder, may be there."""
    for name, module in [*sys.modules.items()]:
        file = getattr(module, "__file__", None)
        beside = Path(file).name in {one.name for one in files} if file else False
        if beside and _is_users(str(file), None):
            del sys.modules[name]
    invalidate_caches()  # a file may be there that was not a moment ago


@contextlib.contextmanager
def running(folder: Path) -> Iterator[None]:
    """While the user's code runs: its folder can be imported from, and what it prints goes to
    standard error, as far as that is not too much. Nothing is written into the folder, and
    ``os._exit`` there is an error, as it would end the process without a word.

    Args:
        folder: of the user's file.
    """
    written, leave = sys.dont_write_bytecode, os._exit
    sys.dont_write_bytecode = True
    os._exit = functools.partial(_refuse_exit, leave, os.getpid())
    sys.path.append(str(folder))
    try:
        with contextlib.redirect_stdout(_Few()):
            yield
    finally:
        sys.dont_write_bytecode, os._exit = written, leave
        with contextlib.suppress(ValueError):  # the user's code may have taken it out
            sys.path.remove(str(folder))


def _refuse_exit(leave: Callable[[int], NoReturn], process: int, status: int) -> NoReturn:
    """End a process that the user's code has forked; else refuse, where that code asks for it.

    Raises:
        RuntimeError: it did.
    """
    frame = inspect.currentframe()
    asking = frame.f_back if frame is not None else None
    if os.getpid() != process or asking is None or _is_anothers(asking.f_code.co_filename):
        leave(status)
    raise RuntimeError(f"os._exit({status}) would end the worker; raise an error instead")


class _Few(io.TextIOBase):
    """Passes text on to standard error until it is too much."""

    def __init__(self) -> None:
        self._left = _PRINTED

    def write(self, text: str) -> int:
        """Pass text on."""
        if self._left > 0:
            sys.stderr.write(text[: self._left])
            self._left -= len(text)
            if self._left <= 0:
                sys.stderr.write("\n(what is printed from here on is left out)\n")
        return len(text)


@contextlib.contextmanager
def told(made: Function | None = None, *, path: Path | None = None) -> Iterator[None]:
    """Tell an error of the user's code as one message that names its line; the log has the rest.

    Errors in which none of that code takes part pass.

    Args:
        made: the function that the block is about: an error that has no line of the user's is
            told at the function's.
        path: the file that the block is about, where there is no function yet.

    Raises:
        InputError: the user's code is wrong.
    """
    try:
        yield
    except (HpsearchError, TrialFailedError):
        raise
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        if memory.is_out_of_memory(error):
            raise
        place = _place(error, path) or (None if made is None else line_of(made))
        if place is None or (not isinstance(error, Exception) and not _is_own_exit(error, path)):
            raise
        _log.info("%s", "".join(traceback.format_exception(error)))
        raise InputError(f"{place}: {said(error)}") from None


def line_of(made: Function) -> str:
    """Where a function is defined: "/home/me/own.py, line 9 (build)"."""
    code = getattr(made, "__code__", None)
    if code is None:
        return str(made)
    return f"{code.co_filename}, line {code.co_firstlineno} ({code.co_name})"


def folder_of(made: Function) -> Path:
    """The folder of the file that a function is from."""
    name = str(getattr(made, "__module__", ""))
    module = sys.modules.get(name) if name.startswith("hpsearch_own_") else None
    return Path(getattr(module, "__file__", None) or ".").parent


def _place(error: BaseException, path: Path | None) -> str | None:
    """The last line of the user's that took part in an error; None: none did."""
    one: BaseException | None = error
    found = None
    while one is not None:
        if isinstance(one, SyntaxError) and _is_users(one.filename or "", path):
            return f"{one.filename}, line {one.lineno}"
        for frame in traceback.extract_tb(one.__traceback__):
            if _is_users(frame.filename, path):
                found = f"{frame.filename}, line {frame.lineno}"
        one = one.__cause__ or one.__context__
    return found


def _is_users(file: str, path: Path | None) -> bool:
    """Whether a file lies where the user's files do, or is a function that was pickled."""
    if pickled.is_place(file):
        return True
    folders = {Path(str(module.__file__)).parent for module in _modules.values()}
    if path is not None:
        folders.add(path.parent)
    if _is_anothers(file):
        return False
    return any(Path(file).is_relative_to(folder) for folder in folders)


def _is_anothers(file: str) -> bool:
    """Whether a file is one of Python, of an installed package, or of hpsearch."""
    return any(Path(file).resolve().is_relative_to(one) for one in _OTHERS)


def _is_own_exit(error: BaseException, path: Path | None) -> bool:
    """Whether the user's code left Python by itself, not for a signal."""
    handler = signal.getsignal(signal.SIGINT)
    if isinstance(error, KeyboardInterrupt) and handler is signal.default_int_handler:
        return False  # it was Ctrl-C
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and _is_users(frames[-1].filename, path)


def said(error: BaseException) -> str:
    """An error in one line."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"there is no package {error.name} here; install it beside hpsearch"
    text = " ".join(_KERAS_ADDS.sub(" ", str(error)).split())
    text = text if len(text) <= _SAID else f"{text[:_SAID]} ..."
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _unpickled(path: Path, content: bytes, name: str) -> ModuleType:
    """The functions in a file of :mod:`hpsearch.networks.pickled`, as a module that has them.

    What they import while they run is looked for in the working folder, too.

    Raises:
        InputError: it cannot be read, or a package that they use is not here.
    """
    module = ModuleType(name)
    module.__file__ = str(Path.cwd() / path.name)  # they are of no file that is here
    try:
        with running(Path.cwd()):
            functions = pickled.loaded(content, path)
    except (HpsearchError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001  # of what they import it may be any
        _log.info("%s", "".join(traceback.format_exception(error)))
        raise InputError(f"{path}: cannot be read: {said(error)}") from None
    for key, made in functions.items():
        with contextlib.suppress(AttributeError, TypeError):  # of methods and other callables
            made.__module__ = name
        setattr(module, key, made)
    sys.modules[name] = module
    return module
