"""MLflow beside a search: a process of its own tells it of every trial."""

import importlib.util
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from hpsearch.environment import STORAGE_VARIABLE, SUPERVISOR_VARIABLE, for_child, python
from hpsearch.errors import InputError
from hpsearch.files import new_file
from hpsearch.search.study import OpenStudy
from hpsearch.services.progress import Progress
from hpsearch.services.workspace import Workspace
from hpsearch.study_file import StudyFile

TELLER: tuple[str, ...] = ("-m", "hpsearch.workers.tracking")
"""What Python is told to start the process."""

PATIENCE = 20.0
"""Seconds that the end of a search waits for what MLflow has not been told yet."""


def check_mlflow(file: StudyFile) -> None:
    """Refuse a study that names MLflow where that is not installed.

    Raises:
        InputError: with the command that installs it.
    """
    if file.training.mlflow is not None and importlib.util.find_spec("mlflow") is None:
        raise InputError(
            "training.mlflow: MLflow is not installed; install it: pip install 'hpsearch[mlflow]',"
            " or leave the key out"
        )


@contextmanager
def told_to_mlflow(study: OpenStudy, workspace: Workspace, progress: Progress) -> Iterator[None]:
    """Tell MLflow of a study while the block runs, if its file names one.

    The search goes on where MLflow cannot be told; what it has missed the next run tells it.

    Args:
        study: the study.
        workspace: home and storage.
        progress: is told what went wrong.
    """
    if study.file.training.mlflow is None:
        yield
        return
    log = workspace.home.mlflow_log(study.name)
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with new_file(log) as file:
            process = _started(study, workspace, file)
    except OSError as error:
        progress.say(f"warning: MLflow is not told: {log}: {error.strerror}")
        yield
        return
    says = threading.Thread(target=_pass_on, args=(process, progress), daemon=True)
    says.start()
    try:
        yield
    finally:
        process.terminate()
        _finish(process, log, progress)
        says.join()


def _started(study: OpenStudy, workspace: Workspace, log: BinaryIO) -> "subprocess.Popen[bytes]":
    own = {STORAGE_VARIABLE: workspace.url, SUPERVISOR_VARIABLE: str(os.getpid())}
    return subprocess.Popen(  # noqa: S603  # our own command
        python(*TELLER, study.name, str(workspace.home.root)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        env=for_child(own),
        start_new_session=True,  # Ctrl-C is for the search
    )


def _pass_on(process: "subprocess.Popen[bytes]", progress: Progress) -> None:
    """Say what the process says."""
    assert process.stdout is not None  # noqa: S101  # as asked for
    with process.stdout:
        for line in process.stdout:
            progress.say(line.decode("utf-8", "replace").strip())


def _finish(process: "subprocess.Popen[bytes]", log: Path, progress: Progress) -> None:
    """Wait until the process has told the rest, for a while."""
    try:
        code = process.wait(PATIENCE)
    except BaseException as error:
        process.kill()
        process.wait()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
        progress.say(
            "warning: MLflow was not told everything in time; the same command tells it the rest."
        )
        return
    if code:
        said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        why = said[-1] if said else f"its process ended with exit code {code}"
        progress.say(f"warning: MLflow was not told everything: {why} ({log})")
