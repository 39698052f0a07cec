"""``python -m hpsearch.workers.reference STUDY HOME [SECONDS]``: what models of scikit-learn reach.

``hpsearch.services.beside`` starts it beside a search, so that the search neither waits for it nor
fails with it. It lets the first trial end before, or waits for so many seconds. The storage, and
where the data are, stand in its environment. Exit codes: 0, or another one with the reason as the
last line of standard error.
"""

import os
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

from filelock import FileLock

from hpsearch.environment import DATA_PATH_VARIABLE, STORAGE_VARIABLE, SUPERVISOR_VARIABLE
from hpsearch.errors import EXIT_OK, EXIT_PROGRAM, HpsearchError
from hpsearch.home import Home
from hpsearch.search.database.messages import readable_errors
from hpsearch.search.lookup import load_study
from hpsearch.search.reference import keep_reference, reference
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.study import OpenStudy
from hpsearch.workers.worker import open_study_data

LONGEST = 600.0
"""Seconds that it may take in all."""

NICENESS = 10
"""By how much it stands behind the workers where cores are few."""


def main(name: str, home: Path, patience: float = 0.0) -> int:
    """Measure, and keep it in the study; gives the exit code.

    Args:
        name: the study's.
        home: where data sets are kept on this machine.
        patience: seconds that it waits at most for the first trial to end, which it would slow.
    """
    os.nice(NICENESS)
    threading.Thread(target=_end_in_time, daemon=True).start()
    url = os.environ[STORAGE_VARIABLE]
    try:
        # Whether SQLite may lie on a network file system was asked by who started it.
        with readable_errors(url), closing(open_storage(url, create=False, force=True)) as storage:
            measure_once(load_study(storage, name), Home(home), patience)
    except HpsearchError as error:
        sys.stderr.write(f"{' '.join(str(error).split())}\n")
        return error.exit_code
    return EXIT_OK


def measure_once(study: OpenStudy, home: Home, patience: float = 0.0) -> None:
    """Measure what the models reach on a study's examples, unless that is known.

    Runs of one home take turns, so that it is done once; of several homes the first one counts.

    Args:
        study: the study.
        home: where data sets are kept on this machine.
        patience: as of :func:`main`.

    Raises:
        InputError: the examples are too many, or others than the study's.
        UnreachableError: data or storage that cannot be reached.
        ValueError: examples that scikit-learn cannot take.
    """
    # They take a second, in which the study may have been measured already.
    from hpsearch.data.drawing import split  # noqa: PLC0415
    from hpsearch.reference.parts import check_size, on_validation  # noqa: PLC0415

    study.stay()
    _let_first_end(study, patience)
    home.locks.mkdir(parents=True, exist_ok=True)
    with FileLock(home.locks / "reference.lock"):
        if reference(study) is not None:
            return
        section = study.file.dataset
        if path := os.environ.get(DATA_PATH_VARIABLE):
            section = section.model_copy(update={"path": path})
        dataset = open_study_data(study, section, home)
        parts = split(dataset, section)
        check_size(parts)
        keep_reference(study, on_validation(study.file.task, parts, dataset.columns))


def _let_first_end(study: OpenStudy, patience: float) -> None:
    """Wait until a trial has ended, or for so many seconds."""
    until = time.monotonic() + patience
    while time.monotonic() < until and not study.counts().counted:
        time.sleep(0.5)


def _end_in_time() -> None:
    """End this process when the one that started it is gone, or after :data:`LONGEST`."""
    parent, until = os.environ.get(SUPERVISOR_VARIABLE), time.monotonic() + LONGEST
    while str(os.getppid()) == parent:
        if time.monotonic() > until:
            sys.stderr.write(f"they take more than {LONGEST / 60:.0f} minutes\n")
            break
        time.sleep(1)
    os._exit(EXIT_PROGRAM)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), *map(float, sys.argv[3:])))
