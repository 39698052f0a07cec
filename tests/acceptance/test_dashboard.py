"""``hpsearch dashboard``: the real command, over HTTP."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from commandline import Cli
from made import make_study
from web import ask

pytestmark = pytest.mark.timeout(120)


@contextmanager
def shown(cli: Cli, *options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Starts the command on a free port; yields the address that it prints."""
    process = cli.start("dashboard", "--port", "0", *options)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process
    finally:
        process.kill()
        process.communicate()


def token_of(address: str) -> str:
    found = re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=([\w-]{32})", address)
    assert found is not None, address
    return found[1]


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
        assert "warning: whoever reaches this port" in process.stderr.read()


def test_what_cannot_be_is_said(cli: Cli) -> None:
    make_study(cli)
    assert "at least 8" in cli("dashboard", "--token", "short", code=2).stderr
    assert "--port 0" in cli("dashboard", "--host", "192.0.2.1", code=2).stderr
    with shown(cli) as (address, _):
        taken = str(urlsplit(address).port)
        assert f"--port {taken}: " in cli("dashboard", "--port", taken, code=2).stderr
    (cli.home / "dashboard.token").chmod(0o644)
    assert "others may read it" in cli("dashboard", code=3).stderr
