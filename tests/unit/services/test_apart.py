"""What commands in a process of their own come to."""

import subprocess
from collections.abc import Mapping
from typing import Any

import pytest

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
        (-9, ProgramError, "^study a: hpsearch report ended early$"),
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

    monkeypatch.setattr(apart.subprocess, "run", run)
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

    monkeypatch.setattr(apart.subprocess, "run", run)
    for said in ("takes over 3 s", "Permission denied"):
        with pytest.raises(UnreachableError, match=said):
            apart.run_command(["report", "a"], "study a", 3.0, {})
