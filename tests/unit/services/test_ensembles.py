"""The ensemble of a study where it is used: whose weights, and what is said where some are gone."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fakes
import numpy as np
import pytest
from averaged import ensemble
from optuna.trial import FrozenTrial

from hpsearch.data.inputs import write_inputs
from hpsearch.data.parts import Parts
from hpsearch.errors import InputError
from hpsearch.home import INPUTS, WEIGHTS, Home
from hpsearch.objective import Objective
from hpsearch.search.confirmation import ensure_confirmation_study, queue, seeds
from hpsearch.search.ensemble import keep_ensemble
from hpsearch.search.leaders import leaders
from hpsearch.search.recipes import trial_seed
from hpsearch.search.study import OpenStudy
from hpsearch.services.ensembles import chosen_ensemble
from hpsearch.services.export import export
from hpsearch.services.forms import Exported
from hpsearch.services.predictors import find_predictor
from hpsearch.services.progress import Silent
from hpsearch.services.workspace import Workspace

Finish = Callable[..., FrozenTrial]


@pytest.fixture
def study(open_study: Callable[..., OpenStudy], finish: Finish, home: Home) -> OpenStudy:
    """A study with two trials and two confirmation runs, whose weights are here."""
    opened = open_study()
    for value in (0.25, 0.75):
        finish(opened, value)
    runs = ensure_confirmation_study(opened)
    queue(runs, opened, leaders(opened, 1), seeds(opened, 2))
    job = Objective(study=runs, parts=fakes.parts(), home=home, trainer=fakes.train)
    while job.run_one():
        pass
    for one, number in ((opened, 0), (opened, 1), (runs, 0), (runs, 1)):
        weights(home, one, number).parent.mkdir(parents=True, exist_ok=True)
        weights(home, one, number).touch()
    return opened


def weights(home: Home, study: OpenStudy, number: int) -> Path:
    return home.trial_run(study.name, number) / WEIGHTS


def choose(study: OpenStudy) -> OpenStudy:
    """An ensemble of trial 1 and of run 0; the confirmation study."""
    runs = ensure_confirmation_study(study)
    own, other = trial_seed(study, study.trials()[1]), trial_seed(runs, runs.trials()[0])
    keep_ensemble(study, ensemble((1, False, own, 0.75), (0, True, other, 0.25)))
    return runs


def test_members_are_trials_and_runs_with_their_weights(study: OpenStudy, home: Home) -> None:
    runs = choose(study)
    chosen = chosen_ensemble(study, home)
    assert [one.weights for one in chosen.models] == [
        weights(home, study, 1),
        weights(home, runs, 0),
    ]
    assert chosen.what == "the ensemble of 2 networks"
    asked = list[Path]()

    def parts_of(_: object, file: Path) -> Parts:
        asked.append(file)
        return fakes.parts()

    members = chosen.members(parts_of)
    assert [one.share for one in members] == [0.75, 0.25]
    assert members[0].parts is members[1].parts  # of one data section
    assert asked == [weights(home, study, 1)]


def test_a_study_without_an_ensemble_says_how_to_choose_one(study: OpenStudy, home: Home) -> None:
    with pytest.raises(InputError, match=r"no ensemble is chosen yet; run hpsearch ensemble study"):
        chosen_ensemble(study, home)


def test_weights_that_are_gone_are_named(study: OpenStudy, home: Home) -> None:
    runs = choose(study)
    weights(home, runs, 0).unlink()
    with pytest.raises(InputError, match=r"weights\.h5: does not exist, and trial 0 \(run 0\) is"):
        chosen_ensemble(study, home)


def test_a_member_that_is_another_training_by_now_is_refused(study: OpenStudy, home: Home) -> None:
    keep_ensemble(study, ensemble((1, False, 1, 1.0)))
    with pytest.raises(InputError, match="trial 1, a member of its ensemble, is gone; choose"):
        chosen_ensemble(study, home)
    keep_ensemble(study, ensemble((17, True, 1, 1.0)))
    with pytest.raises(InputError, match=r"trial 0 \(run 17\), a member of its ensemble, is gone"):
        chosen_ensemble(study, home)


def test_runs_without_their_study_are_gone(
    open_study: Callable[..., OpenStudy], finish: Finish, home: Home
) -> None:
    alone = open_study()
    finish(alone)
    keep_ensemble(alone, ensemble((0, True, 1, 1.0)))
    with pytest.raises(InputError, match=r"trial 0 \(run 0\), a member of its ensemble, is gone"):
        chosen_ensemble(alone, home)


@pytest.mark.parametrize("name", ["best.toml", "best.json"])
def test_an_ensemble_is_no_recipe(study: OpenStudy, home: Home, tmp_path: Path, name: str) -> None:
    choose(study)
    with pytest.raises(
        InputError, match="trains one network, and an ensemble has several; write its script"
    ):
        export("study", str(tmp_path / name), Workspace(home=home), Silent(), ensemble=True)
    assert not (tmp_path / name).exists()


def test_a_script_trains_members_whose_weights_are_gone(
    study: OpenStudy, home: Home, tmp_path: Path
) -> None:
    runs = choose(study)
    weights(home, runs, 0).unlink()
    seeds = [trial_seed(one, one.trials()[number]) for one, number in ((study, 1), (runs, 0))]
    done = exported(home, tmp_path / "several.py")
    assert (done.what, done.form) == ("the ensemble of 2 networks", "script")
    text = done.path.read_text()
    assert f'ENSEMBLE = [\n    ("trial 1", {seeds[0]}, 0.75),\n    ("trial 0", {seeds[1]}' in text
    assert "from study study, the ensemble of 2 networks (val_accuracy 0.75)" in text
    assert done.data == tmp_path / "several.npz"
    with np.load(done.data) as arrays:
        assert "x_test" not in arrays
    assert exported(home, tmp_path / "again.py", data=done.data).data_kept


def test_a_script_with_the_test_split_has_its_access_recorded(
    study: OpenStudy, home: Home, tmp_path: Path
) -> None:
    runs = choose(study)
    done = exported(home, tmp_path / "several.py", test=True)
    assert done.data is not None
    with np.load(done.data) as arrays:
        assert len(arrays["x_test"]) == len(arrays["y_test"]) > 0
    (line,) = (home.root / "datasets" / "test_opened.jsonl").read_text().splitlines()
    access = json.loads(line)
    assert access["opened_by"] == "export study --ensemble --test"
    assert (access["study"], access["of"]) == ("study", "ensemble")
    assert access["seeds"] == [
        trial_seed(one, one.trials()[number]) for one, number in ((study, 1), (runs, 0))
    ]


def exported(home: Home, file: Path, **options: Any) -> Exported:
    return export("study", str(file), Workspace(home=home), Silent(), ensemble=True, **options)


def test_options_that_name_another_network_exclude_the_ensemble(home: Home) -> None:
    place, silent = Workspace(home=home), Silent()
    with pytest.raises(InputError, match="--confirmed and --ensemble exclude each other"):
        export("study", "best.keras", place, silent, ensemble=True, confirmed=True)
    with pytest.raises(InputError, match="--trial and --ensemble exclude each other"):
        find_predictor("study", place, silent, trial=0, ensemble=True)
    with pytest.raises(InputError, match="--trial and --refit exclude each other"):
        find_predictor("study", place, silent, trial=0, refit=True)


def test_one_training_has_no_ensemble(home: Home, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("[config]\n")
    with pytest.raises(InputError, match=r"--ensemble: is of a study, and .*recipe\.toml is one"):
        find_predictor(str(recipe), Workspace(home=home), Silent(), ensemble=True)


def test_predictions_of_an_ensemble_say_whose_they_are(study: OpenStudy, home: Home) -> None:
    choose(study)
    for file in home.root.rglob(WEIGHTS):
        write_inputs(file.with_name(INPUTS), fakes.parts())
    found = find_predictor("study", Workspace(home=home), Silent(), ensemble=True)
    assert found.what == "study study, the ensemble of 2 networks"
    assert (found.takes.shape, found.class_names) == ((8,), ("0", "1", "2"))
