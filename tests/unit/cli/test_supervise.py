"""What is said before workers start, and done while they run."""

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from hpsearch.cli.supervise import _warn_of_share, look_after
from hpsearch.errors import Failure
from hpsearch.home import Home
from hpsearch.search import claims
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.study import OpenStudy, load_study
from hpsearch.workers.presence import Presence


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
    capsys: pytest.CaptureFixture[str],
) -> None:
    study, share = open_study(), home.root / "not" / "mounted"
    _warn_of_share(study, home)
    monkeypatch.setenv("HPSEARCH_SHARE", f"file://{share}")
    _warn_of_share(study, home)
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"warning: HPSEARCH_SHARE (file://{share}): nothing can be written")
    assert "make or mount it" in said
    assert not share.parent.exists()
