"""Starts ``hpsearch`` in a moment: a process that has imported it forks one for each command.

What is started is a child of the tests' process, with streams, variables, folder, session and
signals of its own. What Python and libraries read of the variables when they are imported they have
read before: whoever needs that starts a process as usual.
"""

import atexit
import contextlib
import ctypes
import dataclasses
import fcntl
import functools
import gc
import importlib
import inspect
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import psutil
from surroundings import Surroundings

if TYPE_CHECKING:
    from commandline import Cli

HEAVY = ("hpsearch.training", "hpsearch.workers.ray_engine")
"""What is not imported ahead: it imports TensorFlow, or Ray."""

_MOST = 1 << 18
"""Bytes that the words and the variables of a process may have."""

_SET_CHILD_SUBREAPER = 36
"""The option of prctl by which a process becomes the parent of its descendants' orphans."""

_AT_START = dict(os.environ)
"""The variables with which this Python started."""

_forker: "list[tuple[subprocess.Popen[bytes], socket.socket]]" = []
"""The process that forks and the connection to it, once there is one."""


class Forked(subprocess.Popen[str]):
    """``hpsearch ARGUMENTS``, in text mode; ``stdin``, ``stdout`` and so on are as Popen's."""

    def __init__(
        self,
        arguments: Sequence[str],
        where: Surroundings | None = None,
        *,
        trains: bool = False,
        **options: Any,
    ) -> None:
        """Start it.

        Args:
            arguments: what is typed behind ``hpsearch``.
            where: what is unusual where it is started; variables come with ``env``.
            trains: whether to have TensorFlow imported ahead as well. The process that forks trains
                nothing itself: TensorFlow's threads would not be there after a fork.
            options: Popen's.
        """
        self._more = {"where": dataclasses.asdict(where or Surroundings()), "trains": trains}
        super().__init__([sys.executable, "-m", "hpsearch", *arguments], text=True, **options)

    def _execute_child(self, *args: Any, **options: Any) -> None:
        known = inspect.signature(subprocess.Popen._execute_child)  # type: ignore[attr-defined]
        given = known.bind(self, *args, **options).arguments
        asked = {
            "words": given["args"],
            "folder": str(given["cwd"]),
            "variables": dict(given["env"]),
            "has_session": given["start_new_session"],
            **self._more,
        }
        ends = (given["p2cread"], given["c2pwrite"], given["errwrite"])
        streams = [number if end == -1 else end for number, end in enumerate(ends)]
        self.pid = _asked(json.dumps(asked).encode(), streams)
        self._child_created = True
        pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        self._close_pipe_fds(*(given[name] for name in pipes))  # type: ignore[attr-defined]


def start(cli: "Cli", *arguments: str | Path, **options: Any) -> Forked:
    """As ``cli.start(*arguments, **options)``."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = Forked(
        [str(argument) for argument in arguments],
        **{"cwd": cli.folder, "env": cli.environment_of_a_process()} | pipes | options,
    )
    cli.started.append(psutil.Process(process.pid))
    return process


def run(
    cli: "Cli",
    *arguments: str | Path,
    code: int | None = 0,
    timeout: float = 100,
    trains: bool = False,
) -> subprocess.CompletedProcess[str]:
    """As ``cli(*arguments, code=code, timeout=timeout, process=True)``."""
    process = start(cli, *arguments, trains=trains)
    out, err = process.communicate(timeout=timeout)  # who is late is ended with the test
    assert "Traceback" not in err, err
    assert code in (None, process.returncode), f"exit code {process.returncode}\n{out}\n{err}"
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def end() -> None:
    """End the process that forks."""
    while _forker:
        process, connection = _forker.pop()
        connection.close()
        process.wait(timeout=60)


def _connection() -> socket.socket:
    if not _forker:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        process = subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            pass_fds=[theirs.fileno()], env=_AT_START, cwd="/", stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        theirs.close()
        _forker.append((process, ours))
    return _forker[0][1]


def _asked(message: bytes, streams: Sequence[int]) -> int:
    """Have a process forked; its pid."""
    forker = _connection()
    control = ctypes.CDLL(None, use_errno=True).prctl
    assert control(_SET_CHILD_SUBREAPER, 1) == 0
    try:
        socket.send_fds(forker, [message], [*streams])
        pid = int(forker.recv(64))
        assert forker.recv(64) == b"orphaned"
    finally:
        assert control(_SET_CHILD_SUBREAPER, 0) == 0
    return pid


def _serve(asking: socket.socket) -> None:
    """Fork what is asked for, until nobody can ask any more."""
    _import_ahead()
    while True:
        message, streams, _, _ = socket.recv_fds(asking, _MOST, 3)
        if not message:
            return
        asked = json.loads(message)
        if asked.pop("trains"):
            _import_what_trains()
        between = os.fork()
        if not between:
            if pid := os.fork():
                asking.send(str(pid).encode())
                os._exit(0)  # the child is an orphan now, and comes to the tests' process
            asking.close()
            _be(streams=streams, **asked)
        for stream in streams:
            os.close(stream)
        os.waitpid(between, 0)
        asking.send(b"orphaned")


def _import_ahead() -> None:
    """Import what commands import when they run, and build it."""
    import hpsearch  # noqa: PLC0415  # only in the process that forks
    from hpsearch import __main__ as program  # noqa: PLC0415  # see above
    from hpsearch.search import opening  # noqa: PLC0415  # see above

    for found in pkgutil.walk_packages(hpsearch.__path__, "hpsearch."):
        if not found.name.startswith(HEAVY):
            importlib.import_module(found.name)
    heavy = {"tensorflow", "keras", "ray"} & sys.modules.keys()
    assert not heavy, heavy
    with tempfile.TemporaryDirectory() as folder:
        opening.open_storage(f"sqlite:///{folder}/studies.db").close()
        for line in ("--help", f"ls --home {folder}"):
            sys.argv = ["hpsearch", *line.split()]
            with (
                Path(os.devnull).open("w") as nothing,
                contextlib.redirect_stderr(nothing),
                contextlib.suppress(SystemExit),
            ):
                program.main()
    gc.freeze()  # what is there is shared by the children, until they would look for garbage in it


@functools.cache
def _import_what_trains() -> None:
    from hpsearch.training import start as training  # noqa: PLC0415  # see above

    with training.imported_quietly():
        importlib.import_module("hpsearch.training.train")
    gc.freeze()


def _be(
    *,
    words: list[str],
    folder: str,
    variables: dict[str, str],
    has_session: bool,
    where: dict[str, Any],
    streams: Sequence[int],
) -> NoReturn:
    """Become the command, with what Python has at its start; end as Python does."""
    from hpsearch import __main__ as program  # noqa: PLC0415  # see above

    code = 70  # of a fault in this function
    try:
        if has_session:
            os.setsid()
            if os.isatty(streams[0]):
                fcntl.ioctl(streams[0], termios.TIOCSCTTY, 0)
        os.environ.clear()
        os.environ.update(variables)
        time.tzset()
        os.chdir(folder)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        Surroundings(**where).settle(streams)
        sys.orig_argv, sys.argv = words, [str(program.__file__), *words[3:]]
        sys.modules["__main__"] = program
        program.main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
        os._exit(code)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        _serve(connection)
