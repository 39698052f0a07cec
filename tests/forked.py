"""Starts ``hpsearch`` in a moment: a process that has imported it forks one for each command.

That process is a fork of the tests' one, made before the first test. What is started is a child of
the tests' process, with streams, variables, folder, session and signals of its own. What Python and
libraries read of the variables when they are imported they have read before: whoever needs that
starts a process as usual.
"""

import atexit
import contextlib
import ctypes
import dataclasses
import faulthandler
import fcntl
import functools
import gc
import importlib
import inspect
import json
import logging
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import psutil
from surroundings import Surroundings

if TYPE_CHECKING:
    from commandline import Cli

HEAVY = ("hpsearch.training", "hpsearch.workers.ray_engine", "hpsearch.services.ray_plan")
"""What is imported ahead only where tests have done so: it imports TensorFlow, or Ray."""

_MOST = 1 << 18
"""Bytes that the words and the variables of a process may have."""

_SET_NAME = 15
"""The option of prctl by which a process gets a name."""

_SET_CHILD_SUBREAPER = 36
"""The option of prctl by which a process becomes the parent of its descendants' orphans."""

NAME = "forks"
"""The name of processes that fork others: the tests' one, and a command's for what it starts."""

STARTING = {"confirm", "evaluate", "run", "serve"}
"""Commands that start others."""

_EXECUTE_CHILD = inspect.signature(subprocess.Popen._execute_child)  # type: ignore[attr-defined]
"""How Popen tells itself what to start."""

_forker: list[tuple[int, socket.socket]] = []
"""The pid of the process that forks and the connection to it, once there is one."""


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
        _execute(self, _forker[0][1], self._more, args, options)


class _StartedByForked(subprocess.Popen[Any]):
    """What a forked command starts: ``hpsearch`` is forked as well."""

    forker: ClassVar[socket.socket]

    def _execute_child(self, *args: Any, **options: Any) -> None:
        words = args[0]
        if words[:4] == [sys.executable, "-P", "-m", "hpsearch"]:
            more = {"where": dataclasses.asdict(Surroundings()), "trains": False}
            _execute(self, self.forker, more, args, options)
        else:
            super()._execute_child(*args, **options)  # type: ignore[misc]


def _execute(
    process: "subprocess.Popen[Any]",
    forker: socket.socket,
    more: dict[str, Any],
    args: Sequence[Any],
    options: dict[str, Any],
) -> None:
    """As Popen's ``_execute_child(*args, **options)``, by a process that forks."""
    given = _EXECUTE_CHILD.bind(process, *args, **options).arguments
    asked = {
        "words": [str(word) for word in given["args"]],
        "folder": str(given["cwd"] or Path.cwd()),
        "variables": dict(given["env"]),
        "has_session": given["start_new_session"],
        **more,
    }
    ends = (given["p2cread"], given["c2pwrite"], given["errwrite"])
    streams = [number if end == -1 else end for number, end in enumerate(ends)]
    process.pid = _asked(forker, json.dumps(asked).encode(), streams)
    process._child_created = True  # type: ignore[attr-defined]
    pipes = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
    process._close_pipe_fds(*(given[name] for name in pipes))  # type: ignore[attr-defined]


def start(cli: "Cli", *arguments: str | Path, **options: Any) -> Forked:
    """As ``cli.start(*arguments, **options)``."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = Forked(
        cli.words(arguments),
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


def run_code(code: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """As ``python -c CODE ARGUMENTS`` in a folder, without a GPU and with TensorFlow imported."""
    process = Forked(
        ["-c", code, *arguments],
        trains=True, cwd=folder, env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        out, err = process.communicate(timeout=220)
    finally:
        process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def children(process: "subprocess.Popen[Any] | None" = None) -> list[psutil.Process]:
    """What a command, or the tests' process itself, has started, but for what forks here."""
    parent = psutil.Process(process.pid if process else None)
    return [child for child in parent.children() if child.name() != NAME]


def prepare() -> None:
    """Fork the process that forks: before a test has TensorFlow start threads."""
    _forker.append(_fork_one_that_forks(_leave_the_tests))


def end() -> None:
    """End the process that forks."""
    while _forker:
        pid, connection = _forker.pop()
        connection.close()
        os.waitpid(pid, 0)


