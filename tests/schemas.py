"""Requests that schemathesis makes of the OpenAPI description, to a service in this process.

It looks at every answer: no fault, and a status, a type and a content that are described.
"""

import itertools
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import hypothesis
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis.errors import Unsatisfiable
from optuna.trial import TrialState
from schemathesis import APIOperation, Case, GenerationMode, SerializationContext
from schemathesis.core.failures import FailureGroup
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from served import STUDY, Served

from hpsearch.search import claims, submissions
from hpsearch.search.attributes import BEST_EPOCH_KEY
from hpsearch.search.lookup import load_study
from hpsearch.space import suggest_config

ADDRESS = "http://127.0.0.1"
UPLOAD = "houses.csv"
TABLE = b"rooms,price\n" + b"".join(b"%d,%d\n" % (one % 7, one) for one in range(40))


@schemathesis.serializer("application/toml")
def as_text(_: SerializationContext, value: object) -> bytes:
    """A study file, or what is none."""
    return str(value).encode("utf-8", "surrogatepass")


Operation = APIOperation[Any, Any, Any, Any]


def operations(served: Served) -> Iterator[Operation]:
    """Every operation that is described."""
    headers = {"Host": "127.0.0.1"}
    schema = schemathesis.openapi.from_asgi("/openapi.json", served.app, headers=headers)
    schema.config.update(base_url=ADDRESS)
    schema.config.max_stream_events = 2  # of those that would go on
    for found in schema.get_all_operations():
        yield found.ok()


def prepare(served: Served) -> None:
    """Have a study with a complete and a running trial and a confirmation, one that failed, and an
    upload.
    """
    served.scheduler.ticked = time.monotonic()
    for name in {"small", "failed"} - {*served.storage.study_names()}:
        assert served.submit(name, "other").status_code == 201
        study = load_study(served.storage, name)
        for value in (0.5, None):
            trial = claims.claim(study)
            assert trial is not None
            suggest_config(study.file.space, trial)
            trial.report(0.25, 1)
            trial.set_user_attr(BEST_EPOCH_KEY, 1)
            if value:
                study.optuna.tell(trial, value)
        if name == "failed":
            study.optuna.tell(trial, state=TrialState.FAIL)
            submissions.fail(study, "its workers ended five times in a row")
            continue
        log = served.home.worker_log(name, 0)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("it works\n")
        asked = {"top": 1, "seeds": 2}
        assert served.ask("POST", "/v1/studies/small/confirm", json=asked).status_code == 202
    runs = load_study(served.storage, "small.confirm")
    while (run := claims.claim(runs)) is not None:
        run.set_user_attr(BEST_EPOCH_KEY, 1)
        runs.optuna.tell(run, 0.5 + 0.01 * run.number)
    if served.home.uploads.exists():
        return
    answer = served.ask("PUT", f"/v1/datasets/{UPLOAD}", content=TABLE)
    assert answer.status_code == 201, answer.text


def attack(served: Served, operation: Operation, examples: int) -> tuple[Counter[int], list[str]]:
    """Make requests of an operation, right and wrong ones.

    Args:
        served: the service.
        operation: what is asked for.
        examples: requests of each kind.

    Returns:
        How often each status was answered, and what is wrong.
    """
    statuses, wrong = Counter[int](), list[str]()
    numbers = itertools.count()
    names = (UPLOAD,) if "datasets" in operation.path else ("small", "failed")
    headers = {"Authorization": f"Bearer {served.shown['admin']}", "Host": "127.0.0.1"}

    def ask(case: Case) -> None:
        prepare(served)
        number = next(numbers)
        if number % 2 == 0 and "name" in case.path_parameters:
            case.path_parameters["name"] = names[number // 2 % len(names)]
        if number % 4 == 0 and operation.label in FILES:
            case.media_type, case.query = "application/toml", {}
            case.headers = {"Content-Type": "application/toml"}
            case.body = STUDY.format(name=f"new-{len(served.storage.study_names())}", trials=3)
        if number % 4 == 0 and operation.label == "PUT /v1/datasets/{name}":
            case.media_type, case.query = "text/csv", {}
            case.path_parameters["name"], case.body = f"new-{number}.csv", TABLE
        if number % 4 == 0 and operation.method.upper() == "PATCH":
            case.media_type, case.body = "application/json", {"budget": {"trials": 7}}
        try:
            answer: Response = case.call(base_url=ADDRESS, headers=headers)
            statuses[answer.status_code] += 1
            case.validate_response(answer, headers=headers, excluded_checks=NOT_SO)
        except FailureGroup as group:
            request = case.as_curl_command(headers={})
            wrong.extend(f"{one}\n{request}" for one in group.exceptions)

    for mode in GenerationMode:
        run = given(case=operation.as_strategy(mode))(ask)
        limits = hypothesis.settings(
            max_examples=examples, phases=[Phase.generate], suppress_health_check=[*HealthCheck],
            deadline=None, database=None,
        )  # fmt: skip
        try:
            limits(run)()
        except Unsatisfiable:  # what takes nothing cannot be asked for wrongly
            assert mode is GenerationMode.NEGATIVE
    return statuses, wrong


NOT_SO = [positive_data_acceptance, negative_data_rejection]
"""A study file is more than its schema; what nobody asks for in a query is passed over."""
FILES = {"POST /v1/studies", "POST /v1/studies/{name}/fork", "POST /v1/check"}
"""What takes a study file."""
