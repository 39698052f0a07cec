"""``hpsearch run --dashboard``: the dashboard beside a search, in a process of its own."""

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from hpsearch.cli.common import say
from hpsearch.environment import STORAGE_VARIABLE, SUPERVISOR_VARIABLE, for_child, python
from hpsearch.errors import UnreachableError
from hpsearch.files import new_file
from hpsearch.home import Home


@contextmanager
def dashboard_beside(place: Home, url: str | None, *, force: bool) -> Iterator[None]:
    """Show the studies while the block runs; says where. A search goes on where it cannot.

    Args:
        place: the home.
        url: ``--storage``, where it was given.
        force: open SQLite on a network file system too.

    Raises:
        UnreachableError: its log cannot be written.
    """
    command = python("-m", "hpsearch", "dashboard", "--home", str(place.root))
    command += ["--force"] if force else []
    try:
        place.dashboard_log.parent.mkdir(parents=True, exist_ok=True)
        log = new_file(place.dashboard_log)
    except OSError as error:
        raise UnreachableError(f"{place.dashboard_log}: {error.strerror}") from None
    with (
        log,
        subprocess.Popen(  # noqa: S603  # our own command
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            # The storage not on the command line, where every user could read a password. It ends
            # when this process is gone.
            env=for_child(
                {
                    STORAGE_VARIABLE: place.storage_url(url),
                    SUPERVISOR_VARIABLE: str(os.getpid()),
                }
            ),
            start_new_session=True,  # Ctrl-C is for the search; the dashboard ends with it
        ) as process,
    ):
        # It takes some seconds to start, and longer where the database is locked.
        threading.Thread(target=_say_where, args=(process, log), daemon=True).start()
        try:
            yield
        finally:
            process.terminate()


def _say_where(process: "subprocess.Popen[bytes]", log: BinaryIO) -> None:
    """Say what the process prints, or why it prints nothing."""
    assert process.stdout is not None  # noqa: S101  # as asked for
    if address := process.stdout.readline().decode().strip():
        say(f"dashboard {address}")
    elif process.wait() > 0:  # and not because the search is over
        log.seek(0)
        said = log.read().decode("utf-8", "replace").strip().splitlines()
        say(f"warning: the dashboard did not start: {said[-1] if said else 'see its log'}")
