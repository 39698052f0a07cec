"""``hpsearch adopt``: what it says, and what other commands say of adopted trials."""

import shutil
from pathlib import Path

import optuna
import pytest
from commandline import Cli
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import create_trial

GRID = ("--set", "sampler.type=grid", "--set", 'space={{layers={{type="int",low=1,high=2}}}}')
"""A grid over a space that is one; braces are doubled, for ``format``."""


@pytest.fixture(scope="module")
def made(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An Optuna study of another program: four trials, one of them too wide for small.toml."""
    path = tmp_path_factory.mktemp("theirs") / "theirs.db"
    shutil.copy(empty_database, path)
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    study = optuna.create_study(storage=storage, study_name="theirs", direction="maximize")
    for number, width in enumerate((16, 32, 64, 128)):
        study.add_trial(
            create_trial(
                value=0.5 + number / 10,
                params={"layers": 1, "width": width, "batch_norm": True, "lr": 0.004},
                distributions={
                    "layers": IntDistribution(1, 3),
                    "width": IntDistribution(8, 256),
                    "batch_norm": CategoricalDistribution((True, False)),
                    "lr": FloatDistribution(1e-5, 1.0, log=True),
                },
            )
        )
    storage.remove_session()
    storage.engine.dispose()  # or the log beside the file would have all
    return path


@pytest.fixture
def theirs(cli: Cli, made: Path) -> str:
    """The URL of its storage."""
    shutil.copy(made, cli.folder)
    return f"sqlite:///{cli.folder / made.name}"


def test_a_study_begins_with_the_trials_of_another_program(cli: Cli, theirs: str) -> None:
    file, names = cli.study_file(trials=2), ("--rename", "width=units_0", "--rename")
    adam = ("--set", 'space.optimizer={type="adam"}')
    refused = cli("adopt", theirs, file, "--dry-run", code=2).stderr
    assert "none of its trials lies in the space of" in refused
    assert "4 trials: units_0: missing" in refused
    assert "without a name here: lr, width; without one there: units_0" in refused
    assert "--rename THEIRS=OURS" in refused
    tried = cli("adopt", theirs, file, *names, "lr=", *adam, "--dry-run").stdout
    assert tried.splitlines() == [
        "Would adopt 3 trials of theirs into study small.",
        "Left out: 1",
        "  1: units_0: outside of 16 to 64",
    ]
    assert not cli.database.exists()

    said = cli("adopt", theirs, file, *names, "lr=", *adam)
    assert said.stdout.startswith("Adopted 3 trials of theirs into study small.\n")
    assert "no place in the budget" in said.stderr
    assert "enqueued, to be trained here first: 3" in said.stderr
    again = cli.json("adopt", theirs, file, *names, "lr=", *adam, "--json")
    assert (again["adopted"], again["already_there"], again["enqueued"]) == (0, 3, 0)
    rows = cli.json("trials", "small", "--json")
    assert [row["failure"] for row in rows] == ["adopted"] * 3 + [None] * 3
    assert rows[0]["adopted"] == {"study": "theirs", "number": 0, "value": 0.5}
    assert "adopted   0.7000" in cli("trials", "small").stdout
    assert "adopted" in cli("trials", "small", "--csv").stdout
    assert "3 adopted from another program" in cli("show", "small").stdout
    assert "no trial completed yet" in cli("best", "small", code=1).stderr
    cli("report", "small", "-o", cli.folder / "page.html")
    assert "3 adopted trials" in (cli.folder / "page.html").read_text()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("sqlite:///none.db", "{file}"), "there is no such file"),
        (("postgresql://me:secret@host/db", "{file}"), "a password on the command line"),
        (("none.db", "{file}"), "none.db: there is no such file; give an SQLite file, or"),
        (("{file}", "{file}"), "is no SQLite file; give an SQLite file, or"),
        (("mysql://me:secret@host/db", "{file}"), "OPTUNA_STORAGE: is a URL of mysql; give"),
        (("{theirs}", "{file}", "--study", "thiers"), "did you mean theirs"),
        (("{theirs}", "{file}", "--rename", "lr"), "is not THEIRS=OURS"),
        (("{theirs}", "{file}", "--rename", "widht=units_0"), "did you mean width?"),
        (("{theirs}", "{file}", "--retrain", "-1"), "--retrain"),
        (("{theirs}", "{file}", *GRID), "tries every point once"),
        (("{theirs}", "{file}", "--set", "objective.metric=val_loss"), "minimize"),
    ],
)
def test_what_cannot_be_adopted_is_one_message(
    cli: Cli, theirs: str, words: tuple[str, ...], says: str
) -> None:
    file = cli.study_file(trials=2)
    typed = [word.format(theirs=theirs, file=file) for word in words]
    refused = cli("adopt", *typed, code=2).stderr
    assert says in refused
    assert "secret" not in refused
    assert not cli.database.exists()
    assert not Path(cli.folder / "none.db").exists()
