"""Importances of parameters in the dashboard, where a study has no parameters."""

import json
import re
from contextlib import suppress

from bottle import Bottle, HTTPResponse, request
from optuna.storages import BaseStorage

_IMPORTANCES = re.compile(r"/api/studies/(\d+)/param_importances/*")


def answer_without_parameters(app: Bottle, storage: BaseStorage) -> None:
    """Have the dashboard answer that there are no importances where no trial has a parameter.

    Confirmation studies are such; optuna-dashboard divides by the number of parameters.

    Args:
        app: optuna-dashboard's application.
        storage: the studies.
    """

    @app.hook("before_request")  # type: ignore[untyped-decorator]
    def look() -> None:
        asked = _IMPORTANCES.fullmatch(request.path)
        if asked is None:
            return
        with suppress(KeyError):  # optuna-dashboard says so
            trials = storage.get_all_trials(int(asked[1]), deepcopy=False)
            if not any(trial.params for trial in trials):
                none = json.dumps({"param_importances": [[]]})
                raise HTTPResponse(none, 200, {"Content-Type": "application/json"})
