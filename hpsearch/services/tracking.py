"""MLflow beside a search: a process of its own tells it of every trial."""

import importlib.util
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from hpsearch.environment import STORAGE_VARIABLE, for_child, python
from hpsearch.errors import InputError, UnreachableError
from hpsearch.files import new_file
from hpsearch.search.database.urls import sqlite_file
from hpsearch.search.study import OpenStudy
from hpsearch.services.workspace import Workspace
from hpsearch.study_file import StudyFile
from hpsearch.text import show
from hpsearch.workers import tracking

TELLER: tuple[str, ...] = ("-m", "hpsearch.workers.tracking")
"""What Python is told to start the process."""

PATIENCE = 30.0
"""Seconds that the end of a search waits for what MLflow has not been told yet."""

SHORT = 3.0
"""The same where MLflow did not take something before, which was said."""


def check_mlflow(file: StudyFile, storage: str) -> None:
    """Refuse a study that names MLflow where that is not installed, or has no file of its own.

    Args:
        file: the study file.
        storage: the URL of the studies' storage.

    Raises:
        InputError: with the cure.
    """
    uri, own = file.training.mlflow, sqlite_file(storage)
    if uri is None:
        return
    if own is not None and Path(uri.removeprefix("sqlite:///")).resolve() == own.resolve():
        raise InputError(
            f"training.mlflow = {show(uri)}: is the database of the studies, whose tables MLflow"
            " would change; name another file"
        )
    if importlib.util.find_spec("mlflow") is None:
        raise InputError(
            "training.mlflow: MLflow is not installed; install it: pip install 'hpsearch[mlflow]',"
            " or leave the key out"
        )


def check_named(study: str, workspace: Workspace) -> None:
    """Refuse to put something into the MLflow of a study that names none.

    Raises:
        InputError: it does not, or MLflow is not installed; or there is no such study.
    """
    with workspace.study(study) as found:
        if found.file.training.mlflow is None:
            raise InputError(
                f"study {study}: names no MLflow; give it one: hpsearch run FILE --set"
                " training.mlflow=http://HOST:PORT"
            )
        check_mlflow(found.file, workspace.url)


def put_into_mlflow(study: str, workspace: Workspace, files: Sequence[Path]) -> str:
    """Put what was exported into the run that a study has in MLflow; gives its address.

    Args:
        study: the study's name.
        workspace: home and storage.
        files: the file or folder that was written, and then what goes with it, in or below the
            same folder.

    Raises:
        UnreachableError: MLflow does not take it.
    """
    tracking.settle()
    with workspace.study(study) as found:
        teller = tracking.Teller(found, workspace.home)
        teller.put(files)
        if teller.problem:
            raise UnreachableError(f"{files[0]}: is written, but not in MLflow: {teller.problem}")
        return str(found.file.training.mlflow)


@contextmanager
def told_to_mlflow(
    study: OpenStudy, workspace: Workspace, say: Callable[[str], None]
) -> Iterator[None]:
    """Tell MLflow of a study while the block runs, if its file names one.

    The search goes on where MLflow cannot be told; what it has missed the next run tells it.

    Args:
        study: the study.
        workspace: home and storage.
        say: is told what went wrong.
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
        say(f"warning: MLflow is not told: {log}: {error.strerror}")
        yield
        return
    said: list[str] = []
    says = threading.Thread(target=_pass_on, args=(process, say, said), daemon=True)
    says.start()
    try:
        yield
    finally:
        assert process.stdin is not None  # noqa: S101  # as asked for
        process.stdin.close()  # it may only just have started, and a signal would end it
        _finish(process, log, say, said)
        says.join()


def _started(study: OpenStudy, workspace: Workspace, log: BinaryIO) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603  # our own command
        python(*TELLER, study.name, str(workspace.home.root)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env=for_child({STORAGE_VARIABLE: workspace.url}),
        start_new_session=True,  # Ctrl-C is for the search
    )


def _pass_on(
    process: "subprocess.Popen[bytes]", say: Callable[[str], None], said: list[str]
) -> None:
    """Say what the process says, and note it."""
    assert process.stdout is not None  # noqa: S101  # as asked for
    with process.stdout:
        for line in process.stdout:
            said.append(line.decode("utf-8", "replace").strip())
            say(said[-1])


def _finish(
    process: "subprocess.Popen[bytes]", log: Path, say: Callable[[str], None], said: Sequence[str]
) -> None:
    """Wait until the process has told the rest, for a while.

    Args:
        process: its standard input has ended.
        log: what it wrote.
        say: is told what is missing.
        said: the lines that it has said.
    """
    is_away = bool(said) and said[-1].startswith("warning")
    try:
        code = process.wait(SHORT if is_away else PATIENCE)
    except BaseException as error:
        process.kill()
        process.wait()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
        if not is_away:
            say(
                "warning: MLflow was not told everything in time; the same command tells it the"
                " rest."
            )
        return
    if code:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        why = lines[-1] if lines else f"its process ended with exit code {code}"
        say(f"warning: MLflow was not told everything: {why} ({log})")
