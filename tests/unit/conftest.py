"""Studies on SQLite for unit tests; making the schema for each would take most of their time."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import optuna
import pytest

from hpsearch.home import Home
from hpsearch.search import claims
from hpsearch.search.lookup import load_study
from hpsearch.search.making import open_or_create
from hpsearch.search.storage import Storage
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.study import OpenStudy
from hpsearch.space import suggest_config
from hpsearch.study_file import StudyFile

NOBODY = 65534
"""The number of a user that owns nothing."""
DATASET = {
    "fingerprint": "f" * 64,
    "source": "digits",
    "input_shape": [8],
    "class_names": ["0", "1", "2"],
}


@pytest.fixture
def home(tmp_path: Path, empty_database: Path) -> Home:
    """A home with a database without studies."""
    place = Home(tmp_path / "home")
    place.root.mkdir()
    shutil.copy(empty_database, place.database)
    return place


@pytest.fixture
def connect(home: Home) -> Iterator[Callable[[], Storage]]:
    """Opens the home's storage, each time anew, as another process would."""
    opened: list[Storage] = []

    def open_one() -> Storage:
        opened.append(open_storage(home.storage_url()))
        return opened[-1]

    yield open_one
    for storage in opened:
        storage.close()


@pytest.fixture
def open_study(
    connect: Callable[[], Storage], make_file: Callable[..., StudyFile]
) -> Callable[..., OpenStudy]:
    """Opens the study of a file with the given sections, through a storage of its own."""

    def open_one(**sections: Any) -> OpenStudy:
        study, _ = open_or_create(connect(), make_file(**sections), DATASET)
        return study

    return open_one


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where homes are kept that were built once for the tests of a file."""
    return tmp_path_factory.mktemp("built")


@pytest.fixture
def build_once(
    built: Path, home: Home, connect: Callable[[], Storage]
) -> Callable[[Callable[[], OpenStudy]], OpenStudy]:
    """Fills the home by a function, once for all tests of a file: others get a copy of it.

    What comes back is the study that the function gives, opened anew.
    """

    def build(make: Callable[[], OpenStudy]) -> OpenStudy:
        kept = built / make.__qualname__
        if not kept.exists():
            study = make()
            study.storage.close()  # so that all of it is in the file
            shutil.copytree(home.root, kept / "home")
            (kept / "name").write_text(study.name)
        shutil.copytree(kept / "home", home.root, dirs_exist_ok=True)
        return load_study(connect(), (kept / "name").read_text())

    return build


@pytest.fixture
def finish() -> Callable[..., optuna.trial.FrozenTrial]:
    """Claims a trial of a study, draws its configuration and tells how it ended."""

    def finish_one(
        study: OpenStudy,
        value: float = 0.5,
        state: optuna.trial.TrialState = optuna.trial.TrialState.COMPLETE,
    ) -> optuna.trial.FrozenTrial:
        trial = claims.claim(study)
        assert trial is not None
        suggest_config(study.file.space, trial)
        trial.report(value, 1)
        complete = state == optuna.trial.TrialState.COMPLETE
        return study.optuna.tell(trial, value if complete else None, state=state)

    return finish_one


@pytest.fixture
def forbidden() -> Callable[..., AbstractContextManager[None]]:
    """Makes a file or folder unreadable (or of the mode given) for a while, for root as well."""

    @contextmanager
    def forbid(path: Path, given: int = 0) -> Iterator[None]:
        mode = path.stat().st_mode
        user = os.geteuid()
        path.chmod(given)
        if user == 0:
            os.seteuid(NOBODY)
        try:
            yield
        finally:
            if user == 0:
                os.seteuid(user)
            path.chmod(mode)

    return forbid
