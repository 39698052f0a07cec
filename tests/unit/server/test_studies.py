"""Submitting studies over HTTP, seeing them, and deciding what becomes of them."""

import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from served import STUDY, Served

from hpsearch.search import budget, claims, history
from hpsearch.search.lookup import load_study
from hpsearch.services import apart, submit
from hpsearch.workers.machine import machine


def test_a_study_is_submitted_shown_paused_resumed_and_cancelled(served: Served) -> None:
    made = served.submit("small")
    assert made.status_code == 201
    assert made.headers["location"] == "/v1/studies/small"
    row = made.json()
    assert (row["name"], row["state"], row["user"], row["trials"]) == (
        "small",
        "queued",
        "submit",
        5,
    )
    assert row["warnings"] == []
    shown = served.ask("GET", "/v1/studies/small", "read").json()
    assert shown["submission"]["state"] == "queued"
    assert shown["study_file"]["budget"]["trials"] == 5
    for act, state in (("pause", "paused"), ("resume", "queued"), ("cancel", "cancelled")):
        answer = served.ask("POST", f"/v1/studies/small/{act}", "submit")
        assert (answer.status_code, answer.json()["state"]) == (200, state)
        listed = served.ask("GET", "/v1/studies", "read").json()
        assert [one["state"] for one in listed] == [state]
    refused = served.ask("POST", "/v1/studies/small/resume", "submit")
    assert refused.status_code == 409
    assert "is cancelled and cannot be resumed" in refused.json()["detail"]
    events = served.ask("GET", "/v1/events?study=small", "read").json()
    assert [one["what"] for one in events] == ["cancelled", "resumed", "paused", "submitted"]
    assert {one["who"] for one in events} == {"submit"}


def test_a_request_that_is_sent_again_makes_no_second_study(served: Served) -> None:
    first = served.submit("small", Idempotency_Key="k")
    again = served.submit("small", Idempotency_Key="k")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["name"] == "small"
    assert again.headers["location"] == first.headers["location"]
    other = served.submit("other", Idempotency_Key="k")
    assert other.status_code == 422
    assert "came before with another request, for study small" in other.json()["detail"]
    assert served.submit("other", "other", Idempotency_Key="k").status_code == 201
    without = served.submit("small")
    assert without.status_code == 409
    assert "study small: is there already" in without.json()["detail"]


def test_a_key_whose_study_was_removed_makes_it_no_more(served: Served) -> None:
    served.submit("small", Idempotency_Key="k")
    served.storage.remove_studies([load_study(served.storage, "small").study_id], None)
    again = served.submit("small", Idempotency_Key="k")
    assert again.status_code == 422
    assert "made study small, which was removed since" in again.json()["detail"]
    assert served.submit("small", Idempotency_Key="other").status_code == 201


def test_the_same_file_may_come_as_json(served: Served) -> None:
    table = {
        "name": "small", "dataset": {"source": "digits"},
        "space": {"layers": {"type": "int", "low": 1, "high": 2}},
    }  # fmt: skip
    assert served.ask("POST", "/v1/studies", "submit", json=table).status_code == 201
    assert load_study(served.storage, "small").file.dataset.source == "digits"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "study.toml: name: missing; add it"),
        ("name = 3", "name = 3 has the wrong type; write a text in quotes"),
        ("name =", "study.toml: is not valid TOML"),
        (STUDY.format(name="../x", trials=1), "is not a valid study name"),
        (STUDY.format(name="a", trials=-1), "budget.trials = -1 is out of range"),
        (STUDY.format(name="a", trials=1).replace("digits", "digit"), "did you mean digits"),
        ("\udcff", "is not UTF-8 text"),
        ("a = " + "[" * 5000, "nested too deeply"),
    ],
)
def test_what_is_wrong_is_said_as_the_command_line_says_it(
    served: Served, content: str, said: str
) -> None:
    answer = served.ask(
        "POST", "/v1/studies", "submit", content=content.encode("utf-8", "surrogateescape")
    )
    assert answer.status_code == 422
    assert said in answer.json()["detail"]
    assert served.storage.study_names() == []
    assert served.storage.events() == []


def test_a_body_of_another_type_is_refused(served: Served) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = served.ask("POST", "/v1/studies", "submit", content="a=b", headers=headers)
    assert answer.status_code == 415


