"""The trials of another program's Optuna study as the history of a study."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
import sqlalchemy as sa
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from hpsearch.errors import InputError, NoTrialError, UnreachableError
from hpsearch.home import Home
from hpsearch.outputs.copies import Copies
from hpsearch.search import adoption, budget, claims, trials
from hpsearch.search.adoption import Adoption, adopt, all_fitting, check_objective, optuna_study
from hpsearch.search.fork import fork
from hpsearch.search.matching import Fitting
from hpsearch.search.sampling.samplers import make_sampler
from hpsearch.search.sampling.view import newest_and_best
from hpsearch.search.storage import Storage
from hpsearch.search.study import OpenStudy
from hpsearch.study_file import StudyFile
from hpsearch.tasks import METRICS

DATA = {"fingerprint": "f" * 64, "input_shape": [8], "class_names": ["0", "1"]}
SPACE = {
    "layers": {"type": "int", "low": 1, "high": 3},
    "dropout": {"type": "float", "low": 0.0, "high": 0.5},
}
SAMPLER = {"type": "tpe", "n_startup_trials": 5}
Make = Callable[..., StudyFile]
Open = Callable[[], Storage]


def their_trial(number: int) -> Any:
    """One of 1 to 4 layers, the more the better; every fifth was pruned."""
    pruned = number % 5 == 4
    return create_trial(
        state=TrialState.PRUNED if pruned else TrialState.COMPLETE,
        value=None if pruned else 0.5 + number / 100,
        params={"layers": number % 4 + 1, "dropout": number / 100},
        distributions={
            "layers": IntDistribution(1, 9), "dropout": FloatDistribution(0, 1),
        },
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of Optuna with a study of 20 trials: 12 fit, 4 have too many layers."""
    path = tmp_path_factory.mktemp("theirs") / "theirs.db"
    shutil.copy(empty_database, path)
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    study = optuna.create_study(storage=storage, study_name="theirs", direction="maximize")
    study.add_trials([their_trial(number) for number in range(20)])
    storage.remove_session()
    storage.engine.dispose()  # or the log beside the file would have all
    return path


@pytest.fixture
def theirs(made: Path, tmp_path: Path) -> str:
    """The URL of a copy of it."""
    shutil.copy(made, tmp_path)
    return f"sqlite:///{tmp_path / made.name}"


@pytest.fixture
def file(make_file: Make) -> StudyFile:
    return make_file(space=SPACE, budget={"trials": 2}, sampler=SAMPLER)


def found(url: str, file: StudyFile) -> Adoption:
    with optuna_study(url, None) as source:
        return all_fitting(source, file, DATA, {})


def adopt_all(storage: Storage, url: str, file: StudyFile, retrain: int = 2) -> Any:
    return adopt(storage, file, DATA, found(url, file), written=file.budget, retrain=retrain)


def content(file: Path) -> list[Any]:
    """All that a database holds."""
    engine = sa.create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        tables = sa.inspect(connection).get_table_names()
        rows = [connection.execute(sa.text(f"SELECT * FROM {name}")).all() for name in tables]  # noqa: S608
    engine.dispose()
    return rows


