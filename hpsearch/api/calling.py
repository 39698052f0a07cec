"""What calls of services from Python share: where, with what, and what the process keeps."""

import gc
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from hpsearch.errors import EXIT_SIGINT, StoppedError
from hpsearch.home import Home
from hpsearch.services.jobs import Means
from hpsearch.services.workspace import Workspace


def place_of(home: "str | os.PathLike[str] | None", storage: str | None) -> Workspace:
    """Home and storage, as the command line finds them."""
    return Workspace(home=Home.find(None if home is None else Path(home)), storage=storage)


def gpus_of(given: "str | int | Sequence[int]") -> str:
    """GPUs as the command line takes them: "0,1" of their indices."""
    return given if isinstance(given, str) else ",".join(map(str, np.atleast_1d(given)))


def means_of(workers: int | str | None, gpus: "str | int | Sequence[int]") -> Means:
    """What trainings are run with, as the command line takes it."""
    return Means(workers=None if workers is None else str(workers), gpus=gpus_of(gpus))


@contextmanager
def interrupted() -> Iterator[None]:
    """Raise KeyboardInterrupt in place of what services raise where Ctrl-C ended them."""
    try:
        yield
    except StoppedError as error:
        if error.exit_code != EXIT_SIGINT:
            raise
        raise KeyboardInterrupt from None


@contextmanager
def in_process() -> Iterator[None]:
    """Leave a process as it was that does in the block what commands do in one of their own.

    They choose a device by the environment, which later calls would take for the user's choice, and
    keep what is there from being collected.
    """
    before, frozen = dict(os.environ), gc.get_freeze_count()
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(
            {name: one for name, one in before.items() if os.environ.get(name) != one}
        )
        if not frozen:
            gc.unfreeze()
