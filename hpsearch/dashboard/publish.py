"""A study's note and figures, written into the storage for every dashboard that opens it."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic

from optuna_dashboard import save_plotly_graph_object

from hpsearch.dashboard.note import write_note
from hpsearch.figures.points import points
from hpsearch.figures.trials import search_figures
from hpsearch.home import Home
from hpsearch.outputs.trainings import headlines_on_test, trainings
from hpsearch.reference.reference import boosted_trees
from hpsearch.search import trials as rows
from hpsearch.search.effects import effects
from hpsearch.search.reference import reference
from hpsearch.search.study import OpenStudy
from hpsearch.space import searched

EVERY = 30.0
"""Seconds between two renewals of the figures, at least."""

LOOK_EVERY = 5.0
"""Seconds between two looks for a trial that has ended, where a renewal is due."""

SHARE = 50
"""A renewal is followed by at least so many times its own length without one: 2 % of one core."""


def publish(study: OpenStudy, home: Home, command: Sequence[str] | None) -> None:
    """Write the note and all figures.

    Args:
        study: the study.
        home: where results on the test split are.
        command: what was typed to run the study; nothing secret. None: the note stays as it is.
    """
    if command is not None:
        write_note(study, command)
    objective, trials = study.file.objective, study.trials()
    known = points(
        [rows.row(study, trial) for trial in trials],
        [rows.epoch_values(trial, study.file.training.epochs) for trial in trials],
        headlines_on_test(trainings(study, home)),
    )
    space = searched(study.file.space)
    trees = boosted_trees(reference(study) or (), objective.measure)
    learnt = effects(study)
    figures = search_figures(known, objective.measure, space, study.file.task, trees, learnt=learnt)
    for name, figure in figures.items():
        save_plotly_graph_object(study.optuna, figure, graph_object_id=name)


class Publisher:
    """Publishes while a study runs: now and then, beside what else is going on, and at the end.

    What goes wrong costs figures, never the search.
    """

    def __init__(self, study: OpenStudy, home: Home, command: Sequence[str] | None) -> None:
        self._study, self._home, self._command = study, home, command
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="publish")
        self._job: Future[float] | None = None
        self._due = monotonic() + EVERY
        self._ended = -1
        """Trials that had ended at the last renewal."""
        self._wrong: str | None = None
        """What the last renewal failed of."""

    def tick(self) -> None:
        """Begin a renewal where one is due; returns at once."""
        if self._job is not None and self._job.done():
            self._collect()
        if self._job is not None or monotonic() < self._due:
            return
        ended = self._study.counts().ended
        if ended == self._ended:
            self._due = monotonic() + LOOK_EVERY
            return
        self._ended = ended
        self._job = self._thread.submit(self._publish)

    def close(self) -> str | None:
        """Publish how the study stands at the end; what went wrong, or None."""
        self._collect()
        self._job = self._thread.submit(self._publish)
        self._collect()
        self._thread.shutdown()
        return self._wrong

    def _publish(self) -> float:
        began = monotonic()
        publish(self._study, self._home, self._command)
        return monotonic() - began

    def _collect(self) -> None:
        """Wait for the renewal that was begun, if any, and see how it went."""
        if self._job is None:
            return
        job, self._job = self._job, None
        error = job.exception()
        self._wrong = (
            None if error is None else " ".join(f"{type(error).__name__}: {error}".split())
        )
        if error is None:
            self._due = monotonic() + max(EVERY, SHARE * job.result())
        else:
            self._ended, self._due = -1, monotonic() + EVERY
