"""The dashboard beside a search, in a process of its own."""

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from hpsearch.environment import STORAGE_VARIABLE, SUPERVISOR_VARIABLE, for_child, python
from hpsearch.errors import UnreachableError
from hpsearch.files import new_file
from hpsearch.services.progress import Progress
from hpsearch.services.workspace import Workspace


@contextmanager
def dashboard_beside(workspace: Workspace, progress: Progress) -> Iterator[None]:
    """Show the studies while the block runs; says where. A search goes on where it cannot.

    Args:
        workspace: home and storage.
        progress: is told the address.

    Raises:
        UnreachableError: its log cannot be written.
    """
    home = workspace.home
    command = python("-m", "hpsearch", "dashboard", "--home", str(home.root))
    command += ["--force"] if workspace.force else []
    try:
        home.dashboard_log.parent.mkdir(parents=True, exist_ok=True)
        log = new_file(home.dashboard_log)
    except OSError as error:
        raise UnreachableError(f"{home.dashboard_log}: {error.strerror}") from None
    # The storage not on the command line, where every user could read a password. It ends when
    # this process is gone.
    own = {STORAGE_VARIABLE: workspace.url, SUPERVISOR_VARIABLE: str(os.getpid())}
    with (
        log,
        subprocess.Popen(  # noqa: S603  # our own command
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env=for_child(own),
            start_new_session=True,  # Ctrl-C is for the search; the dashboard ends with it
        ) as process,
    ):
        # It takes some seconds to start, and longer where the database is locked.
        threading.Thread(target=_say_where, args=(process, log, progress), daemon=True).start()
        try:
            yield
        finally:
            process.terminate()


def _say_where(process: "subprocess.Popen[bytes]", log: BinaryIO, progress: Progress) -> None:
    """Say what the process prints, or why it prints nothing."""
    assert process.stdout is not None  # noqa: S101  # as asked for
    if address := process.stdout.readline().decode().strip():
        progress.say(f"dashboard {address}")
    elif process.wait() > 0:  # and not because the search is over
        log.seek(0)
        said = log.read().decode("utf-8", "replace").strip().splitlines()
        why = said[-1] if said else "see its log"
        progress.say(f"warning: the dashboard did not start: {why}")