def test_it_learns_from_them_and_none_is_a_result(
    theirs: str, file: StudyFile, connect: Open, tmp_path: Path
) -> None:
    before = content(tmp_path / "theirs.db")
    study, done = adopt_all(connect(), theirs, file)
    assert content(tmp_path / "theirs.db") == before
    numbers = [one.number for one in done.fitting]
    assert numbers == [0, 1, 2, 5, 6, 8, 10, 12, 13, 16, 17, 18]
    assert dict(done.left) == {
        "not complete (pruned)": (4, 9, 14, 19), "layers: outside of 1 to 3": (3, 7, 11, 15),
    }  # fmt: skip
    counts = study.counts()
    assert (counts.counted, counts.uncounted, counts.waiting) == (0, 12, 2)
    assert trials.find_best(study) is None
    with pytest.raises(NoTrialError):
        trials.best(study)
    assert budget.seconds_used(study.trial_summaries()) == 0
    assert trials.details(study)["adopted"] == 12
    row = trials.row(study, study.trials()[-3])
    assert (row["state"], row["values"], row["failure"]) == ("failed", None, "adopted")
    assert row["adopted"] == {"study": "theirs", "number": 18, "value": 0.5 + 18 / 100}
    # What samplers see.
    seen = newest_and_best(study.optuna, 100, 5).get_trials(deepcopy=False)
    learned = [one for one in seen if one.state == TrialState.COMPLETE]
    assert [one.values for one in learned] == [[0.5 + number / 100] for number in numbers]
    few = newest_and_best(study.optuna, 3, 2).get_trials(deepcopy=False)
    assert len(few) == 3 + 2  # of which the newest are the best; two wait

    # The best two are trained first, and with them the budget is met.
    for number in (18, 17):
        trial = claims.claim(study)
        assert trial is not None
        assert trial.suggest_float("dropout", 0.0, 0.5) == number / 100
        study.optuna.tell(trial, 0.1)
    assert budget.ending(study) == "trials"
    assert claims.claim(study) is None
    assert trials.best(study).number == 12


def test_the_sampler_learns_as_if_they_were_its_own(make_file: Make) -> None:
    file = make_file(space={"dropout": SPACE["dropout"]}, sampler=SAMPLER)
    ranges = {"dropout": FloatDistribution(0.0, 0.5)}

    def draws(put: Callable[[optuna.Study, float, float], None]) -> list[float]:
        study = optuna.create_study(direction="maximize")
        for number in range(30):
            good = number % 3 == 0
            put(study, 0.4 + number / 1000 if good else number / 300, 0.9 if good else 0.1)
        found = []
        for number in range(30, 36):
            study.sampler = make_sampler(file, number)
            trial = study.ask()
            found.append(trial.suggest_float("dropout", 0.0, 0.5))
            study.tell(trial, state=TrialState.FAIL)
        return found

    def own(study: optuna.Study, dropout: float, value: float) -> None:
        params = {"dropout": dropout}
        study.add_trial(create_trial(value=value, params=params, distributions=ranges))

    def adopted(study: optuna.Study, dropout: float, value: float) -> None:
        params = {"dropout": dropout}
        one = Fitting(number=1, value=value, params=params, distributions=ranges)
        study.add_trial(adoption._trial("theirs", one))

    assert draws(adopted) == draws(own) != draws(lambda *_: None)


def test_a_second_time_adds_what_is_new_alone(theirs: str, file: StudyFile, connect: Open) -> None:
    adopt_all(connect(), theirs, file)
    study, done = adopt_all(connect(), theirs, file)
    assert (done.there, done.retrained, len(study.trials())) == (12, 0, 14)
    source = optuna.load_study(study_name="theirs", storage=theirs)
    source.add_trial(their_trial(20))
    study, done = adopt_all(connect(), theirs, file)
    assert (done.there, done.retrained, len(study.trials())) == (12, 1, 16)


def test_a_study_that_is_there_goes_on_with_them(
    theirs: str, file: StudyFile, connect: Open, make_file: Make, home: Home
) -> None:
    study, _ = adopt_all(connect(), theirs, file, retrain=0)
    assert claims.claim(study) is not None
    other = make_file(space=SPACE | {"dropout": 0.0})
    with pytest.raises(InputError, match="started with other settings"):
        adopt_all(connect(), theirs, other)
    new = make_file(name="new", space=SPACE)
    _, plan = fork(study, new, DATA, Copies(home))
    assert {reason: len(numbers) for reason, numbers in plan.left.items()} == {
        "adopted": 12, "running": 1,
    }  # fmt: skip


