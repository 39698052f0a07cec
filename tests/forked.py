"""Starts ``python -m hpsearch`` in a moment: a process that has imported it forks one for each.

What is started is a child of the tests' process, with streams, variables, folder, session and
signals of its own. What Python and libraries read of the variables when they are imported they have
read before: who needs that, or TensorFlow, starts a process as usual.
"""

import atexit
import contextlib
import ctypes
import fcntl
import functools
import gc
import importlib
import inspect
import json
import logging
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
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import psutil
from commandline import Cli

HEAVY = ("hpsearch.training", "hpsearch.workers.ray_engine")
"""What is not imported ahead: it imports TensorFlow, or Ray."""

_MOST = 1 << 18
"""Bytes that the words and the variables of a process may have."""

_SET_CHILD_SUBREAPER = 36
"""The option of prctl by which a process becomes the parent of its descendants' orphans."""

_forker: list[socket.socket] = []
"""The connection to the process that forks, once there is one."""


class Forked(subprocess.Popen[str]):
    """``hpsearch ARGUMENTS``, in text mode; ``stdin``, ``stdout`` and so on are as Popen's."""

    def __init__(self, arguments: Sequence[str], **options: Any) -> None:
        super().__init__([sys.executable, "-m", "hpsearch", *arguments], text=True, **options)

    def _execute_child(self, *args: Any, **options: Any) -> None:
        known = inspect.signature(subprocess.Popen._execute_child)  # type: ignore[attr-defined]
        given = known.bind(self, *args, **options).arguments
        asked = {
            "words": given["args"],
            "folder": str(given["cwd"]),
            "variables": dict(given["env"]),
            "has_session": given["start_new_session"],
        }
        ends = (given["p2cread"], given["c2pwrite"], given["errwrite"])
        streams = [number if end == -1 else end for number, end in enumerate(ends)]
        self.pid = _asked(json.dumps(asked).encode(), streams)
        self._child_created = True
        pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        self._close_pipe_fds(*(given[name] for name in pipes))  # type: ignore[attr-defined]


def start(cli: Cli, *arguments: str | Path, **options: Any) -> Forked:
    """As ``cli.start(*arguments, **options)``."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = Forked(
        [str(argument) for argument in arguments],
        **{"cwd": cli.folder, "env": cli.environment_of_a_process()} | pipes | options,
    )
    cli.started.append(psutil.Process(process.pid))
    return process


def run(
    cli: Cli, *arguments: str | Path, code: int = 0, timeout: float = 100
) -> subprocess.CompletedProcess[str]:
    """As ``cli(*arguments, code=code, timeout=timeout, process=True)``."""
    process = start(cli, *arguments)
    out, err = process.communicate(timeout=timeout)  # who is late is ended with the test
    assert "Traceback" not in err, err
    assert process.returncode == code, f"exit code {process.returncode}\n{out}\n{err}"
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def prepare() -> None:
    """Make the process that forks, of this one: before tests run in it, import or change much."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    with warnings.catch_warnings(action="ignore"):  # of threads, which it has no need of
        is_forker = not os.fork()
    if is_forker:
        ours.close()
        _serve(theirs)
    theirs.close()
    _forker.append(ours)
    atexit.register(ours.close)


def _asked(message: bytes, streams: Sequence[int]) -> int:
    """Have a process forked; its pid."""
    (forker,) = _forker
    control = ctypes.CDLL(None, use_errno=True).prctl
    assert control(_SET_CHILD_SUBREAPER, 1) == 0
    try:
        socket.send_fds(forker, [message], [*streams])
        pid = int(forker.recv(64))
        assert forker.recv(64) == b"orphaned"
    finally:
        assert control(_SET_CHILD_SUBREAPER, 0) == 0
    return pid


def _serve(asking: socket.socket) -> NoReturn:
    """Fork what is asked for, until nobody can ask any more."""
    _forget_the_tests(asking)
    while True:
        message, streams, _, _ = socket.recv_fds(asking, _MOST, 3)
        if not message:
            os._exit(0)
        _import_ahead()
        between = os.fork()
        if not between:
            if pid := os.fork():
                asking.send(str(pid).encode())
                os._exit(0)  # the child is an orphan now, and comes to the tests' process
            asking.close()
            _be(streams=streams, **json.loads(message))
        for stream in streams:
            os.close(stream)
        os.waitpid(between, 0)
        asking.send(b"orphaned")


def _forget_the_tests(asking: socket.socket) -> None:
    """Leave what pytest has open and what it has set for this process."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for path in [*Path("/proc/self/fd").iterdir()]:
        if int(path.name) != asking.fileno():
            # In its place, so that no file of a command gets the number of one of pytest's.
            os.dup2(nothing, int(path.name))
    atexit._clear()
    logging.root.handlers.clear()
    logging.root.setLevel(logging.WARNING)
    warnings.resetwarnings()
    warnings.simplefilter("ignore")  # as Python does with most of them
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)


@functools.cache
def _import_ahead() -> None:
    """Import what commands import when they run, as far as tests have not, and build it."""
    import hpsearch  # noqa: PLC0415  # only in the process that forks
    from hpsearch import __main__ as program  # noqa: PLC0415  # see above
    from hpsearch.search import opening  # noqa: PLC0415  # see above

    before = {*sys.modules}  # tests import TensorFlow, too
    for found in pkgutil.walk_packages(hpsearch.__path__, "hpsearch."):
        if not found.name.startswith(HEAVY):
            importlib.import_module(found.name)
    heavy = {"tensorflow", "keras", "ray"} & (sys.modules.keys() - before)
    assert not heavy, heavy
    with tempfile.TemporaryDirectory() as folder:
        opening.open_storage(f"sqlite:///{folder}/studies.db").close()
        for line in ("--help", f"ls --home {folder}"):
            sys.argv = ["hpsearch", *line.split()]
            with contextlib.suppress(SystemExit):
                program.main()
    gc.freeze()  # what is there is shared by the children, until they would look for garbage in it


def _be(
    *,
    words: list[str],
    folder: str,
    variables: dict[str, str],
    has_session: bool,
    streams: Sequence[int],
) -> NoReturn:
    """Become the command, with what Python has at its start; end as Python does."""
    from hpsearch import __main__ as program  # noqa: PLC0415  # see above

    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    if has_session:
        os.setsid()
        if os.isatty(0):
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.environ.clear()
    os.environ.update(variables)
    time.tzset()
    os.chdir(folder)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(  # noqa: SIM115
        2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False
    )
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.orig_argv, sys.argv = words, [str(program.__file__), *words[3:]]
    sys.modules["__main__"] = program
    code = 70  # of a fault in this function
    try:
        program.main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
