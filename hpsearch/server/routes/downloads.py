"""``/v1/studies/NAME/report``, ``/export`` and ``/ensemble``: what a process of its own makes of a
study.
"""

from asyncio import Task, create_task, shield
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal, TypeVar
from urllib.parse import quote

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from hpsearch.errors import InputError
from hpsearch.naming import telling
from hpsearch.search import trials
from hpsearch.search.lookup import load_study
from hpsearch.search.storage.events import Event
from hpsearch.search.study import OpenStudy
from hpsearch.search.submissions import user_of
from hpsearch.server import results
from hpsearch.server.described import UNCHANGED, file_of
from hpsearch.server.problems import RETRY_AFTER, RefusedError
from hpsearch.server.routes.answers import is_known
from hpsearch.server.routes.studies import Here, Name
from hpsearch.server.service import Service
from hpsearch.server.tokens import Token
from hpsearch.server.who import Reader, Submitter, may_change
from hpsearch.services.downloads import (
    INSTEAD,
    Downloads,
    Exporting,
    Wanted,
    export_of,
    report_of,
)
from hpsearch.services.ensemble import MOST
from hpsearch.services.ensemble_apart import ensemble_apart
from hpsearch.services.forms import form_of
from hpsearch.services.going_on import refuse_code
from hpsearch.services.other_forms import check_form
from hpsearch.services.single import check_choice
from hpsearch.text import plural

router = APIRouter(prefix="/v1/studies", tags=["studies"])

AT_ONCE, MOST_WAITING = 2, 20
"""Files that are made at the same time, and requests that wait for theirs, or for an ensemble."""

CHUNK = 2**20
"""Bytes that are read at a time."""

POLICY = (
    "sandbox allow-scripts allow-downloads; default-src 'none'; script-src 'unsafe-inline';"
    " style-src 'unsafe-inline'; img-src data: blob:; frame-ancestors 'none'"
)
"""What a report may do: its own scripts draw its figures, and nothing of the service is theirs."""

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".toml": "application/toml",
    ".json": "application/json",
    ".yaml": "application/yaml",
    ".zip": "application/zip",
}
_WRITTEN = ("toml", "json", "yaml", "py")
"""Formats that are texts; of others the network is built."""

_BINARY = "application/octet-stream"


