"""Runs commands in surroundings of every kind: a process that forks one child for each command.

Streams, working folder, user and environment are the child's own, as if it had been started so; but
what it imports was imported before, which is most of the time of a short command.
"""

import contextlib
import dataclasses
import gc
import importlib
import json
import os
import pkgutil
import pwd
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NoReturn

import hpsearch
from hpsearch.__main__ import main
from hpsearch.search.opening import open_storage
from hpsearch.training import start


@dataclasses.dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a command finds where it is started."""

    variables: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    """Environment variables; None: it is not set."""
    encoding: str = "utf-8"
    """Of standard streams."""
    closed: Sequence[int] = ()
    """Standard streams that are closed, by their descriptors."""
    full: Sequence[int] = ()
    """Standard streams that go to a full disk."""
    has_folder: bool = True
    """Whether the working folder is there."""
    is_known: bool = True
    """Whether the system has a name and a home for the user."""
    umask: int = 0o022
    warnings_are_errors: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ended:
    """What became of a command."""

    code: int
    out: str
    err: str


class Starter:
    """Starts commands; see the module."""

    def __init__(
        self,
        environment: Mapping[str, str],
        folder: Path,
        known: Sequence[Sequence[str]] = (),
        *,
        trains: bool = False,
    ) -> None:
        """Start the process that forks.

        Args:
            environment: all variables, where surroundings name no others.
            folder: the working folder of ``known``.
            known: arguments of commands that it runs itself first, so that what they import is
                imported and what they compile is compiled.
            trains: whether it imports what training needs, TensorFlow too. It trains nothing
                itself: TensorFlow's threads would not be there after a fork.
        """
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__, json.dumps({"known": known, "trains": trains})],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, arguments: Sequence[str], folder: Path, where: Surroundings) -> Ended:
        """Run ``hpsearch ARGUMENTS`` in a folder."""
        pipe_in, pipe_out = self._process.stdin, self._process.stdout
        assert pipe_in is not None
        assert pipe_out is not None
        asked = [list(arguments), str(folder), dataclasses.asdict(where)]
        try:
            pipe_in.write(json.dumps(asked) + "\n")
            pipe_in.flush()
            return Ended(**json.loads(pipe_out.readline()))
        except BaseException:  # it took too long: what is answered now is for nobody
            self._process.kill()
            raise

    def has_ended(self) -> bool:
        """Whether no command can be started any more."""
        return self._process.poll() is not None

    def end(self) -> None:
        """End the process that forks."""
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()


def _serve(known: Sequence[list[str]], *, trains: bool) -> None:
    """Run what is asked for, one line each, until there is no more."""
    for arguments in known:
        _run_known(arguments)
    if trains:
        _import_what_trains()
    gc.freeze()  # what is there is shared by the children, until they would look for garbage in it
    for line in sys.stdin:
        arguments, folder, where = json.loads(line)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = os.fork()
            if not child:
                _be(arguments, folder, Surroundings(**where), (out, err))
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            texts = []
            for stream in (out, err):
                stream.seek(0)
                texts.append(stream.read().decode(where["encoding"], "replace"))
        told = {"code": code, "out": texts[0], "err": texts[1]}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


def _import_what_trains() -> None:
    for module in pkgutil.walk_packages(hpsearch.__path__, "hpsearch."):
        if "training" not in module.name and "ray" not in module.name:
            importlib.import_module(module.name)
    with tempfile.TemporaryDirectory() as folder:  # what a storage imports when it is opened
        open_storage(f"sqlite:///{folder}/studies.db").close()
    with start.imported_quietly():
        importlib.import_module("hpsearch.training.train")


def _run_known(arguments: list[str]) -> None:
    """Run a command in this process; what it prints goes nowhere."""
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nothing,
        contextlib.redirect_stdout(nothing),
        contextlib.redirect_stderr(nothing),
        contextlib.suppress(SystemExit),
    ):
        sys.argv = ["hpsearch", *arguments]
        main()


def _be(
    arguments: list[str], folder: str, where: Surroundings, files: Sequence[IO[bytes]]
) -> NoReturn:
    """Become the command."""
    code = 70  # of a fault in this function
    try:
        _settle(folder, where)
        _open_streams(where, files)
        sys.argv = ["hpsearch", *arguments]
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()  # as Python does at its end
    finally:
        os._exit(code)


def _settle(folder: str, where: Surroundings) -> None:
    for name, value in where.variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    time.tzset()
    os.umask(where.umask)
    os.chdir(folder)
    if not where.has_folder:
        os.chdir(gone := tempfile.mkdtemp())
        Path(gone).rmdir()
    if not where.is_known:

        def unknown(_: object) -> NoReturn:
            raise KeyError

        pwd.getpwuid = pwd.getpwnam = unknown
    if where.warnings_are_errors:
        sys.warnoptions.append("error")
        warnings.simplefilter("error")


def _open_streams(where: Surroundings, files: Sequence[IO[bytes]]) -> None:
    """Standard streams as Python makes them at its start."""
    places = [os.devnull, *(f"/proc/self/fd/{file.fileno()}" for file in files)]
    for number, (place, mode) in enumerate(zip(places, ("r", "w", "w"), strict=True)):
        opened: Any = os.open("/dev/full" if number in where.full else place, os.O_RDWR)
        os.dup2(opened, number)
        os.close(opened)
        stream = None
        if number in where.closed:
            os.close(number)
        else:
            stream = open(number, mode, encoding=where.encoding, closefd=False)  # noqa: SIM115
        setattr(sys, ("stdin", "stdout", "stderr")[number], stream)


if __name__ == "__main__":
    _serve(**json.loads(sys.argv[1]))