@pytest.mark.parametrize(
    "path", ["/etc", "../secret.npz", "inside/../../secret.npz", "link", "~/x", "a\\u0000b", "loop"]
)
def test_nothing_outside_of_the_folder_of_data_is_read(
    serve: Callable[..., Served], tmp_path: Path, path: str
) -> None:
    root = tmp_path / "data"
    (root / "inside").mkdir(parents=True)
    (tmp_path / "secret.npz").write_text("secret")
    (root / "link").symlink_to(tmp_path / "secret.npz")
    (root / "loop").symlink_to(root / "loop")
    served = serve(data_root=root)
    content = f'name = "a"\n[dataset]\nsource = "npz"\npath = "{path}"\n'
    answer = served.ask("POST", "/v1/studies", "submit", content=content)
    assert answer.status_code == 422
    told = answer.json()["detail"]
    assert "is outside of the folder" in told or "does not exist in the folder" in told
    assert "secret.npz does not" not in told
    assert str(tmp_path) not in told


def test_without_a_folder_of_data_no_path_may_be_given(served: Served) -> None:
    content = 'name = "a"\n[dataset]\nsource = "npz"\npath = "x.npz"\n'
    answer = served.ask("POST", "/v1/studies", "submit", content=content)
    assert answer.status_code == 422
    assert "without --data-root" in answer.json()["detail"]


@pytest.mark.parametrize(
    "where",
    [
        '[space.network.python]\nfile = "net.py"',
        '[space]\nnetwork = { type = "python", file = "net.py" }',
        '[[enqueue]]\nnetwork = { python = { file = "net.py" } }',
        '[baseline.network]\ntype = "python"\nfile = "net.py"',
        '[[portfolio]]\n[portfolio.network.python]\nfile = "net.py"',
        "[space.network]\npython = 3",
    ],
)
def test_own_code_is_refused_unless_it_is_allowed(
    serve: Callable[..., Served], tmp_path: Path, where: str
) -> None:
    (tmp_path / "net.py").write_text("def build(config, data): ...\n")
    served = serve(data_root=tmp_path)
    content = f'name = "a"\n[dataset]\nsource = "digits"\n{where}\n'
    answer = served.ask("POST", "/v1/studies", "submit", content=content)
    assert answer.status_code == 422
    assert "names Python code of its own" in answer.json()["detail"]


def test_own_code_that_is_allowed_lies_in_the_folder_of_data(
    serve: Callable[..., Served], finish: Callable[..., object], tmp_path: Path
) -> None:
    root = tmp_path / "data"
    root.mkdir()
    (root / "net.py").write_text("def build(config, data): ...\n")
    (tmp_path / "out.py").write_text("def build(config, data): ...\n")
    served = serve(data_root=root, allow_code=True)

    def submit(file: str) -> int:
        space = (
            f'[space.network.python]\nfile = "{file}"\nx = {{ type = "int", low = 1, high = 2 }}\n'
        )
        content = f'name = "a"\n[dataset]\nsource = "digits"\n{space}'
        return served.ask("POST", "/v1/studies", "submit", content=content).status_code

    assert submit("../out.py") == 422
    assert submit(str(tmp_path / "out.py")) == 422
    assert submit("net.py") == 201
    finish(load_study(served.storage, "a"))
    log = served.home.worker_log("a", 0)
    log.parent.mkdir(parents=True)
    log.write_text(f"reads {root / 'net.py'}\n")
    for route in ("", "/provenance", "/trials", "/trials?limit=1", "/best", "/logs"):
        shown = {who: served.ask("GET", f"/v1/studies/a{route}", who).text for who in served.shown}
        assert str(root / "net.py") in shown["admin"]
        for who in ("read", "submit", "other"):
            assert str(tmp_path) not in shown[who]
            assert "net.py" in shown[who]
    history.record(load_study(served.storage, "a"), ["run", f"{root}/a.toml"], machine())
    [own, typed] = served.ask("GET", "/v1/studies/a/provenance", "admin").json()["commands"]
    assert typed["command"] == f"hpsearch run {root}/a.toml"
    told = served.ask("GET", "/v1/studies/a/provenance", "read").json()
    assert [one["command"] for one in told["commands"]] == [own["command"], "hpsearch run"]
    assert [one["date"] for one in told["commands"]] == [own["date"], typed["date"]]
    assert told["machines"] == {}


