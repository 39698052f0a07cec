"""The command line in an empty folder, and one small finished study that many tests look at."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from commandline import Cli


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    """The command line in an empty folder."""
    cli = Cli(tmp_path)
    yield cli
    cli.end()


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """A folder with a finished study "small": look at it, do not change it."""
    cli = Cli(tmp_path_factory.mktemp("finished"))
    cli("run", cli.study_file(), "--workers", "2")
    return cli
