"""The command is tried with the process that starts it, in ``data/official/test_download.py``."""

import gzip
import http.client
import signal
import socket
import sys
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hpsearch.training import download

X, Y = np.zeros((3, 2, 2), np.uint8), np.array([0, 1, 0])


@pytest.fixture(autouse=True)
def _restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The command takes signals and sockets for itself."""
    handler, timeout = signal.getsignal(signal.SIGTERM), socket.getdefaulttimeout()
    monkeypatch.setattr(threading.Thread, "start", lambda _: None)
    yield
    signal.signal(signal.SIGTERM, handler)
    socket.setdefaulttimeout(timeout)


@pytest.fixture
def keras(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras, which gives X and Y."""
    fake = SimpleNamespace(
        datasets=SimpleNamespace(mnist=SimpleNamespace(load_data=lambda: ((X, Y), (X, Y)))),
    )
    monkeypatch.setitem(sys.modules, "keras", fake)  # type: ignore[arg-type]


@pytest.mark.usefixtures("keras")
def test_arrays_are_saved(tmp_path: Path) -> None:
    assert download.main("mnist", tmp_path) == 0
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "x_test.npy",
        "x_train.npy",
        "y_test.npy",
        "y_train.npy",
    ]
    assert np.array_equal(np.load(tmp_path / "y_train.npy"), Y)
    assert socket.getdefaulttimeout() == 30


@pytest.mark.usefixtures("keras")
def test_no_place_for_the_arrays(tmp_path: Path, capsys: Any) -> None:
    assert download.main("mnist", tmp_path / "none") == 3
    assert capsys.readouterr().err.strip().startswith("[Errno 2] No such file or directory")


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (Exception("URL fetch failure on\n https://x"), 3, "URL fetch failure on https://x"),
        (TimeoutError("timed out"), 3, "timed out"),
        (OSError(28, "No space"), 3, "[Errno 28] No space"),
        (http.client.IncompleteRead(b""), 3, "IncompleteRead(0 bytes read)"),
        (ValueError("Incomplete or corrupted file detected."), 3, "Incomplete or corrupted file"),
        (gzip.BadGzipFile("Not a gzipped file"), 2, "Not a gzipped file"),
        (zlib.error("incorrect header check"), 2, "incorrect header check"),
        (EOFError(), 2, "EOFError"),
        (ValueError("cannot reshape"), 2, "cannot reshape"),
    ],
    ids=repr,
)
def test_what_keras_raises_is_an_exit_code_and_a_line(  # noqa: PLR0917  # fixtures
    error: Exception,
    code: int,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
) -> None:
    def load_data() -> None:
        raise error

    fake = SimpleNamespace(datasets=SimpleNamespace(mnist=SimpleNamespace(load_data=load_data)))
    monkeypatch.setitem(sys.modules, "keras", fake)  # type: ignore[arg-type]
    assert download.main("mnist", tmp_path) == code
    said = capsys.readouterr().err
    assert said.startswith(f"\n{says}")
    assert said.count("\n") == 2


@pytest.mark.parametrize("error", [ModuleNotFoundError("No module named 'x'"), NameError("x")])
def test_a_keras_that_cannot_be_used_is_not_excused(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python ends with exit code 1, and the error's name and text are its last line."""

    def save(*_: object) -> None:
        raise error

    monkeypatch.setattr(download, "_save", save)
    with pytest.raises(type(error)):
        download.main("mnist", tmp_path)


def test_a_signal_ends_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped_twice(*_: object) -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)
            (tmp_path / "cleaned up").touch()

    monkeypatch.setattr(download, "_save", stopped_twice)
    assert download.main("mnist", tmp_path) == 143
    assert (tmp_path / "cleaned up").exists()