def test_what_a_service_does_not_look_at_is_told(served: Served) -> None:
    content = 'name = "a"\n[dataset]\nsource = "digits"\n[workers]\nper_gpu = 2\n'
    for said in (["workers.per_gpu is not looked at"], []):
        answer = served.ask(
            "POST", "/v1/studies", "submit", content=content, headers={"Idempotency-Key": "k"}
        )
        assert [one.partition(":")[0] for one in answer.json()["warnings"]] == said


def test_only_an_administrator_gives_a_priority_above_the_usual(served: Served) -> None:
    assert served.submit("a", path="?priority=1").status_code == 403
    assert served.submit("a", path="?priority=-1").json()["priority"] == -1
    assert served.submit("b", "admin", path="?priority=100").json()["priority"] == 100
    assert served.submit("c", path="?priority=101").status_code == 422
    up, down = {"priority": 5}, {"priority": -5}
    assert served.ask("PATCH", "/v1/studies/a", "submit", json=up).status_code == 403
    assert served.ask("PATCH", "/v1/studies/a", "submit", json=down).json()["priority"] == -5
    assert served.ask("PATCH", "/v1/studies/a", "other", json=down).status_code == 403
    assert served.ask("PATCH", "/v1/studies/a", "admin", json=up).json()["priority"] == 5
    for body in ({}, {"priority": "5"}, {"priority": 1, "x": 2}, {"priority": 1.5}, []):
        assert served.ask("PATCH", "/v1/studies/a", "admin", json=body).status_code == 422


def test_what_is_polled_comes_once_until_it_changes(served: Served) -> None:
    served.submit("small")
    for path in (
        "/v1/studies",
        "/v1/studies/small",
        "/v1/studies/small/trials",
        "/v1/queue",
        "/v1/workers",
    ):
        first = served.ask("GET", path, "read")
        headers = {"If-None-Match": f'"x", {first.headers["etag"]}'}
        again = served.ask("GET", path, "read", headers=headers)
        assert (again.status_code, again.content) == (304, b"")
    served.ask("POST", "/v1/studies/small/pause")
    for path in ("/v1/studies", "/v1/studies/small", "/v1/queue"):
        assert served.ask("GET", path, "read", headers=headers).status_code == 200


def test_workers_are_the_slots_of_the_queue(served: Served) -> None:
    served.scheduler.shown = [{"slot": 0, "study": None, "since": 0.0}]
    served.service.changed()  # the board may have looked just now
    slots = served.ask("GET", "/v1/workers", "read").json()
    assert slots == served.ask("GET", "/v1/queue", "read").json()["slots"]
    assert slots[0]["since"] == "1970-01-01T00:00:00+00:00"


@pytest.mark.parametrize("path", ["/v1/studies", "/v1/queue"])
@pytest.mark.parametrize(
    ("taken", "is_gzipped"),
    [
        ("gzip, deflate", True),
        ("GZIP", True),
        ("identity", False),
        ("gzip; q=0.0", False),
        ("br;q=1, gzip;q=0.5", True),
    ],
)
def test_what_is_polled_comes_compressed_to_who_takes_it(
    served: Served, path: str, taken: str, is_gzipped: bool
) -> None:
    served.submit()
    plain = served.ask("GET", path, headers={"Accept-Encoding": "identity"})
    found = served.ask("GET", path, headers={"Accept-Encoding": taken})
    assert ("content-encoding" in found.headers) == is_gzipped
    assert found.headers["vary"] == "Accept-Encoding"
    assert found.json() == plain.json()


def test_the_list_can_be_narrowed_to_a_state_and_a_user(served: Served) -> None:
    served.submit("a")
    served.submit("b", "other")
    served.ask("POST", "/v1/studies/b/pause", "other")

    def names(query: str) -> list[str]:
        return [one["name"] for one in served.ask("GET", f"/v1/studies?{query}", "read").json()]

    assert names("user=other") == ["b"]
    assert names("state=queued") == ["a"]
    assert names("state=queued&user=other") == []
    refused = served.ask("GET", "/v1/studies?state=qeued")
    assert refused.status_code == 422
    assert "state = \"qeued\": Input should be 'queued'" in refused.json()["detail"]


