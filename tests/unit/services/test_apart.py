"""What commands in a process of their own come to."""

import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from commandline import wait_until

from hpsearch.errors import (
    HpsearchError,
    InputError,
    NoTrialError,
    ProgramError,
    UnreachableError,
)
from hpsearch.services import apart


@pytest.mark.parametrize(
    ("code", "error", "said"),
    [
        (1, NoTrialError, "^no trial$"),
        (2, InputError, "^no trial$"),
        (3, UnreachableError, "^no trial$"),
        (4, ProgramError, "^study a: hpsearch report ended early$"),
        (-9, UnreachableError, r"^study a: hpsearch report was ended \(killed by SIGKILL\)"),
    ],
)
def test_how_a_command_ends_is_told_as_it_says_it(
    monkeypatch: pytest.MonkeyPatch, code: int, error: type[HpsearchError], said: str
) -> None:
    seen: dict[str, Any] = {}

    def run(
        words: list[str], *, env: Mapping[str, str], **options: Any
    ) -> subprocess.CompletedProcess[str]:
        seen.update(options, words=words, own=env["OWN"])
        return subprocess.CompletedProcess(words, code, "", "reading\nerror: no trial\n")

    monkeypatch.setattr(apart, "run", run)
    with pytest.raises(error, match=said):
        apart.run_command(["report", "a"], "study a", 3.0, {"OWN": "1"})
    assert seen["words"][-4:] == ["-m", "hpsearch", "report", "a"]
    assert (seen["timeout"], seen["own"]) == (3.0, "1")


def test_a_command_that_does_not_start_or_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    errors: list[Exception] = [
        subprocess.TimeoutExpired("hpsearch", 3.0),
        PermissionError(13, "Permission denied"),
    ]

    def run(*_: object, **__: object) -> None:
        raise errors.pop(0)

    monkeypatch.setattr(apart, "run", run)
    for said in ("takes over 3 s", "Permission denied"):
        with pytest.raises(UnreachableError, match=said):
            apart.run_command(["report", "a"], "study a", 3.0, {})


def test_what_runs_when_the_service_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def forever(*_: str) -> list[str]:
        return [sys.executable, "-c", "import time; time.sleep(1000)"]

    monkeypatch.setattr(apart, "python", forever)
    told: list[str] = []

    def ask() -> None:
        with pytest.raises(UnreachableError) as caught:
            apart.run_command(["report", "a"], "study a", 100.0, {})
        told.append(str(caught.value))

    thread = threading.Thread(target=ask)
    with apart.ended_with():
        thread.start()
        wait_until(lambda: bool(apart._at_work), "the command runs")
    thread.join(30)
    assert "was ended (killed by SIGKILL)" in told[0]
    assert not apart._at_work


def test_what_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "python", lambda *_: ["sleep", "1000"])
    with pytest.raises(UnreachableError, match="takes over 0 s"):
        apart.run_command(["report", "a"], "study a", 0.05, {})
    assert not apart._at_work
