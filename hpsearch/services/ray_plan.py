"""The plans of runs and services whose workers Ray places; Ray is imported with this module."""

from functools import partial

from hpsearch.services.plans import WorkerPlan
from hpsearch.study_file import StudyFile
from hpsearch.text import plural
from hpsearch.workers.packing import Load
from hpsearch.workers.ray_engine import (
    Cluster,
    Portion,
    RayChild,
    connected,
    lay_out,
    lay_out_all,
)
from hpsearch.workers.slots import Count, Slot

__all__ = ["connected", "ray_plan", "service_plan"]


def ray_plan(
    cluster: Cluster, use_gpus: bool, file: StudyFile, load: Load, trials: int
) -> WorkerPlan:
    """Workers that Ray places.

    Args:
        cluster: where.
        use_gpus: train on GPUs, where there are any.
        file: the study.
        load: what one worker takes.
        trials: how many are left, from 1.
    """
    count, portion = lay_out(cluster, file, load, trials, use_gpus=use_gpus)
    workers = plural(count, "worker")
    return WorkerPlan(
        slots=[Slot(index=index, gpu=None, threads=portion.threads) for index in range(count)],
        summary=f"{workers} on {cluster.title}: {portion.title}; each log is on its node",
        make_child=partial(RayChild, portion=portion),
    )


def service_plan(
    cluster: Cluster, count: Count, *, use_gpus: bool
) -> tuple[list[Slot], Portion, str]:
    """The slots of a service whose workers Ray places, what each gets, and that in one line.

    Args:
        cluster: where.
        count: how many; auto: one for each GPU, or else for each core, as far as memory goes.
        use_gpus: train on GPUs, where there are any.
    """
    number, portion = lay_out_all(cluster, count, use_gpus=use_gpus)
    slots = [Slot(index=index, gpu=None, threads=portion.threads) for index in range(number)]
    workers = plural(number, "worker")
    return slots, portion, f"{workers} on {cluster.title}: {portion.title}; logs are on its nodes"
