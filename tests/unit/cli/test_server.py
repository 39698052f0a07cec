"""``--server``: which commands ask a service, with which options, and what they show of it."""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import httpx2
import pytest
from averaged import ensemble
from clients import URL, commands_ask
from optuna.trial import FrozenTrial
from served import STUDY, Served, service_of
from typer.testing import CliRunner

from hpsearch import __version__
from hpsearch.cli.app import app
from hpsearch.client.connection import Connection
from hpsearch.client.logins import Logins
from hpsearch.errors import InputError
from hpsearch.home import Home
from hpsearch.search import budget, claims, submissions
from hpsearch.search.ensemble import plain
from hpsearch.search.lookup import load_study
from hpsearch.search.study import OpenStudy
from hpsearch.server.routes import downloads as routes
from hpsearch.services import downloads
from hpsearch.services.workspace import Workspace

Run = Callable[..., str]


@pytest.fixture
def served(home: Home) -> Iterator[Served]:
    with service_of(home) as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where commands are typed, with a study file; the environment names a service."""
    (made := tmp_path / "work").mkdir()
    monkeypatch.chdir(made)
    monkeypatch.setenv("HPSEARCH_HOME", str(made / "own"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setenv("HPSEARCH_SERVER", URL)
    monkeypatch.setenv("HPSEARCH_TOKEN", "hps_one")
    (made / "small.toml").write_text(STUDY.format(name="small", trials=5))
    return made


def typed(*words: str, fails: str | None = None, text: str | None = None) -> str:
    """Run a command, which may choose this process's device; gives what it says."""
    with mock.patch.dict(os.environ):
        done = CliRunner().invoke(app, [*words], input=text)
    said = done.stdout + done.stderr + str(done.exception or "")
    assert (done.exit_code != 0) == (fails is not None), said
    assert fails is None or fails in said, said
    return said


def printed(words: Sequence[str], *_: object) -> str:
    """What a command prints that a service has another process run."""
    return str(CliRunner().invoke(app, [*words]).stdout)