def test_names_that_are_none_are_refused_and_those_without_a_fellow_told(
    theirs: str, make_file: Make
) -> None:
    units = {"type": "int", "low": 1, "high": 9, "per_layer": True}
    file = make_file(space={"layers": SPACE["layers"], "units": units, "dropout": 0.1})
    with optuna_study(theirs, None) as source:
        for rename, says in (
            ({"layer": "layers"}, '--rename layer=layers: study theirs has no parameter "layer"'),
            ({"nope": ""}, "known: dropout, layers"),
            ({"dropout": "unit"}, 'the space has no parameter "unit"; did you mean units_0'),
            ({"dropout": "units"}, 'the space has no parameter "units"; did you mean units_0'),
        ):
            with pytest.raises(InputError, match=says):
                all_fitting(source, file, DATA, rename)
        found = all_fitting(source, file, DATA, {})
        assert (found.nameless, found.missing) == ((), ("units_0",))
        found = all_fitting(source, make_file(space={"units": units}), DATA, {})
        assert (found.nameless, found.missing) == ((), ("units_0",))
        found = all_fitting(source, file, DATA, {"dropout": "units_1", "layers": ""})
        assert (found.nameless, found.missing) == ((), ("layers",))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"directions": ["maximize", "minimize"]}, "has 2 objectives"),
        ({"direction": "minimize"}, "minimized, val_accuracy of the study file is to be maximized"),
    ],
)
def test_values_of_something_else_are_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        check_objective(optuna.create_study(**options), METRICS["val_accuracy"], None)


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_metric_of_another_name_is_refused_unless_it_is_given() -> None:
    study = optuna.create_study(direction="maximize")
    for name, called in (("accuracy", None), ("val_accuracy", None), ("acc", "acc")):
        study.set_metric_names([name])
        check_objective(study, METRICS["val_accuracy"], called)
    with pytest.raises(InputError, match="if that is the same: --metric acc"):
        check_objective(study, METRICS["val_accuracy"], None)


def test_what_is_no_study_of_another_program_is_refused(
    theirs: str, tmp_path: Path, open_study: Callable[..., OpenStudy]
) -> None:
    ours = open_study()
    missing = tmp_path / "none.db"
    with (
        pytest.raises(InputError, match="there is no such file"),
        optuna_study(f"sqlite:///{missing}", None),
    ):
        pass
    assert not missing.exists()
    with (
        pytest.raises(InputError, match='has no study "thiers"; did you mean theirs'),
        optuna_study(theirs, "thiers"),
    ):
        pass
    optuna.create_study(storage=theirs, study_name="second")
    with (
        pytest.raises(InputError, match="give --study; there are second, theirs"),
        optuna_study(theirs, None),
    ):
        pass
    with (
        pytest.raises(InputError, match="hpsearch fork study FILE"),
        optuna_study(ours.storage.url, "study"),
    ):
        pass


def refused(source: str, name: str | None = None) -> str:
    """What is said of a storage that holds nothing to adopt."""
    with pytest.raises(InputError) as error, optuna_study(source, name):
        pass
    return str(error.value)


def test_the_path_of_a_file_is_enough(made: Path) -> None:
    with optuna_study(str(made), None) as source:
        assert source.study_name == "theirs"
    said = refused(str(made), "other")
    assert said.endswith('theirs.db: has no study "other"; did you mean theirs? known: theirs')


def test_a_storage_without_an_optuna_study_is_told_as_that(
    empty_database: Path, tmp_path: Path
) -> None:
    empty, log = tmp_path / "empty.db", tmp_path / "journal.log"
    empty.touch()
    log.write_text('{"op_code": 0}')
    for file in (empty, empty_database):
        said = refused(f"sqlite:///{file}")
        assert "there is no Optuna study in it" in said
        assert "hpsearch run" not in said
    assert empty.stat().st_size == 0
    assert f"{log}: is no SQLite file; give" in refused(str(log))
    assert "optuna.copy_study" in refused(f"sqlite:///{log}")
    assert "OPTUNA_STORAGE: is a URL of mysql" in refused("mysql+pymysql://me:secret@host/db")
    assert "OPTUNA_STORAGE: SQLite has no options" in refused("sqlite:///theirs.db?mode=ro")


def test_tables_of_an_older_optuna_are_not_upgraded(theirs: str, tmp_path: Path) -> None:
    engine = sa.create_engine(theirs)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = 'v2.6.0.a'"))
    engine.dispose()
    before = (tmp_path / "theirs.db").read_bytes()
    with pytest.raises(UnreachableError, match="upgrade a copy"), optuna_study(theirs, "theirs"):
        pass
    assert (tmp_path / "theirs.db").read_bytes() == before
