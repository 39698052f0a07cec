"""The dashboard and the models for comparison beside a search, each in a process of its own."""

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from hpsearch.environment import (
    DATA_PATH_VARIABLE,
    STORAGE_VARIABLE,
    SUPERVISOR_VARIABLE,
    for_child,
    python,
)
from hpsearch.errors import UnreachableError
from hpsearch.files import new_file
from hpsearch.search.reference import reference
from hpsearch.search.study import OpenStudy
from hpsearch.services.progress import Progress
from hpsearch.services.workspace import Workspace
from hpsearch.workers.slots import THREADS

FIRST = 30.0
"""Seconds that models for comparison wait at most for the first trial to end."""

MODELS: tuple[str, ...] = ("-m", "hpsearch.workers.reference")
"""What Python is told to train the models for comparison."""

PATIENCE = 5.0
"""Seconds that the end of a search waits for these models."""

ONE_THREAD = dict.fromkeys(THREADS, "1")
"""The environment of models that stand behind the workers."""


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


class Models:
    """The models of scikit-learn for comparison, which a process trains beside a search."""

    def __init__(
        self, process: "subprocess.Popen[bytes] | None", log: Path, progress: Progress
    ) -> None:
        """Be the handle of such a process.

        Args:
            process: trains them; None: nobody does.
            log: what it writes to.
            progress: is told what went wrong.
        """
        self._process, self._log, self._progress = process, log, progress

    def finish(self, patience: float | None = None) -> None:
        """Wait for the models, and say why where there are none.

        Args:
            patience: seconds to wait; None: as long as they take, which they limit themselves.
        """
        if self._process is None:
            return
        if patience is None:
            self._progress.say("Training models of scikit-learn for comparison.")
        try:
            code = self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._progress.say(
                "The models of scikit-learn for comparison were not done in time; the same command"
                " goes on with them."
            )
            return
        if code:
            self._progress.say(f"warning: no models for comparison: {self._reason(code)}")

    def _reason(self, code: int) -> str:
        said = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        why = said[-1] if said else f"their process ended with exit code {code}"
        return f"{why} ({self._log})"


@contextmanager
def models_beside(
    study: OpenStudy, workspace: Workspace, path: str | None, progress: Progress, *, wanted: bool
) -> Iterator[Models]:
    """Train models of scikit-learn for comparison while the block runs, unless the study has them.

    They take one thread, and stand behind the workers. The search goes on where they fail.

    Args:
        study: the study.
        workspace: home and storage.
        path: where this machine has the data, for sources that have a path.
        progress: is told what went wrong.
        wanted: whether to train them at all.
    """
    log = workspace.home.reference_log(study.name)
    process = None
    if wanted and reference(study) is None:
        try:
            process = _started(study, workspace, path, log)
        except OSError as error:
            progress.say(f"warning: no models for comparison: {log}: {error.strerror}")
    try:
        yield Models(process, log, progress)
    finally:
        if process is not None:
            process.kill()  # it writes once, in one transaction
            process.wait()


def _started(
    study: OpenStudy, workspace: Workspace, path: str | None, log: Path
) -> "subprocess.Popen[bytes]":
    """The process that trains models; the arguments are those of :func:`models_beside`.

    Raises:
        OSError: its log cannot be written, or it cannot be started.
    """
    own = {STORAGE_VARIABLE: workspace.url, SUPERVISOR_VARIABLE: str(os.getpid()), **ONE_THREAD}
    own |= {DATA_PATH_VARIABLE: path} if path else {}
    log.parent.mkdir(parents=True, exist_ok=True)
    with new_file(log) as file:
        return subprocess.Popen(  # noqa: S603  # our own command
            python(*MODELS, study.name, str(workspace.home.root), str(FIRST)),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env=for_child(own),
            start_new_session=True,  # Ctrl-C is for the search
        )
