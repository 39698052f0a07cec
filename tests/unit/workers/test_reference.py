"""The models for comparison, as the process beside a search trains them."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hpsearch.data.facts import facts
from hpsearch.environment import (
    DATA_PATH_VARIABLE,
    STORAGE_VARIABLE,
    SUPERVISOR_VARIABLE,
    for_child,
    python,
)
from hpsearch.errors import HpsearchError
from hpsearch.home import Home
from hpsearch.reference import parts as reference_parts
from hpsearch.search.making import open_or_create
from hpsearch.search.reference import reference
from hpsearch.search.storage import Storage
from hpsearch.search.study import OpenStudy
from hpsearch.services.data import study_data
from hpsearch.services.progress import Silent
from hpsearch.study_file import StudyFile
from hpsearch.workers import reference as workers_reference
from hpsearch.workers.reference import measure_once

Make = Callable[..., OpenStudy]


@pytest.fixture
def make(home: Home, connect: Callable[[], Storage], make_file: Callable[..., StudyFile]) -> Make:
    """Makes a study of a data section, with its data imported."""

    def make_one(**dataset: Any) -> OpenStudy:
        file, found, parts = study_data(
            make_file(dataset=dataset), "study.toml", home, Silent(), warn=False
        )
        study, _ = open_or_create(connect(), file, facts(found, parts))
        return study

    return make_one


def table(folder: Path) -> str:
    random = np.random.default_rng(0)
    size, kind = random.normal(size=120), random.integers(0, 3, 120)
    path = folder / "table.csv"
    rows = [f"{s:.3f},{'abc'[k]},{2 * s + 3 * k:.3f}" for s, k in zip(size, kind, strict=True)]
    path.write_text("\n".join(["size,kind,price", *rows]))
    return str(path)


def start(study: OpenStudy, home: Home, **told: str) -> "subprocess.CompletedProcess[str]":
    told = {
        STORAGE_VARIABLE: home.storage_url(), SUPERVISOR_VARIABLE: str(os.getpid()),
        "OMP_NUM_THREADS": "1", **told,
    }  # fmt: skip
    return subprocess.run(
        python("-m", "hpsearch.workers.reference", study.name, str(home.root)),
        env=for_child({**told, "PYTHONPATH": os.pathsep.join(sys.path)}),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_models_learn_digits_once(make: Make, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    study = make(source="digits", limit=100)
    measure_once(study, home)
    found = reference(study)
    assert found is not None
    assert [one.name for one in found] == ["trees", "linear"]
    assert found[0].of_examples == 100
    assert 0.6 < found[0].values["val_accuracy"] < 1
    monkeypatch.setattr(reference_parts, "on_validation", None)  # another time would raise
    measure_once(study, home)
    assert reference(study) == found


def test_a_table_with_folds_is_measured_by_a_process_of_its_own(
    make: Make, home: Home, tmp_path: Path
) -> None:
    path = table(tmp_path)
    study = make(source="table", path=path, target="price", validation={"folds": 3})
    done = start(study, home)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    found = reference(study)
    assert found is not None
    assert all(0 < one.values["val_rmse"] < 3 for one in found)
    assert found[0].of_inputs == 2


def test_what_is_wrong_is_the_last_line_that_is_said(
    make: Make, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = table(tmp_path)
    study = make(source="table", path=path, target="price")
    Path(path).write_text("size,kind,price\n1,a,2\n")
    done = start(study, home)
    assert done.returncode in (2, 3)
    (said,) = done.stderr.splitlines()
    assert "csv" in said
    monkeypatch.setenv(DATA_PATH_VARIABLE, str(tmp_path / "elsewhere.csv"))
    with pytest.raises(HpsearchError, match=r"elsewhere\.csv"):
        measure_once(study, home)
    assert reference(study) is None


def test_it_ends_with_the_process_that_started_it(make: Make, home: Home) -> None:
    study = make(source="digits", limit=100)
    assert start(study, home, **{SUPERVISOR_VARIABLE: "1"}).returncode == 4
    assert reference(study) is None


def test_the_first_trial_ends_before(
    make: Make, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = make(source="digits", limit=100)
    trial, slept = study.optuna.ask(), list[float]()

    def end_it(seconds: float) -> None:
        if not slept:  # scikit-learn sleeps later
            assert reference(study) is None
            study.optuna.tell(trial, 0.5)
        slept.append(seconds)

    monkeypatch.setattr(workers_reference.time, "sleep", end_it)
    measure_once(study, home, patience=100.0)
    assert slept
    assert reference(study) is not None
