"""The command is tried with the process that starts it in tests/unit/data/test_keras_sets.py."""

import signal
import socket
import sys
import threading
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
