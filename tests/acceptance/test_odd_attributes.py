"""What other programs and newer versions write into attributes ends no command in a traceback."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import odd_attributes
import pytest
from commandline import Cli

from hpsearch.search.attributes import STUDY, TRIAL, TRIAL_SYSTEM


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    return odd_attributes.prepare(tmp_path_factory.mktemp("odd"))


@pytest.fixture(scope="module")
def whole(cli: Cli) -> bytes:
    return cli.database.read_bytes()


def test_every_attribute_that_is_written_is_known(tmp_path: Path, whole: bytes) -> None:
    (tmp_path / "copy.db").write_bytes(whole)
    of_others = ("artifacts:", "dashboard:", "study:", "completed_rung_")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as connection:
        for table in odd_attributes.TABLES:
            query = f"SELECT DISTINCT key FROM {table}"  # noqa: S608  # its own
            found = {key for (key,) in connection.execute(query)}
            known = {*(STUDY if table.startswith("study") else TRIAL | TRIAL_SYSTEM)}
            assert {key for key in found if not key.startswith(of_others)} <= known, table


def test_no_command_ends_in_a_traceback(cli: Cli, whole: bytes) -> None:
    """A few contents; odd_attributes.py, started by hand, has 200 of each attribute."""
    chance = random.Random(0)  # noqa: S311  # to be the same again
    listing = (("ls",), ("doctor", "--json"))
    for case in odd_attributes.cases(odd_attributes.places(cli.database), (3, 30, 40), chance):
        of_trials = len(case) > 1
        commands = (*odd_attributes.READING, *odd_attributes.WRITING) if of_trials else listing
        assert odd_attributes.attack(cli, whole, case, commands) == {}, case
