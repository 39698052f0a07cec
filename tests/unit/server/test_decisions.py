"""Changing, confirming, forking and removing studies over HTTP, and lists in pages."""

import contextlib
import io
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import FrozenTrial
from served import STUDY, Served
from uploading import CSV, looked_at_here

from hpsearch.environment import STORAGE_VARIABLE
from hpsearch.errors import EXIT_INPUT, InputError
from hpsearch.home import WEIGHTS, Home
from hpsearch.search import budget, claims, submissions
from hpsearch.search.attributes import BEST_EPOCH_KEY
from hpsearch.search.lookup import load_study
from hpsearch.search.study import OpenStudy
from hpsearch.server.queue import Queue
from hpsearch.services import apart, decide, forked
from hpsearch.services.confirm import submit_confirmation
from hpsearch.services.workspace import Workspace
from hpsearch.space import suggest_config
from hpsearch.workers.identity import identity
from hpsearch.workers.presence import present

Finish = Callable[..., FrozenTrial]


def submitted(served: Served, name: str = "small", *, trials: int = 5) -> OpenStudy:
    assert served.submit(name, trials=trials).status_code == 201
    return load_study(served.storage, name)


def looked(served: Served, name: str = "small") -> None:
    """Have a scheduler look whether a study has a trial to start."""
    queue = Queue(served.storage)
    queue.read()
    queue.with_a_trial(name, ())


def state(served: Served, name: str = "small") -> str:
    return submissions.submission_of(load_study(served.storage, name)).state


def whats(served: Served, name: str = "small") -> list[str]:
    return [one.what for one in reversed(served.storage.events(name))]


def link(answer: Any) -> str:
    assert answer.status_code == 200
    return str(answer.links["next"]["url"])


def test_a_study_that_is_done_goes_on_when_its_budget_grows(served: Served, finish: Finish) -> None:
    study = submitted(served, trials=1)
    finish(study)
    looked(served)
    assert state(served) == "done"
    path, same = "/v1/studies/small", {"budget": {"trials": 1}}
    assert served.ask("PATCH", path, "submit", json=same).json()["state"] == "done"
    assert served.ask("PATCH", path, "other", json=same).status_code == 403
    row = served.ask("PATCH", path, "submit", json={"budget": {"trials": 3}}).json()
    assert (row["state"], row["trials"], row["counted"]) == ("queued", 3, 1)
    finish(study)
    looked(served)
    assert state(served) == "queued"
    assert whats(served) == ["submitted", "ended", "budgeted", "budgeted"]
    assert served.storage.events("small")[0].detail == "trials 3"


def test_all_limits_change_as_the_command_changes_them(served: Served) -> None:
    study = submitted(served)
    path = "/v1/studies/small"
    given = {"trials": 7, "timeout": "2h", "plateau": 4}
    both = {"budget": given, "priority": -3}
    row = served.ask("PATCH", path, "submit", json=both).json()
    assert (row["trials"], row["priority"]) == (7, -3)
    assert study.budget.model_dump() == {
        "trials": 7, "timeout": 7200, "plateau": 4, "max_parameters": None, "max_macs": None,
    }  # fmt: skip
    served.ask("PATCH", path, "submit", json={"budget": {"timeout": None}})
    assert (study.budget.timeout, study.budget.plateau) == (None, 4)


def test_a_study_is_stopped_at_once_where_that_is_asked_for(served: Served) -> None:
    for number, (act, became) in enumerate((("pause", "paused"), ("cancel", "cancelled")), 1):
        study = submitted(served, f"study-{number}")
        path = f"/v1/studies/{study.name}/{act}"
        assert served.ask("POST", path, "submit").json()["state"] == became
        assert budget.stop_requested(study) == "leave"
        assert served.ask("POST", f"{path}?now=true", "submit").json()["state"] == became
        assert budget.stop_requested(study) == "now"
        assert whats(served, study.name) == ["submitted", became]
        assert served.ask("POST", f"{path}?now=soon", "submit").status_code == 422


