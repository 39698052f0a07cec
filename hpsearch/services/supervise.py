"""The workers of ``run``, ``confirm``, ``refit`` or ``evaluate --refit``, until they are done."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress

from hpsearch.dashboard.publish import Publisher
from hpsearch.environment import KNOWN_VARIABLE, STORAGE_VARIABLE, python
from hpsearch.errors import InputError, StoppedError, UnknownStudyError, UnreachableError
from hpsearch.home import Home
from hpsearch.search import budget, precision
from hpsearch.search import trials as rows
from hpsearch.search.attributes import WORKER_KEY
from hpsearch.search.database.messages import STORAGE_ERRORS
from hpsearch.search.database.urls import hide_password
from hpsearch.search.lookup import load_study
from hpsearch.search.storage import LEASE, Storage
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.storage.retrying import ServerStorage
from hpsearch.search.study import OpenStudy
from hpsearch.services.plans import WorkerPlan
from hpsearch.services.progress import Progress, SearchProgress, View
from hpsearch.services.tracking import told_to_mlflow
from hpsearch.services.workspace import Workspace
from hpsearch.share import Share
from hpsearch.signals import are_heard
from hpsearch.text import duration, plural
from hpsearch.workers.identity import is_signed
from hpsearch.workers.lease import AWAY_FOR
from hpsearch.workers.presence import Presence
from hpsearch.workers.slots import Slot
from hpsearch.workers.supervisor import PATIENCE, Supervisor

WORKER: tuple[str, ...] = ("-m", "hpsearch", "worker")
"""What Python is told to start a worker; the fault run puts one without TensorFlow here."""


def supervise(
    study: OpenStudy,
    plan: WorkerPlan,
    workspace: Workspace,
    path: str | None,
    progress: SearchProgress,
    *,
    typed: Sequence[str] | None,
) -> int:
    """Run the workers and show the search; returns an exit code.

    Args:
        study: what is run; the caller is present at it (``hpsearch.workers.presence``).
        plan: the workers.
        workspace: home and storage.
        path: where this machine has the data, for sources that have a path.
        progress: shows the search.
        typed: the command, for the note in the dashboard; None: nothing is published.

    Returns:
        0; 130 or 143 where a signal or ``hpsearch stop`` ended it.

    Raises:
        HpsearchError: what a worker died of.
    """
    place, url = workspace.home, workspace.url
    command = python(*WORKER, study.name)
    command += ["--home", str(place.root)]
    command += ["--set", f"dataset.path={path}"] if path else []
    command += ["--force"] if workspace.force else []
    progress.say(f"{plan.summary}; logs in {place.study_logs(study.name)}")
    how = "Ctrl-C" if are_heard() else f"hpsearch stop {study.name}"
    progress.say(f"TensorFlow takes a few seconds to start. {how} stops; the same command resumes.")
    _warn_of_share(study, place, progress)
    with workspace.opened(patience=PATIENCE) as quick:
        followed = load_study(quick, study.name)
        publisher = None if typed is None else Publisher(followed, place, typed)
        presence = Presence(followed)
        with progress.follow(followed) as view:
            tell = Remarks(followed, view)

            def on_tick() -> None:
                view.tick()
                tell.precision()
                look_after(quick, presence)
                if publisher is not None:
                    publisher.tick()

            supervisor = Supervisor(
                study=followed,
                slots=plan.slots,
                make_child=plan.make_child,
                command=command,
                # Not on the command line, where every user of the machine could read a password.
                environment={STORAGE_VARIABLE: url, KNOWN_VARIABLE: "1"},
                home=place,
                on_tick=on_tick,
                on_stop=tell.stopping,
                on_wait=tell.waiting,
                on_fewer=tell.fewer,
                on_unplaced=tell.unplaced,
                on_idle=tell.idle,
                on_away=tell.away,
                may_thin_out=plan.may_thin_out,
            )
            with told_to_mlflow(followed, workspace, view.say):
                code = supervisor.run()
        if not code:
            _check_kept(followed)
        if publisher is not None:
            warn_of_figures(publisher.close(), progress)
        return code


class Remarks:
    """What a view is told of the workers, in words.

    Attributes:
        study: what they run.
        view: is told.
    """

    def __init__(self, study: OpenStudy, view: View) -> None:
        self.study = study
        self.view = view
        self._told: set[str] = set()
        self._look_at = 0.0

    def precision(self) -> None:
        """What the study's devices have measured since the last time, at most once in a second."""
        if self.study.file.training.precision != "auto" or time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + (10.0 if self._told else 1.0)
        for line in precision.lines(self.study):
            if line not in self._told:
                self._told.add(line)
                self.view.say(line)

    def stopping(self, by_signal: bool) -> None:
        """The first signal, or ``hpsearch stop``, was heard; and what comes next."""
        more = " Press Ctrl-C again to end them at once." if by_signal else ""
        asked = "" if by_signal else " (hpsearch stop)"
        self.view.say(f"Stopping{asked}: the workers save their trials and exit.{more}")

    def waiting(self) -> None:
        """Whose trials hold the last places of the budget, when no worker is left here."""
        running = [trial for trial in self.study.trials() if rows.is_running(trial)]
        listed = ", ".join(f"{t.number} ({t.user_attrs.get(WORKER_KEY, '?')})" for t in running)
        self.view.say(
            f"Waiting for trials of workers that this run did not start: {listed}. If a worker's"
            f" heartbeat is missing for {duration(LEASE)}, its trial resumes here."
        )
        if foreign := [t.number for t in running if not is_signed(t.user_attrs)]:
            self.view.say(
                f"Trials {foreign} are run by a program other than hpsearch and keep their places"
                " until it ends them. If it is gone, end each yourself: optuna tell --storage URL"
                f" --study-name {self.study.name} --trial-number {foreign[0]} --state fail"
            )

    def fewer(self, slot: Slot, workers: int) -> None:
        """A GPU has fewer workers from now on."""
        self.view.say(
            f"{slot.device} ran out of memory; {plural(workers, 'worker')} from now on, each with"
            " more of it."
        )

    def unplaced(self, workers: int) -> None:
        """Ray has no place for any worker."""
        self.view.say(
            f"Ray cannot place any of {plural(workers, 'worker')} yet (ray status shows its"
            " resources). Fewer workers, or more workers per GPU, may fit; Ctrl-C stops."
        )

    def idle(self, slots: Sequence[Slot]) -> None:
        """No trial is left for some slots, while others still train."""
        gpus = dict.fromkeys(slot.device for slot in slots if slot.gpu is not None)
        cores = sum(slot.threads for slot in slots if slot.gpu is None)
        what = [*gpus, *([plural(cores, "core")] if cores else [])]
        self.view.say(
            f"Idle, as no trial is left to start: {', '.join(what)}. The trials that run keep the"
            " device and threads that they began with: on these their rounding depends."
        )

    def away(self, is_away: bool) -> None:
        """The storage cannot be reached, or is back."""
        self.view.say(
            f"The storage cannot be reached: the workers keep trying for {duration(AWAY_FOR)}."
            if is_away
            else "The storage can be reached again."
        )


