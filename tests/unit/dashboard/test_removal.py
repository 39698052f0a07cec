"""Studies that somebody is busy with are not removed in the dashboard."""

from collections.abc import Callable
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from bottle import Bottle

from hpsearch.dashboard.server import application
from hpsearch.home import Home
from hpsearch.search.confirmation import ensure_confirmation_study
from hpsearch.search.study import OpenStudy
from hpsearch.workers.identity import identity


def remove(app: Bottle, study: OpenStudy) -> tuple[str, bytes]:
    """Ask to remove a study: the status, and the answer."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "DELETE", "PATH_INFO": f"/api/studies/{study.study_id}",
    }  # fmt: skip
    setup_testing_defaults(environ)
    told: list[str] = []
    body = b"".join(app(environ, lambda status, _headers, *_: told.append(status)))
    return told[0], body


@pytest.mark.parametrize("is_confirmation", [False, True])
def test_who_counts_as_busy_the_storage_says(
    open_study: Callable[..., OpenStudy], home: Home, is_confirmation: bool
) -> None:
    study = open_study()
    busy = ensure_confirmation_study(study) if is_confirmation else study
    app, storage = application(study.storage, home), study.storage
    storage.arrive(busy.study_id, identity())
    storage.is_busy = lambda process: process.owner["worker"] == identity()["worker"]
    status, body = remove(app, study)
    assert status.startswith("409")
    assert f"study {busy.name}: is in use by {identity()['worker']}".encode() in body
    assert study.name in storage.study_names()
    storage.is_busy = lambda _: False  # it is known to be gone, however fresh its sign
    assert remove(app, study)[0].startswith("204")
    assert study.name not in storage.study_names()
