"""Runs a command as ``python -m hpsearch`` does, but in this process, and leaves this as it was."""

import contextlib
import functools
import gc
import importlib.abc
import importlib.machinery
import logging
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import BinaryIO, TextIO

import pytest
import typer.main

from hpsearch import __main__ as program

# By itself Typer builds all commands anew for each one that is run: most of what a short one takes.
typer.main.get_command = functools.cache(typer.main.get_command)

HEAVY = ("tensorflow", "keras", "ray")
"""What no command may import here: it would slow down, and hold the memory of, all other tests."""

_MOST_SECONDS = 5.0
"""How long files that a command had open may need to be closed by threads that it has ended."""

_PASSING = ("/dev/", "/memfd:", "/proc/")
"""What may be open, or not, for reasons of the libraries."""


def run(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run ``hpsearch ARGUMENTS`` to its end.

    Environment, working folder, umask, standard streams (the descriptors too), signal handlers,
    loggers, warning filters, ``sys.argv`` and ``sys.path`` are as before afterwards, and the
    command must have closed its files and connections. Warnings are errors, as in all tests.

    Args:
        arguments: what is typed behind ``hpsearch``.
        folder: the working folder.
        environment: all environment variables.
    """
    before, stderr = _open_files(), sys.stderr
    with (
        _heavy_modules_are_refused(),
        _surroundings(folder, environment),
        _signals(),
        warnings.catch_warnings(),
        _interpreter(arguments),
        _streams() as (out, err),
        _loggers(stderr),
    ):
        code = _exit_code()
        sys.stdout.flush()
        texts = [_text(stream) for stream in (out, err)]
    _everything_is_closed(before)
    return subprocess.CompletedProcess(["hpsearch", *arguments], code, *texts)


def _exit_code() -> int:
    """Run the program; the exit code that its process would have."""
    try:
        program.main()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        sys.stderr.write(f"{end.code}\n")
        return 1
    return 0


class _Refused(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds heavy modules, and fails the test that imports one, whatever its command catches."""

    def find_spec(
        self, fullname: str, path: object, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        del path, target
        found = fullname in HEAVY and importlib.machinery.PathFinder.find_spec(fullname)
        return importlib.machinery.ModuleSpec(fullname, self) if found else None

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__
        pytest.fail(f"the command imports {name}: start it with cli(..., process=True)")


@contextlib.contextmanager
def _heavy_modules_are_refused() -> Iterator[None]:
    finder = _Refused()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


@contextlib.contextmanager
def _surroundings(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    variables = dict(os.environ)
    mask = os.umask(0o022)
    os.umask(mask)
    try:
        with contextlib.chdir(folder):
            _set_variables(environment)
            yield
    finally:
        _set_variables(variables)
        os.umask(mask)


def _set_variables(wanted: Mapping[str, str]) -> None:
    for name in os.environ.keys() - wanted.keys():
        del os.environ[name]
    os.environ.update(wanted)


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    numbers = signal.valid_signals()
    before = {number: signal.getsignal(number) for number in numbers}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in before.items():
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)


@contextlib.contextmanager
def _interpreter(arguments: Sequence[str]) -> Iterator[None]:
    """The program as the main module; what Python's start sets."""
    saved = sys.argv, sys.path[:], sys.modules["__main__"]
    collects, thresholds = gc.isenabled(), gc.get_threshold()
    try:
        sys.argv = [str(program.__file__), *arguments]
        sys.modules["__main__"] = program
        yield
    finally:
        sys.argv, sys.path[:], sys.modules["__main__"] = saved
        gc.set_threshold(*thresholds)
        (gc.enable if collects else gc.disable)()


@contextlib.contextmanager
def _streams() -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Nothing to read, and files in memory for what is written, by child processes too."""
    saved = sys.stdin, sys.stdout, sys.stderr
    for stream in saved[1:]:
        stream.flush()
    kept = [os.dup(number) for number in range(3)]
    out, err = (os.fdopen(os.memfd_create(name), "rb") for name in ("stdout", "stderr"))
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        for number, source in enumerate((nothing, out.fileno(), err.fileno())):
            os.dup2(source, number)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(  # noqa: SIM115
            2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False
        )
        yield out, err
    finally:
        for stream in (sys.stdin, sys.stdout, sys.stderr, out, err):
            stream.close()
        sys.stdin, sys.stdout, sys.stderr = saved
        for number, source in enumerate(kept):
            os.dup2(source, number)
            os.close(source)
        os.close(nothing)


def _text(stream: BinaryIO) -> str:
    stream.seek(0)
    return stream.read().decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")


@contextlib.contextmanager
def _loggers(before: TextIO) -> Iterator[None]:
    """The loggers' levels and handlers; what libraries print goes to the new streams meanwhile.

    Args:
        before: standard error outside, for the handlers that libraries make here.
    """
    saved = [(o, o.level, o.propagate, o.disabled, o.handlers[:]) for o in _known_loggers()]
    streams = {handler: handler.stream for handler in _printing()}
    disabled_below = logging.root.manager.disable
    try:
        for handler in streams:
            handler.stream = sys.stderr
        yield
    finally:
        logging.disable(disabled_below)
        for one, level, propagate, disabled, handlers in saved:
            one.setLevel(level)
            one.propagate, one.disabled, one.handlers[:] = propagate, disabled, handlers
        for handler in _printing():
            handler.stream = streams.get(handler, before)


def _known_loggers() -> list[logging.Logger]:
    known = [logging.root, *logging.root.manager.loggerDict.values()]
    return [one for one in known if isinstance(one, logging.Logger)]


def _printing() -> "list[logging.StreamHandler[TextIO]]":
    """What writes to a standard stream; pytest's own handlers are of other classes."""
    handlers = [handler for one in _known_loggers() for handler in one.handlers]
    return [handler for handler in handlers if type(handler) is logging.StreamHandler]


def _open_files() -> set[str]:
    """The files and sockets that this process has open."""
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # of the listing itself
            found.add(str(descriptor.readlink()))
    return {target for target in found if target.startswith(("/", "socket:"))}


def _everything_is_closed(before: set[str]) -> None:
    """Fail where the command has left a file, a database or a connection open."""
    until = time.monotonic() + _MOST_SECONDS
    while left := {file for file in _open_files() - before if not file.startswith(_PASSING)}:
        if time.monotonic() > until:
            pytest.fail(f"the command left open: {', '.join(sorted(left))}")
        time.sleep(0.05)