NO_BUDGETS: list[tuple[Any, str]] = [
    ({"budget": {"trials": 0}}, "budget.trials = 0 is out of range"),
    ({"budget": {"trials": None}}, "budget.trials"),
    ({"budget": {"trials": "many"}}, 'budget.trials = "many": Input'),
    ({"budget": {"trials": 10**30}}, "budget.trials"),
    ({"budget": {"timeout": "soon"}}, "is not a duration"),
    ({"budget": {"timeout": -1}}, "budget.timeout = -1"),
    ({"budget": {"max_macs": 1}}, "budget.max_macs: unknown key; leave it out"),
    ({"budget": {}}, "nothing to change"),
    ({}, "nothing to change"),
    ({"budget": None}, "budget"),
    ({"priority": None}, "priority"),
]


def test_a_budget_that_is_none_changes_nothing(served: Served) -> None:
    study = submitted(served)
    for body, said in NO_BUDGETS:
        answer = served.ask("PATCH", "/v1/studies/small", "submit", json=body)
        assert answer.status_code == 422, body
        assert said in answer.json()["detail"]
    assert study.budget.trials == 5
    assert whats(served) == ["submitted"]


def test_a_paused_study_stays_so_and_a_cancelled_one_gets_no_budget(served: Served) -> None:
    submitted(served)
    more = {"budget": {"trials": 9}}
    served.ask("POST", "/v1/studies/small/pause")
    assert served.ask("PATCH", "/v1/studies/small", json=more).json()["state"] == "paused"
    served.ask("POST", "/v1/studies/small/cancel")
    answer = served.ask("PATCH", "/v1/studies/small", json=more)
    assert answer.status_code == 409
    assert "is cancelled and gets no other budget" in answer.json()["detail"]


def test_a_budget_that_grows_while_the_study_is_found_to_be_over_is_not_lost(
    served: Served, finish: Finish
) -> None:
    study = submitted(served, trials=1)
    finish(study)
    seen = submissions.submission_of(study)
    over = budget.ending(study)
    assert over == "trials"
    served.ask("PATCH", "/v1/studies/small", json={"budget": {"trials": 2}})
    submissions.finish(study, over, seen)
    assert state(served) == "queued"


CHANGED = (
    ("POST", "/v1/studies/houses/resume", {}),
    ("PATCH", "/v1/studies/houses", {"json": {"budget": {"trials": 9}}}),
    ("POST", "/v1/studies/houses/confirm", {}),
)


def test_no_study_goes_on_with_data_that_have_changed(
    serve: Callable[..., Served], tmp_path: Path, finish: Finish
) -> None:
    file = tmp_path / "houses.csv"
    file.write_bytes(CSV)
    served = serve(data_root=tmp_path)
    told: dict[str, Any] = {
        "content": (
            'name = "houses"\nbudget = { trials = 1 }\n'
            'dataset = { source = "table", path = "houses.csv", target = "price" }\n'
        ),
        "headers": {"Idempotency-Key": "k"},
    }
    with looked_at_here():
        assert served.ask("POST", "/v1/studies", "submit", **told).status_code == 201
        study = load_study(served.storage, "houses")
        served.ask("POST", "/v1/studies/houses/pause", "submit")
        file.write_bytes(CSV.replace(b"30,", b"31,"))
        again = ("POST", "/v1/studies", told)
        for method, path, options in (*CHANGED, again):
            answer = served.ask(method, path, "submit", **options)
            assert answer.status_code == 422, path
            detail = answer.json()["detail"]
            assert "study houses was started with other settings:\n  the data itself in" in detail
            assert str(tmp_path) not in detail
        assert (state(served, "houses"), study.budget.trials) == ("paused", 1)
        assert served.ask("PATCH", CHANGED[1][1], json={"priority": -1}).status_code == 200
        assert served.ask("POST", CHANGED[0][1], "other").status_code == 403
        file.write_bytes(CSV)
        assert served.ask("POST", CHANGED[0][1], "submit").json()["state"] == "queued"
        assert served.ask("POST", "/v1/studies", "submit", **told).status_code == 200
        finish(study)
        looked(served, "houses")
        file.unlink()
        assert served.ask("POST", "/v1/studies", "submit", **told).status_code == 200  # it is over


