"""``hpsearch dashboard``: the real command, over HTTP."""

import json
import re
import signal
from urllib.parse import urlsplit

import pytest
from commandline import Cli
from dashboards import shown, token_of
from made import make_study
from web import ask

from hpsearch.dashboard.server import application
from hpsearch.home import Home
from hpsearch.search.lookup import load_study
from hpsearch.search.storage.opening import open_storage
from hpsearch.workers.presence import present

pytestmark = pytest.mark.timeout(120)


def test_the_printed_address_shows_the_studies(cli: Cli) -> None:
    make_study(cli)
    with shown(cli) as (address, process):
        bearer = {"Authorization": f"Bearer {token_of(address)}"}
        assert ask(address, "/api/studies").status == 401
        assert ask(address, "/api/studies", Authorization="Bearer wrong-wrong").status == 401
        entered = ask(address, "/?" + urlsplit(address).query)
        assert (entered.status, entered.headers["Location"]) == (303, "/")
        cookie = entered.headers["Set-Cookie"].partition(";")[0]
        studies = json.loads(ask(address, "/api/studies", Cookie=cookie).body)["study_summaries"]
        assert [study["study_name"] for study in studies] == ["small"]
        key = studies[0]["study_id"]
        detail = json.loads(ask(address, f"/api/studies/{key}", **bearer).body)
        assert [trial["state"] for trial in detail["trials"]] == ["Complete", "Complete"]
        assert detail["objective_names"] == ["val_accuracy"]
        assert ask(address, "/api/studies", Host="evil.org", **bearer).status == 421
        foreign = {"Origin": "http://evil.org"} | bearer
        assert ask(address, f"/api/studies/{key}", "DELETE", **foreign).status == 403
        assert ask(address, "/static/../index.html", **bearer).status == 404
        again = cli.home / "dashboard.token"
        assert again.stat().st_mode & 0o777 == 0o600
        assert again.read_text().strip() == token_of(address)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr is not None
        assert token_of(address) not in process.stderr.read()


def test_read_only_and_without_a_token(cli: Cli) -> None:
    make_study(cli)
    with shown(cli, "--read-only", "--no-token") as (address, process):
        assert "token" not in address
        (study,) = json.loads(ask(address, "/api/studies").body)["study_summaries"]
        path = f"/api/studies/{study['study_id']}"
        assert ask(address, path, "DELETE").status == 405
        note = {"version": 1, "body": "x"}
        assert ask(address, f"{path}/note", "PUT", note).status == 405
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 143
        assert process.stderr is not None
        assert "warning: everybody who can reach this port" in process.stderr.read()


def test_what_cannot_be_is_said(cli: Cli) -> None:
    make_study(cli)
    assert "at least 8" in cli("dashboard", "--token", "short", code=2).stderr
    assert "--port 0" in cli("dashboard", "--host", "192.0.2.1", code=2).stderr
    with shown(cli) as (address, _):
        taken = str(urlsplit(address).port)
        assert f"--port {taken}: " in cli("dashboard", "--port", taken, code=2).stderr
    (cli.home / "dashboard.token").chmod(0o644)
    assert "others can read it" in cli("dashboard", code=3).stderr


def _filled(rule: str) -> str:
    """An address that a rule of the application fits."""
    known = {"study_id": "1", "trial_id": "1", "artifact_id": "0a", "filename": "bundle.js"}
    rule = re.sub(r"<:re:[^>]*>", "", rule)
    return re.sub(r"<(\w+)(:[^>]*)?>", lambda found: known.get(found[1], "curves.png"), rule)


def test_every_way_in_is_closed(cli: Cli) -> None:
    make_study(cli)
    storage = open_storage(f"sqlite:///{cli.database}")
    routes = {_filled(route.rule) for route in application(storage, Home(cli.home)).routes}
    storage.close()
    assert len(routes) > 25
    before = cli.details()
    with shown(cli) as (address, _):
        bearer = {"Authorization": f"Bearer {token_of(address)}"}
        for path in sorted(routes):
            for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
                assert ask(address, path, method).status == 401
                evil = {"Host": "evil.org"} | bearer
                assert ask(address, path, method, **evil).status == 421
                if method in ("POST", "PUT", "DELETE", "PATCH"):
                    foreign = {"Origin": "http://evil.org"} | bearer
                    assert ask(address, path, method, **foreign).status == 403
        for path, status in (
            ("/api/studies/1/rename", 403),
            ("/api/studies/1/rename%0a", 404),
            ("/api/studies", 403),
        ):
            assert ask(address, path, "POST", {"study_name": "x"}, **bearer).status == status
        for path in (
            "/static/../index.html",
            "/%ffartifacts/1/0a",
            "/artifacts%ff/1/0a",
            "/static/%2e%2e/index.html",
            "/artifacts/1/..%2f",
        ):
            assert ask(address, path, **bearer).status == 404
    with shown(cli, "--read-only") as (address, _):
        for path in sorted(routes):
            for method in ("POST", "PUT", "DELETE", "PATCH"):
                assert ask(address, path, method, **bearer).status == 405
    assert cli.details() == before


def test_what_is_attached_goes_with_the_study(cli: Cli) -> None:
    make_study(cli)
    with shown(cli) as (address, _):
        bearer = {"Authorization": f"Bearer {token_of(address)}"}
        body = {"file": "data:text/plain;base64,aGVsbG8=", "filename": "a.txt"}
        assert ask(address, "/api/artifacts/1", "POST", body, **bearer).status == 201
        assert len(list((cli.home / "artifacts").iterdir())) == 1
    cli("delete", "small", "--yes")
    assert list((cli.home / "artifacts").iterdir()) == []


def test_a_study_that_is_run_stays_with_all_that_is_attached(cli: Cli) -> None:
    make_study(cli)
    storage = open_storage(f"sqlite:///{cli.database}")
    with shown(cli) as (address, _), present(load_study(storage, "small")):
        bearer = {"Authorization": f"Bearer {token_of(address)}"}
        body = {"file": "data:text/plain;base64,aGVsbG8=", "filename": "a.txt"}
        assert ask(address, "/api/artifacts/1", "POST", body, **bearer).status == 201
        refused = ask(address, "/api/studies/1", "DELETE", {}, **bearer)
        assert refused.status == 409
        assert "hpsearch stop small" in json.loads(refused.body)["reason"]
        assert len(list((cli.home / "artifacts").iterdir())) == 1
    storage.close()
    assert cli.details()["name"] == "small"


def test_a_deleted_study_takes_what_is_attached_with_it(cli: Cli) -> None:
    make_study(cli)
    with shown(cli) as (address, _):
        bearer = {"Authorization": f"Bearer {token_of(address)}"}
        body = {"file": "data:text/plain;base64,aGVsbG8=", "filename": "a.txt"}
        assert ask(address, "/api/artifacts/1", "POST", body, **bearer).status == 201
        assert ask(address, "/api/studies/1", "DELETE", {}, **bearer).status == 204
        assert json.loads(ask(address, "/api/studies", **bearer).body)["study_summaries"] == []
    assert list((cli.home / "artifacts").iterdir()) == []
