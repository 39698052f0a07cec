"""Running what waits in a confirmation study: ``confirm``, ``refit`` and ``evaluate --refit``."""

from collections.abc import Sequence
from dataclasses import dataclass

from hpsearch.errors import StoppedError
from hpsearch.home import Home
from hpsearch.outputs.leftovers import tidy
from hpsearch.parsing import parse
from hpsearch.search.budget import begin_run, ending
from hpsearch.search.moving import move_data
from hpsearch.search.study import OpenStudy
from hpsearch.search_sections import WorkersSection
from hpsearch.services.data import opened_data
from hpsearch.services.plans import chosen_gpus, local_plan
from hpsearch.services.progress import Progress, SearchProgress
from hpsearch.services.supervise import impatient, supervise
from hpsearch.services.workspace import Workspace
from hpsearch.study_file import StudyFile, load_dataset_override
from hpsearch.workers.lease import mend
from hpsearch.workers.packing import study_load
from hpsearch.workers.presence import present
from hpsearch.workers.worker import open_study_data


@dataclass(frozen=True, kw_only=True)
class Means:
    """What trainings are run with on this machine."""

    workers: str | None = None
    """How many, or "auto"; None: as the study says."""
    gpus: str = "all"
    """"all", "none", or indices and UUIDs with commas between them."""
    overrides: Sequence[str] = ()
    """``dataset.path=PATH``, where the data are elsewhere than before."""


HERE = Means()
"""All GPUs of this machine, and as many workers as the study says."""


def check_data(study: OpenStudy, home: Home, means: Means, progress: Progress) -> None:
    """Refuse to queue trainings where a study's data are not here, or others are.

    Raises:
        InputError: they are not the data that the study was started with.
        UnreachableError: they cannot be read.
    """
    section = load_dataset_override(study.file, means.overrides)
    with progress.steps() as report:
        open_study_data(study, section, home, report)


def run_jobs(
    confirmation: OpenStudy, workspace: Workspace, means: Means, progress: SearchProgress
) -> None:
    """Run what waits in a confirmation study, on this machine's workers, until nothing is left.

    Args:
        confirmation: the confirmation study; see ``hpsearch.search.confirmation``.
        workspace: home and storage.
        means: workers, GPUs, and where the data are.
        progress: shows the study.

    Raises:
        StoppedError: it was stopped before; the same command goes on.
    """
    home = workspace.home
    if means.overrides:
        check_data(confirmation, home, means, progress)
        move_data(confirmation, load_dataset_override(confirmation.file, means.overrides).path)
    mend(confirmation)
    if ending(confirmation) is not None:
        return
    with present(confirmation):
        begin_run(confirmation)
        section = load_dataset_override(confirmation.file, means.overrides)
        dataset, parts = opened_data(section, home, progress, warn=False)
        file = _with_workers(confirmation.file, means.workers)
        load = study_load(file, parts, dataset.private_bytes)
        waiting = confirmation.counts().waiting
        plan = local_plan(chosen_gpus(means.gpus, progress), file, load, max(1, waiting))
        code = supervise(confirmation, plan, workspace, section.path, progress, typed=None)
        with impatient(confirmation, code):
            tidy(confirmation, home)
    if code:
        raise StoppedError("The same command resumes from here.", code)


def _with_workers(file: StudyFile, workers: str | None) -> StudyFile:
    """The file with another number of workers."""
    if workers is None:
        return file
    count = int(workers) if workers.isdecimal() else workers
    table = file.workers.model_dump(mode="json") | {"count": count}
    section = parse(WorkersSection, table, "--workers")
    return file.model_copy(update={"workers": section})