class Ensembling(BaseModel):
    """What is to be averaged: the options of ``hpsearch ensemble``."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    members: Annotated[int, Field(ge=2, le=1000, strict=True)] = MOST
    """How many networks at most."""


_USUAL = Ensembling()
_makes = CapacityLimiter(AT_ONCE)
_chooses = CapacityLimiter(1)
"""Ensembles take long, and keep no file waiting."""
_choosing: dict[tuple[str, str, int], Task[dict[str, Any]]] = {}
"""What is chosen now, by storage, study and members: who asks for the same gets the same answer."""
_Made = TypeVar("_Made")


@router.get(
    "/{name}/report",
    response_class=StreamingResponse,
    responses=file_of(_TYPES[".html"], _TYPES[".json"]) | UNCHANGED,
)
async def report(
    request: Request,
    here: Here,
    token: Reader,
    name: Name,
    form: Annotated[Literal["html", "json"], Query(alias="format")] = "html",
) -> Response:
    """The page that ``hpsearch report`` writes, as the study stood when a trial last ended.

    Or what ``hpsearch report --json`` prints (json). Data are called as study files call them.
    """

    def wanted(study: OpenStudy) -> Wanted:
        return replace(report_of(study, form), names=here.names(study))

    answer = await _download(request, here, token, name, wanted)
    answer.headers["Content-Security-Policy"] = POLICY
    return answer


@router.get(
    "/{name}/export",
    response_class=StreamingResponse,
    responses=file_of(*list(_TYPES.values())[1:], _BINARY) | UNCHANGED,
)
async def export(
    request: Request, here: Here, token: Reader, name: Name, asked: Annotated[Exporting, Query()]
) -> Response:
    """What ``hpsearch export`` writes of the best trial, or of what is asked for in its place.

    A recipe (toml, json, yaml), which calls data as study files do, a trained model (keras,
    saved_model, onnx, tflite, xml), or a Keras script (py). Several files come as an archive (zip):
    a script with its data, a recipe with files of its own. Data from a path are for the study's own
    user. The header ``Hpsearch-Told`` says what the command does of it, percent-encoded.
    """
    _check_choice(asked)
    _check_form(asked)

    def wanted(study: OpenStudy) -> Wanted:
        if asked.format == "py" and study.file.dataset.path is not None:
            may_change(token, user_of(study))
        if asked.format not in _WRITTEN:
            refuse_code(study, here.rules)
        if not asked.chosen:
            trials.best(study)
        elif asked.trial is not None:
            trials.find(study, asked.trial)
        return replace(export_of(study, asked), names=here.names(study))

    return await _download(request, here, token, name, wanted)


def _check_choice(asked: Exporting) -> None:
    """Refuse two things that are exported.

    Raises:
        RefusedError: they are asked for.
    """
    try:
        check_choice(**asked.model_dump(include={"trial", *INSTEAD}))
    except InputError as error:
        raise RefusedError(422, str(error).replace("--", "")) from None


def _check_form(asked: Exporting) -> None:
    """Refuse a form that cannot be written here.

    Raises:
        RefusedError: a package that is missing, or a form that is not quantised.
    """
    try:
        check_form(form_of(f"a-file{asked.ending}"), asked.quantize)
    except InputError as error:
        why = str(error).replace("not installed here", "not installed where the service runs")
        raise RefusedError(422, why) from None


@router.post("/{name}/ensemble", response_model=results.Ensemble)
async def ensemble(
    here: Here, token: Submitter, name: Name, asked: Annotated[Ensembling, Body()] = _USUAL
) -> dict[str, Any]:
    """Choose which of its trained networks to average, as ``hpsearch ensemble`` does, on the CPU.

    The answer comes when that is done, which may take minutes; the study keeps the choice. One is
    chosen at a time; the same, asked for meanwhile, gets the same answer.
    """

    def own() -> OpenStudy:
        study = load_study(here.storage, name)
        may_change(token, user_of(study))
        refuse_code(study, here.rules)
        return study

    study = await run_sync(own)
    key = (here.workspace.url, study.key, asked.members)
    if (choosing := _choosing.get(key)) is None:
        choosing = create_task(_choose(here, study, asked.members, token.name))
        _choosing[key] = choosing
        choosing.add_done_callback(lambda _: _choosing.pop(key))
    with telling(here.names_for(study, token)):
        return await shield(choosing)  # others may wait for it, too


async def _choose(here: Service, study: OpenStudy, members: int, who: str) -> dict[str, Any]:
    """Choose an ensemble, and note who asked for it."""
    found = await _in_turn(partial(ensemble_apart, study, here.workspace, members), _chooses)
    words = plural(len(found["members"]), "network")
    event = Event(who=who, what="ensemble chosen", study=study.name, detail=words)
    await run_sync(here.storage.note, event)
    return found


async def _in_turn(work: Callable[[], _Made], limiter: CapacityLimiter) -> _Made:
    """Have something made when those before have what they asked for.

    Raises:
        RefusedError: too many wait already.
    """
    if limiter.statistics().tasks_waiting >= MOST_WAITING:
        why = "too many wait for such answers already; try again later"
        raise RefusedError(503, why, {"Retry-After": str(RETRY_AFTER)})
    return await run_sync(work, limiter=limiter)


async def _download(
    request: Request,
    here: Service,
    token: Token,
    name: str,
    wanted_of: Callable[[OpenStudy], Wanted],
) -> Response:
    """A file of a study, made if it is not kept.

    Raises:
        RefusedError: too many wait for such files already.
    """
    downloads: Downloads = request.app.state.downloads

    def look() -> tuple[OpenStudy, Wanted, str]:
        study = load_study(here.storage, name)
        wanted = wanted_of(study)
        return study, wanted, downloads.version(study, wanted)

    study, wanted, version = await run_sync(look)
    headers = {"ETag": f'"{version}"', "Cache-Control": "no-cache"}
    if is_known(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    found = await run_sync(downloads.kept, study, wanted, version)
    if found is None:
        with telling(here.names_for(study, token)):
            found = await _in_turn(partial(downloads.make, study, wanted, version), _makes)
    ending = Path(found.name).suffix
    how = "inline" if ending == ".html" else "attachment"
    headers |= {
        "Hpsearch-Told": quote(found.told),
        "Content-Disposition": f'{how}; filename="{found.name}"',
        "Content-Length": str(found.size),
    }
    return StreamingResponse(
        _chunks(found.file), headers=headers, media_type=_TYPES.get(ending, _BINARY)
    )


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    """A file as its bytes come, closed in the end."""
    with file:
        while chunk := file.read(CHUNK):
            yield chunk
