"""Waiting for what only one process at a time may do, and telling which one is at it."""

import itertools
import logging
import os
import shlex
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import sqlalchemy as sa

from hpsearch.errors import UnreachableError
from hpsearch.text import printable

NOTICE = 5.0
"""Seconds after which it is said for whom is waited."""

LOOK_EVERY = 0.05
"""Seconds between two attempts."""

_MOST = 100
"""Characters that are shown of a command."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Holder:
    """A process that others wait for."""

    host: str
    pid: int
    command: str = ""
    """What was typed, as far as it is known."""
    is_suspended: bool = False

    def __str__(self) -> str:
        """How a reader is told of it."""
        more = [self.command] * bool(self.command) + ["suspended"] * self.is_suspended
        return f"process {self.pid} on {self.host}" + (f" ({'; '.join(more)})" if more else "")

    @property
    def cure(self) -> str:
        """What ends the waiting."""
        end = f"kill {self.pid}"
        if self.is_suspended:
            return f"resume it (kill -CONT {self.pid}) or end it ({end} and kill -CONT {self.pid})"
        return f"wait until it is done, or end it ({end})"


class HeldError(UnreachableError):
    """Another process has had something all the time that was waited for.

    Attributes:
        holder: the process; None where that is not known.
    """

    def __init__(self, message: str, holder: Holder | None) -> None:
        super().__init__(message)
        self.holder = holder


def wait_for(
    take: Callable[[], bool], holder: Callable[[], Holder | None], what: str, patience: float
) -> None:
    """Try to get something until it is ours.

    Args:
        take: tries once, without waiting; whether it is ours now.
        holder: finds who has it; None where that is not known.
        what: it, for a reader.
        patience: seconds until it is given up.

    Raises:
        HeldError: another process has had it all the time.
    """
    began, said = time.monotonic(), False
    while not take():
        waited = time.monotonic() - began
        if waited >= patience:
            found = holder()
            raise HeldError(_refusal(found, what, waited), found)
        if not said and waited >= NOTICE:
            said = True
            _log.warning("%s: waiting for %s", what, holder() or "another process")
        time.sleep(LOOK_EVERY)


def _refusal(found: Holder | None, what: str, waited: float) -> str:
    cure = found.cure if found else "wait until it is done, or end it"
    who = found or "another process"
    again = "then run the same command again"
    return f"{what}: {who} has held the lock for {waited:.0f} s; {cure}, {again}"


def holder_of_file(file: Path) -> Holder | None:
    """The process of this machine that holds a file's lock; None where that cannot be seen."""
    try:
        about = file.stat()
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    device = about.st_dev
    own = f"{os.major(device):02x}:{os.minor(device):02x}:{about.st_ino}"
    for line in lines:
        kind, _, _, pid, place = line.split()[1:6]
        if kind == "FLOCK" and place == own and int(pid) > 0:
            return _here(int(pid))
    return None


def _here(pid: int) -> Holder:
    """A process of this machine."""
    host = socket.gethostname()
    try:
        process = psutil.Process(pid)
        command, state = _command(process.cmdline()), process.status()
    except psutil.Error:
        return Holder(host=host, pid=pid)
    is_suspended = state in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
    return Holder(host=host, pid=pid, command=command, is_suspended=is_suspended)


def _command(words: list[str]) -> str:
    """A command line for a reader: what was typed, without Python's own words and options.

    Others may see it, and options may hold what is secret.
    """
    found = [index for index, word in enumerate(words) if Path(word).name == "hpsearch"]
    if found:
        words = ["hpsearch", *words[found[0] + 1 :]]
    words = [*itertools.takewhile(lambda word: not word.startswith("-"), words)]
    text = printable(" ".join(shlex.join(words).split()))
    return text if len(text) <= _MOST else text[: _MOST - 3] + "..."


def sign(connection: sa.Connection) -> None:
    """Have the server tell others whose connection this is."""
    command = _command(psutil.Process().cmdline())
    name = f"hpsearch {os.getpid()} {socket.gethostname()} {command}"  # 63 bytes of it are kept
    connection.execute(
        sa.text("SELECT set_config('application_name', :name, false)"), {"name": name}
    )


def holder_on_server(connection: sa.Connection, key: int) -> Holder | None:
    """The process that holds an advisory lock of a database; None where that cannot be seen.

    Args:
        connection: to the database.
        key: of the lock.
    """
    query = """
        SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE locktype = 'advisory' AND granted AND classid = 0 AND objid = :key
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    """
    name = connection.scalar(sa.text(query), {"key": key}) or ""
    first, _, rest = name.partition(" ")
    pid, _, rest = rest.partition(" ")
    host, _, command = rest.partition(" ")
    if first != "hpsearch" or not pid.isdecimal():
        return None
    return Holder(host=host, pid=int(pid), command=command)
