"""The program's own process: what others have left of signals, and what becomes of exit codes."""

import logging
import os
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from unwritable import closed

from hpsearch import __main__ as program
from hpsearch.__main__ import main

NUMBERS = (signal.SIGALRM, signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in NUMBERS}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    logging.disable(logging.NOTSET)


def ended(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    """The exit code of a command."""
    monkeypatch.setattr(sys, "argv", ["hpsearch", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code


def test_children_and_signals_are_heard_of_again(monkeypatch: pytest.MonkeyPatch) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # then no child has an exit code
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD})
    assert ended(monkeypatch, "--version") == 0
    assert signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL
    assert not {signal.SIGTERM, signal.SIGCHLD} & signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_warnings_that_a_user_made_errors_end_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "warnoptions", ["error"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ended(monkeypatch, "--version") == 0
        warnings.warn("of a library", DeprecationWarning, stacklevel=1)


def test_names_in_errors_do_nothing_to_a_terminal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: os.PathLike[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(monkeypatch, "show", "a\x1b[2Jb", "--home", str(tmp_path)) == 2
    assert ended(monkeypatch, "train", "a\x1b[2J\x9b.toml") == 2
    told = capsys.readouterr().err
    assert r"a\x1b[2J\x9b.toml: file not found" in told
    assert not {"\x1b", "\x9b"} & set(told)


def test_libraries_say_nothing_of_what_a_signal_cuts_off(
    capsys: pytest.CaptureFixture[str],
) -> None:
    library = logging.getLogger("sqlalchemy.pool.impl")
    handler = logging.StreamHandler()
    library.addHandler(handler)
    try:
        with pytest.raises(SystemExit) as end:
            program._quit(signal.SIGTERM, None)
        library.error("Error closing cursor", exc_info=ValueError("cut off"))
    finally:
        library.removeHandler(handler)
    assert end.value.code == 143
    assert capsys.readouterr().err == ""


def test_what_a_library_makes_of_a_signal_is_not_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """TensorFlow's C++ code drops what is raised in it, and raises an error of its own."""

    def cut_off() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except SystemExit:
            raise SystemError("bad argument to internal function") from None

    monkeypatch.setattr(program, "app", cut_off)
    assert ended(monkeypatch) == 143
    assert capsys.readouterr().err == ""


def test_a_signal_within_a_destructor_ends_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python drops what is raised there; it would go on as if there had been no signal."""

    class Ends:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

    def wait() -> None:
        Ends()
        time.sleep(30)

    monkeypatch.setattr(program, "app", wait)
    began = time.monotonic()
    assert ended(monkeypatch) == 143
    assert time.monotonic() < began + 20
    assert capsys.readouterr().err == ""


def test_what_the_system_refuses_is_a_message(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "closed" / "home").mkdir(parents=True)
    with closed(tmp_path / "closed"):
        assert ended(monkeypatch, "ls", "--home", str(tmp_path / "closed" / "home")) == 3
    told = capsys.readouterr().err
    assert "Permission denied; check the file and its permissions" in told
    assert "Traceback" not in told
