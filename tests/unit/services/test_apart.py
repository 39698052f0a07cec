"""Programs that run apart: what they refuse, and that they end with the service."""

import sys
import threading
from pathlib import Path

import pytest
from commandline import wait_until

from hpsearch.errors import InputError, UnreachableError
from hpsearch.services import apart
from hpsearch.services.apart import end_all, ran

SLEEPS = [sys.executable, "-S", "-c", "import time; time.sleep(100)"]


def test_a_program_that_takes_too_long_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "LONGEST", 0.1)
    with pytest.raises(UnreachableError, match="mine: takes over"):
        ran(SLEEPS, "mine", "it", tmp_path)
    assert not apart._running


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
