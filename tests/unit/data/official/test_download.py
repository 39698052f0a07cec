"""A package named keras takes the place of the real one in the process that downloads."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from commandline import wait_until

from hpsearch.data.arrays import silent
from hpsearch.data.official import download as module
from hpsearch.data.official.download import download
from hpsearch.data.sources.fashion_mnist import FashionMnist
from hpsearch.data.sources.mnist import Mnist
from hpsearch.errors import HpsearchError, InputError, ProgramError, UnreachableError

pytestmark = pytest.mark.slow

KERAS = """
import os, signal, time, types
from pathlib import Path
import numpy as np

cache = Path(os.environ["KERAS_HOME"]) / "datasets"
shared = Path(os.environ["SHARED"])
(shared / "pid").write_text(str(os.getpid()))
rng = np.random.default_rng(0)
images, labels = rng.integers(0, 256, (20, 28, 28), np.uint8), np.arange(20)[:, None] % 10

def wait_for(name):
    while not (shared / name).exists():
        time.sleep(0.01)

def download():
    '''As Keras does it: what is half downloaded is removed when it ends early.'''
    cache.mkdir(parents=True, exist_ok=True)
    try:
        for part in range(3):
            with (cache / "mnist.npz").open("ab") as file:
                file.truncate(2_000_000 * (part + 1))  # at once: nobody sees half of it
            wait_for(f"seen-{2 * part + 2}")
    except (Exception, KeyboardInterrupt):
        (cache / "mnist.npz").unlink()
        raise

def load_data():
    <BODY>

datasets = types.SimpleNamespace(
    mnist=types.SimpleNamespace(load_data=load_data),
    fashion_mnist=types.SimpleNamespace(load_data=load_data),
)
"""
GIVE = "return (images, labels), (images[:5], labels[:5])"

Fake = Callable[[str], Path]


@pytest.fixture
def keras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Makes the package, given what its ``load_data`` does; gives a folder shared with it."""
    temporary = tmp_path / "temporary"
    for folder in (temporary, tmp_path / "shared", tmp_path / "packages" / "keras"):
        folder.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "packages"), prepend=os.pathsep)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras-home"))
    monkeypatch.setenv("SHARED", str(tmp_path / "shared"))

    def make(body: str) -> Path:
        code = KERAS.replace("<BODY>", "\n    ".join(body.splitlines()))
        (tmp_path / "packages" / "keras" / "__init__.py").write_text(code)
        return tmp_path / "shared"

    return make


def gone(shared: Path) -> bool:
    """Whether the process that downloads has ended."""
    return not psutil.pid_exists(int((shared / "pid").read_text()))


def test_arrays_arrive_and_what_has_arrived_is_shown(keras: Fake, tmp_path: Path) -> None:
    shared = keras(f"download()\n{GIVE}")
    calls: list[tuple[str, int, int]] = []

    def progress(what: str, done: int, total: int) -> None:
        if (what, done, total) not in calls:
            calls.append((what, done, total))
        (shared / f"seen-{done}").touch()

    arrays = download(Mnist, progress)
    assert {name: array.shape for name, array in arrays.items()} == {
        "x_train": (20, 28, 28),
        "y_train": (20, 1),
        "x_test": (5, 28, 28),
        "y_test": (5, 1),
    }
    assert arrays["y_train"].ravel().tolist() == [n % 10 for n in range(20)]
    assert calls[0] == ("starting Keras, which downloads MNIST", 0, 0)
    assert calls[1:] == [("downloading MNIST (MB)", done, 11) for done in (2, 4, 6)]
    assert gone(shared)
    assert list((tmp_path / "temporary").iterdir()) == []


