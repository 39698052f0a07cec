"""What Prometheus is told: counted where it happens, read when it is asked for."""

from typing import Any

import optuna
import pytest
import simulated_gpus
import sqlalchemy as sa
from optuna.trial import TrialState
from prometheus_client.parser import text_string_to_metric_families
from served import Served, service_of
from simulated_gpus import GIB, Device

from hpsearch.search.attributes import EPOCHS_KEY, SECONDS_KEY
from hpsearch.search.lookup import load_study
from hpsearch.server import board

NAMES = {
    "hpsearch_http_requests_total", "hpsearch_http_request_seconds_count", "hpsearch_slots",
    "hpsearch_storage_seconds_count", "hpsearch_studies", "hpsearch_trials_total",
    "hpsearch_trials_open", "hpsearch_trial_seconds_count", "hpsearch_epoch_seconds_count",
    "hpsearch_claim_seconds_count", "hpsearch_study_wait_seconds_count", "hpsearch_storage_up",
    "hpsearch_scheduler_step_seconds_count", "hpsearch_sse_watchers", "hpsearch_info",
    "process_resident_memory_bytes", "process_cpu_seconds_total",
}  # fmt: skip
"""Some of what is told; dashboards of users ask for these names."""


class Told(dict[tuple[str, str], float]):
    """Samples by name and labels."""

    def of(self, name: str, *labels: str) -> float:
        return self.get((name, ",".join(labels)), 0.0)


def scrape(served: Served, who: str = "read", **headers: str) -> Told:
    answer = served.ask("GET", "/metrics", who, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    found = Told()
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found[sample.name, ",".join(sample.labels.values())] = sample.value
    return found


def ended(served: Served, name: str, state: TrialState, **facts: Any) -> None:
    study = load_study(served.storage, name).optuna
    trial = study.ask()
    for key, value in facts.items():
        trial.set_user_attr(key, value)
    study.tell(trial, 0.5 if state == TrialState.COMPLETE else None, state=state)


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "FRESH", 0.0)
    monkeypatch.setattr(board, "WHOLE_EVERY", 0.0)


def test_everything_that_is_promised_is_told(served: Served) -> None:
    served.submit("small")
    scrape(served)
    ended(served, "small", TrialState.COMPLETE)
    served.scheduler.metrics.time_statements(served.storage.engine)
    served.storage.events()
    names = {name for name, _ in scrape(served)}
    assert names >= NAMES


def test_requests_are_counted_by_the_template_of_their_route(served: Served) -> None:
    served.submit("small")
    for path in ("/v1/studies/small", "/v1/studies/small", "/v1/studies/none", "/secret-path"):
        served.ask("GET", path)
    served.ask("GET", "/dashboard")
    served.ask("BREW", "/v1/studies")
    served.ask("GET", "/v1/studies", headers={"Host": "evil.org"})
    told = scrape(served)
    requests = "hpsearch_http_requests_total"
    assert told.of(requests, "GET", "/v1/studies/{name}", "200") == 2
    assert told.of(requests, "GET", "/v1/studies/{name}", "404") == 1
    assert told.of(requests, "POST", "/v1/studies", "201") == 1
    assert told.of(requests, "GET", "none", "404") == 1
    assert told.of(requests, "GET", "none", "421") == 1
    assert told.of(requests, "GET", "dashboard", "200") == 1
    assert told.of(requests, "other", "/v1/studies", "405") == 1
    assert told.of("hpsearch_http_request_seconds_count", "GET", "/v1/studies/{name}") == 3
    assert not any("secret" in labels or "small" in labels for _, labels in told)


def test_studies_and_open_trials_are_told_by_state(served: Served) -> None:
    for name in ("a", "b", "c"):
        served.submit(name)
    served.ask("POST", "/v1/studies/b/pause")
    load_study(served.storage, "c").optuna.ask()
    told = scrape(served)
    states = {
        state: told.of("hpsearch_studies", state) for state in ("queued", "running", "paused")
    }
    assert states == {"queued": 1, "running": 1, "paused": 1}
    assert told.of("hpsearch_trials_open", "running") == 1
    assert told.of("hpsearch_users_waiting") == 1