def test_data_that_are_gone_are_named_as_the_command_names_them(
    serve: Callable[..., Served], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "houses.csv"
    file.write_bytes(CSV)
    served = serve(data_root=tmp_path)
    with looked_at_here():
        content = (
            'name = "houses"\n'
            'dataset = { source = "table", path = "houses.csv", target = "price" }\n'
        )
        served.ask("POST", "/v1/studies", "submit", content=content)
    served.ask("POST", "/v1/studies/houses/pause", "submit")
    file.unlink()

    def run(words: list[str], *_: object, **__: object) -> subprocess.CompletedProcess[str]:
        assert words[4:6] == ["data", "houses.toml"]
        said = f'error: houses.toml: dataset.path = "{file}" does not exist; correct it'
        return subprocess.CompletedProcess([], EXIT_INPUT, "", said)

    monkeypatch.setattr(apart, "_run", run)
    answer = served.ask("POST", "/v1/studies/houses/resume", "submit")
    assert answer.status_code == 422
    assert 'houses.toml: dataset.path = "houses.csv" does not exist' in answer.json()["detail"]
    assert state(served, "houses") == "paused"


def test_a_study_with_code_goes_on_only_where_that_may_be_run(
    serve: Callable[..., Served], tmp_path: Path
) -> None:
    (tmp_path / "net.py").write_text("def build(config, data): ...\n")
    space = '[space.network.python]\nfile = "net.py"\nx = { type = "int", low = 1, high = 2 }\n'
    served = serve(data_root=tmp_path, allow_code=True)
    content = f'name = "own"\n[dataset]\nsource = "digits"\n{space}'
    assert served.ask("POST", "/v1/studies", "submit", content=content).status_code == 201
    served.ask("POST", "/v1/studies/own/pause", "submit")
    without = serve(data_root=tmp_path)
    for method, path in (("POST", "resume"), ("GET", "export?format=keras"), ("POST", "ensemble")):
        refused = without.ask(method, f"/v1/studies/own/{path}")
        assert refused.status_code == 422
        assert "study own: names Python code of its own" in refused.json()["detail"]
    toml = without.ask("GET", "/v1/studies/own/export")
    assert (toml.status_code, "no trial completed yet" in toml.json()["detail"]) == (409, True)
    assert state(served, "own") == "paused"


def test_a_confirmation_is_queued_once_as_its_study_is(served: Served, finish: Finish) -> None:
    study = submitted(served)
    path, asked = "/v1/studies/small/confirm", {"top": 1, "seeds": 2}
    answer = served.ask("POST", path, "submit", json=asked)
    assert answer.status_code == 409
    assert "no trial completed yet" in answer.json()["detail"]
    assert served.ask("GET", path, "read").status_code == 409
    finish(study)
    served.ask("PATCH", "/v1/studies/small", "submit", json={"priority": -2})
    first, again = (served.ask("POST", path, "submit", json=asked) for _ in range(2))
    assert (first.status_code, first.headers["location"]) == (202, "/v1/studies/small.confirm")
    assert first.json() == again.json()
    row = first.json()
    assert (row["name"], row["state"], row["user"], row["priority"], row["waiting"]) == (
        "small.confirm", "queued", "submit", -2, 2,
    )  # fmt: skip
    assert whats(served, "small.confirm") == ["submitted"]
    more = served.ask("POST", path, "admin", json={"top": 1, "seeds": 3}).json()
    assert (more["user"], more["waiting"]) == ("submit", 3)
    assert whats(served, "small.confirm") == ["submitted", "extended"]
    assert served.ask("POST", path, "other", json=asked).status_code == 403
    listed = served.ask("GET", "/v1/studies", "read").json()
    assert [one["name"] for one in listed] == ["small", "small.confirm"]


def run_all(served: Served, value: float = 0.5) -> None:
    """Have the runs of a confirmation done, each with a value."""
    runs = load_study(served.storage, "small.confirm")
    while (trial := claims.claim(runs)) is not None:
        runs.optuna.tell(trial, value + 0.01 * trial.number)
    looked(served, "small.confirm")


def test_a_confirmation_that_is_done_is_told_and_goes_on_when_more_is_asked(
    served: Served, finish: Finish
) -> None:
    finish(submitted(served))
    path, asked = "/v1/studies/small/confirm", {"top": 1, "seeds": 2}
    assert served.ask("POST", path, "submit", json=asked).status_code == 202
    unfinished = served.ask("GET", path, "read")
    assert unfinished.status_code == 409
    assert "confirmation runs still to be done: 2" in unfinished.json()["detail"]
    run_all(served)
    assert state(served, "small.confirm") == "done"
    assert served.ask("POST", path, "submit", json=asked).json()["state"] == "done"
    told = served.ask("GET", path, "read").json()
    assert (told["winner"], len(told["candidates"][0]["values"])) == ("0", 2)
    shown = served.ask("GET", "/v1/studies/small", "read").json()["confirmed"]
    assert (shown["of"], shown["seeds"]) == ("0", 2)
    again = served.ask("POST", path, "submit").json()  # 3 leaders of which there is 1, 5 seeds
    assert (again["state"], again["waiting"], again["complete"]) == ("queued", 3, 2)
    run_all(served)
    assert whats(served, "small.confirm") == ["submitted", "ended", "extended", "ended"]


def test_a_refit_is_queued_once_and_told_when_it_is_done(served: Served) -> None:
    study = submitted(served, trials=1)
    path = "/v1/studies/small/refit"
    assert served.ask("POST", path, "submit").status_code == 409  # no trial completed
    trial = claims.claim(study)
    assert trial is not None
    suggest_config(study.file.space, trial)
    trial.set_user_attr(BEST_EPOCH_KEY, 7)
    study.optuna.tell(trial, 0.5)
    untrained = served.ask("GET", path, "read")
    assert untrained.status_code == 422
    assert "was not trained on training and validation examples" in untrained.json()["detail"]
    first, again = (served.ask("POST", path, "submit", json={}) for _ in range(2))
    assert (first.status_code, first.headers["location"]) == (202, "/v1/studies/small.confirm")
    assert first.json() == again.json()
    assert (first.json()["state"], first.json()["waiting"]) == ("queued", 1)
    [event] = served.storage.events("small.confirm")
    assert (event.what, event.detail) == ("submitted", "trial 0, refitted")
    assert served.ask("POST", path, "other").status_code == 403
    assert served.ask("POST", path, "submit", json={"ensemble": 1}).status_code == 422
    none = served.ask("POST", path, "submit", json={"ensemble": True})
    assert (none.status_code, "no ensemble is chosen" in none.json()["detail"]) == (422, True)
    waits = served.ask("GET", path, "read")
    assert (waits.status_code, "still to be trained" in waits.json()["detail"]) == (409, True)
    run_all(served)
    weights = served.home.trial_run("small.confirm", 0) / WEIGHTS
    weights.parent.mkdir(parents=True)
    weights.touch()
    found = served.ask("GET", path, "read").json()
    assert (found["study"], found["ensemble"]) == ("small", False)
    assert [(one["of"], one["epochs"], one["trial"]) for one in found["networks"]] == [("0", 7, 0)]


def test_what_was_killed_before_it_was_acknowledged_is_done_when_asked_for_again(
    served: Served, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, place = submitted(served, trials=1), Workspace(home=served.home)
    finish(study)
    looked(served)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(submissions, "submit_runs", killed)
        patch.setattr(submissions, "ask_more", killed)
        with pytest.raises(KeyboardInterrupt):
            submit_confirmation(study, "submit", place, top=1, seeds=2)
        with pytest.raises(KeyboardInterrupt):
            decide.allow(study, "submit", {"trials": 2})
    assert [one.name for one in served.storage.submitted()] == ["small"]
    assert state(served) == "done"
    asked = {"top": 1, "seeds": 2}
    row = served.ask("POST", "/v1/studies/small/confirm", json=asked).json()
    assert (row["state"], row["waiting"]) == ("queued", 2)
    more = {"budget": {"trials": 2}}
    assert served.ask("PATCH", "/v1/studies/small", json=more).json()["state"] == "queued"
    assert whats(served) == ["submitted", "ended", "budgeted"]


def test_what_is_decided_of_a_study_reaches_its_confirmation(
    served: Served, finish: Finish
) -> None:
    finish(submitted(served, trials=1))
    served.ask("POST", "/v1/studies/small/confirm", "submit")
    looked(served)
    assert state(served) == "done"
    runs = load_study(served.storage, "small.confirm")
    for verb, reached in (("pause", "paused"), ("resume", "queued"), ("cancel", "cancelled")):
        answer = served.ask("POST", f"/v1/studies/small/{verb}", "submit")
        assert (answer.status_code, answer.json()["state"]) == (200, "done")
        assert state(served, "small.confirm") == reached
        assert (claims.claim(runs) is not None) == (reached == "queued")
    assert served.ask("POST", "/v1/studies/small/pause", "submit").status_code == 409
    served.ask("PATCH", "/v1/studies/small", "submit", json={"priority": -7})
    assert submissions.submission_of(runs).priority == -7
    # Asked for anew, it is queued anew.
    assert served.ask("POST", "/v1/studies/small/confirm", "submit").json()["state"] == "running"
    assert claims.claim(runs) is not None


def test_what_cannot_be_confirmed_is_refused(served: Served, finish: Finish) -> None:
    finish(submitted(served))
    for body in ({"top": 0}, {"seeds": 1}, {"top": "3"}, {"top": 1.5}, {"tops": 1}, [], "x"):
        answer = served.ask("POST", "/v1/studies/small/confirm", json=body)
        assert answer.status_code == 422, body
    assert served.storage.study_names() == ["small"]


def test_a_confirmation_has_neither_a_budget_nor_a_confirmation_of_its_own(
    served: Served, finish: Finish
) -> None:
    finish(submitted(served))
    served.ask("POST", "/v1/studies/small/confirm")
    path = "/v1/studies/small.confirm"
    assert served.ask("PATCH", path, json={"budget": {"trials": 99}}).status_code == 422
    assert served.ask("POST", f"{path}/confirm").status_code == 422
    text = STUDY.format(name="other", trials=5)
    assert served.ask("POST", f"{path}/fork", content=text).status_code == 422


def test_a_fork_begins_with_the_trials_of_its_study(served: Served, finish: Finish) -> None:
    study = submitted(served)
    for value in (0.25, 0.75):
        finish(study, value)
    text = served.ask("GET", "/v1/studies/small/file", "other").text
    text = text.replace('name = "small"', 'name = "wider"').replace("trials = 5", "trials = 9")
    options: dict[str, Any] = {"content": text, "headers": {"Idempotency-Key": "k"}}
    path = "/v1/studies/small/fork"
    made = served.ask("POST", f"{path}?priority=-1", "other", **options)
    assert made.status_code == 201, made.text
    row = made.json()
    assert (row["name"], row["user"], row["state"], row["priority"]) == (
        "wider", "other", "queued", -1,
    )  # fmt: skip
    assert (row["trials"], row["counted"], row["best"]) == (9, 2, 0.75)
    assert (row["taken"]["trials"], row["left"]) == (2, {})
    again = served.ask("POST", f"{path}?priority=-1", "other", **options)
    assert (again.status_code, again.json()["name"]) == (200, "wider")
    # The same key and file without the old trials is another request.
    assert served.ask("POST", "/v1/studies?priority=-1", "other", **options).status_code == 422
    assert served.ask("POST", path, "other", content=text).status_code == 409
    assert served.ask("POST", "/v1/studies/none/fork", "other", content=text).status_code == 404
    assert whats(served, "wider") == ["forked"]
    assert len(served.ask("GET", "/v1/studies/wider/trials").json()) == 2


def test_a_fork_of_many_trials_is_made_by_a_process_of_its_own(
    served: Served, finish: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = submitted(served)
    for value in (0.25, 0.75):
        finish(study, value)
    text = served.ask("GET", "/v1/studies/small/file", "other").text
    path = "/v1/studies/small/fork"
    said: list[str] = []

    def run_program(words: list[str], what: str, _: float, told: Mapping[str, str]) -> None:
        assert words[-4:-2] == ["-m", "hpsearch.services.forked"]
        with monkeypatch.context() as patch, contextlib.redirect_stderr(io.StringIO()) as err:
            patch.setenv(STORAGE_VARIABLE, told[STORAGE_VARIABLE])
            code = forked.main(Path(words[-2]), Home(Path(words[-1])))
        said.append(what)
        if code:
            raise InputError(err.getvalue().removeprefix("error: "))

    monkeypatch.setattr(forked, "run_program", run_program)
    rows = []
    for name, few in (("here", 2), ("apart", 1)):
        monkeypatch.setattr(forked, "FEW", few)
        content = text.replace('name = "small"', f'name = "{name}"')
        options: dict[str, Any] = {"content": content, "headers": {"Idempotency-Key": name}}
        made = served.ask("POST", f"{path}?target=0.9", "other", **options)
        assert made.status_code == 201, made.text
        rows.append(made.json())
        assert served.ask("POST", f"{path}?target=0.9", "other", **options).status_code == 200
    assert said == ["study apart: the fork"]
    for row in rows:
        for key in ("id", "name", "queued"):
            del row[key]
    assert rows[0] == rows[1]
    here, apart_ = (load_study(served.storage, name) for name in ("here", "apart"))
    assert here.file == apart_.file.model_copy(update={"name": "here"})
    assert [one.user_attrs for one in here.trials()] == [one.user_attrs for one in apart_.trials()]
    assert whats(served, "apart") == ["forked"]
    assert [one.study for one in served.storage.targets()] == ["here", "apart"]
    taken = served.ask("POST", path, "other", content=content)
    assert (taken.status_code, "already exists" in taken.json()["detail"]) == (409, True)


def test_a_fork_of_other_data_or_training_is_refused_as_the_command_does(
    served: Served, finish: Finish
) -> None:
    finish(submitted(served))
    text = STUDY.format(name="other", trials=5).replace("epochs = 3", "epochs = 4")
    answer = served.ask("POST", "/v1/studies/small/fork", "submit", content=text)
    assert answer.status_code == 422
    assert "could not be compared with those of small" in answer.json()["detail"]
    assert served.storage.study_names() == ["small"]


def test_a_study_that_is_over_is_removed_with_its_files_and_an_event_stays(
    served: Served, finish: Finish
) -> None:
    finish(submitted(served))
    served.ask("POST", "/v1/studies/small/confirm", "submit")
    for name in ("small", "small.confirm"):
        log = served.home.worker_log(name, 0)
        log.parent.mkdir(parents=True)
        log.touch()
        answer = served.ask("DELETE", "/v1/studies/small", "submit")
        assert answer.status_code == 409
        assert "is queued or runs; cancel it first" in answer.json()["detail"]
    served.ask("POST", "/v1/studies/small/cancel", "submit")
    assert served.ask("DELETE", "/v1/studies/small", "other").status_code == 403
    answer = served.ask("DELETE", "/v1/studies/small", "submit")
    assert (answer.status_code, answer.content) == (204, b"")
    assert served.ask("GET", "/v1/studies").json() == []
    assert served.storage.study_names() == []
    assert not served.home.study_logs("small").exists()
    assert not served.home.study_logs("small.confirm").exists()
    event = served.storage.events("small")[0]
    assert (event.who, event.what) == ("submit", "deleted")
    assert served.ask("DELETE", "/v1/studies/small", "submit").status_code == 404
    assert served.submit("small").status_code == 201


def test_a_paused_study_is_not_removed_while_a_worker_is_busy_with_it(served: Served) -> None:
    study = submitted(served)
    study.storage.owner = identity()
    served.ask("POST", "/v1/studies/small/pause", "submit")
    with present(study):
        answer = served.ask("DELETE", "/v1/studies/small", "submit")
        assert answer.status_code == 409
        assert "is in use by" in answer.json()["detail"]
    assert served.ask("DELETE", "/v1/studies/small", "submit").status_code == 204


def test_a_study_that_is_removed_while_something_is_decided_of_it_is_not_found(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted(served)
    real = decide.decide

    def decided(study: OpenStudy, who: str, act: decide.Act) -> Any:
        study.storage.remove_studies([study.study_id], None)
        return real(study, who, act)

    monkeypatch.setattr(decide, "decide", decided)
    answer = served.ask("POST", "/v1/studies/small/pause", "submit")
    assert answer.status_code == 404
    assert "was removed meanwhile" in answer.json()["detail"]

    def broken(*_: object) -> None:
        raise KeyError("another one")

    assert served.submit("small").status_code == 201
    monkeypatch.setattr(decide, "decide", broken)
    assert served.ask("POST", "/v1/studies/small/pause", "submit").status_code == 500


def test_a_study_that_was_not_submitted_is_removed_by_an_administrator_alone(
    served: Served, open_study: Callable[..., OpenStudy]
) -> None:
    open_study(name="by-hand").storage.close()
    path = "/v1/studies/by-hand"
    assert served.ask("POST", f"{path}/confirm", "submit").status_code == 409
    assert served.ask("PATCH", path, "admin", json={"budget": {"trials": 1}}).status_code == 409
    assert served.ask("DELETE", path, "submit").status_code == 403
    assert served.ask("DELETE", path, "admin").status_code == 204


def test_lists_come_in_pages_that_say_where_they_go_on(served: Served, finish: Finish) -> None:
    for name in "abcde":
        submitted(served, name)
    study = load_study(served.storage, "a")
    for _ in range(5):
        finish(study)
    for path, key in (
        ("/v1/studies?user=submit&", "id"), ("/v1/studies/a/trials?", "number"),
        ("/v1/events?study=a&", "number"),
    ):  # fmt: skip
        whole = served.ask("GET", path, "read").json()
        pages: list[Any] = []
        where = f"{path}limit=2"
        while where:
            page = served.ask("GET", where, "read")
            assert len(page.json()) <= 2
            pages += page.json()
            where = link(page) if "next" in page.links else ""
        assert pages == whole, path
        assert len({one[key] for one in pages}) == len(pages)
    first = served.ask("GET", "/v1/studies?limit=2", "read")
    assert link(first) == f"/v1/studies?limit=2&after={first.json()[1]['id']}"
    headers = {"If-None-Match": first.headers["etag"]}
    assert served.ask("GET", "/v1/studies?limit=2", "read", headers=headers).status_code == 304
    for query in ("limit=0", "limit=1001", "limit=x", "after=-1", f"after={2**53}"):
        assert served.ask("GET", f"/v1/studies?{query}", "read").status_code == 422
    assert served.ask("GET", f"/v1/studies/a/trials?after={2**52}", "read").json() == []
