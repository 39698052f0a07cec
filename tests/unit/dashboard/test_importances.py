"""Importances of parameters in the dashboard, where a study has no parameters."""

import json
from collections.abc import Callable
from typing import Any
from wsgiref.util import setup_testing_defaults

import fakes
from bottle import Bottle

from hpsearch.dashboard.server import application
from hpsearch.home import Home
from hpsearch.objective import Objective
from hpsearch.search.study import OpenStudy


def importances(app: Bottle, key: int) -> tuple[str, Any]:
    """Ask for a study's importances: the status, and what the answer says."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET", "PATH_INFO": f"/api/studies/{key}/param_importances",
    }  # fmt: skip
    setup_testing_defaults(environ)
    told: list[str] = []
    body = b"".join(app(environ, lambda status, _headers, *_: told.append(status)))
    return told[0], json.loads(body)


def test_a_study_without_parameters_has_no_importances(
    open_study: Callable[..., OpenStudy], home: Home
) -> None:
    fixed = open_study(name="fixed", space={"layers": 1})
    searched = open_study(name="searched")
    for study in (fixed, searched):
        job = Objective(study=study, parts=fakes.parts(), home=home, trainer=fakes.train)
        for _ in range(3):
            job.run_one()
    app = application(fixed.storage, home)
    assert importances(app, fixed.study_id) == ("200 OK", {"param_importances": [[]]})
    status, answer = importances(app, searched.study_id)
    assert status == "200 OK"
    assert {"layers", "units_0"} <= {one["name"] for one in answer["param_importances"][0]}
    status, answer = importances(app, searched.study_id + 1)
    assert status.startswith("404")
