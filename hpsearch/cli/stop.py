"""``hpsearch stop``: asks a study's workers, wherever they are, to leave."""

from typing import Annotated

import typer

from hpsearch.cli.options import HomeOption, StudyArgument
from hpsearch.cli.output import Screen, tell
from hpsearch.cli.workspace import StorageOption, workspace
from hpsearch.services import stop as service
from hpsearch.text import plural


def stop(
    study: StudyArgument,
    now: Annotated[
        bool,
        typer.Option("--now", help="At once: progress since a trial's last checkpoint is lost."),
    ] = False,
    home: HomeOption = None,
    storage: StorageOption = None,
) -> None:
    """Ask all workers of a study to save their trials and exit; waits until they have."""
    done = service.stop(study, workspace(home, storage), Screen(), now=now)
    if done is None:
        tell(f"Study {study} was asked to stop, but a new run has started since.")
        return
    counts = done.counts
    waiting = f", {counts.waiting} waiting" if counts.waiting else ""
    resume = "" if done.is_over else f"{waiting}. To resume it: hpsearch run FILE"
    tell(f"Stopped study {study}: {counts.counted} of {plural(done.trials, 'trial')} done{resume}")