@pytest.fixture
def run(served: Served, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs commands in the folder that ask a service which is there."""
    assert folder == Path.cwd()
    commands_ask(served, monkeypatch)
    return typed


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ls", "--home", "x", "--server", "http://x"], "--server and --home: choose one"),
        (["run", "small.toml", "--gpus", "none"], "--gpus: cannot be asked of a service"),
        (["run", "small.toml", "--workers-per-gpu", "2"], "--workers-per-gpu: cannot be asked"),
        (["run", "small.toml", "--engine", "ray", "--address", "x"], "--address and --engine: can"),
        (["export", "small", "-o", "x.py", "--test"], "--test: cannot be asked of a service"),
        (["export", "small", "-o", "x.toml", "--mlflow"], "--mlflow: cannot be asked"),
        (["export", "small", "-o", "x.exe"], "cannot export to '.exe'; use a name that ends in"),
        (["export", "small", "-o", "small.toml"], "small.toml: already exists and is not a recipe"),
        (["delete", "small", "--force", "-y"], "--force: cannot be asked of a service"),
        (["run", "small.toml", "--detach", "--server", ""], "--detach: is for a service"),
        (["run", "small.toml", "--detach", "--confirm"], "--confirm waits for the search"),
        (["stop", "small", "--cancel", "--home", "x"], "--cancel: is for a service; name it with"),
        (["ls", "--server", "nowhere"], "is not the address of a service"),
        (["run", "none.toml"], "none.toml: file not found"),
        (["run", "small.toml", "--set", "foo"], "--set foo: is not key=value"),
        (["run", "small.toml", "--upload"], "has no dataset.path, so that nothing is to send"),
    ],
)
def test_what_no_service_can_be_asked_is_refused(folder: Path, words: list[str], said: str) -> None:
    typed(*words, fails=said)
    assert [file.name for file in folder.iterdir()] == ["small.toml"]


def test_what_is_typed_counts_before_the_environment(run: Run) -> None:
    assert "no studies here yet" in run("ls")
    assert run("ls", "--json").startswith("[]")
    told = "small.toml: space.foo: unknown key"  # the file as it was typed
    run("run", "small.toml", "--set", "space.foo=1", fails=told)
    run("ls", "--home", "own", fails="own: no studies here yet; start one")
    run("ls", "--server", "", fails="own: no studies here yet; start one")


def test_screens_are_those_of_the_command_line(
    run: Run, served: Served, finish: Callable[..., FrozenTrial], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = run("run", "small.toml", "--detach", "--priority", "-3")
    assert "Study small on http://127.0.0.1: queued" in said
    study = load_study(served.storage, "small")
    for value in (0.5, 0.75):
        finish(study, value)
    there = {
        words: run(*words.split())
        for words in (
            "show small", "show small --provenance", "show small --provenance --json",
            "trials small", "trials small --csv", "best small",
        )
    }  # fmt: skip
    rows = json.loads(run("ls", "--json"))
    assert [(row["name"], row["priority"], row["complete"]) for row in rows] == [("small", -3, 2)]
    assert "submit" in run("ls")
    details = json.loads(run("show", "small", "--json"))
    monkeypatch.setattr(downloads, "run_command", printed)
    facts = printed(("report", "small", "--json"))
    export = ("export", "small", "--trial", "0", "-o", "made/best.toml")
    Path("made").mkdir()
    told, recipe = run(*export), Path("made/best.toml").read_text()
    assert told.startswith("Wrote trial 0 to made/best.toml. Train it: hpsearch train made/best.")
    monkeypatch.delenv("HPSEARCH_SERVER")
    monkeypatch.setenv("HPSEARCH_HOME", str(served.home.root))
    here = {words: run(*words.split()) for words in there}
    shown = there.pop("show small")
    assert "submitted by submit: queued\n" in shown
    assert shown.replace("submitted by submit: queued\n", "") == here.pop("show small")
    theirs, ours = (one.pop("show small --provenance") for one in (there, here))
    assert theirs.partition("# The study file")[2] == ours.partition("# The study file")[2]
    theirs, ours = (json.loads(one.pop("show small --provenance --json")) for one in (there, here))
    assert ours.pop("machines")  # which administrators see
    assert theirs.pop("machines") == {}
    assert theirs == ours | {"commands": [{**one, "machine": ""} for one in ours["commands"]]}
    assert there == here
    own = json.loads(run("show", "small", "--json"))
    assert {key: value for key, value in details.items() if key != "submission"} == own
    assert own["best_trial"]["number"] == 1
    assert told == run(*export)
    again = printed(("report", "small", "--json")), Path("made/best.toml").read_text()
    moment = re.compile(r"\d{4}-\d\d-\d\dT[0-9:+]+")  # when a recipe was written
    assert [moment.sub("", one) for one in (facts, recipe)] == [
        moment.sub("", one) for one in again
    ]
    assert json.loads(facts)["complete"] == 2


@pytest.mark.usefixtures("folder")
def test_who_names_a_service_is_told_which_commands_ask_none() -> None:
    told = "http://127.0.0.1 (HPSEARCH_SERVER) is not asked: this command works here (--home) alone"
    for words in (
        ("evaluate", "two"), ("reproduce", "two"), ("enqueue", "two", "small.toml"),
        ("predict", "two", "small.toml"),
    ):  # fmt: skip
        typed(*words, fails=told)
        assert told not in typed(*words, "--home", "own", fails="")


def test_who_looks_for_no_study_is_told_of_no_service(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = "is not asked"
    (folder / "my.keras").write_text("no model")
    (folder / "trained").mkdir()
    (folder / "trained" / "recipe.toml").write_text("")
    for what in ("my.keras", "trained"):
        assert told not in typed("predict", what, "small.toml", fails=what)
    assert told in typed("predict", "small.toml", "small.toml", fails="")
    # It would outlive this test.
    monkeypatch.setattr("hpsearch.cli.worker.log_to_stderr", lambda: None)
    monkeypatch.setattr("hpsearch.cli.worker.work_assigned", lambda *_, **__: 0)
    assert told not in typed("worker", "-")  # as a service starts its own
    assert told in typed("worker", "two", fails="")


def test_a_study_that_runs_is_told_so_everywhere(run: Run, served: Served) -> None:
    run("run", "small.toml", "--detach")
    assert claims.claim(load_study(served.storage, "small")) is not None
    assert "running" in run("ls")
    assert "submitted by submit: running\n" in run("show", "small")
    assert "Study small on http://127.0.0.1: running" in run("run", "small.toml", "--detach")


def test_the_same_file_is_the_same_study_until_it_was_removed(run: Run, served: Served) -> None:
    run("run", "small.toml", "--detach")
    assert "Study small on http://127.0.0.1: queued" in run("run", "small.toml", "--detach")
    assert "Stopped study small: 0 of 5 trials done. To resume it: hpsearch run" in run(
        "stop", "small"
    )
    assert "Resumed study small" in run("run", "small.toml", "--detach")
    assert "Stopped study small" in run("stop", "small", "--now")
    assert budget.stop_requested(load_study(served.storage, "small")) == "now"
    assert "Resumed study small" in run("run", "small.toml", "--detach")
    run("run", "small.toml", "--set", "seed=7", "--detach", fails="small")
    assert len(served.storage.submitted()) == 1
    study = load_study(served.storage, "small")
    served.storage.remove_studies([study.study_id], None)
    assert "queued" in run("run", "small.toml", "--detach")
    assert "Stopped study small" in run("stop", "small", "--cancel")
    run("run", "small.toml", "--detach", fails="was cancelled, which is for good")


def test_data_are_sent_once_under_a_name_of_their_content(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("my dätä.csv").write_text("a,b\n1,2\n")
    text = STUDY.format(name="up", trials=5).replace('"digits"', '"table"\npath = "my dätä.csv"')
    Path("up.toml").write_text(text)
    said = run("run", "up.toml", "--detach", fails="up.toml: dataset.path")
    assert "To send my dätä.csv along: --upload" in said
    uploads: list[dict[str, str]] = []
    submitted: list[object] = []

    def answer(_: Connection, method: str, path: str, **parts: Any) -> Any:
        if method == "GET" and path == "/v1/datasets":
            return uploads
        if method == "PUT":
            name = path.removeprefix("/v1/datasets/")
            digest = hashlib.sha256(b"".join(parts["content"]())).hexdigest()
            uploads.append({"name": name, "sha256": digest, "path": f"upload:ana/{name}"})
            return uploads[-1]
        if method == "POST":
            submitted.append(json.loads(parts["content"])["dataset"]["path"])
        return {"name": "up", "submission": {"state": "queued"}}

    monkeypatch.setattr(Connection, "json", answer)
    assert "Sending my dätä.csv (8 B)" in run("run", "up.toml", "--detach", "--upload")
    assert "Sending" not in run("run", "up.toml", "--detach", "--upload")
    [row] = uploads
    assert row["name"].startswith("my-d-t-")
    assert row["name"].endswith(f"{row['sha256'][:12]}.csv")
    assert submitted == [row["path"]] * 2


def test_a_run_of_a_study_that_is_over_tells_how_it_ended(
    run: Run, served: Served, finish: Callable[..., FrozenTrial]
) -> None:
    run("run", "small.toml", "--set", "budget.trials=1", "--detach")
    finish(load_study(served.storage, "small"), 0.75)
    done = run("stop", "small", "--cancel")
    assert "Stopped study small: 1 of 1 trial done" in done


def test_a_study_that_is_over_is_not_said_to_be_stopped(
    run: Run, served: Served, finish: Callable[..., FrozenTrial], monkeypatch: pytest.MonkeyPatch
) -> None:
    run("run", "small.toml", "--set", "budget.trials=1", "--detach")
    study = load_study(served.storage, "small")
    finish(study, 0.75)
    submissions.finish(study, "trials")
    assert run("stop", "small") == "Study small is over: 1 of 1 trial done\n"
    monkeypatch.setenv("HPSEARCH_HOME", str(served.home.root))
    assert run("stop", "small", "--server", "") == "Study small is over: 1 of 1 trial done\n"


def test_a_token_is_kept_after_the_service_has_taken_it(
    run: Run, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HPSEARCH_TOKEN")
    run("ls", fails="hpsearch login http://127.0.0.1")
    run("login", text="hps_wrong\n", fails="the token is wrong")
    run("login", text="\n", fails="the token is empty")
    assert Logins().all() == {}
    said = run("login", text=served.shown["read"] + "\n")
    assert "Logged in to http://127.0.0.1 as read, who may read" in said
    assert served.shown["read"] not in said
    run("run", "small.toml", "--detach", fails="may read, and this needs submit")
    run("login", "--forget")
    run("login", "--forget", fails="no token is kept for it")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("version", "said"), [("9.9", "is hpsearch 9.9"), (__version__, "name")])
def test_rows_of_another_version_are_told(
    monkeypatch: pytest.MonkeyPatch, version: str, said: str
) -> None:
    def answer(_: httpx2.Client, method: str, path: str, **__: object) -> httpx2.Response:
        is_about = path == "/openapi.json"
        request = httpx2.Request(method, URL + path)
        found = {"info": {"version": version}} if is_about else [{"new": 1}]
        return httpx2.Response(200, json=found, request=request)

    monkeypatch.setattr(httpx2.Client, "request", answer)
    typed("ls", fails=said)


def test_the_same_file_with_another_priority_is_the_same_study(run: Run, served: Served) -> None:
    Path("small.toml").write_text('name = "small"\n[dataset]\nsource = "digits"\n')
    for priority in ("-1", "-2"):
        run("run", "small.toml", "--detach", "--priority", priority)
        [one] = served.storage.submitted()
        assert str(one.submission.priority) == priority


@pytest.mark.usefixtures("folder")
def test_a_token_that_goes_through_the_open_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise httpx2.ConnectError("refused")

    monkeypatch.setattr(httpx2.Client, "request", refuse)
    said = typed("login", "http://search.example.org", text="hps_one\n", fails="no service")
    assert "without TLS (https) others on the way can read the token" in said


@pytest.mark.usefixtures("folder")
def test_where_no_service_is_no_token_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HPSEARCH_TOKEN")

    def refuse(*_: object, **__: object) -> None:
        raise httpx2.ConnectError("refused")

    monkeypatch.setattr(httpx2.Client, "request", refuse)
    typed("ls", fails="http://127.0.0.1: no service can be reached there (refused)")


def test_a_fork_is_told_as_here(folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("run", "small.toml", "--detach")
    (folder / "new.toml").write_text(STUDY.format(name="new", trials=9))
    plan = {
        "taken": {"trials": 3, "complete": 2, "pruned": 1, "failed": 0},
        "left": {"outside": 1}, "outside": {"space.layers": 1}, "warnings": ["odd"],
    }  # fmt: skip
    ask = Connection.json

    def answer(connection: Connection, method: str, path: str, **parts: Any) -> Any:
        if path.endswith("/fork"):
            assert parts["params"] == {"priority": "0"}
            assert json.loads(parts["content"])["budget"] == {"trials": 9}
            return {"name": "small", **plan}
        return ask(connection, method, path, **parts)

    monkeypatch.setattr(Connection, "json", answer)
    said = run("fork", "small", "new.toml")
    assert "warning: odd\n" in said
    assert "Made study small with 3 trials of small (2 complete, 1 pruned, 0 failed).\n" in said
    assert "Left out: 1 outside the new space\n  space.layers: 1\n" in said
    assert "Trials left of budget.trials = 5: 5. To continue: hpsearch run new.toml\n" in said
    told = json.loads(run("fork", "small", "new.toml", "--json").partition("warning")[0])
    assert (told["taken"], told["counted"], told["over"]) == (plan["taken"], 0, None)
    plan.pop("taken")
    assert "Study small was made from small before.\n" in run("fork", "small", "new.toml")


def test_an_ensemble_is_told_as_here(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("run", "small.toml", "--detach")
    row = {"study": "small", **plain(ensemble((3, False, 7, 0.75), (1, True, 8, 0.25)))}
    asked: list[int] = []

    def chosen(_: OpenStudy, __: Workspace, members: int) -> dict[str, Any]:
        asked.append(members)
        return row

    monkeypatch.setattr(routes, "ensemble_apart", chosen)
    said = run("ensemble", "small", "--members", "4")
    assert "Ensemble of 2 of 8 trained networks" in said
    assert "hpsearch export takes it: hpsearch export small --ensemble -o FILE" in said
    assert json.loads(printed(("ensemble", "small", "--json"))) == row
    assert asked == [4, 10]
    run("ensemble", "small", "--force", fails="--force: cannot be asked of a service")


def test_the_study_file_of_data_stays_when_they_were_submitted(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object) -> None:
        raise InputError("the study is gone")

    monkeypatch.setattr("hpsearch.cli.run.watch", lost)
    run("run", "digits", fails="the study is gone")
    assert Path("digits.toml").exists()
