"""Running what waits in a confirmation study, for ``confirm`` and ``evaluate --refit``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from hpsearch.cli.common import opened_data, progress, say
from hpsearch.home import Home

if TYPE_CHECKING:
    from hpsearch.search.study import OpenStudy
    from hpsearch.study_file import StudyFile


def run_jobs(  # each is another option of the command line
    confirmation: "OpenStudy",
    place: Home,
    url: str | None,
    workers: str | None,
    gpus: str,
    overrides: Sequence[str],
    *,
    force: bool,
) -> None:
    """Run what waits in a confirmation study, on this machine's workers, until nothing is left.

    Args:
        confirmation: the confirmation study; see ``hpsearch.search.confirmation``.
        place: the home.
        url: ``--storage``, where it was given.
        workers: ``--workers``, where it was given.
        gpus: ``--gpus``.
        overrides: ``--set dataset.path=...``.
        force: open SQLite on a network file system too.

    Raises:
        Exit: it was stopped before; the same command goes on.
    """
    from hpsearch.cli.plan import chosen_gpus, local_plan
    from hpsearch.cli.supervise import impatient, supervise
    from hpsearch.outputs.leftovers import tidy
    from hpsearch.search.budget import begin_run, ending
    from hpsearch.search.study import move_data
    from hpsearch.study_file import load_dataset_override
    from hpsearch.workers.lease import mend
    from hpsearch.workers.packing import study_load
    from hpsearch.workers.presence import present
    from hpsearch.workers.worker import open_study_data

    if overrides:
        moved = load_dataset_override(confirmation.file, overrides)
        with progress() as report:
            open_study_data(confirmation, moved, place, report)  # refuses other data
        move_data(confirmation, moved.path)
    mend(confirmation)
    if ending(confirmation) is not None:
        return
    with present(confirmation):
        begin_run(confirmation)
        section = load_dataset_override(confirmation.file, overrides)
        dataset, parts = opened_data(section, place, warn=False)
        file = _with_workers(confirmation.file, workers)
        load = study_load(file, parts, dataset.private_bytes)
        plan = local_plan(chosen_gpus(gpus), file, load, max(1, confirmation.counts().waiting))
        code = supervise(confirmation, plan, place, url, section.path, force=force, typed=None)
        with impatient(confirmation, code):
            tidy(confirmation, place)
    if code:
        say("The same command resumes from here.")
        raise typer.Exit(code)


def _with_workers(file: "StudyFile", workers: str | None) -> "StudyFile":
    """The file with another number of workers."""
    from hpsearch.fields import parse
    from hpsearch.search_sections import WorkersSection

    if workers is None:
        return file
    count = int(workers) if workers.isdecimal() else workers
    table = file.workers.model_dump(mode="json") | {"count": count}
    section = parse(WorkersSection, table, "--workers")
    return file.model_copy(update={"workers": section})
