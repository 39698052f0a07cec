"""Many images in processes side by side: as one process would, and none left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import forked
import psutil
import pytest

from hpsearch.data.arrays import Arrays, Progress, silent
from hpsearch.data.images import parallel
from hpsearch.data.section import DatasetSection
from hpsearch.errors import InputError, UnreachableError

pytestmark = pytest.mark.slow

Write = Callable[..., DatasetSection]


def children() -> list[psutil.Process]:
    """The processes that decode for this one, those that have ended but for the waiting too."""
    return [child for child in forked.children() if _decodes(child)]


def _decodes(child: psutil.Process) -> bool:
    """One that has ended counts, as nobody can tell any more; it may end while it is looked at."""
    try:
        ended = child.status() == psutil.STATUS_ZOMBIE
        return ended or parallel.__name__ in "".join(child.cmdline())
    except psutil.ZombieProcess:
        return True


@pytest.fixture
def split(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes for however few images, a few at a time."""
    monkeypatch.setattr(parallel, "_WORTH_SECONDS", 0.0)
    monkeypatch.setattr(parallel, "_CHUNK_FILES", 3)
    monkeypatch.setattr(parallel, "_cores", lambda: 2)


LARGE = (200, 200)
"""Of such images a few more than fill a pipe: a process waits there until they are read."""


def as_lists(arrays: Arrays) -> list[object]:
    parts = [(part, x.tolist(), y.tolist()) for part, x, y in arrays.parts()]
    return [*parts, arrays.skipped]


def after_first(act: Callable[[], None]) -> Progress:
    """A Progress that acts once processes have given something back."""

    def progress(*_: object) -> None:
        if children():
            act()

    return progress


@pytest.fixture
def unthrottled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hpsearch.data.images.folder.throttled", lambda progress: progress)


def test_few_images_start_no_process(images: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "_started", None)
    assert len(images(count=50).reader.load(silent).x_train) == 100


def test_processes_give_what_one_process_gives(
    images: Write, request: pytest.FixtureRequest
) -> None:
    section = images(("train", "val", "test")).model_copy(
        update={"max_unreadable": 0.5, "image_size": (5, 7)}
    )
    for name in ("train/cat/000", "train/dog/003", "val/cat/009", "test/dog/009"):
        (Path(str(section.path)) / f"{name}.png").write_bytes(b"x")
    alone = section.reader.load(silent)
    request.getfixturevalue("split")
    seen: list[int] = []
    assert as_lists(section.reader.load(lambda *_: seen.append(len(children())))) == as_lists(alone)
    assert len(alone.skipped) == 4
    assert children() == []


def test_the_first_wrong_file_is_told_whoever_found_it(
    images: Write, request: pytest.FixtureRequest
) -> None:
    section = images()
    smaller = images(("val",), size=(2, 2))
    for target in ("train/dog/009", "train/dog/006", "train/dog/003", "test/cat/001"):
        wrong = Path(str(smaller.path)) / "val" / "cat" / "000.png"
        (Path(str(section.path)) / f"{target}.png").write_bytes(wrong.read_bytes())
    with pytest.raises(InputError) as alone:
        section.reader.load(silent)
    assert "dog/003.png" in str(alone.value)
    request.getfixturevalue("split")
    with pytest.raises(InputError) as caught:
        section.reader.load(silent)
    assert str(caught.value) == str(alone.value)
    assert children() == []


@pytest.mark.usefixtures("split", "unthrottled")
def test_a_killed_process_is_told(images: Write) -> None:
    def kill() -> None:
        for child in children():
            child.kill()

    with pytest.raises(UnreachableError, match="was killed, perhaps for lack of memory; free"):
        images(count=20, size=LARGE).reader.load(after_first(kill))
    assert children() == []


@pytest.mark.usefixtures("split", "unthrottled")
def test_an_interruption_leaves_no_process(images: Write) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        images(count=20, size=LARGE).reader.load(after_first(interrupt))
    assert children() == []


@pytest.mark.usefixtures("split", "unthrottled")
def test_processes_never_get_the_interruption_of_the_terminal(images: Write) -> None:
    sessions: list[int] = []
    look = after_first(lambda: sessions.extend(os.getsid(child.pid) for child in children()))
    images(count=20, size=LARGE).reader.load(look)
    assert sessions
    assert os.getsid(0) not in sessions


def test_a_process_that_cannot_be_started_is_told(
    images: Write, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = images()
    request.getfixturevalue("split")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(UnreachableError, match=r"cannot be started .*; free memory"):
        section.reader.load(silent)


def ended(pid: int) -> bool:
    """Whether a process is gone, but for somebody to ask how it ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


# Without a guard for the main module, which people forget: no process may run it again.
DIES = """
import os, sys
import psutil
from hpsearch.data.images import parallel
from hpsearch.data.section import DatasetSection
from hpsearch.data.sources import image_folder

def progress(what, done, total):
    pids = [child.pid for child in psutil.Process().children()]
    if pids:
        print(*pids, flush=True)
        os.kill(os.getpid(), 9)

parallel._WORTH_SECONDS, parallel._CHUNK_FILES, parallel._cores = 0.0, 1, lambda: 2
image_folder.throttled = lambda progress: progress
DatasetSection(source="image_folder", path=sys.argv[1]).reader.load(progress)
"""


def test_processes_end_when_their_parent_is_killed(images: Write, tmp_path: Path) -> None:
    (tmp_path / "dies.py").write_text(DIES)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "dies.py"), str(images(count=20, size=LARGE).path)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL
    assert done.stderr == ""
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == 2
    deadline = time.monotonic() + 20
    while not all(ended(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_only_the_cores_of_this_process_count() -> None:
    assert parallel._cores() == len(os.sched_getaffinity(0))
