"""Data sets that Keras downloads, in a process of its own: Keras takes seconds and much memory."""

import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hpsearch.data.arrays import Progress
from hpsearch.environment import for_child, python
from hpsearch.errors import (
    EXIT_INPUT,
    EXIT_OK,
    EXIT_UNREACHABLE,
    HpsearchError,
    InputError,
    ProgramError,
    UnreachableError,
)
from hpsearch.files import temporary_folder

if TYPE_CHECKING:
    from hpsearch.data.official.official import OfficialSet

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
_EVERY = 0.2
"""Seconds between two looks at what has arrived."""
_PATIENCE = 5.0
"""Seconds in which Keras may clean up when it is stopped."""


def download(official: "type[OfficialSet]", progress: Progress) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a set as ``keras.datasets`` gives them, by name: "x_train" ... "y_test".

    Keras keeps what it downloads in its own cache (``KERAS_HOME``, else ``~/.keras``). Whatever
    ends this function ends the process too, and leaves nothing else behind.

    Args:
        official: the set.
        progress: told of what has arrived, in MB.

    Raises:
        UnreachableError: no network, or no space.
        InputError: what is in Keras' cache is damaged.
        ProgramError: Keras cannot be started.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="hpsearch-") as name:
            folder = Path(name)
            with (folder / "log").open("w+b") as log:
                code = _run(official, folder, log, progress)
                if code != EXIT_OK:
                    raise _failed(official, code, _last_line(log))
            return {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in ARRAYS}
    except OSError as error:
        raise UnreachableError(
            f"the download of {official.title} cannot be kept in {temporary_folder()}:"
            f" {error.strerror or error}; free space, or set TMPDIR to another folder"
        ) from None


def _run(official: "type[OfficialSet]", folder: Path, log: IO[bytes], progress: Progress) -> int:
    """Run the process that downloads, show what has arrived, and give its exit code."""
    progress(f"starting Keras, which downloads {official.title}", 0, 0)
    started = time.time()
    command = python("-m", "hpsearch.training.download", official.name, str(folder))
    # In a session of its own, so that Ctrl-C reaches this process only, which ends that one.
    with subprocess.Popen(  # noqa: S603 - our own command
        command,
        env=for_child({"KERAS_HOME": str(_keras_home(official, folder))}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=log,
        start_new_session=True,
    ) as child:
        try:
            while child.poll() is None:
                _show(official, started, progress)
                time.sleep(_EVERY)
        finally:
            _end(child)
        return child.returncode


def _keras_home(official: "type[OfficialSet]", folder: Path) -> Path:
    """A home for Keras without the user's settings, but with what is downloaded already.

    Raises:
        UnreachableError: there is no place to download to.
    """
    home, kept = folder / "keras", _datasets()
    try:
        kept.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnreachableError(
            f"{kept}: cannot be created: {error.strerror}; set KERAS_HOME to another folder, or"
            f" give a copy: --set dataset.path=PATH, where PATH is {official.path_may_be}"
        ) from None
    home.mkdir()
    (home / "datasets").symlink_to(kept)
    return home


def _end(child: "subprocess.Popen[bytes]") -> None:
    """End the process, if it still runs: first so that Keras removes what is half downloaded."""
    child.terminate()
    try:
        child.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        pass
    finally:
        child.kill()


def _show(official: "type[OfficialSet]", started: float, progress: Progress) -> None:
    """Tell how much has arrived in Keras' cache since ``started``, if anything has."""
    arrived = 0
    place = _cached(official)
    try:
        for file in (place, *(place.iterdir() if place.is_dir() else ())):
            status = file.stat()
            if file.is_file() and status.st_mtime >= started - 1:
                arrived += status.st_size
    except OSError:  # moved away meanwhile, or not there yet
        return
    if arrived:
        total = official.download_bytes
        progress(f"downloading {official.title} (MB)", min(arrived, total) // 10**6, total // 10**6)


def _cached(official: "type[OfficialSet]") -> Path:
    """Where Keras keeps the set."""
    return _datasets() / official.cached


def _datasets() -> Path:
    """Where Keras keeps all sets; it takes /tmp where its own folder cannot be written."""
    other = Path("/tmp/.keras")  # noqa: S108 - Keras' choice
    try:
        user = Path("~").expanduser()
        default = user / ".keras" if os.access(user, os.W_OK) else other
        home = Path(os.environ.get("KERAS_HOME") or default).expanduser()
    except RuntimeError:  # nobody knows this user's home
        home = other
    if home.exists() and not os.access(home, os.W_OK):
        home = other
    return home.absolute() / "datasets"


def _last_line(log: IO[bytes]) -> str:
    """The last line that the process wrote: its own message, or the end of a traceback."""
    log.seek(0)
    lines = log.read().decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it gave no reason")


def _failed(official: "type[OfficialSet]", code: int, reason: str) -> HpsearchError:
    """The error that an exit code of the process stands for."""
    copy = f"--set dataset.path=PATH, where PATH is {official.path_may_be}"
    if code == EXIT_UNREACHABLE:
        return UnreachableError(
            f"Keras could not download {official.title}: {reason}; check the network, and"
            f" the space and permissions of {_cached(official)}, or give a copy: {copy}"
        )
    if code == EXIT_INPUT:
        return InputError(
            f"Keras' copy of {official.title} is damaged: {reason}; remove {_cached(official)},"
            f" or give another copy: {copy}"
        )
    if code < 0:
        return UnreachableError(
            f"the download of {official.title} was killed by signal {-code}; free memory and run"
            f" the command again, or give a copy: {copy}"
        )
    return ProgramError(
        f"Keras could not be started: {reason}; try python -c 'import keras', or give a copy of"
        f" {official.title}: {copy}"
    )
