"""``hpsearch worker``: one more worker for a study, from any machine that reaches the storage."""

import os
from collections.abc import Sequence

import typer

from hpsearch.cli.common import (
    DataPathOption,
    ForceOption,
    HomeOption,
    StorageOption,
    StudyArgument,
    opened_storage,
)
from hpsearch.environment import RECORDED_VARIABLE, SUPERVISOR_VARIABLE
from hpsearch.home import Home


def worker(
    study: StudyArgument,
    overrides: DataPathOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    force: ForceOption = False,
) -> None:
    """Claim trials of a study and train them until none are left."""
    from hpsearch.search.database.messages import readable_errors
    from hpsearch.workers.by_hand import settle_device
    from hpsearch.workers.worker import log_to_stderr, work

    log_to_stderr()
    settle_device()
    place = Home.find(home)
    url = place.storage_url(storage)
    _record(study, place, storage, overrides or (), force=force)
    with readable_errors(url):
        code = work(study, url=url, home=place, overrides=overrides or (), force=force)
    raise typer.Exit(code)


def _record(
    name: str, place: Home, url: str | None, overrides: Sequence[str], *, force: bool
) -> None:
    """Note a worker that was typed by hand, once: it may start itself anew."""
    from hpsearch.cli.provenance import record
    from hpsearch.search.study import load_study
    from hpsearch.study_file import load_dataset_override

    if os.environ.get(SUPERVISOR_VARIABLE) or os.environ.get(RECORDED_VARIABLE):
        return
    with opened_storage(place, url, force=force) as opened:
        found = load_study(opened, name)
        load_dataset_override(found.file, overrides)  # what was typed wrongly is not noted
        record(found)
    os.environ[RECORDED_VARIABLE] = "1"