def test_a_study_with_a_running_trial_is_shown_as_running(served: Served) -> None:
    served.submit("small")
    study = load_study(served.storage, "small")
    assert claims.claim(study) is not None
    row = served.ask("POST", "/v1/studies/small/resume").json()
    assert (row["state"], row["running"]) == ("running", 1)
    assert [one["state"] for one in served.ask("GET", "/v1/studies").json()] == ["running"]
    shown = served.ask("GET", "/v1/studies/small").json()
    assert shown["submission"]["state"] == "running"
    assert [one["state"] for one in served.ask("GET", "/v1/studies/small/trials").json()] == [
        "running"
    ]


def test_a_study_that_was_not_submitted_is_shown_and_left_alone(served: Served) -> None:
    served.submit("small")
    study = load_study(served.storage, "small")
    file = study.file.model_copy(update={"name": "by-hand"})
    from hpsearch.search.making import open_or_create  # noqa: PLC0415  # of this test alone

    other, _ = open_or_create(served.storage, file, study.data)
    assert served.ask("GET", "/v1/studies/by-hand").json()["submission"] is None
    assert served.ask("POST", "/v1/studies/by-hand/cancel").status_code == 409
    assert budget.stop_requested(other) is None
    assert [one["name"] for one in served.ask("GET", "/v1/studies").json()] == ["small"]


def test_the_best_trial_is_told_when_there_is_one(served: Served) -> None:
    served.submit("small")
    answer = served.ask("GET", "/v1/studies/small/best")
    assert answer.status_code == 409
    assert "no trial completed yet" in answer.json()["detail"]


def test_a_study_is_recorded_as_the_service_s(served: Served) -> None:
    served.submit("small")
    study = load_study(served.storage, "small")
    commands = study.optuna.user_attrs["commands"]
    assert [one["command"] for one in commands] == ["hpsearch from Python"]
    assert json.loads(json.dumps(study.optuna.user_attrs["submission"]))["user"] == "submit"


