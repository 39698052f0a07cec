"""``/v1/studies/NAME/report`` and ``/export``: files that a process of its own makes of a study."""

from collections.abc import Callable, Iterator
from typing import Annotated, BinaryIO

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse

from hpsearch.search import trials
from hpsearch.search.study import OpenStudy, load_study
from hpsearch.search.submissions import user_of
from hpsearch.server.described import UNCHANGED, file_of
from hpsearch.server.problems import RETRY_AFTER, RefusedError
from hpsearch.server.routes.answers import is_known
from hpsearch.server.routes.studies import Here, Name
from hpsearch.server.service import Service
from hpsearch.server.who import Reader, may_change
from hpsearch.services.downloads import Downloads, Format, Wanted, export_of, report_of
from hpsearch.services.going_on import refuse_code

router = APIRouter(prefix="/v1/studies", tags=["studies"])

AT_ONCE, MOST_WAITING = 2, 20
"""Files that are made at the same time, and requests that wait for theirs."""

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
_makes = CapacityLimiter(AT_ONCE)


@router.get(
    "/{name}/report",
    response_class=StreamingResponse,
    responses=file_of(_TYPES[".html"]) | UNCHANGED,
)
async def report(request: Request, here: Here, _: Reader, name: Name) -> Response:
    """The page that ``hpsearch report`` writes, as the study stood when a trial last ended."""
    answer = await _download(request, here, name, report_of)
    answer.headers["Content-Security-Policy"] = POLICY
    return answer


@router.get(
    "/{name}/export",
    response_class=StreamingResponse,
    responses=file_of(*list(_TYPES.values())[1:], _BINARY) | UNCHANGED,
)
async def export(  # noqa: PLR0917  # FastAPI gives them by name
    request: Request,
    here: Here,
    token: Reader,
    name: Name,
    form: Annotated[Format, Query(alias="format")] = "toml",
    trial: Annotated[int | None, Query(ge=0, lt=2**31)] = None,
    confirmed: bool = False,
) -> Response:
    """What ``hpsearch export`` writes of the best trial, another one, or the confirmed winner.

    A recipe (toml, json, yaml), a trained model (keras), or a Keras script (py), which comes as an
    archive (zip) with its data, as does a recipe with files of its own. Data from a path are for
    the study's own user.
    """
    if confirmed and trial is not None:
        raise RefusedError(422, "trial and confirmed exclude each other; give only one")

    def wanted(study: OpenStudy) -> Wanted:
        if form == "py" and study.file.dataset.path is not None:
            may_change(token, user_of(study))
        if form not in _WRITTEN:
            refuse_code(study, here.rules)
        if not confirmed:
            _ = trials.best(study) if trial is None else trials.find(study, trial)
        return export_of(study, form, trial, confirmed=confirmed)

    return await _download(request, here, name, wanted)


async def _download(
    request: Request, here: Service, name: str, wanted_of: Callable[[OpenStudy], Wanted]
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
    found = await run_sync(downloads.kept, study, version)
    if found is None:
        if _makes.statistics().tasks_waiting >= MOST_WAITING:
            told = "too many wait for reports and exports; try again later"
            raise RefusedError(503, told, {"Retry-After": str(RETRY_AFTER)})
        found = await run_sync(downloads.make, study, wanted, version, limiter=_makes)
    ending = found.name[found.name.rindex(".") :]
    how = "inline" if ending == ".html" else "attachment"
    headers |= {
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
