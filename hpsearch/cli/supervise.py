"""What ``run``, ``confirm`` and ``evaluate`` share: their workers, until they are done."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from hpsearch.cli.common import opened_storage, say
from hpsearch.home import Home

if TYPE_CHECKING:
    from hpsearch.search.study import OpenStudy
    from hpsearch.study_file import StudyFile
    from hpsearch.workers.child import Child
    from hpsearch.workers.gpus import Gpu
    from hpsearch.workers.ray_engine import Cluster
    from hpsearch.workers.slots import Plan, Slot

WORKER: tuple[str, ...] = ("-m", "hpsearch", "worker")
"""What Python is told to start a worker; the fault run puts one without TensorFlow here."""


def chosen_gpus(option: str) -> "list[Gpu]":
    """The GPUs that ``--gpus`` names; says what is wrong with the machine's."""
    from hpsearch.workers.gpus import choose_gpus, list_gpus

    listing = list_gpus()
    chosen = choose_gpus(option, listing.gpus)
    if option != "none":
        for warning in listing.warnings:
            say(f"warning: {warning}")
    return chosen


@dataclass(frozen=True, kw_only=True)
class Crew:
    """The workers of a run, before they are started."""

    slots: "Sequence[Slot]"
    summary: str
    """One line for a reader."""
    make_child: "Callable[..., Child]"
    """Makes what runs a slot's workers."""
    may_thin_out: bool = False
    """Whether a GPU that runs out of memory may get a worker fewer."""


def local_crew(plan: "Plan", file: "StudyFile") -> Crew:
    """Workers that are processes of this machine."""
    from hpsearch.workers.child import LocalChild

    return Crew(
        slots=plan.slots,
        summary=f"{plan.summary} (hpsearch doctor FILE says why)",
        make_child=LocalChild,
        may_thin_out=file.workers.per_gpu == file.workers.count == "auto",
    )


def ray_crew(cluster: "Cluster", file: "StudyFile", most: int, *, use_gpus: bool) -> Crew:
    """Workers that Ray places.

    Args:
        cluster: where.
        file: the study.
        most: the trials that are left, from 1.
        use_gpus: train on GPUs, where there are any.
    """
    from hpsearch.workers.ray_engine import RayChild, lay_out
    from hpsearch.workers.slots import Slot

    count, share = lay_out(cluster, file, most, use_gpus=use_gpus)
    return Crew(
        slots=[Slot(index=index, gpu=None, threads=share.threads) for index in range(count)],
        summary=f"{count} workers on {cluster.title}: {share.title}",
        make_child=partial(RayChild, share=share),
    )


@contextmanager
def ray_cluster(
    address: str | None, gpus: "Sequence[Gpu]", place: Home, url: str | None, *, force: bool
) -> "Iterator[Cluster]":
    """The cluster of ``--engine ray`` for the block.

    Raises:
        InputError: Ray is not installed, or its other nodes cannot reach the storage.
        UnreachableError: there is no cluster.
    """
    from hpsearch.errors import InputError

    try:
        from hpsearch.workers.ray_engine import connected
    except ModuleNotFoundError:
        raise InputError(
            "--engine ray: Ray is not installed; install it: pip install 'hpsearch[ray]'"
        ) from None
    say("Looking for Ray, or starting it ...")
    with connected(address, gpus) as cluster:
        if cluster.nodes > 1 and place.storage_url(url).startswith("sqlite") and not force:
            raise InputError(
                f"--engine ray: {cluster.title} cannot share SQLite; use PostgreSQL (--storage),"
                " or go on with --force where all nodes are this machine"
            )
        yield cluster


def supervise(
    study: "OpenStudy",
    crew: Crew,
    place: Home,
    url: str | None,
    path: str | None,
    *,
    force: bool,
    typed: Sequence[str] | None,
) -> int:
    """Run the workers and show the search; returns an exit code.

    Args:
        study: what is run.
        crew: the workers.
        place: the home.
        url: ``--storage``, where it was given.
        path: where this machine has the data, for sources that have a path.
        force: open SQLite on a network file system too.
        typed: the command, for the note in the dashboard; None: nothing is published.
    """
    from hpsearch.cli.live import LiveView
    from hpsearch.dashboard.publish import Publisher
    from hpsearch.environment import STORAGE_VARIABLE
    from hpsearch.search.study import load_study
    from hpsearch.workers.supervisor import PATIENCE, Supervisor

    # -P: a file of the working folder called optuna.py must not stand in for the package.
    command = [sys.executable, "-P", *WORKER, study.name]
    command += ["--home", str(place.root)]
    command += ["--set", f"dataset.path={path}"] if path else []
    command += ["--force"] if force else []
    say(f"{crew.summary}; logs in {place.study_logs(study.name)}")
    say("TensorFlow takes some seconds to start. Ctrl-C stops; the same command goes on.")
    with opened_storage(place, url, force=force, patience=PATIENCE) as quick:
        followed = load_study(quick, study.name)
        publisher = None if typed is None else Publisher(followed, place, typed)
        with LiveView(followed).shown() as view:

            def on_tick() -> None:
                view.update()
                if publisher is not None:
                    publisher.tick()

            supervisor = Supervisor(
                study=followed,
                slots=crew.slots,
                make_child=crew.make_child,
                command=command,
                # Not on the command line, where every user of the machine could read a password.
                environment={STORAGE_VARIABLE: place.storage_url(url)},
                home=place,
                on_tick=on_tick,
                on_stop=view.say_stopping,
                on_wait=view.say_waiting,
                on_fewer=view.say_fewer,
                on_away=view.say_away,
                may_thin_out=crew.may_thin_out,
            )
            code = supervisor.run()
        if publisher is not None:
            warn_of_figures(publisher.close())
        return code


def warn_of_figures(wrong: str | None) -> None:
    """Say what kept the dashboard's figures from being renewed, if anything did."""
    if wrong is not None:
        say(
            f"warning: the dashboard's figures are not renewed ({wrong}); the next run tries again."
        )
