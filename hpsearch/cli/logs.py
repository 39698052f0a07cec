"""``hpsearch logs``: the end of what a study's workers said."""

from typing import Annotated

import typer

from hpsearch.cli.options import HomeOption, StudyArgument
from hpsearch.cli.output import tell
from hpsearch.cli.server import ServerOption, service_of
from hpsearch.errors import InputError
from hpsearch.home import Home
from hpsearch.text import plain


def logs(
    context: typer.Context,
    study: StudyArgument,
    server: ServerOption = None,
    worker: Annotated[
        int | None, typer.Option("--worker", metavar="N", help="Only this worker's log.")
    ] = None,
    lines: Annotated[
        int, typer.Option("-n", "--lines", min=1, help="Last lines of each log.")
    ] = 40,
    home: HomeOption = None,
) -> None:
    """Print the last lines of the logs of a study's workers on this machine."""
    if (client := service_of(context, server, "study", "worker", "lines")) is not None:
        with client:
            tell(client.study(study).logs(worker=worker, lines=lines).removesuffix("\n"))
        return
    place = Home.find(home)
    folder = place.study_logs(study)
    files = sorted(folder.glob("worker-*.log")) if worker is None else []
    if worker is not None and place.worker_log(study, worker).exists():
        files = [place.worker_log(study, worker)]
    if not files:
        raise InputError(
            f"{folder}: has no such log; find the study with hpsearch ls, or give another --home"
        )
    for file in files:
        tell(f"==> {file} <==")
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]:
            tell(plain(line))