def test_data_below_the_folder_are_imported_in_a_process_of_their_own(
    serve: Callable[..., Served], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "data"
    root.mkdir()
    rows = "".join(f"{n % 7},{n % 5},{'yes' if n % 2 else 'no'}\n" for n in range(200))
    (root / "houses.csv").write_text(f"a,b,sold\n{rows}")
    served = serve(data_root=root)
    content = (
        'name = "a"\n[dataset]\nsource = "table"\npath = "houses.csv"\ntarget = "sold"\n'
        '[space]\nlayers = { type = "int", low = 1, high = 2 }\n'
    )
    made = served.ask("POST", "/v1/studies", "submit", content=content)
    assert made.status_code == 201, made.text
    file = served.ask("GET", "/v1/studies/a/file", "read").text
    assert 'path = "houses.csv"' in file

    def fails(*_: object, **__: object) -> None:
        raise AssertionError("imported again")

    monkeypatch.setattr(apart, "_run", fails)
    again = served.ask("POST", "/v1/studies", "submit", content=file.replace('"a"', '"b"', 1))
    assert again.status_code == 201, again.text


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        (2, 422, "x.npz: holds no arrays"),
        (3, 503, "x.npz: holds no arrays"),
        (-9, 422, "study.toml: hpsearch data ended early"),
        (4, 422, "study.toml: hpsearch data ended early"),
    ],
)
def test_what_an_import_comes_to_is_told(  # noqa: PLR0917  # pytest gives them by name
    serve: Callable[..., Served], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    code: int, status: int, said: str,
) -> None:  # fmt: skip
    (tmp_path / "x.npz").write_text("nothing")

    def run(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(
            [], code, "", "12 of 30\nerror: x.npz: holds no arrays\n"
        )

    monkeypatch.setattr(apart, "_run", run)
    content = 'name = "a"\n[dataset]\nsource = "npz"\npath = "x.npz"\n'
    answer = serve(data_root=tmp_path).ask("POST", "/v1/studies", "submit", content=content)
    assert answer.status_code == status
    assert said in answer.json()["detail"]
    assert "12 of 30" not in answer.text


def test_logs_are_told_when_there_are_some(served: Served) -> None:
    served.submit("small")
    assert served.ask("GET", "/v1/studies/small/logs").status_code == 409
    log = served.home.worker_log("small", 0)
    log.parent.mkdir(parents=True)
    log.write_text("".join(f"line {n}\n" for n in range(100)) + "\x1b[31mred\x1b[0m\n")
    told = served.ask("GET", "/v1/studies/small/logs?lines=2").text
    assert told == "==> worker-0.log <==\nline 99\nred\n"


def test_a_file_can_be_cloned_and_submitted_under_another_name(served: Served) -> None:
    served.submit("small")
    file = served.ask("GET", "/v1/studies/small/file", "read")
    assert file.headers["content-type"] == "application/toml"
    text = file.text.replace('name = "small"', 'name = "small-2"')
    assert served.ask("POST", "/v1/studies", "submit", content=text).status_code == 201
    first, second = (load_study(served.storage, name) for name in ("small", "small-2"))
    assert first.file.model_copy(update={"name": "small-2"}) == second.file


def test_a_study_file_is_checked_as_the_command_checks_it(
    serve: Callable[..., Served], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served, seen = serve(data_root=tmp_path), dict[str, Any]()
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")

    def run(words: list[str], folder: str) -> subprocess.CompletedProcess[str]:
        seen["words"], seen["table"] = words, tomllib.loads((Path(folder) / words[5]).read_text())
        return subprocess.CompletedProcess(words, 0, '{"study": "a"}', "a.toml is valid\n")

    monkeypatch.setattr(apart, "_run", run)
    table = {
        "name": "a", "dataset": {"source": "table", "path": "x.csv", "target": "b", "time": None},
        "space": {"layers": {"type": "int", "low": 1, "high": 2}},
    }  # fmt: skip
    answer = served.ask("POST", "/v1/check", "submit", json=table)
    assert answer.json() == {"study": "a", "messages": ["a.toml is valid"]}
    assert seen["words"][2:7] == ["-m", "hpsearch", "check", "study.toml", "--json"]
    assert seen["table"]["dataset"] == {
        "source": "table", "path": str(tmp_path / "x.csv"), "target": "b",
    }  # fmt: skip
    seen.clear()
    table["dataset"] = {"source": "table", "path": "../x.csv", "target": "b"}
    assert served.ask("POST", "/v1/check", "submit", json=table).status_code == 422
    assert seen == {}
    assert served.storage.study_names() == []


def test_what_the_first_submit_imports_is_imported_before(served: Served) -> None:
    submit.prepare()
    before = set(sys.modules)
    assert served.submit().status_code == 201
    heavy = ("polars", "scipy", "sklearn.model_selection", "hpsearch.data")
    assert [name for name in set(sys.modules) - before if name.startswith(heavy)] == []


@pytest.mark.parametrize("uri", ["sqlite:////tmp/others.db", "http://169.254.169.254"])
def test_no_study_has_the_service_write_to_an_mlflow(served: Served, uri: str) -> None:
    content = f'name = "a"\n[dataset]\nsource = "digits"\n[training]\nmlflow = "{uri}"\n'
    answer = served.ask("POST", "/v1/studies", "submit", content=content)
    assert answer.status_code == 422
    assert "this service tells MLflow nothing; leave it out" in answer.json()["detail"]
    assert served.storage.study_names() == []


def test_infinity_of_another_program_is_told_as_json(served: Served) -> None:
    served.submit("a")
    study = load_study(served.storage, "a")
    study.optuna.tell(study.optuna.ask(), float("inf"))
    trials = served.ask("GET", "/v1/studies/a/trials", "read")
    assert json.loads(trials.text, parse_constant=pytest.fail)[0]["values"] == [None]


def test_only_so_many_configurations_are_given(served: Served) -> None:
    content = STUDY.format(name="a", trials=5)
    for count, status in ((1001, 422), (1000, 201)):
        given = content + "[[enqueue]]\nlayers = 1\n" * count
        answer = served.ask("POST", "/v1/studies", "submit", content=given)
        assert answer.status_code == status
        assert status == 201 or "1,001 configurations to be tried" in answer.json()["detail"]