def test_neither_files_of_the_working_folder_nor_settings_of_the_user_reach_keras(
    keras: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = keras(
        "(shared / 'settings').write_text(str((cache.parent / 'keras.json').exists()))\n"
        f"(cache / 'mnist.npz').touch()\n{GIVE}"
    )
    (home := tmp_path / "keras-home").mkdir()
    (home / "keras.json").write_text("damaged")
    (folder := tmp_path / "mine").mkdir()
    (folder / "random.py").write_text("raise SystemExit('the wrong one')")
    monkeypatch.chdir(folder)
    assert len(download(Mnist, silent)["x_train"]) == 20
    assert (shared / "settings").read_text() == "False"
    assert (home / "datasets" / "mnist.npz").exists()


def test_no_place_to_download_to(keras: Fake, tmp_path: Path) -> None:
    keras(GIVE)
    (tmp_path / "keras-home").mkdir()
    (tmp_path / "keras-home" / "datasets").write_text("a file")
    with pytest.raises(UnreachableError, match=r"datasets: cannot be created: File exists.*KERAS_"):
        download(Mnist, silent)


def test_files_that_were_there_before_do_not_count(tmp_path: Path, keras: Fake) -> None:
    shared = keras(GIVE)
    old = tmp_path / "keras-home" / "datasets" / "mnist.npz"
    old.parent.mkdir(parents=True)
    old.write_bytes(bytes(5_000_000))
    os.utime(old, (0, 0))
    calls: list[Any] = []
    download(Mnist, lambda *call: calls.append(call))
    assert calls == [("starting Keras, which downloads MNIST", 0, 0)]
    assert gone(shared)


FAILURES: dict[str, tuple[str, type[HpsearchError], str]] = {
    "closed network": (
        "raise Exception('URL fetch failure on https://x: None -- [Errno 111]\\n refused')",
        UnreachableError,
        "Keras could not download Fashion-MNIST: URL fetch failure on https://x: None -- [Errno 1",
    ),
    "damaged cache": (
        "import gzip\ngzip.decompress(b'no gzip')",
        InputError,
        "copy of Fashion-MNIST is damaged: Not a gzipped file (b'no'); remove",
    ),
    "a changed Keras": ("keras.nothing", ProgramError, "NameError"),
    "killed": ("os.kill(os.getpid(), signal.SIGKILL)", UnreachableError, "killed by signal 9"),
}
"""One of each way to end; ``tests/unit/training/test_download.py`` has what else Keras raises."""


@pytest.mark.parametrize("name", FAILURES)
def test_failures_end_in_one_line(name: str, keras: Fake, tmp_path: Path, capfd: Any) -> None:
    body, kind, says = FAILURES[name]
    shared = keras(body)
    with pytest.raises(kind) as caught:
        download(FashionMnist, silent)
    message = str(caught.value)
    assert type(caught.value) is kind
    assert says in message
    assert "--set dataset.path=PATH, where PATH is a folder or tar archive" in message
    assert "\n" not in message
    if kind is InputError:
        assert f"remove {tmp_path / 'keras-home' / 'datasets' / 'fashion-mnist'}," in message
    assert capfd.readouterr() == ("", "")
    assert gone(shared)
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit(143)])
def test_when_this_process_is_stopped_nothing_is_left(
    keras: Fake, tmp_path: Path, stop: BaseException
) -> None:
    shared = keras(f"download()\n{GIVE}")

    def progress(what: str, _done: int, _total: int) -> None:
        if what.startswith("downloading"):
            raise stop

    with pytest.raises((KeyboardInterrupt, SystemExit)):
        download(Mnist, progress)
    assert gone(shared)
    assert list((tmp_path / "temporary").iterdir()) == []
    assert list((tmp_path / "keras-home" / "datasets").iterdir()) == []


def test_a_process_that_does_not_stop_is_killed(
    keras: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.1)
    shared = keras("signal.signal(signal.SIGTERM, signal.SIG_IGN)\ndownload()")

    def progress(what: str, _done: int, _total: int) -> None:
        if what.startswith("downloading"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(Mnist, progress)
    assert gone(shared)
    assert list((tmp_path / "temporary").iterdir()) == []


def test_when_this_process_is_killed_the_other_stops(keras: Fake, tmp_path: Path) -> None:
    shared = keras(f"download()\n{GIVE}")
    code = (
        "from hpsearch.data.official.download import download\n"
        "from hpsearch.data.sources.mnist import Mnist\n"
        "download(Mnist, lambda *call: print(*call, flush=True))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path / "temporary")},
    ) as parent:
        assert parent.stdout is not None
        for line in parent.stdout:
            if line.startswith("downloading"):
                parent.send_signal(signal.SIGKILL)
                break
    wait_until(lambda: gone(shared), "the process that downloads ends", 20)
    assert list((tmp_path / "keras-home" / "datasets").iterdir()) == []


def test_no_place_for_the_arrays(keras: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    keras(GIVE)
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    with pytest.raises(UnreachableError, match="cannot be kept in /nowhere: No such file"):
        download(Mnist, silent)


def test_keras_takes_another_place_where_its_own_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert module._cached(Mnist) == tmp_path / ".keras" / "datasets" / "mnist.npz"
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert module._cached(Mnist) == Path("/tmp/.keras/datasets/mnist.npz")  # noqa: S108 - so it is
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(os, "getuid", lambda: 12345)  # of nobody that the system knows
    assert module._cached(Mnist) == Path("/tmp/.keras/datasets/mnist.npz")  # noqa: S108


def test_the_real_keras_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras-home"))
    with pytest.raises(UnreachableError, match=r"URL fetch failure on https://.*/mnist\.npz"):
        download(Mnist, silent)