def _warn_of_share(study: OpenStudy, place: Home, progress: Progress) -> None:
    """Say what is wrong with HPSEARCH_SHARE, if anything is: the search goes on without it."""
    share = Share.find(place, study.name, study.key)
    if share is not None and (why := share.problem()) is not None:
        progress.say(f"warning: {why}. Until then trials resume only where they were begun.")


def look_after(storage: Storage, presence: Presence) -> None:
    """Every half a minute give a sign of life, and have the log written into the database's file.

    Args:
        storage: the study's; one that does not wait.
        presence: of this process.
    """
    with suppress(*STORAGE_ERRORS):  # there is time: it is tried again
        if presence.renew():
            storage.checkpoint()


def _check_kept(study: OpenStudy) -> None:
    """Read how the study stands as another process would: trials that it does not find are lost.

    Args:
        study: the study; its trials were read while they ended.

    Raises:
        UnreachableError: the database is not the one that was written.
    """
    known, url = sum(map(budget.counts, study.trials())), study.storage.url
    try:
        opened = open_storage(url, create=False, read_only=True, force=True, awaited=True)
        with closing(opened) as fresh:
            found = load_study(fresh, study.name)
            is_kept = found.created == study.created and found.counts().counted >= known
    except UnknownStudyError:
        _ = study.budget  # says that it was deleted, where it was
        is_kept = False
    except InputError:
        is_kept = False
    if not is_kept:
        raise UnreachableError(
            f"storage {hide_password(url)}: does not hold the {known} trials of study {study.name}"
            " that have ended; another database was put in its place. Restore it from a backup,"
            " and run the same command again"
        )


def warn_of_figures(wrong: str | None, progress: Progress) -> None:
    """Say what kept the dashboard's figures from being renewed, if anything did."""
    if wrong is not None:
        progress.say(
            f"warning: the dashboard's figures could not be updated ({wrong}); the next run tries"
            " again."
        )


@contextmanager
def impatient(study: OpenStudy, code: int) -> Iterator[None]:
    """After a signal nobody waits any more for a storage that is away.

    Args:
        study: what was run.
        code: what :func:`supervise` gave; 0: there was no signal, and all is as always.

    Raises:
        StoppedError: with that code, where the block could not reach the storage.
    """
    if not code:
        yield
        return
    if isinstance(study.storage, ServerStorage):
        study.storage.hurried = lambda: True
    try:
        yield
    except STORAGE_ERRORS:
        raise StoppedError(
            "The storage cannot be reached; the same command resumes the study.", code
        ) from None
