"""Optuna's own conformance suite for storages, passed by ours on real SQLite and PostgreSQL."""

import pickle
from collections.abc import Iterator

import pytest
from databases import clear
from optuna.study import StudyDirection
from optuna.testing.pytest_storages import StorageTestCase

from hpsearch.search.storage import Storage
from hpsearch.search.storage.opening import open_storage


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Storage]:
    """One storage of each kind for all tests: making its schema takes longer than a test."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('conformance') / 'studies.db'}"
    else:
        url = request.getfixturevalue("server").url
    storage = open_storage(url)
    yield storage
    storage.close()


class TestStorage(StorageTestCase):
    @pytest.fixture
    def storage(self, opened: Storage) -> Iterator[Storage]:
        """The storage without studies."""
        yield opened
        opened.close()
        clear(opened.url)

    def test_pickle_storage(self, storage: Storage) -> None:
        # Optuna's own does not close the copy, and an open connection is a warning.
        study_id = storage.create_new_study([StudyDirection.MINIMIZE])
        storage.set_study_system_attr(study_id, "key", "pickle")
        copy = pickle.loads(pickle.dumps(storage))  # noqa: S301  # our own
        try:
            assert copy.get_study_system_attrs(study_id) == {"key": "pickle"}
        finally:
            copy.close()
