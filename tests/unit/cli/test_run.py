"""What ``hpsearch run`` says before its workers start."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from commandline import Cli
from made import make_study
from optuna_dashboard import get_note
from typer.testing import CliRunner

from hpsearch.cli.app import app
from hpsearch.dashboard.publish import publish
from hpsearch.home import Home
from hpsearch.search.lookup import load_study
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.study import OpenStudy


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """The study of small.toml, whose budget of two trials is met, published: copied only."""
    cli = Cli(tmp_path_factory.mktemp("searched"))
    make_study(cli)
    storage = open_storage(Home(cli.home).storage_url())
    publish(load_study(storage, "small"), Home(cli.home), ["hpsearch", "run", "small.toml"])
    storage.close()
    return cli


@pytest.fixture
def study(searched: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenStudy]:
    """A copy of it, in the working folder."""
    shutil.copytree(searched.folder, tmp_path, dirs_exist_ok=True)
    home = Home(tmp_path / searched.home.relative_to(searched.folder))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HPSEARCH_HOME", str(home.root))
    storage = open_storage(home.storage_url())
    yield load_study(storage, "small")
    storage.close()


def again(*options: str) -> int | str | None:
    """Run it once more; its exit code."""
    with pytest.raises(SystemExit) as left:
        app(["run", "small.toml", "--no-reference", *options])
    return left.value.code


@pytest.mark.parametrize(
    "options",
    [
        ["budget={trials=1, plateau=7}"],
        ["budget = { trials = 1 }", "budget.plateau=7"],
        ["budget.trials=1", "budget . plateau = 7"],
    ],
)
def test_a_table_that_is_set_counts_like_its_keys(study: OpenStudy, options: list[str]) -> None:
    assert again(*(word for text in options for word in ("--set", text))) == 0
    assert (study.budget.trials, study.budget.plateau) == (1, 7)


def test_a_run_that_does_nothing_leaves_the_note(study: OpenStudy) -> None:
    before = get_note(study.optuna)
    assert "`hpsearch run small.toml`" in before
    assert "2 trials" in before
    assert again("--trials", "1") == 0
    assert get_note(study.optuna) == before


def test_a_run_that_does_nothing_writes_a_note_where_there_is_none(study: OpenStudy) -> None:
    file = Path("small.toml")
    fork = file.with_name("fork.toml")
    fork.write_text(file.read_text().replace('"small"', '"fork"'))
    assert CliRunner().invoke(app, ["fork", "small", "fork.toml"]).exit_code == 0
    with pytest.raises(SystemExit):
        app(["run", "fork.toml", "--no-reference"])
    assert "hpsearch run fork.toml" in get_note(load_study(study.storage, "fork").optuna)
