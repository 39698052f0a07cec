"""``python -m hpsearch.workers.tracking STUDY HOME``: tells MLflow of a search while it goes on.

``hpsearch.services.tracking`` starts it beside a search, so that the search neither waits for
MLflow nor fails with it: it reads what workers write, and they know nothing of it. The storage
stands in its environment. What is to be known is a line of standard output. When standard input
ends, as the search is over or who started this is gone, it tells the rest and leaves.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from hpsearch.environment import STORAGE_VARIABLE
from hpsearch.errors import EXIT_OK, HpsearchError
from hpsearch.home import Home
from hpsearch.search.attributes import PROCESS_KEY, TELLER_KEY, WORKER_KEY
from hpsearch.search.database.messages import readable_errors
from hpsearch.search.lookup import load_study
from hpsearch.search.storage import LEASE
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.study import OpenStudy
from hpsearch.workers.identity import identity, owner_is_gone, signature

EVERY = 5.0
"""Seconds from one look at the trials to the next."""

LATER = 30.0
"""Seconds until MLflow is tried again where it did not take something."""

THEN = "the search goes on, and this or the next run tells it"
"""What becomes of what MLflow does not take."""

NICENESS = 10
"""By how much it stands behind the workers where cores are few."""

SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
}
"""MLflow's own: it speaks to nobody but its server, and gives up where that is silent."""


def settle() -> None:
    """Set what MLflow is told by its own variables, where a user has not."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)


class Turn:
    """Which of several processes tells MLflow of a study: the first one, until it is gone.

    Several runs may search the same study, here and on other machines. No clocks of two machines
    are compared: who is silent for the length of the lease, by one's own clock, is gone.
    """

    def __init__(self, study: OpenStudy) -> None:
        self._study, self._owner = study, identity()
        self._renewed = -LEASE
        self._seen: tuple[object, float] = (None, 0.0)

    def take(self) -> bool:
        """Whether it is this process; renewed a few times within the lease."""
        now = time.monotonic()
        if now - self._renewed < LEASE / 4:
            return True

        def change(known: Any) -> dict[str, Any] | None:
            if known and not known["over"] and not self._may_replace(known, now):
                return None
            return self._sign(beat=known["beat"] + 1 if known else 0)

        if self._study.storage.revise(self._study.study_id, TELLER_KEY, change) is None:
            return False
        self._renewed = now
        return True

    def leave(self) -> None:
        """Let another process have its turn at once."""

        def change(known: Any) -> dict[str, Any] | None:
            is_own = known and signature(known) == signature(self._owner)
            return {**known, "over": True} if is_own else None

        self._study.storage.revise(self._study.study_id, TELLER_KEY, change)

    def _may_replace(self, known: dict[str, Any], now: float) -> bool:
        if signature(known) == signature(self._owner) or owner_is_gone(known):
            return True
        if known["beat"] != self._seen[0]:
            self._seen = known["beat"], now
        return now - self._seen[1] > LEASE

    def _sign(self, beat: int) -> dict[str, Any]:
        owner = {key: self._owner[key] for key in (WORKER_KEY, PROCESS_KEY)}
        return {**owner, "beat": beat, "over": False}


class Teller:
    """Tells MLflow of a study, again and again.

    Attributes:
        problem: why MLflow was not told the last time; empty: it was.
    """

    def __init__(self, study: OpenStudy, home: Home) -> None:
        self._study, self._home = study, home
        self._runs: Any = None
        self.problem = ""

    def tell(self, *, last: bool = False, goes_on: Callable[[], bool] = lambda: True) -> None:
        """Tell what is new; ``last``: and that the search has ended.

        Args:
            last: whether it has.
            goes_on: asked before each trial, whether it is still this process that tells.
        """

        def all_of(runs: Any) -> None:
            runs.tell(goes_on)
            if last:
                runs.finish()

        self._ask(all_of)

    def put(self, files: Sequence[Path]) -> None:
        """Put an exported file or folder, and what goes with it, into the study's run."""

        def put(runs: Any) -> None:
            for one in files:
                runs.put(one, files[0].parent)

        self._ask(put)

    def _ask(self, action: Callable[[Any], None]) -> None:
        """Do something with MLflow's runs, unless it cannot be reached."""
        from mlflow.exceptions import MlflowException  # noqa: PLC0415  # takes two seconds

        try:
            if self._runs is None:
                self._runs = self._connected()
            action(self._runs)
            self.problem = ""
        except (MlflowException, SQLAlchemyError, OSError) as error:
            self._runs = None  # what it knows is read anew
            told = " ".join(str(error).split()).rpartition("(Caused by ")[2]
            self.problem = f"MLflow at {self._study.file.training.mlflow}: {told[:300]}"

    def _connected(self) -> Any:
        from mlflow.tracking import MlflowClient  # noqa: PLC0415  # see above

        from hpsearch.workers.mlflow_runs import Runs  # noqa: PLC0415  # see above

        uri = self._study.file.training.mlflow
        return Runs(MlflowClient(uri, registry_uri=uri), self._study, self._home)


def main(name: str, home: Path) -> int:
    """Tell MLflow until standard input ends; gives the exit code.

    Args:
        name: the study's.
        home: where its trials leave files on this machine.
    """
    over = threading.Event()
    threading.Thread(target=_await_end, args=(over,), daemon=True).start()
    os.nice(NICENESS)
    said = _apart()
    settle()
    url = os.environ[STORAGE_VARIABLE]
    try:
        # Whether SQLite may lie on a network file system was asked by who started it.
        with readable_errors(url), closing(open_storage(url, create=False, force=True)) as storage:
            study = load_study(storage, name)
            study.stay()
            follow(study, Home(home), over, said)
    except HpsearchError as error:
        sys.stderr.write(f"{' '.join(str(error).split())}\n")
        return error.exit_code
    return EXIT_OK


def _await_end(over: threading.Event) -> None:
    """Set the event when standard input ends."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    over.set()


def _apart() -> Callable[[str], None]:
    """What says a line to who started this; all else that is printed goes to the log.

    MLflow itself prints the address of each run.
    """
    own = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def say(line: str) -> None:
        own.write(f"{line}\n")
        own.flush()

    return say


def follow(study: OpenStudy, home: Home, over: threading.Event, say: Callable[[str], None]) -> None:
    """Tell MLflow of a study until the search has ended, and then the rest.

    Args:
        study: the study.
        home: where its trials leave files on this machine.
        over: set when the search has ended.
        say: is told what went wrong.
    """
    turn, teller, told = Turn(study), Teller(study, home), ""
    while True:
        is_last = over.is_set()
        if turn.take():
            teller.tell(last=is_last, goes_on=turn.take)
            if teller.problem and not told:
                say(f"warning: {teller.problem}; {THEN}")
            elif told and not teller.problem:
                say("MLflow can be reached again.")
            told = teller.problem
        if is_last:
            turn.leave()
            return
        over.wait(LATER if told else EVERY)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
