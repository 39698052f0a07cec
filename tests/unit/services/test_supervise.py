"""What is said before workers start, and done while they run."""

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import fakes
import pytest

from hpsearch.errors import Failure
from hpsearch.home import Home
from hpsearch.search import claims
from hpsearch.search.lookup import load_study
from hpsearch.search.precision import keep_measured
from hpsearch.search.shapes import Measured
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.study import OpenStudy
from hpsearch.services.supervise import Remarks, _warn_of_share, look_after
from hpsearch.workers.gpus import Gpu
from hpsearch.workers.identity import identity
from hpsearch.workers.presence import Presence
from hpsearch.workers.slots import Slot


def test_a_copy_of_the_file_of_a_study_that_runs_holds_it(
    open_study: Callable[..., OpenStudy], home: Home, tmp_path: Path
) -> None:
    """While it is in use SQLite leaves what is new in the log beside it."""
    study = open_study()
    before = counted(home, tmp_path, "before.db")
    claim_and_fail(study)
    presence = Presence(study)
    look_after(study.storage, presence)
    assert (before, counted(home, tmp_path, "after.db")) == (None, 1)
    claim_and_fail(study)
    look_after(study.storage, presence)  # half a minute has not passed
    assert counted(home, tmp_path, "later.db") == 1
    presence.end()


def claim_and_fail(study: OpenStudy) -> None:
    trial = claims.claim(study)
    assert trial is not None
    assert claims.fail(study, trial.number, Failure.DIVERGED, "NaN")


def counted(home: Home, folder: Path, name: str) -> int | None:
    """The trials of the study in a copy of the database's file alone; None: it is not there."""
    copy = folder / name
    shutil.copyfile(home.database, copy)
    with closing(open_storage(f"sqlite:///{copy}", create=False)) as storage:
        names = storage.study_names()
        return load_study(storage, "study").counts().ended if names else None


def test_a_share_that_is_not_there_is_said_once(
    open_study: Callable[..., OpenStudy],
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    study, share = open_study(), home.root / "not" / "mounted"
    progress = fakes.Told()
    _warn_of_share(study, home, progress)
    monkeypatch.setenv("HPSEARCH_SHARE", f"file://{share}")
    _warn_of_share(study, home, progress)
    (said,) = progress.lines
    assert said.startswith(f"warning: HPSEARCH_SHARE (file://{share}): nothing can be written")
    assert "make or mount it" in said
    assert not share.parent.exists()


def test_who_holds_the_last_places_is_named_with_what_to_do(
    open_study: Callable[..., OpenStudy],
) -> None:
    study, view = open_study(), fakes.Told()
    tell = Remarks(study, view)
    study.storage.owner = identity()
    assert claims.claim(study) is not None
    study.storage.owner = {}
    study.optuna.ask()  # as a program other than hpsearch
    tell.waiting()
    whose, foreign = view.lines
    assert whose.startswith("Waiting for trials of workers that this run did not start: 0 (")
    assert "1 (?)" in whose
    assert foreign.startswith("Trials [1] are run by a program other than hpsearch")
    assert "--study-name study --trial-number 1 --state fail" in foreign


def test_what_was_heard_is_said_with_what_comes_next(open_study: Callable[..., OpenStudy]) -> None:
    view = fakes.Told()
    tell = Remarks(open_study(), view)
    tell.stopping(True)
    tell.stopping(False)
    tell.fewer(Slot(index=0, gpu=None, threads=1), 2)
    tell.away(True)
    tell.away(False)
    by_signal, by_command, fewer, away, back = view.lines
    assert "Ctrl-C again" in by_signal
    assert by_command == "Stopping (hpsearch stop): the workers save their trials and exit."
    assert fewer.startswith("CPU ran out of memory; 2 workers from now on")
    assert "cannot be reached" in away
    assert back == "The storage can be reached again."


def test_what_is_idle_is_named_with_the_reason(open_study: Callable[..., OpenStudy]) -> None:
    view = fakes.Told()
    gpu = Gpu(index=1, uuid="GPU-1", name="T4", memory=16 * 2**30)
    cpu = [Slot(index=i, gpu=None, threads=2) for i in range(2)]
    Remarks(open_study(), view).idle([*cpu, Slot(index=2, gpu=gpu, threads=2)])
    assert view.lines == [
        (
            "Idle, as no trial is left to start: GPU 1 (T4), 4 cores. The trials that run keep the"
            " device and threads that they began with: on these their rounding depends."
        )
    ]


def test_a_precision_that_was_measured_is_told_once(open_study: Callable[..., OpenStudy]) -> None:
    study, view = open_study(), fakes.Told()
    tell = Remarks(study, view)
    tell.precision()
    assert view.lines == []
    seconds = {"float32": 1.0, "mixed_bfloat16": 0.5}
    keep_measured(study, Measured(host="here", device="CPU", seconds=seconds))
    for _ in range(3):
        tell._look_at = 0.0
        tell.precision()
    assert view.lines == ["precision mixed_bfloat16: 2.00 times as fast as float32 on CPU of here."]
