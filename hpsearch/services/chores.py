"""``python -m hpsearch.services.chores HOME``: what is done beside the searches of a service.

Figures of a study for optuna-dashboard, and models of scikit-learn for comparison, which ``hpsearch
run`` makes beside its own search. One process does it for one study after the other, as standard
input says (:class:`Chore`), and answers each by a line (:class:`Done`); it ends with its input. The
storage stands in its environment.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from hpsearch.dashboard.publish import publish
from hpsearch.environment import STORAGE_VARIABLE
from hpsearch.home import Home
from hpsearch.search.database.messages import readable_errors
from hpsearch.search.lookup import load_study
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.study import OpenStudy
from hpsearch.workers.reference import NICENESS, measure_once

CHORES: tuple[str, ...] = ("-m", "hpsearch.services.chores")
"""What Python is told to start the process."""


@dataclass(frozen=True, kw_only=True)
class Chore:
    """What is to be done."""

    study: str
    what: str
    """One of :data:`KINDS`."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """That it is done."""

    seconds: float
    error: str = ""
    """What went wrong; empty: nothing."""


def _figures(study: OpenStudy, home: Home) -> None:
    publish(study, home, None)


KINDS: Mapping[str, Callable[[OpenStudy, Home], None]] = {
    "models": measure_once,
    "figures": _figures,
}
"""What can be done, and by what."""


def do(chore: Chore, url: str, home: Home) -> Done:
    """Do something for a study; what goes wrong costs figures, never a search.

    Args:
        chore: what.
        url: the storage's.
        home: where data sets are kept.
    """
    began, error = time.monotonic(), ""
    try:
        # Whether SQLite may lie on a network file system was asked by who serves it.
        with readable_errors(url), closing(open_storage(url, create=False, force=True)) as storage:
            study = load_study(storage, chore.study)
            study.stay()
            KINDS[chore.what](study, home)
    except Exception as wrong:  # noqa: BLE001  # whatever it is, it is told
        error = " ".join(f"{type(wrong).__name__}: {wrong}".split())
    return Done(seconds=time.monotonic() - began, error=error)


def main(home: Path, told: TextIO, answers: TextIO) -> None:
    """Do what is asked for until nobody asks any more.

    Args:
        home: where data sets are kept.
        told: what to do, a line each.
        answers: where it is said how that went.
    """
    for line in iter(told.readline, ""):
        done = do(Chore(**json.loads(line)), os.environ[STORAGE_VARIABLE], Home(home))
        answers.write(json.dumps(asdict(done)) + "\n")
        answers.flush()


if __name__ == "__main__":
    os.nice(NICENESS)
    own = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    main(Path(sys.argv[1]), sys.stdin, own)
