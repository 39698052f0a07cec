"""The worker plan of a run: which workers it will have, before any is started."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from hpsearch.errors import InputError
from hpsearch.services.progress import Progress
from hpsearch.services.workspace import Workspace
from hpsearch.study_file import StudyFile
from hpsearch.workers.child import Child, LocalChild
from hpsearch.workers.cores import available_cores
from hpsearch.workers.gpus import Gpu, choose_gpus, list_gpus
from hpsearch.workers.packing import Load
from hpsearch.workers.slots import Plan, Slot, make_slots

if TYPE_CHECKING:
    from hpsearch.workers.ray_engine import Cluster


class Engine(StrEnum):
    """Who places the workers of a run."""

    LOCAL = "local"
    RAY = "ray"


@dataclass(frozen=True, kw_only=True)
class WorkerPlan:
    """The workers of a run, before they are started."""

    slots: Sequence[Slot]
    summary: str
    """One line for a reader."""
    make_child: Callable[..., Child]
    """Makes what runs a slot's workers."""
    may_thin_out: bool = False
    """Whether a GPU that runs out of memory may get a worker fewer."""


Planner = Callable[[StudyFile, Load, int], WorkerPlan]
"""Told a study's file, what one worker takes, and how many trials are left, from 1; gives the plan.

Raises:
    InputError: workers that cannot be.
"""


def planned_workers(file: StudyFile, gpus: Sequence[Gpu], load: Load, trials: int) -> Plan:
    """The workers of a study on this machine: what ``run`` starts and ``doctor`` shows.

    Args:
        file: the study.
        gpus: the GPUs to use.
        load: what one worker takes; see ``hpsearch.workers.packing.study_load``.
        trials: how many are left, from 1.

    Raises:
        InputError: more workers than the GPUs' memory allows.
    """
    return make_slots(
        gpus,
        cores=available_cores().count,
        count=file.workers.count,
        per_gpu=file.workers.per_gpu,
        most=trials,
        load=load,
    )


def local_plan(gpus: Sequence[Gpu], file: StudyFile, load: Load, trials: int) -> WorkerPlan:
    """Workers that are processes of this machine; the arguments are ``planned_workers``'s."""
    plan = planned_workers(file, gpus, load, trials)
    return WorkerPlan(
        slots=plan.slots,
        summary=f"{plan.summary} (hpsearch doctor FILE explains)",
        make_child=LocalChild,
        may_thin_out=file.workers.per_gpu == file.workers.count == "auto",
    )


@contextmanager
def planner(
    engine: Engine, address: str | None, gpus: str, workspace: Workspace, progress: Progress
) -> Iterator[Planner]:
    """How a run gets its workers, for the block.

    Args:
        engine: who places them.
        address: of Ray's cluster; None: ``RAY_ADDRESS``, else one on this machine.
        gpus: "all", "none", or indices and UUIDs with commas between them.
        workspace: with the storage; one that is forced lets a cluster share SQLite.
        progress: is told what is wrong with the machine's GPUs.

    Raises:
        InputError: there is no such GPU, Ray is not installed, or nodes cannot reach the storage.
        UnreachableError: there is no cluster.
    """
    if engine == Engine.LOCAL:
        if address is not None:
            raise InputError("--address: needs --engine ray")
        yield partial(local_plan, chosen_gpus(gpus, progress))
        return
    with connected_cluster(address, gpus, workspace, progress) as cluster:
        from hpsearch.services.ray_plan import ray_plan  # noqa: PLC0415  # an extra

        yield partial(ray_plan, cluster, gpus != "none")


@contextmanager
def connected_cluster(
    address: str | None, gpus: str, workspace: Workspace, progress: Progress
) -> Iterator["Cluster"]:
    """Ray's cluster for the block; the arguments are :func:`planner`'s.

    Raises:
        InputError: Ray is not installed, or the cluster's nodes cannot reach the storage.
        UnreachableError: there is no cluster.
    """
    try:
        from hpsearch.services.ray_plan import connected  # noqa: PLC0415  # an extra
    except ModuleNotFoundError:
        raise InputError(
            "--engine ray: Ray is not installed; install it: pip install 'hpsearch[ray]'"
        ) from None
    progress.say("Connecting to Ray, or starting it ...")
    with connected(address, partial(chosen_gpus, gpus, progress)) as cluster:
        if not cluster.is_ours and gpus not in ("all", "none"):
            raise InputError(
                f"--gpus {gpus}: {cluster.title} assigns its GPUs itself; write all or none"
            )
        shares_sqlite = workspace.url.startswith("sqlite") and not workspace.force
        if not cluster.is_ours and shares_sqlite:
            raise InputError(
                f"--engine ray: {cluster.title} may be several machines, which cannot share"
                " SQLite; use PostgreSQL (--storage), or add --force if it is this machine alone"
            )
        yield cluster


def chosen_gpus(wanted: str, progress: Progress) -> list[Gpu]:
    """The GPUs that are wanted (see :func:`planner`); says what is wrong with the machine's.

    Raises:
        InputError: there is no such GPU.
    """
    listing = list_gpus()
    chosen = choose_gpus(wanted, listing.gpus)
    if wanted != "none":
        for warning in listing.warnings:
            progress.say(f"warning: {warning}")
    return chosen