def _fork_one_that_forks(prepare: Callable[[], None]) -> tuple[int, socket.socket]:
    """A child that forks what it is asked for; its pid, and the connection to it.

    Args:
        prepare: what it does at its start.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if pid := os.fork():
        theirs.close()
        return pid, ours
    try:
        kept = {"0", "1", "2", str(theirs.fileno())}
        for name in {entry.name for entry in Path("/proc/self/fd").iterdir()} - kept:
            with contextlib.suppress(OSError):  # of the listing itself
                os.close(int(name))
        os.setsid()  # no signals from a terminal
        _call_this_process(NAME)
        prepare()
        _serve(theirs)
    finally:
        os._exit(0)


def _leave_the_tests() -> None:
    """Be as Python is at its start, where pytest has settings of its own."""
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):
        os.dup2(nothing, number)
    os.close(nothing)
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.excepthook, sys.unraisablehook = sys.__excepthook__, sys.__unraisablehook__
    threading.excepthook = threading.__excepthook__
    faulthandler.disable()
    logging.root.handlers.clear()
    # https://docs.python.org/3/library/warnings.html#default-warning-filter
    warnings.showwarning = warnings._showwarning_orig  # type: ignore[attr-defined]
    warnings.resetwarnings()
    for category in (
        DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning,
    ):  # fmt: skip
        warnings.simplefilter("ignore", category)
    warnings.filterwarnings("default", category=DeprecationWarning, module="__main__")


def _asked(forker: socket.socket, message: bytes, streams: Sequence[int]) -> int:
    """Have a process forked; its pid."""
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
    while True:
        message, streams, _, _ = socket.recv_fds(asking, _MOST, 3)
        if not message:
            return
        _import_ahead()
        asked = json.loads(message)
        if asked.pop("trains"):
            _import_what_trains()
        between = os.fork()
        if not between:
            me = os.getpid()
            if pid := os.fork():
                asking.send(str(pid).encode())
                os._exit(0)  # the child is an orphan now, and comes to who asked
            asking.close()
            while os.getppid() == me:
                time.sleep(0.001)
            _be(streams=streams, **asked)
        for stream in streams:
            os.close(stream)
        os.waitpid(between, 0)
        asking.send(b"orphaned")


@functools.cache
def _import_ahead() -> None:
    """Import what commands import when they run, and build it."""
    import hpsearch  # noqa: PLC0415  # only in the process that forks
    from hpsearch import __main__ as program  # noqa: PLC0415  # see above
    from hpsearch.search.storage import opening  # noqa: PLC0415  # see above

    for found in pkgutil.walk_packages(hpsearch.__path__, "hpsearch."):
        if not found.name.startswith(HEAVY):
            importlib.import_module(found.name)
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
    """Import what those need who train, judge and draw."""
    from hpsearch.training import start as training  # noqa: PLC0415  # see above

    with training.imported_quietly():
        importlib.import_module("hpsearch.training.train")
    for name in (
        "hpsearch.tasks.evaluation",
        "matplotlib.figure",
        "matplotlib.backends.backend_agg",
    ):
        importlib.import_module(name)
    gc.freeze()


def _fork_what_is_started() -> None:
    """Have what this process starts from now on forked by a child of it."""
    _, _StartedByForked.forker = _fork_one_that_forks(lambda: None)
    subprocess.Popen = _StartedByForked  # type: ignore[misc]


def _call_this_process(name: str) -> None:
    """Give it a name, which its children inherit; up to 15 bytes."""
    ctypes.CDLL(None).prctl(_SET_NAME, name.encode())


def _customize(variables: dict[str, str]) -> None:
    """Run the ``sitecustomize.py`` that Python would have found at its start."""
    for folder in variables.get("PYTHONPATH", "").split(os.pathsep):
        if folder and (file := Path(folder) / "sitecustomize.py").exists():
            runpy.run_path(str(file))
            return


def _run(typed: Sequence[str]) -> None:
    """Run code, with what is typed behind it."""
    main = sys.modules["__main__"] = ModuleType("__main__")
    sys.argv = ["-c", *typed[1:]]
    exec(compile(typed[0], "<string>", "exec"), vars(main))  # noqa: S102  # of a test


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
    typed = words[words.index("hpsearch") + 1 :]
    _call_this_process("python")
    try:
        if {*typed[:1]} & {"-c", *STARTING}:
            _fork_what_is_started()
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
        sys.orig_argv, sys.argv = words, [str(program.__file__), *typed]
        sys.modules["__main__"] = program
        _customize(variables)
        if typed[:1] == ["-c"]:
            _run(typed[1:])
        else:
            program.main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    except Exception:  # noqa: BLE001  # as Python does with what nobody catches
        traceback.print_exc()
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
        os._exit(code)
