"""Worker plans: which workers a run is to have, as processes of this machine or placed by Ray."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from hpsearch.cli.common import planned_workers, say
from hpsearch.text import plural

if TYPE_CHECKING:
    from hpsearch.study_file import StudyFile
    from hpsearch.workers.child import Child
    from hpsearch.workers.gpus import Gpu
    from hpsearch.workers.packing import Load
    from hpsearch.workers.ray_engine import Cluster
    from hpsearch.workers.slots import Slot


class Engine(StrEnum):
    """Who places the workers of a run."""

    LOCAL = "local"
    RAY = "ray"


EngineOption = Annotated[
    Engine, typer.Option("--engine", help="Who places the workers: this command, or Ray.")
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        "--address", help="Ray's cluster (default: RAY_ADDRESS, else one on this machine)."
    ),
]


@dataclass(frozen=True, kw_only=True)
class WorkerPlan:
    """The workers of a run, before they are started."""

    slots: "Sequence[Slot]"
    summary: str
    """One line for a reader."""
    make_child: "Callable[..., Child]"
    """Makes what runs a slot's workers."""
    may_thin_out: bool = False
    """Whether a GPU that runs out of memory may get a worker fewer."""


MakePlan = Callable[["StudyFile", "Load", int], WorkerPlan]
"""Told a study's file, what one worker takes, and how many trials are left, from 1; gives the
plan.

Raises:
    InputError: workers that cannot be.
"""


def local_plan(gpus: "Sequence[Gpu]", file: "StudyFile", load: "Load", most: int) -> WorkerPlan:
    """Workers that are processes of this machine; the arguments are ``planned_workers``'s."""
    from hpsearch.workers.child import LocalChild

    planned = planned_workers(file, gpus, load, most)
    return WorkerPlan(
        slots=planned.slots,
        summary=f"{planned.summary} (hpsearch doctor FILE explains)",
        make_child=LocalChild,
        may_thin_out=file.workers.per_gpu == file.workers.count == "auto",
    )


def ray_plan(
    cluster: "Cluster", use_gpus: bool, file: "StudyFile", load: "Load", most: int
) -> WorkerPlan:
    """Workers that Ray places.

    Args:
        cluster: where.
        use_gpus: train on GPUs, where there are any.
        file: the study.
        load: what one worker takes.
        most: the trials that are left, from 1.
    """
    from hpsearch.workers.ray_engine import RayChild, lay_out
    from hpsearch.workers.slots import Slot

    count, portion = lay_out(cluster, file, load, most, use_gpus=use_gpus)
    workers = plural(count, "worker")
    return WorkerPlan(
        slots=[Slot(index=index, gpu=None, threads=portion.threads) for index in range(count)],
        summary=f"{workers} on {cluster.title}: {portion.title}; each log is on its node",
        make_child=partial(RayChild, portion=portion),
    )


@contextmanager
def planning(
    engine: Engine,
    address: str | None,
    gpus: str,
    storage: str,
    *,
    force: bool,
) -> Iterator[MakePlan]:
    """How a run gets its workers, for the block.

    Args:
        engine: ``--engine``.
        address: ``--address``.
        gpus: ``--gpus``.
        storage: the storage's URL.
        force: let a cluster share SQLite.

    Raises:
        InputError: there is no such GPU, Ray is not installed, or nodes cannot reach the storage.
        UnreachableError: there is no cluster.
    """
    if engine is Engine.LOCAL:
        if address is not None:
            _refuse("--address: needs --engine ray")
        yield partial(local_plan, chosen_gpus(gpus))
        return
    try:
        from hpsearch.workers.ray_engine import connected
    except ModuleNotFoundError:
        _refuse("--engine ray: Ray is not installed; install it: pip install 'hpsearch[ray]'")
    say("Connecting to Ray, or starting it ...")
    with connected(address, partial(chosen_gpus, gpus)) as cluster:
        if not cluster.is_ours and gpus not in ("all", "none"):
            _refuse(f"--gpus {gpus}: {cluster.title} assigns its GPUs itself; write all or none")
        if not cluster.is_ours and storage.startswith("sqlite") and not force:
            _refuse(
                f"--engine ray: {cluster.title} may be several machines, which cannot share"
                " SQLite; use PostgreSQL (--storage), or add --force if it is this machine alone"
            )
        yield partial(ray_plan, cluster, gpus != "none")


def _refuse(why: str) -> NoReturn:
    from hpsearch.errors import InputError

    raise InputError(why)


def chosen_gpus(option: str) -> "list[Gpu]":
    """The GPUs that ``--gpus`` names; says what is wrong with the machine's."""
    from hpsearch.workers.gpus import choose_gpus, list_gpus

    listing = list_gpus()
    chosen = choose_gpus(option, listing.gpus)
    if option != "none":
        for warning in listing.warnings:
            say(f"warning: {warning}")
    return chosen
