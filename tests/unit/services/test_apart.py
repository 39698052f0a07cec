"""Programs that run apart: what they refuse, and that they end with the service."""

import re
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

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
from hpsearch.services.apart import end_all, ran, run_command

SLEEPS = [sys.executable, "-S", "-c", "import time; time.sleep(100)"]


def test_a_program_that_takes_too_long_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "LONGEST", 0.1)
    with pytest.raises(UnreachableError, match="mine: takes over"):
        ran(SLEEPS, "mine", "it", tmp_path)
    assert not apart._running


def test_what_a_program_says_is_read_whatever_bytes_it_has(tmp_path: Path) -> None:
    said = r"sys.stderr.buffer.write(b'error: m\xc3\xbcnchen.csv, \xff\n')"
    words = [sys.executable, "-S", "-c", f"import sys; {said}; sys.exit(2)"]
    with pytest.raises(InputError, match=re.escape("münchen.csv, \N{REPLACEMENT CHARACTER}")):
        ran(words, "mine", "it", tmp_path)


def test_programs_end_with_the_service(tmp_path: Path) -> None:
    said: list[str] = []

    def work() -> None:
        try:
            ran(SLEEPS, "mine", "it", tmp_path)
        except InputError as error:
            said.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: bool(apart._running), "a program that runs")
    end_all()
    thread.join(20)
    assert said == ["mine: it ended early; its data may be too large, or damaged"]


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
    seen: list[object] = []

    def run(
        words: list[str], folder: str, longest: float, told: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        seen.extend([words[-4:], Path(folder).is_dir(), longest, told])
        return subprocess.CompletedProcess(words, code, "", "reading\nerror: no trial\n")

    monkeypatch.setattr(apart, "_run", run)
    with pytest.raises(error, match=said):
        run_command(["report", "a"], "study a", 3.0, {"OWN": "1"})
    assert seen == [["-m", "hpsearch", "report", "a"], True, 3.0, {"OWN": "1"}]


def test_a_command_that_does_not_start_or_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for words, said in ((SLEEPS, "takes over 0 s"), (["/"], "Permission denied")):
        monkeypatch.setattr(apart, "python", lambda *_, words=words: words)
        with pytest.raises(UnreachableError, match=said):
            run_command(["report", "a"], "study a", 0.05, {})
    assert not apart._running