def test_numbers_of_trials_never_go_back(served: Served) -> None:
    served.submit("a")
    ended(served, "a", TrialState.COMPLETE)
    with service_of(served.home) as later:
        assert scrape(later).of("hpsearch_trials_total", "complete") == 0  # of an earlier service
        ended(later, "a", TrialState.COMPLETE)
        later.submit("b")
        ended(later, "b", TrialState.PRUNED)
        told = scrape(later)
        assert told.of("hpsearch_trials_total", "complete") == 1
        assert told.of("hpsearch_trials_total", "pruned") == 1
        optuna.delete_study(study_name="a", storage=later.storage)
        assert scrape(later).of("hpsearch_trials_total", "complete") == 1


def test_the_durations_of_a_trial_are_told_once(served: Served) -> None:
    served.submit("a")
    scrape(served)
    ended(served, "a", TrialState.COMPLETE, **{SECONDS_KEY: 20.0, EPOCHS_KEY: 4})
    for _ in range(2):
        told = scrape(served)
        assert told.of("hpsearch_trial_seconds_sum", "complete") == 20
        assert told.of("hpsearch_trial_seconds_count", "complete") == 1
        assert told.of("hpsearch_epoch_seconds_sum") == 5
    ended(served, "a", TrialState.PRUNED, **{SECONDS_KEY: "odd", EPOCHS_KEY: -1})
    told = scrape(served)
    assert told.of("hpsearch_trial_seconds_count", "pruned") == 1
    assert told.of("hpsearch_epoch_seconds_count") == 1


def test_the_time_between_two_trials_of_a_worker_is_told(served: Served) -> None:
    served.submit("a")
    scrape(served)
    for worker in ("host:1", "host:2", "host:1"):
        ended(served, "a", TrialState.COMPLETE, worker=worker)
    assert scrape(served).of("hpsearch_claim_seconds_count") == 1


def test_where_the_storage_is_away_the_rest_is_told(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert scrape(served).of("hpsearch_storage_up") == 1

    def away(*_: object) -> None:
        raise sa.exc.OperationalError("SELECT", {}, Exception("away"))

    monkeypatch.setattr(type(served.storage), "last_event", away)
    told = scrape(served)
    assert told.of("hpsearch_storage_up") == 0
    assert told.of("hpsearch_http_requests_total", "GET", "/metrics", "200") == 1
    monkeypatch.undo()
    assert scrape(served).of("hpsearch_storage_up") == 1
    served.scheduler.is_away = True
    assert scrape(served).of("hpsearch_storage_up") == 0


def test_gpus_are_told_where_the_driver_tells_them(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated_gpus.simulate(
        monkeypatch,
        [
            Device("GPU-1", used=3 * GIB, rates=simulated_gpus.Rates(25)),
            Device("GPU-2", memory=simulated_gpus.NOT_SUPPORTED),
            Device("GPU-3"),
        ],
    )
    told = scrape(served)
    memory, used = "hpsearch_gpu_memory_bytes", "hpsearch_gpu_utilization_ratio"
    assert (told.of(memory, "0", "used"), told.of(memory, "0", "total")) == (3 * GIB, 16 * GIB)
    assert told.of(used, "0") == 0.25
    assert (memory, "1,used") not in told
    assert told.of(memory, "2", "total") == 16 * GIB
    assert (used, "2") not in told


def test_the_format_is_that_of_text_whatever_is_asked_for(served: Served) -> None:
    for accept in ("text/plain; version=abc", "application/openmetrics-text; version=x", ";"):
        assert scrape(served, Accept=accept)


def test_slots_are_told_by_what_they_do(served: Served) -> None:
    works = ((None, None), ("a", None), ("a", "b"), ("b", None))
    served.scheduler.shown = [
        {"slot": slot, "device": "CPU", "study": study, "user": None, "worker": None, "since": None,
         "next": following}
        for slot, (study, following) in enumerate(works)
    ]  # fmt: skip
    told = scrape(served)
    states = [told.of("hpsearch_slots", state) for state in ("waiting", "working", "passing")]
    assert states == [1, 2, 1]
