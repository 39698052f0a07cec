"""``hpsearch doctor``: devices, versions, storage, data and the workers that run would start."""

from pathlib import Path
from typing import Annotated

import typer

from hpsearch.cli.options import HomeOption, JsonOption, SetOption
from hpsearch.cli.output import Screen, print_json, stdout
from hpsearch.cli.workspace import StorageOption, workspace
from hpsearch.services.doctor import Diagnosis, diagnose
from hpsearch.text import plural, size
from hpsearch.workers.packing import gib


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
    where = workspace(home, storage)
    found = diagnose(where, Screen(), file=file, overrides=overrides or ())
    if as_json:
        print_json(found.facts)
    else:
        _print(found)


def _print(found: Diagnosis) -> None:
    """The facts for a reader."""
    facts, listing, plan = found.facts, found.listing, found.plan
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
