"""What ``run``, ``confirm`` and ``evaluate`` share: their workers, until they are done."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

import typer

from hpsearch.cli.common import opened_storage, say
from hpsearch.cli.plan import WorkerPlan
from hpsearch.home import Home

if TYPE_CHECKING:
    from hpsearch.search.storage import Storage
    from hpsearch.search.study import OpenStudy
    from hpsearch.workers.presence import Presence

WORKER: tuple[str, ...] = ("-m", "hpsearch", "worker")
"""What Python is told to start a worker; the fault run puts one without TensorFlow here."""


def supervise(
    study: "OpenStudy",
    plan: WorkerPlan,
    place: Home,
    url: str | None,
    path: str | None,
    *,
    force: bool,
    typed: Sequence[str] | None,
) -> int:
    """Run the workers and show the search; returns an exit code.

    Args:
        study: what is run; the caller is present at it (``hpsearch.workers.presence``).
        plan: the workers.
        place: the home.
        url: ``--storage``, where it was given.
        path: where this machine has the data, for sources that have a path.
        force: open SQLite on a network file system too.
        typed: the command, for the note in the dashboard; None: nothing is published.
    """
    from hpsearch.cli.live import LiveView
    from hpsearch.dashboard.publish import Publisher
    from hpsearch.environment import KNOWN_VARIABLE, STORAGE_VARIABLE, python
    from hpsearch.search.study import load_study
    from hpsearch.workers.presence import Presence
    from hpsearch.workers.supervisor import PATIENCE, Supervisor

    command = python(*WORKER, study.name)
    command += ["--home", str(place.root)]
    command += ["--set", f"dataset.path={path}"] if path else []
    command += ["--force"] if force else []
    say(f"{plan.summary}; logs in {place.study_logs(study.name)}")
    say("TensorFlow takes a few seconds to start. Ctrl-C stops; the same command resumes.")
    _warn_of_share(study, place)
    with opened_storage(place, url, force=force, patience=PATIENCE) as quick:
        followed = load_study(quick, study.name)
        publisher = None if typed is None else Publisher(followed, place, typed)
        presence = Presence(followed)
        with LiveView(followed).shown() as view:

            def on_tick() -> None:
                view.tick()
                look_after(quick, presence)
                if publisher is not None:
                    publisher.tick()

            supervisor = Supervisor(
                study=followed,
                slots=plan.slots,
                make_child=plan.make_child,
                command=command,
                # Not on the command line, where every user of the machine could read a password.
                environment={STORAGE_VARIABLE: place.storage_url(url), KNOWN_VARIABLE: "1"},
                home=place,
                on_tick=on_tick,
                on_stop=view.say_stopping,
                on_wait=view.say_waiting,
                on_fewer=view.say_fewer,
                on_unplaced=view.say_unplaced,
                on_away=view.say_away,
                may_thin_out=plan.may_thin_out,
            )
            code = supervisor.run()
        if not code:
            _check_kept(followed)
        if publisher is not None:
            warn_of_figures(publisher.close())
        return code


def _warn_of_share(study: "OpenStudy", place: Home) -> None:
    """Say what is wrong with HPSEARCH_SHARE, if anything is: the search goes on without it."""
    from hpsearch.share import Share

    share = Share.find(place, study.name, study.key)
    if share is not None and (why := share.problem()) is not None:
        say(f"warning: {why}. Until then trials resume only where they were begun.")


def look_after(storage: "Storage", presence: "Presence") -> None:
    """Every half a minute send a heartbeat, and have the log written into the database's file.

    Args:
        storage: the study's; one that does not wait.
        presence: of this process.
    """
    from hpsearch.search.database.messages import STORAGE_ERRORS

    with suppress(*STORAGE_ERRORS):  # there is time: it is tried again
        if presence.renew():
            storage.checkpoint()


def _check_kept(study: "OpenStudy") -> None:
    """Read how the study stands as another process would: trials that it does not find are lost.

    Args:
        study: the study; its trials were read while they ended.

    Raises:
        UnreachableError: the database is not the one that was written.
    """
    from hpsearch.errors import InputError, UnknownStudyError, UnreachableError
    from hpsearch.search import budget
    from hpsearch.search.database.urls import hide_password
    from hpsearch.search.storage.opening import open_storage
    from hpsearch.search.study import load_study

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


def warn_of_figures(wrong: str | None) -> None:
    """Say what kept the dashboard's figures from being renewed, if anything did."""
    if wrong is not None:
        say(
            f"warning: the dashboard's figures could not be updated ({wrong}); the next run tries"
            " again."
        )


@contextmanager
def impatient(study: "OpenStudy", code: int) -> Iterator[None]:
    """After a signal nobody waits any more for a storage that is away.

    Args:
        study: what was run.
        code: the exit code of :func:`supervise`; 0: there was no signal, and all is as always.

    Raises:
        Exit: with that code, where the block could not reach the storage.
    """
    from hpsearch.search.database.messages import STORAGE_ERRORS
    from hpsearch.search.storage.retrying import ServerStorage

    if not code:
        yield
        return
    if isinstance(study.storage, ServerStorage):
        study.storage.hurried = lambda: True
    try:
        yield
    except STORAGE_ERRORS:
        say("The storage cannot be reached; the same command resumes the study.")
        raise typer.Exit(code) from None
