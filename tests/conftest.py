"""Fixtures for all tests: small studies, storages of both kinds."""

import gc
import logging
import os
import shutil
import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Before NumPy and scikit-learn are imported, also by what the tests start: several threads of
# BLAS or OpenMP wait for one another by spinning, on cores that other tests need. A fit of 0.03 s
# takes a hundred times that where the machine has more to do.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import alone
import forked
import made
import pytest
import sqlalchemy as sa
from clusters import Cluster, running_cluster
from commandline import Cli
from hypothesis import settings
from servers import Server, running_server

from hpsearch.environment import SERVER_VARIABLE
from hpsearch.parsing import parse
from hpsearch.search.storage.opening import open_storage
from hpsearch.study_file import StudyFile

# The same examples in every run, so that it fails for whom it should, and half of Hypothesis' usual
# number: what is tried is often whole files, databases or figures. For more, and others:
# scripts/test --hypothesis-profile=thorough.
settings.register_profile("tests", derandomize=True, deadline=None, max_examples=50, database=None)
settings.register_profile("thorough", deadline=None, max_examples=1000)


# As from a terminal, also where nohup or a shell's background has started the tests.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)

# Nor does a developer's own service answer the commands that are tested.
os.environ.pop(SERVER_VARIABLE, None)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Look for no garbage while all is imported, which stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files whose tests wait for processes between those that compute.

    Three run side by side: so both cores have something to do all the time.
    """
    files = list(dict.fromkeys(item.location[0] for item in items))
    computing = [file for file in files if file.startswith("tests/unit/")]
    waiting = [file for file in files if not file.startswith("tests/unit/")]
    place = {
        file: index / len(group)
        for group in (waiting, computing)
        for index, file in enumerate(group)
    }
    items.sort(key=lambda item: place[item.location[0]])


def pytest_collection_finish() -> None:
    """Fork what forks commands, from a process that has all imported and has run nothing.

    Look for garbage seldom, and not in what is imported: a tenth of the tests' time.
    """
    names = {(task / "comm").read_text() for task in Path("/proc/self/task").iterdir()}
    assert "polars-0\n" not in names, "a test module works with a table when it is imported"
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    forked.prepare()


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


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    """The command line in an empty folder."""
    cli = Cli(tmp_path)
    yield cli
    cli.end()


@pytest.fixture(autouse=True)
def _logging_is_left_as_it_was() -> Iterator[None]:
    disabled, level = logging.root.manager.disable, logging.root.level
    yield
    now = logging.root.manager.disable, logging.root.level
    logging.disable(disabled)
    logging.root.setLevel(level)
    assert now == (disabled, level), "the test leaves other settings of logging behind"


@pytest.fixture(scope="session", autouse=True)
def _forker() -> Iterator[None]:
    """What forks commands and scripts ends with the tests."""
    yield
    forked.end()
    alone.end()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A real PostgreSQL server; who stops it starts it again."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A real Ray cluster of two nodes; a test that takes one away is the last of its file."""
    pytest.importorskip("hpsearch.workers.ray_engine")  # it imports Ray, with settings
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser for all tests of a file."""
    from browser import running_chromium  # noqa: PLC0415  # few tests need playwright

    with running_chromium() as browser:
        yield browser


@contextmanager
def made_database(server: Server, name: str, template: str = "template1") -> Iterator[str]:
    """A database on PostgreSQL for the block; its URL."""
    engine = sa.create_engine(server.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield sa.engine.make_url(server.url).set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(scope="session")
def template(server: Server) -> Iterator[str]:
    """The name of a database on PostgreSQL with tables and no studies, to make others from."""
    with made_database(server, "with_tables") as url:
        open_storage(url).close()
        yield "with_tables"


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with tables and no studies, to copy."""
    path = tmp_path_factory.mktemp("empty") / "studies.db"
    path.write_bytes(made.empty_database())
    return path


@pytest.fixture
def postgres(server: Server, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database without studies on PostgreSQL; with mark ``fresh`` without tables."""
    options = {} if _is_fresh(request) else {"template": request.getfixturevalue("template")}
    with made_database(server, f"test_{abs(hash(request.node.nodeid)):x}", **options) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a storage without studies, of each kind in turn; as ``postgres``."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres"))
    if not _is_fresh(request):
        shutil.copy(request.getfixturevalue("empty_database"), tmp_path / "studies.db")
    return f"sqlite:///{tmp_path / 'studies.db'}"


def _is_fresh(request: pytest.FixtureRequest) -> bool:
    return request.node.get_closest_marker("fresh") is not None
