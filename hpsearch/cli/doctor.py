"""``hpsearch doctor``: devices, versions, storage, data and the workers that run would start."""

import os
import shutil
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hpsearch.cli.common import (
    HomeOption,
    JsonOption,
    SetOption,
    StorageOption,
    opened_data,
    opened_storage,
    planned_workers,
    print_json,
    size,
    stdout,
)
from hpsearch.home import WEIGHTS, Home
from hpsearch.text import plural

if TYPE_CHECKING:
    from hpsearch.workers.cores import Cores
    from hpsearch.workers.gpus import Listing
    from hpsearch.workers.memory import Memory
    from hpsearch.workers.slots import Plan


def doctor(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="Study file: show the workers that its search would start."
        ),
    ] = None,
    overrides: SetOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show devices, memory, versions, storage and data, and the workers that run would start."""
    from hpsearch.data.cache import list_datasets
    from hpsearch.search.making import versions
    from hpsearch.workers.cores import available_cores
    from hpsearch.workers.gpus import list_gpus
    from hpsearch.workers.memory import free_memory

    place = Home.find(home)
    listing, cores = list_gpus(), available_cores()
    plan = _plan(file, overrides or (), place, listing, cores)
    datasets = list_datasets(place)
    facts: dict[str, Any] = {
        "versions": versions(),
        **_devices(listing, cores, free_memory(), plan),
        "home": str(place.root),
        "free_bytes": _free(place.root),
        "storage": _storage(place, storage),
        "datasets": [dataset.folder.name for dataset in datasets],
        "dataset_bytes": sum(dataset.bytes_on_disk for dataset in datasets),
        "runs": _runs(place),
    }
    if as_json:
        print_json(facts)
    else:
        _print(facts, listing, plan)


def _plan(
    file: Path | None,
    overrides: Sequence[str],
    place: Home,
    listing: "Listing",
    cores: "Cores",
) -> "Plan":
    """The workers of a new study of this file; without a file, of a study that is not known."""
    from hpsearch.study_file import load
    from hpsearch.workers.packing import study_load
    from hpsearch.workers.slots import make_slots

    if file is None:
        return make_slots(listing.gpus, cores=cores.count)
    study = load(file, overrides)
    dataset, parts = opened_data(study.dataset, place, warn=False)
    needed = study_load(study, parts, dataset.private_bytes)
    return planned_workers(study, listing.gpus, needed, study.budget.trials)


def _devices(listing: "Listing", cores: "Cores", memory: "Memory", plan: "Plan") -> dict[str, Any]:
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


def _print(facts: dict[str, Any], listing: "Listing", plan: "Plan") -> None:
    """The facts for a reader."""
    from hpsearch.workers.packing import gib

    gpus = [
        f"{gpu.place}: {gpu.name}, {gib(gpu.memory) if gpu.memory else 'memory not known'},"
        f" {gpu.uuid}"
        for gpu in listing.gpus
    ]
    notes = [*listing.notes, *(f"warning: {warning}" for warning in listing.warnings)]
    runs, data = facts["runs"], f"{len(facts['datasets'])} imported"
    studies = plural(runs["studies"], "study")
    kinds = f"weights {size(runs['weights_bytes'])}, checkpoints {size(runs['checkpoint_bytes'])}"
    rows = {
        "versions": [", ".join(f"{k} {v}" for k, v in facts["versions"].items())],
        "gpus": [*(gpus or ["none"]), *notes],
        "cores": [f"{facts['cores']}: {facts['cores_why']}"],
        "memory": [f"{gib(facts['free_memory'])} free: {facts['free_memory_why']}"],
        "workers": [f"run would start {plan.summary}", *plan.why],
        "home": [f"{facts['home']} ({size(facts['free_bytes'])} free)"],
        "storage": [f"{facts['storage']['url']}: {facts['storage']['state']}"],
        "data": [f"{data}, {size(facts['dataset_bytes'])}; hpsearch data lists them"],
        "runs": [f"{size(runs['bytes'])} in {studies}: {kinds}"],
    }
    out = stdout()
    for title, lines in rows.items():
        for index, line in enumerate(lines):
            out.print(f"{'' if index else title:<10}{line}")


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


def _storage(place: Home, url: str | None) -> dict[str, str]:
    """The storage's address and whether it can be opened."""
    from hpsearch.errors import HpsearchError, InputError
    from hpsearch.search.database.urls import hide_password
    from hpsearch.search.storage.opening import can_write
    from hpsearch.search.study import load_study, names

    address = place.storage_url(url)
    shown = hide_password(address)
    if address == place.own_storage and not place.database.exists():
        return {"url": shown, "state": "not created yet"}
    try:
        with opened_storage(place, url, read_only=True) as opened:
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
