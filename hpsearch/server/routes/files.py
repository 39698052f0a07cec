"""``/v1/studies/NAME/file``, ``/provenance`` and ``/logs``: a study's file to clone, where its
results come from, and what its workers said.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import PlainTextResponse, Response

from hpsearch.errors import UnfinishedError
from hpsearch.naming import named
from hpsearch.report.study_toml import as_toml
from hpsearch.search.lookup import load_study
from hpsearch.server import described, results
from hpsearch.server.routes.answers import as_json
from hpsearch.server.routes.studies import Here, Name
from hpsearch.server.tokens import Role
from hpsearch.server.who import Reader
from hpsearch.services.provenance import provenance, without_machines
from hpsearch.text import plain

router = APIRouter(prefix="/v1/studies", tags=["studies"])

MOST_BYTES = 2**18
"""Of the end of a log that are looked at."""


@router.get(
    "/{name}/file", response_class=Response, responses=described.file_of("application/toml")
)
def file(here: Here, _: Reader, name: Name) -> Response:
    """The study file, as one would write it, to be edited and submitted under another name."""
    study = load_study(here.storage, name)
    return Response(
        as_toml(named(study.file, here.names(study)), name), media_type="application/toml"
    )


@router.get("/{name}/provenance", response_model=results.Provenance, responses=described.UNCHANGED)
def show_provenance(request: Request, here: Here, token: Reader, name: Name) -> Response:
    """Where its results come from, as ``hpsearch show --provenance --json`` prints it.

    What only administrators see: machines, and of commands more than their name and date.
    """
    study = load_study(here.storage, name)
    if token.role is Role.ADMIN:
        return as_json(request, provenance(study))
    named_study = replace(study, file=named(study.file, here.names(study)))
    return as_json(request, without_machines(provenance(named_study)))


@router.get("/{name}/logs", response_class=PlainTextResponse)
def logs(
    here: Here,
    token: Reader,
    name: Name,
    lines: Annotated[int, Query(ge=1, le=1000)] = 40,
    worker: Annotated[int | None, Query(ge=0, lt=2**31, description="Only this one's.")] = None,
) -> PlainTextResponse:
    """The last lines of the logs of the study's workers on this machine."""
    study = load_study(here.storage, name)
    home = here.workspace.home
    files = sorted(home.study_logs(name).glob("worker-*.log"))
    if worker is not None:
        files = [one for one in files if one == home.worker_log(name, worker)]
    if not files:
        which = "logs" if worker is None else f"log of worker {worker}"
        raise UnfinishedError(f"study {name}: has no {which} here yet; no such worker was started")
    told = [f"==> {one.name} <==\n{_end(one, lines)}" for one in files]
    return PlainTextResponse(here.shown("\n".join(told), study, token) + "\n")


def _end(file: Path, lines: int) -> str:
    """The last lines of a file, without the control sequences of terminals."""
    with file.open("rb") as opened:
        opened.seek(max(0, os.fstat(opened.fileno()).st_size - MOST_BYTES))
        text = opened.read(MOST_BYTES).decode("utf-8", "replace")
    return plain("\n".join(text.splitlines()[-lines:]))
