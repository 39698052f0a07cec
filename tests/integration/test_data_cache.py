"""Importing a data set in several processes at once, and killing one of them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hpsearch.data.cache import open_dataset
from hpsearch.data.section import DatasetSection
from hpsearch.home import Home

# Opens the data set, says every step on a line of its own, and waits after each for an answer.
CHILD = """
import sys
from pathlib import Path
from hpsearch.data.cache import open_dataset
from hpsearch.home import Home
from hpsearch.recipe import DatasetSection

def progress(what, done, total):
    print(what.split()[0], done, flush=True)
    sys.stdin.readline()

section = DatasetSection(source="npz", path=sys.argv[1])
progress("ready", 0, 0)
print("opened", open_dataset(section, Home(Path(sys.argv[2])), progress).fingerprint, flush=True)
"""


@pytest.fixture
def section(tmp_path: Path) -> DatasetSection:
    random = np.random.default_rng(0)
    file = tmp_path / "data.npz"
    np.savez(file, x_train=random.normal(size=(300, 8)), y_train=np.arange(300) % 3)
    return DatasetSection(source="npz", path=str(file))


def start(section: DatasetSection, home: Home) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", CHILD, str(section.path), str(home.root)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ}
    )


def until(child: "subprocess.Popen[str]", word: str) -> list[str]:
    """Let the child go on until it says a line that begins with ``word``; all that it said."""
    assert child.stdin is not None
    assert child.stdout is not None
    said: list[str] = []
    for line in child.stdout:
        said.append(line.strip())
        if line.startswith(word):
            return said
        child.stdin.write("\n")
        child.stdin.flush()
    raise AssertionError(f"the child ended after {said}")


def resume(child: "subprocess.Popen[str]", word: str) -> list[str]:
    assert child.stdin is not None
    child.stdin.write("\n")
    child.stdin.flush()
    return until(child, word)


def test_processes_that_start_at_once_import_once(tmp_path: Path, section: DatasetSection) -> None:
    home = Home(tmp_path / "home")
    with start(section, home) as first, start(section, home) as second:
        until(first, "storing")  # holds the lock and stands still in the middle
        until(second, "ready")
        assert resume(second, "waiting") == ["waiting 0"]
        opened = resume(first, "opened")[-1]
        # The second goes on: it opens what the first has made, and reads nothing itself.
        assert resume(second, "opened") == [opened]
        first.communicate()
        second.communicate()
    assert (first.returncode, second.returncode) == (0, 0)
    folders = [path for path in home.datasets.iterdir() if path.is_dir()]
    assert len(folders) == 1
    assert opened == f"opened {open_dataset(section, home).fingerprint}"


def test_a_killed_import_is_made_anew(tmp_path: Path, section: DatasetSection) -> None:
    home = Home(tmp_path / "home")
    with start(section, home) as child:
        until(child, "storing 2")
        child.send_signal(signal.SIGKILL)
        child.communicate()
    left = sorted(path.name for path in home.datasets.iterdir() if path.is_dir())
    assert left == [".partial"]
    assert (home.datasets / ".partial" / "x_train.npy").is_file()
    dataset = open_dataset(section, home)
    assert dataset.train()[0].shape == (240, 8)
    assert [path for path in home.datasets.iterdir() if path.is_dir()] == [dataset.folder]


SPLIT = """
import json, sys
from pathlib import Path
from hpsearch.data.cache import open_dataset
from hpsearch.data.facts import split_fingerprint
from hpsearch.data.drawing import split
from hpsearch.home import Home
from hpsearch.recipe import DatasetSection

section = DatasetSection(source="digits", limit=500)
dataset = open_dataset(section, Home(Path(sys.argv[1])))
fingerprint = split_fingerprint(split(dataset, section))
print(json.dumps(["sklearn" in sys.modules, fingerprint]))
"""
DRAWN = "6add27ff422d3607d7fc6044a76f3ca0b6edb9b85fa915a40b59cfeb5d802920"
"""What scikit-learn 1.9.1 drew, which hpsearch took for splits at first: they stay the same."""


def test_a_split_needs_no_scikit_learn_and_stays_the_same(tmp_path: Path) -> None:
    open_dataset(DatasetSection(source="digits"), Home(tmp_path))
    command = [sys.executable, "-c", SPLIT, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [False, DRAWN]
