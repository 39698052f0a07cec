"""``hpsearch worker``: one more worker for a study, from any machine that reaches the storage."""

import os
from collections.abc import Sequence

import typer

from hpsearch.cli.options import DataPathOption, ForceOption, HomeOption, StudyArgument
from hpsearch.cli.workspace import StorageOption, say_here, workspace
from hpsearch.environment import RECORDED_VARIABLE, SUPERVISOR_VARIABLE
from hpsearch.search.database.messages import readable_errors
from hpsearch.search.lookup import load_study
from hpsearch.services.workspace import Workspace
from hpsearch.study_file import load_dataset_override
from hpsearch.workers.assigned import ASSIGNED, work_assigned
from hpsearch.workers.by_hand import settle_device
from hpsearch.workers.worker import log_to_stderr, work


def worker(
    study: StudyArgument,
    overrides: DataPathOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    force: ForceOption = False,
) -> None:
    """Claim trials of a study and train them until none are left."""
    log_to_stderr()
    settle_device()
    where = workspace(home, storage, force=force)
    if study == ASSIGNED:
        raise typer.Exit(work_assigned(where.url, where.home, force=force))
    say_here(home, storage)
    _record(study, where, overrides or ())
    with readable_errors(where.url):
        code = work(study, url=where.url, home=where.home, overrides=overrides or (), force=force)
    raise typer.Exit(code)


def _record(name: str, where: Workspace, overrides: Sequence[str]) -> None:
    """Note a worker that was typed by hand, once: it may start itself anew."""
    if os.environ.get(SUPERVISOR_VARIABLE) or os.environ.get(RECORDED_VARIABLE):
        return
    with where.opened() as opened:
        found = load_study(opened, name)
        load_dataset_override(found.file, overrides)  # what was typed wrongly is not noted
        where.record(found)
    os.environ[RECORDED_VARIABLE] = "1"
