"""Studies that somebody is busy with are not removed in the dashboard."""

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from bottle import Bottle, HTTPResponse, request

from hpsearch.search.lookup import both_names
from hpsearch.search.storage import StudyBusyError

if TYPE_CHECKING:
    from hpsearch.search.storage import Storage

_STUDY = re.compile(r"/api/studies/(\d+)/*")


def refuse_busy(app: Bottle, storage: "Storage") -> None:
    """Have the dashboard refuse to remove a study that a run or a worker is busy with.

    The storage refuses it, too, but not before optuna-dashboard has removed what is attached.

    Args:
        app: optuna-dashboard's application.
        storage: the studies; its ``is_busy`` says who counts.
    """

    @app.hook("before_request")  # type: ignore[untyped-decorator]
    def look() -> None:
        asked = _STUDY.fullmatch(request.path)
        if request.method != "DELETE" or asked is None:
            return
        with suppress(KeyError):  # optuna-dashboard says so
            name = storage.get_study_name_from_id(int(asked[1]))
            for one in {name, both_names(name)[0]} & {*storage.study_names()}:
                _refuse(storage, one)


def _refuse(storage: "Storage", name: str) -> None:
    """Answer with the reason, where somebody is busy with a study."""
    key = storage.get_study_id_from_name(name)
    if busy := [*filter(storage.is_busy, storage.present(key))]:
        reason = json.dumps({"reason": str(StudyBusyError(name, busy))})
        raise HTTPResponse(reason, 409, {"Content-Type": "application/json"})
