"""What others do to a storage while a worker is suspended, and all that it writes afterwards.

Tests try it with a storage that was opened before; ``scripts/faults/writes.py`` with real workers.
"""

import shutil
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from databases import clear
from optuna.trial import Trial, TrialState

from hpsearch.errors import Failure
from hpsearch.search import claims
from hpsearch.search.database.urls import sqlite_file
from hpsearch.search.lookup import load_study
from hpsearch.search.making import open_or_create
from hpsearch.search.removing import delete
from hpsearch.search.storage import Storage
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.study import OpenStudy
from hpsearch.study_file import StudyFile
from hpsearch.workers.identity import identity

DATASET = {"fingerprint": "f" * 64, "input_shape": [8], "class_names": ["0", "1", "2"]}

WRITES: dict[str, Callable[[OpenStudy, Trial], Any]] = {
    "report": lambda _, trial: trial.report(0.9, 1),
    "parameter": lambda _, trial: trial.suggest_float("x", 0.0, 1.0),
    "user attribute": lambda _, trial: trial.set_user_attr("who", "late"),
    "system attribute": lambda study, trial: study.storage.set_trial_system_attr(
        trial._trial_id, "who", "late"
    ),
    "attributes": lambda study, trial: study.storage.annotate(trial._trial_id, {"who": "late"}),
    "value": lambda study, trial: study.storage.set_trial_state_values(
        trial._trial_id, TrialState.COMPLETE, [0.9]
    ),
    "tell": lambda study, trial: study.optuna.tell(trial, 0.9, skip_if_finished=True),
    "pruned": lambda study, trial: study.optuna.tell(
        trial, state=TrialState.PRUNED, skip_if_finished=True
    ),
    "beat": lambda study, trial: study.storage.beat(trial._trial_id),
    "failure": lambda study, trial: claims.fail(study, trial.number, Failure.DIVERGED, "NaN"),
    "interruption": lambda study, trial: claims.interrupt(study, trial.number),
    "redrawing": lambda study, trial: claims.redraw(study, trial.number, "too large"),
    "failure by key": lambda study, trial: study.storage.fail(
        trial._trial_id, Failure.DIVERGED, "NaN"
    ),
}
"""All that a worker writes about a trial that it runs."""

SEEMING = ("tell", "pruned")
"""Those that give a trial back where nothing was written."""


@dataclass
class Meanwhile:
    """What others do to the storage while a worker is suspended."""

    url: str
    file: StudyFile
    storage: Storage
    dataset: Mapping[str, Any] = field(default_factory=lambda: DATASET)
    """The facts of the study's data."""

    def make(self) -> OpenStudy:
        study, _ = open_or_create(self.storage, self.file, self.dataset)
        return study

    def claim(self, study: OpenStudy) -> None:
        """Another worker starts a trial."""
        self.storage.owner = identity()
        trial = claims.claim(study)
        assert trial is not None
        trial.report(0.1, 1)
        self.storage.owner = Storage.owner

    def take(self) -> None:
        """Take the trials away, whoever lives, and go on with the first of them."""
        study = load_study(self.storage, self.file.name)
        assert claims.reap(study, self.storage.heartbeats(study.study_id), lambda _: True)
        self.claim(study)

    def remove(self) -> None:
        delete([load_study(self.storage, self.file.name)], None)

    def replace(self) -> None:
        """Remove the study, and make another one of that name with the same keys."""
        clear(self.url)
        self.claim(self.make())

    def move(self) -> None:
        """Put another database file in the place of this one, with another study of that name."""
        self.another().replace(self.path)

    def copy(self) -> None:
        """Write such a database file over this one."""
        shutil.copyfile(self.another(), self.path)

    @property
    def path(self) -> Path:
        """The database file."""
        file = sqlite_file(self.url)
        assert file is not None
        return file

    def another(self) -> Path:
        """A database file with another study of that name, in which another worker runs a trial."""
        self.storage.close()
        file = self.path.with_name("another.db")
        with closing(open_storage(f"sqlite:///{file}")) as storage:
            other = replace(self, storage=storage)
            other.claim(other.make())
        return file


def there(meanwhile: Meanwhile) -> list[Any]:
    """All that others have in the storage."""
    found: list[Any] = []
    for name in meanwhile.storage.study_names():
        study = load_study(meanwhile.storage, name)
        found += study.trials()
        found += [(p.number, p.beat, p.owner) for p in meanwhile.storage.heartbeats(study.study_id)]
    return found
