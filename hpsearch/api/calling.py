"""What calls of services from Python share: home and storage, workers and GPUs, and Ctrl-C."""

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
