"""``hpsearch stop``: asks a study's workers, wherever they are, to leave."""

import time
from typing import Annotated

import typer

from hpsearch.cli.options import HomeOption, StudyArgument
from hpsearch.cli.output import Screen, say, tell
from hpsearch.cli.served import counts_of
from hpsearch.cli.server import ServerOption, service_of, spelled
from hpsearch.cli.watch import LOOK_EVERY
from hpsearch.cli.workspace import StorageOption, workspace
from hpsearch.client import ServedStudy
from hpsearch.client.problems import RefusedError
from hpsearch.search.storage import Counts
from hpsearch.services import stop as service
from hpsearch.text import plural


def stop(
    context: typer.Context,
    study: StudyArgument,
    now: Annotated[
        bool,
        typer.Option("--now", help="At once: progress since a trial's last checkpoint is lost."),
    ] = False,
    server: ServerOption = None,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Of a service: for good; what it has found stays.")
    ] = False,
    home: HomeOption = None,
    storage: StorageOption = None,
) -> None:
    """Ask all workers of a study to save their trials and exit; waits until they have."""
    if (client := service_of(context, server, "study", "now", "cancel")) is not None:
        with client:
            hint = spelled(context, client)
            _stop_there(client.study(study), now=now, is_final=cancel, hint=hint)
        return
    done = service.stop(study, workspace(home, storage), Screen(), now=now)
    if done is None:
        tell(f"Study {study} was asked to stop, but a new run has started since.")
        return
    again = "" if done.is_over else "hpsearch run FILE"
    _tell(study, done.counts, done.trials, again, is_over=done.is_over)


def _tell(study: str, counts: Counts, trials: int, command: str, *, is_over: bool = False) -> None:
    """How a study stands that was stopped, and the command that resumes it, if one does."""
    waiting = f", {counts.waiting} waiting" if counts.waiting else ""
    resume = f"{waiting}. To resume it: {command}" if command else ""
    what = f"Study {study} is over" if is_over else f"Stopped study {study}"
    tell(f"{what}: {counts.counted} of {plural(trials, 'trial')} done{resume}")


def _stop_there(study: ServedStudy, *, now: bool, is_final: bool, hint: str) -> None:
    """Pause or cancel a study of a service; waits until its workers have left."""
    try:
        row = study.cancel(now=now) if is_final else study.pause(now=now)
    except RefusedError as error:
        row = study.details()
        if error.status != 409 or row["over"] is None or is_final:
            raise
        _tell(study.name, counts_of(row), row["trials"], "", is_over=True)
        return
    if row["running"]:
        how = "leave" if now else "save and leave"
        say(f"Waiting for {plural(row['running'], 'worker')} to {how}.")
    while row["running"]:
        time.sleep(LOOK_EVERY)
        row = study.details()
    again = "" if is_final else f"hpsearch run FILE{hint}"
    _tell(study.name, counts_of(row), row["trials"], again)
