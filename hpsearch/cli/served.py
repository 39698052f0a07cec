"""A study of a service as a view sees it: its events, which a thread reads."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from hpsearch.cli.live import LiveView
from hpsearch.cli.output import say
from hpsearch.cli.watch import LOOK_EVERY, Look, Used
from hpsearch.client import ServedStudy
from hpsearch.client.studies import OPEN
from hpsearch.data.section import Folds
from hpsearch.search.shown import Shown
from hpsearch.search.storage import Counts
from hpsearch.search_sections import BudgetSection
from hpsearch.tasks import metric_of

COUNTS = tuple(one.name for one in fields(Counts))


def counts_of(row: Mapping[str, Any]) -> Counts:
    """The counts of a study's row."""
    return Counts(**{key: int(row[key]) for key in COUNTS})


def budget_of(row: Mapping[str, Any]) -> BudgetSection:
    """The budget of a study's row; keys that a newer service has are left out."""
    given = row["budget"]
    return BudgetSection.model_validate(
        {key: given[key] for key in BudgetSection.model_fields if key in given}
    )


class ServedSource:
    """Follows a study of a service.

    Attributes:
        study: the study.
    """

    def __init__(self, study: ServedStudy, tell: Callable[[str], None]) -> None:
        """Args: the study; what is told when the service cannot be reached, and is there again."""
        self.study = study
        details = study.details()
        file = details["study_file"]
        self._objective, self._epochs = file["objective"], int(file["training"]["epochs"])
        validation = file["dataset"].get("validation")
        self._folds = Folds(**validation).count if isinstance(validation, Mapping) else 1
        self._tell, self._used = tell, Used()
        self._read: float | None = None
        self._summary: dict[str, Any] = {}
        self._rows: dict[int, dict[str, Any]] = {}
        self._shown: dict[int, Shown] = {}
        self._lock, self._ready = threading.Lock(), threading.Event()
        self._error: Exception | None = None
        self._is_lost = False
        threading.Thread(target=self._follow, name="events", daemon=True).start()

    def is_ready(self, seconds: float) -> bool:
        """Whether it is known how the study stands; waits so long at most.

        Raises:
            HpsearchError: the service refuses to tell.
        """
        found = self._ready.wait(seconds)
        self._raise()
        return found

    @property
    def name(self) -> str:
        """The study's."""
        return self.study.name

    @property
    def state(self) -> str | None:
        """What was decided of it: "queued", "paused", "cancelled", "done" or "failed"."""
        return self._told("state")

    @property
    def why(self) -> str | None:
        """Why it failed, or is held."""
        return self._told("why")

    @property
    def idle(self) -> str:
        """What is said where nobody is busy with it."""
        if (state := self.state) is None:  # it was not submitted
            return "no worker is running the study now"
        if state in OPEN:
            return f"the study is {self.why}" if self.why else "the study waits for a worker"
        return f"the study is {state}"

    def trials(self) -> Sequence[Shown]:
        """All trials, by number."""
        self._raise()
        with self._lock:
            return [self._shown[number] for number in sorted(self._shown)]

    def counts(self) -> Counts:
        """How many trials are in which state."""
        self._raise()
        with self._lock:
            return counts_of(self._summary)

    def setting(self, number: int) -> str:
        """The configuration of a trial in one line, as far as it is drawn."""
        return str(self._rows[number]["setting"])

    def look(self) -> Look:
        """How the study stands now, as far as the service has told."""
        trials = self.trials()
        with self._lock:
            summary, read, self._read = self._summary, self._read, None
            rows = {number: self._rows[number] for number in self._shown}
        running = [one.number for one in trials if one.state == "running"]
        metric = self._objective["metric"]
        return Look(
            source=self,
            metric=metric,
            measure=metric_of(metric, self._objective.get("direction")),
            epochs=self._epochs,
            folds=self._folds,
            counts=counts_of(summary),
            budget=budget_of(summary),
            trials=trials,
            best=self._shown.get(summary["best_trial"]),
            silent={n: age for n in running if (age := rows[n]["silent"]) is not None},
            used=self._used.now(read, is_running=bool(running)),
        )

    def _told(self, key: str) -> str | None:
        self._raise()
        with self._lock:
            found = self._summary.get(key)
            return None if found is None else str(found)

    def _raise(self) -> None:
        """Raise what ended the events."""
        if self._error is not None:
            raise self._error

    def _follow(self) -> None:
        """Read events until the study or the process ends."""
        try:
            for event in self.study.events(self._lost):
                if self._is_lost:
                    self._is_lost = False
                    self._tell("The service is there again.")
                with self._lock:
                    self._take(event.kind, event.data)
        except Exception as error:  # noqa: BLE001  # raised where somebody looks next, if anybody
            self._error = error
        finally:
            self._ready.set()

    def _take(self, kind: str, data: Any) -> None:
        """Note what has changed."""
        if kind == "study":
            self._summary, self._read = data, data["used"]
        elif kind == "trouble":
            self._tell(data["detail"] or "The storage is there again.")
        else:
            self._rows |= {row["number"]: row for row in data}
            self._shown |= {row["number"]: Shown.read(row) for row in data}
        # Of a study with trials they come behind the first event.
        if self._summary and len(self._shown) >= sum(self._summary[key] for key in COUNTS):
            self._ready.set()

    def _lost(self, why: str) -> None:
        self._is_lost = True
        self._tell(f"{why[0].upper()}{why[1:]}; the view goes on when it can.")


def follow(study: ServedStudy) -> ServedSource:
    """Show a study of a service until it is over or paused; how it stands then.

    Raises:
        StudyGoneError: it was deleted.
        HpsearchError: the service refuses.
    """
    said: list[str] = []
    source = ServedSource(study, said.append)
    while not source.is_ready(LOOK_EVERY):
        while said:
            say(said.pop(0))
    view = LiveView(source, watching=True)
    with view.shown():
        while True:
            while said:
                view.say(said.pop(0))
            view.update()
            if source.state not in OPEN and not source.counts().running:
                return source
            time.sleep(LOOK_EVERY)
