"""A project that was moved: what a later command was given for the data's place counts."""

import json
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from commandline import Cli
from made import make_study

from hpsearch.cli.app import app
from hpsearch.errors import InputError
from hpsearch.home import Home
from hpsearch.search.confirmation import ensure_confirmation_study
from hpsearch.search.lookup import load_study
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.study import OpenStudy
from hpsearch.services.jobs import Means, run_jobs
from hpsearch.services.progress import Silent
from hpsearch.services.workspace import Workspace

STUDY = """\
name = "moved"
[dataset]
source = "npz"
path = "d.npz"
scale = "standardize"
[budget]
trials = 1
[training]
precision = "float32"
[space]
layers = { type = "int", low = 1, high = 2 }
"""
Run = Callable[[str], str]


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with study, data and home that was moved after the search: copied only.

    Before, it was the folder "one" beside it.
    """
    base = tmp_path_factory.mktemp("moved")
    old = Cli(base / "one")
    old.folder.mkdir()
    random = np.random.default_rng(0)
    np.savez(old.folder / "d.npz", x_train=random.normal(size=(90, 4)), y_train=np.arange(90) % 3)
    file = old.folder / "moved.toml"
    file.write_text(STUDY)
    make_study(old, file)
    return old.folder.rename(base / "two")


@pytest.fixture
def place(moved: Path) -> str:
    """Where the data were."""
    return str(moved.with_name("one") / "d.npz")


@pytest.fixture
def run(
    moved: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Runs commands in a copy of the folder."""
    shutil.copytree(moved, tmp_path / "two")
    monkeypatch.chdir(tmp_path / "two")
    monkeypatch.setenv("HPSEARCH_HOME", str(tmp_path / "two" / "home"))

    def one(line: str) -> str:
        app(line.split(), standalone_mode=False)
        return capsys.readouterr().out

    return one


def path_in(file: str) -> str:
    return str(tomllib.loads(Path(file).read_text())["dataset"]["path"])


def test_export_takes_the_place_of_the_data(run: Run, tmp_path: Path, place: str) -> None:
    run("export moved -o old.toml")
    assert path_in("old.toml") == place
    with pytest.raises(
        InputError, match=r"study moved: .* does not exist .*--set dataset\.path="
    ) as caught:
        run("export moved -o s.py")
    assert place in str(caught.value)
    run("export moved --set dataset.path=d.npz -o new.toml")
    assert path_in("new.toml") == str(tmp_path / "two" / "d.npz")
    run("export moved --set dataset.path=d.npz -o s.py")
    with np.load("d.npz") as data, np.load("s.npz") as own:
        assert {*own["x_train"].ravel()} < {*data["x_train"].astype(np.float32).ravel()}
    with pytest.raises(InputError, match=r"only dataset\.path=PATH"):
        run("export moved --set seed=2 -o s.py")
    with pytest.raises(InputError, match=r"gone\.npz.* does not exist"):
        run("export moved --set dataset.path=gone.npz -o r.toml")
    assert json.loads(run("show moved --json"))["study_file"]["dataset"]["path"].endswith(
        "one/d.npz"
    )


def test_a_run_at_the_new_place_counts_from_then_on(run: Run, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as left:
        app(["run", "moved.toml", "--no-reference"])  # the budget is met already
    assert left.value.code == 0
    run("export moved -o new.toml")
    assert path_in("new.toml") == str(tmp_path / "two" / "d.npz")
    run("export moved -o s.py")


def test_what_confirm_is_told_counts_from_then_on(run: Run, tmp_path: Path) -> None:
    home = Home(tmp_path / "two" / "home")
    storage = open_storage(home.storage_url())
    study: OpenStudy = load_study(storage, "moved")
    # Nothing waits there, so that no worker starts.
    means = Means(gpus="none", overrides=["dataset.path=d.npz"])
    run_jobs(ensure_confirmation_study(study), Workspace(home=home), means, Silent())
    storage.close()
    run("export moved -o new.toml")
    assert path_in("new.toml") == str(tmp_path / "two" / "d.npz")


def test_other_data_are_refused_before_their_place_counts(
    run: Run, tmp_path: Path, place: str
) -> None:
    np.savez(tmp_path / "two" / "other.npz", x_train=np.eye(90, 4), y_train=np.arange(90) % 3)
    home = Home(tmp_path / "two" / "home")
    storage = open_storage(home.storage_url())
    companion = ensure_confirmation_study(load_study(storage, "moved"))
    means = Means(gpus="none", overrides=["dataset.path=other.npz"])
    with pytest.raises(InputError, match="fingerprint"):
        run_jobs(companion, Workspace(home=home), means, Silent())
    storage.close()
    run("export moved -o new.toml")
    assert path_in("new.toml") == place
