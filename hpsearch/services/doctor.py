"""Diagnosis: devices, versions, storage, data and the workers that a run would start."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from hpsearch.data.cache import list_datasets
from hpsearch.errors import HpsearchError, InputError
from hpsearch.home import WEIGHTS, Home
from hpsearch.search.database.urls import hide_password
from hpsearch.search.lookup import load_study, names
from hpsearch.search.making import versions
from hpsearch.search.storage.opening import can_write
from hpsearch.services.data import study_data
from hpsearch.services.plans import planned_workers
from hpsearch.services.progress import Progress
from hpsearch.services.workspace import Workspace
from hpsearch.study_file import load
from hpsearch.text import plural
from hpsearch.workers.cores import Cores, available_cores
from hpsearch.workers.gpus import Listing, list_gpus
from hpsearch.workers.memory import Memory, free_memory
from hpsearch.workers.packing import study_load
from hpsearch.workers.slots import Plan, make_slots


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What there is on this machine."""

    facts: Mapping[str, Any]
    """Everything, ready for JSON."""
    listing: Listing
    """The GPUs."""
    plan: Plan
    """The workers."""


def diagnose(
    workspace: Workspace,
    progress: Progress,
    *,
    file: Path | None = None,
    overrides: Sequence[str] = (),
) -> Diagnosis:
    """Look at devices, memory, versions, storage and data, and plan workers.

    Args:
        workspace: home and storage.
        progress: is told where data are imported.
        file: the study file of whose search the workers would be; None: of any.
        overrides: ``KEY=VALUE``, each in place of a key of the file.

    Raises:
        InputError: a file, data or workers that cannot be.
    """
    home = workspace.home
    listing, cores = list_gpus(), available_cores()
    plan = _plan(file, overrides, home, listing, cores, progress=progress)
    datasets = list_datasets(home)
    facts = {
        "versions": versions(),
        **_devices(listing, cores, free_memory(), plan),
        "home": str(home.root),
        "free_bytes": _free(home.root),
        "storage": _storage(workspace),
        "datasets": [dataset.folder.name for dataset in datasets],
        "dataset_bytes": sum(dataset.bytes_on_disk for dataset in datasets),
        "runs": _runs(home),
    }
    return Diagnosis(facts=facts, listing=listing, plan=plan)


def _plan(
    file: Path | None,
    overrides: Sequence[str],
    home: Home,
    listing: Listing,
    cores: Cores,
    *,
    progress: Progress,
) -> Plan:
    """The workers of a new study of this file; without a file, of a study that is not known."""
    if file is None:
        return make_slots(listing.gpus, cores=cores.count)
    study = load(file, overrides)
    study, dataset, parts = study_data(study, str(file), home, progress, warn=False)
    needed = study_load(study, parts, dataset.private_bytes)
    return planned_workers(study, listing.gpus, needed, study.budget.trials)


def _devices(listing: Listing, cores: Cores, memory: Memory, plan: Plan) -> dict[str, Any]:
    """What there is of GPUs, cores and memory, and who would get it."""
    return {
        "cores": cores.count,
        "cores_why": cores.why,
        "free_memory": memory.free,
        "free_memory_why": memory.why,
        "gpus": [
            {
                "index": gpu.index,
                "instance": gpu.instance,
                "uuid": gpu.uuid,
                "name": gpu.name,
                "memory": gpu.memory,
            }
            for gpu in listing.gpus
        ],
        "gpu_notes": list(listing.notes),
        "gpu_warnings": list(listing.warnings),
        "workers": len(plan.slots),
        "threads_per_worker": plan.slots[0].threads,
        "slots": [
            {"device": slot.device, "threads": slot.threads, "gpu_memory_mib": slot.memory_limit}
            for slot in plan.slots
        ],
        "slots_why": list(plan.why),
    }


def _runs(place: Home) -> dict[str, int]:
    """How much disk the trials of all studies take, and how much of it weights and checkpoints."""
    found = {"studies": 0, "bytes": 0, "weights_bytes": 0, "checkpoint_bytes": 0}
    for folder, folders, files in os.walk(place.runs):
        if folder == str(place.runs):
            found["studies"] = len(folders)
        for name in files:
            try:
                count = Path(folder, name).stat().st_size
            except OSError:  # a study that runs has taken it away meanwhile
                continue
            found["bytes"] += count
            if name == WEIGHTS:
                found["weights_bytes"] += count
            elif fnmatch(name, "checkpoint*.npz"):
                found["checkpoint_bytes"] += count
    return found


def _storage(workspace: Workspace) -> dict[str, str]:
    """The storage's address and whether it can be opened."""
    address, home = workspace.url, workspace.home
    shown = hide_password(address)
    if address == home.own_storage and not home.database.exists():
        return {"url": shown, "state": "not created yet"}
    try:
        with workspace.opened(read_only=True) as opened:
            studies, unread = names(opened), []
            for name in studies:
                try:
                    load_study(opened, name)
                except InputError:
                    unread.append(name)
    except HpsearchError as error:
        return {"url": shown, "state": str(error)}
    state = plural(len(studies), "study") + ", which you may not change" * (not can_write(address))
    if unread:
        state += f"; cannot be read, see hpsearch ls: {', '.join(unread)}"
    return {"url": shown, "state": state}


def _free(folder: Path) -> int:
    """Free bytes where ``folder`` is or would be made."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
