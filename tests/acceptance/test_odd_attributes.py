"""What other programs and newer versions write into attributes ends no command in a traceback."""

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from commandline import Cli
from odd_attributes import (
    READING,
    TABLES,
    WRITING,
    Content,
    Places,
    attack,
    cases,
    places,
    prepare,
)  # fmt: skip

from hpsearch.search.attributes import STUDY, TRIAL, TRIAL_SYSTEM


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    return prepare(tmp_path_factory.mktemp("odd"))


@pytest.fixture(scope="module")
def whole(cli: Cli) -> bytes:
    return cli.database.read_bytes()


@pytest.fixture(scope="module")
def found(cli: Cli, whole: bytes) -> Places:
    copy = cli.folder / "whole.db"
    copy.write_bytes(whole)
    return places(copy)


def test_every_attribute_that_is_written_is_known(tmp_path: Path, whole: bytes) -> None:
    (tmp_path / "copy.db").write_bytes(whole)
    of_others = ("artifacts:", "dashboard:", "study:", "completed_rung_")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as connection:
        for table in TABLES:
            query = f"SELECT DISTINCT key FROM {table}"  # noqa: S608  # its own
            found = {key for (key,) in connection.execute(query)}
            known = {*(STUDY if table.startswith("study") else TRIAL | TRIAL_SYSTEM)}
            assert {key for key in found if not key.startswith(of_others)} <= known, table


def test_without_odd_contents_every_command_does_its_work(cli: Cli, whole: bytes) -> None:
    assert attack(cli, whole, [], (*READING, *WRITING), codes=[0]) == {}


def test_a_failure_with_a_name_that_is_no_text_is_told_everywhere(
    cli: Cli, whole: bytes, found: Places
) -> None:
    """As hpsearch writes it where a file of the user has such a name."""
    assert found  # the copy is made
    with closing(sqlite3.connect(cli.folder / "whole.db")) as copy:
        query = "SELECT trial_id FROM trials JOIN studies USING (study_id) WHERE study_name = ?"
        (trial,) = copy.execute(query, ("small",)).fetchone()
    failure = [
        Content("trial_user_attributes", trial, "failure", '"diverged"'),
        Content("trial_user_attributes", trial, "failure_message", r'"no file \udcff.png"'),
    ]

    class Failed(Content):
        """Ends the trial as failed, too."""

        def write(self, connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE trials SET state = 'FAIL' WHERE trial_id = ?", (self.row,))

    case = [*failure, Failed("trials", trial, "", "")]
    assert attack(cli, whole, case, READING, codes=[0]) == {}
    attack(cli, whole, case, [("report", "small", "-o", "made.html")])
    assert r"no file \udcff.png" in (cli.folder / "made.html").read_text()


@pytest.mark.parametrize("number", [3, 40])
def test_what_a_trial_has_ends_no_command_in_a_traceback(
    cli: Cli, whole: bytes, found: Places, number: int
) -> None:
    """Two contents; odd_attributes.py, started by hand, has 200 of each attribute."""
    *_, of_trials = cases(found, [number], random.Random(0))  # noqa: S311
    assert len(of_trials) > len(TRIAL)
    assert attack(cli, whole, of_trials, (*READING, *WRITING)) == {}


def test_a_study_that_cannot_be_read_is_named_and_removed(
    cli: Cli, whole: bytes, found: Places
) -> None:
    of_studies = [case for case in cases(found, [30], random.Random(0)) if len(case) == 1]  # noqa: S311
    assert len(of_studies) > len(STUDY)
    for case in of_studies:
        assert attack(cli, whole, case, [("ls",)]) == {}, case
    budget = next(at[0] for (_, key), at in found.items() if key == "budget")
    odd = Content("study_user_attributes", budget[0], "budget", '{"trials": "many"}')
    assert attack(cli, whole, [odd], [("show", "other")]) == {}
    state = cli.json("doctor")["storage"]["state"]
    name = state.rpartition(": ")[2]
    assert state == f"2 studies; cannot be read, see hpsearch ls: {name}"
    said = cli("show", name, code=2).stderr
    assert 'changed its attributes (budget = {"trials": "many"})' in said
    assert f"hpsearch delete {name}" in said
    cli("delete", name, "--yes")
    assert [row["name"] for row in cli.json("ls")] == ["other"]
