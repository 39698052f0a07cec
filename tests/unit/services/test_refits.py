"""Refits: which networks are trained again, for how long, and what is taken where."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import fakes
import pytest
from averaged import ensemble
from optuna.trial import FrozenTrial

import hpsearch
from hpsearch.data.inputs import write_inputs
from hpsearch.errors import Failure, InputError, NoTrialError, TrialFailedError, UnfinishedError
from hpsearch.home import INPUTS, TEST_RESULT, WEIGHTS, Home
from hpsearch.objective import Objective
from hpsearch.outputs.leftovers import tidy
from hpsearch.outputs.trainings import trainings
from hpsearch.search import attributes as attr
from hpsearch.search.confirmation import ensure_confirmation_study, kind_of, queue, seeds
from hpsearch.search.ensemble import keep_ensemble
from hpsearch.search.leaders import Leader, leaders
from hpsearch.search.recipes import recipe_of, trial_seed
from hpsearch.search.shapes import Kind
from hpsearch.search.study import OpenStudy
from hpsearch.services import refit_runs
from hpsearch.services.confirm import confirm as services_confirm
from hpsearch.services.ensembles import chosen_ensemble
from hpsearch.services.evaluate import Judged
from hpsearch.services.export import export
from hpsearch.services.jobs import HERE, check_data
from hpsearch.services.predictors import find_predictor
from hpsearch.services.progress import Silent
from hpsearch.services.refit import ensemble_to_use, refit, refitted
from hpsearch.services.refits import groups_of, refit_of, retrained_ensemble, winner_of
from hpsearch.services.single import model_of
from hpsearch.services.workspace import Workspace


class Trained:
    """Runs what waits in a confirmation study, in place of workers."""

    def __init__(self, home: Home) -> None:
        self.home, self.failing = home, set[int]()

    def run(self, confirmation: OpenStudy, *_: object) -> None:
        def train(recipe: Any, parts: Any, run: Path, watch: Any) -> Any:
            if recipe.seed in self.failing:
                raise TrialFailedError(Failure.DIVERGED, "not a number")
            outcome = fakes.train(recipe, parts, run, watch)
            (run / WEIGHTS).touch()
            write_inputs(run / INPUTS, fakes.parts())
            return outcome

        job = Objective(study=confirmation, parts=fakes.parts(), home=self.home, trainer=train)
        while job.run_one():
            pass


@pytest.fixture
def trained(home: Home, monkeypatch: pytest.MonkeyPatch) -> Trained:
    found = Trained(home)
    monkeypatch.setattr(refit_runs, "run_jobs", found.run)
    monkeypatch.setattr(refit_runs, "check_data", lambda *_: None)  # there are none
    return found


@pytest.fixture
def study(open_study: Callable[..., OpenStudy], trained: Trained) -> OpenStudy:
    """A study of two trials, each of 4 epochs; the second is the better one."""
    opened = open_study(budget={"trials": 2}, training={"epochs": 4})
    trained.run(opened)
    return opened


@pytest.fixture
def place(home: Home) -> Workspace:
    return Workspace(home=home)


def confirm(study: OpenStudy, trained: Trained, count: int = 3) -> OpenStudy:
    runs = ensure_confirmation_study(study)
    queue(runs, study, leaders(study, 1), seeds(study, count))
    trained.run(runs)
    return runs


def take(study: OpenStudy, runs: Sequence[FrozenTrial], epochs: Sequence[int]) -> None:
    """Have runs be best after so many epochs."""
    with study.storage.engine.begin() as connection:  # a trial that is over is not changed else
        connection.exec_driver_sql(
            "UPDATE trial_user_attributes SET value_json = ? WHERE trial_id = ? AND key = ?",
            [
                (str(took), run._trial_id, attr.BEST_EPOCH_KEY)
                for took, run in zip(epochs, runs, strict=True)
            ],
        )


def best(study: OpenStudy) -> FrozenTrial:
    return study.optuna.best_trial


def kinds(study: OpenStudy) -> list[Kind]:
    runs = ensure_confirmation_study(study)
    return [kind_of(one.user_attrs) for one in runs.trials()]


def test_the_best_trial_is_trained_again_on_validation_examples_too(
    study: OpenStudy, place: Workspace
) -> None:
    found = refit("study", place, Silent())
    (network,) = found.plain()["networks"]
    seed, number = trial_seed(study, best(study)), best(study).number
    assert network == {
        "of": str(number), "seed": seed, "epochs": 4, "study": "study.confirm", "trial": 0,
        "weight": 1.0,
    }  # fmt: skip
    runs = ensure_confirmation_study(study)
    recipe = recipe_of(runs, runs.trials()[0])
    assert (recipe.seed, recipe.dataset.include_validation) == (seed, True)
    assert (recipe.training.epochs, recipe.training.early_stopping) == (4, False)
    assert recipe.objective.epoch == "last"


@pytest.mark.parametrize("asked", [services_confirm, refit])
def test_of_other_data_nothing_is_queued(
    study: OpenStudy, place: Workspace, monkeypatch: pytest.MonkeyPatch, asked: Callable[..., Any]
) -> None:
    monkeypatch.setattr(refit_runs, "check_data", check_data)
    with pytest.raises(InputError, match="the data on this machine have fingerprint"):
        asked("study", place, Silent())
    assert not kinds(study)


def test_what_is_there_is_not_trained_again(study: OpenStudy, place: Workspace) -> None:
    first, again = (refit("study", place, Silent()) for _ in range(2))
    assert first.plain() == again.plain()
    assert kinds(study) == [Kind.REFIT]


def test_of_a_confirmed_winner_the_median_run_is_trained_again(
    study: OpenStudy, place: Workspace, trained: Trained, home: Home
) -> None:
    runs = confirm(study, trained)
    assert winner_of(study, home).leader.of == str(best(study).number)
    (network,) = refit("study", place, Silent()).plain()["networks"]
    assert network["seed"] in seeds(study, 3)
    values = {one.user_attrs[attr.SEED_KEY]: one.values[0] for one in runs.trials()[:3]}
    assert values[network["seed"]] == sorted(values.values())[1]
    assert kinds(study) == [Kind.SEED] * 3 + [Kind.REFIT]


def test_of_refits_that_is_shown_which_refit_takes(
    study: OpenStudy, place: Workspace, trained: Trained, home: Home
) -> None:
    confirm(study, trained)
    (network,) = refit("study", place, Silent()).plain()["networks"]
    group = winner_of(study, home)
    (again,) = refit_runs.refits(study, [refit_of(study, group)], place, HERE, fakes.Told())
    assert (again.values, again.epochs) == (group.values, 4)
    assert (
        Judged(group=again, results={}, metric=study.file.objective.measure).middle
        == (network["seed"])
    )
    for model in again.models:
        told = {"seed": model.seed, "value": model.value}
        file = home.trial_run("study.confirm", model.trial.number) / TEST_RESULT
        file.write_text(json.dumps(told), "utf-8")
    found = trainings(study, home)
    assert {one.seed: one.before for one in found if one.kind is Kind.REFIT} == group.values


@pytest.mark.parametrize(("took", "epochs"), [((9, 3, 5), 5), ((12, 8), 10), ((3, 6), 4)])
def test_it_trains_as_long_as_the_middle_run_took(
    took: tuple[int, ...], epochs: int, study: OpenStudy, trained: Trained, home: Home
) -> None:
    runs = confirm(study, trained, len(took))
    take(study, runs.trials(), took)
    group = winner_of(study, home)
    wanted = refit_of(study, group)
    assert (wanted.epochs, wanted.took) == (epochs, (min(took), max(took)))
    assert list(wanted.seeds) == sorted(seeds(study, len(took)))
    assert len(refit_of(study, group, middle_alone=True).seeds) == 1


def test_runs_without_their_epochs_are_told(study: OpenStudy, home: Home) -> None:
    trial = best(study)
    with study.storage.engine.begin() as connection:  # as another program may do
        connection.exec_driver_sql(
            "DELETE FROM trial_user_attributes WHERE key IN (?, ?)",
            (attr.BEST_EPOCH_KEY, attr.EPOCHS_KEY),
        )
    with pytest.raises(InputError, match=f"how many epochs the runs of trial {trial.number} took"):
        refit_of(study, winner_of(study, home))


def choose(study: OpenStudy, trained: Trained) -> list[int]:
    """An ensemble of trial 0 and of two of its runs; their seeds."""
    runs = ensure_confirmation_study(study)
    queue(runs, study, [Leader(of="0", config=_config(study), found=None)], seeds(study, 2))
    trained.run(runs)
    own = [trial_seed(study, study.trials()[0]), *seeds(study, 2)]
    members = zip((0, 0, 1), (False, True, True), own, (0.5, 0.25, 0.25), strict=True)
    keep_ensemble(study, ensemble(*members))
    return own


def _config(study: OpenStudy) -> Any:
    return recipe_of(study, study.trials()[0]).config


def test_an_ensemble_is_trained_again_network_by_network(
    study: OpenStudy, place: Workspace, trained: Trained, home: Home
) -> None:
    own = choose(study, trained)
    with pytest.raises(InputError, match="run hpsearch refit study --ensemble first"):
        ensemble_to_use(study, home, refit=True)
    found = refit("study", place, Silent(), ensemble=True)
    assert {one["seed"]: one["weight"] for one in found.plain()["networks"]} == dict(
        zip(own, (0.5, 0.25, 0.25), strict=True)
    )
    assert kinds(study) == [Kind.SEED] * 2 + [Kind.REFIT] * 3
    chosen = ensemble_to_use(study, home, refit=True)
    assert chosen.what == (
        "the ensemble of 3 networks, trained again on training and validation examples"
    )
    assert all(model.recipe.dataset.include_validation for model in chosen.models)
    assert [model.seed for model in chosen.models] == own
    # The choice itself, and what is taken without --refit, stay as they were.
    before = ensemble_to_use(study, home, refit=False)
    told = [[one.value for one in each.ensemble.members] for each in (chosen, before)]
    assert told[0] == told[1]  # of validation examples that no network had seen
    assert not any(model.recipe.dataset.include_validation for model in before.models)


def test_what_is_confirmed_later_asks_for_no_other_refits_of_an_ensemble(
    study: OpenStudy, place: Workspace, trained: Trained, home: Home
) -> None:
    choose(study, trained)
    refit("study", place, Silent(), ensemble=True)
    before = ensemble_to_use(study, home, refit=True)
    runs = ensure_confirmation_study(study)
    there = len(runs.trials())
    leader = Leader(of="0", config=_config(study), found=None)
    queue(runs, study, [leader], seeds(study, 6))
    trained.run(runs)
    take(study, runs.trials()[there:], (2, 2, 2, 2))
    assert refit_of(study, winner_of(study, home)).epochs == 2
    after = ensemble_to_use(study, home, refit=True)
    assert [one.weights for one in after.models] == [one.weights for one in before.models]


def test_a_member_that_diverges_is_left_out_of_the_average(
    study: OpenStudy, place: Workspace, trained: Trained
) -> None:
    own = choose(study, trained)
    trained.failing = {own[0]}
    told = fakes.Told()
    found = refit("study", place, told, ensemble=True)
    assert any("only 2 of 3 trainings of trial 0 have a value" in line for line in told.lines)
    assert [one["weight"] for one in found.plain()["networks"]] == [0.5, 0.5]
    trained.failing = {*own}
    keep_ensemble(study, ensemble((1, False, trial_seed(study, study.trials()[1]), 1.0)))
    trained.failing = {trial_seed(study, study.trials()[1])}
    with pytest.raises(NoTrialError, match="no training of trial 1 on training and valid"):
        refit("study", place, Silent(), ensemble=True)
    with pytest.raises(NoTrialError, match=r"no training of trial 1 on .*study\.confirm shows why"):
        refitted(study, place.home, ensemble=True)


def test_an_ensemble_that_is_not_trained_again_in_full_is_not_taken(
    study: OpenStudy, place: Workspace, trained: Trained, home: Home
) -> None:
    own = choose(study, trained)
    keep_ensemble(study, ensemble((0, False, own[0], 0.5), (0, True, own[1], 0.5)))
    refit("study", place, Silent(), ensemble=True)
    every = zip((0, 0, 1), (False, True, True), own, (0.5, 0.25, 0.25), strict=True)
    keep_ensemble(study, ensemble(*every))
    with pytest.raises(InputError, match=rf"trial 0 \(seed {own[2]}, 4 epochs\) was not trained"):
        ensemble_to_use(study, home, refit=True)
    wanted = [refit_of(study, group) for group in groups_of(chosen_ensemble(study, home))]
    refit_runs.queue_refits(study, wanted, home, Silent())
    with pytest.raises(UnfinishedError, match=rf"trial 0 \(seed {own[2]}, .* still to be trained"):
        ensemble_to_use(study, home, refit=True)
    refit("study", place, Silent(), ensemble=True)
    assert len(ensemble_to_use(study, home, refit=True).models) == 3


def test_what_waits_of_another_configuration_is_another_training(
    study: OpenStudy, home: Home
) -> None:
    ranked = leaders(study, 2)
    best, other = ranked[0].of, ranked[1]
    seed = trial_seed(study, study.trials()[int(best)])
    runs = ensure_confirmation_study(study)
    queue(runs, study, [other], [seed], Kind.REFIT, 4)
    with pytest.raises(
        InputError, match=rf"trial {best} \(seed {seed}, 4 epochs\) was not trained"
    ):
        refitted(study, home)


def test_members_that_differ_by_folds_alone_are_one_training(
    study: OpenStudy, trained: Trained, home: Home
) -> None:
    own = choose(study, trained)
    runs = ensure_confirmation_study(study)
    keep_ensemble(study, ensemble((0, True, own[1], 0.75), (0, True, own[1], 0.25)))
    chosen = chosen_ensemble(study, home)
    groups = groups_of(chosen)
    assert [len(group.models) for group in groups] == [2]
    assert refit_of(study, groups[0]).seeds == [own[1]]
    again = retrained_ensemble(chosen, groups)
    assert [(one.seed, one.weight) for one in again.ensemble.members] == [(own[1], 1.0)]
    assert len(again.models) == 1
    assert runs.name == "study.confirm"


@pytest.mark.usefixtures("study")
def test_without_an_ensemble_none_is_trained(place: Workspace) -> None:
    with pytest.raises(InputError, match="no ensemble is chosen yet"):
        refit("study", place, Silent(), ensemble=True)


def test_a_confirmation_study_has_no_refit(
    study: OpenStudy, place: Workspace, trained: Trained
) -> None:
    confirm(study, trained)
    with pytest.raises(InputError, match=r"study\.confirm: is the confirmation study"):
        refit("study.confirm", place, Silent())


def test_what_was_not_trained_yet_says_how(study: OpenStudy, home: Home, tmp_path: Path) -> None:
    number = best(study).number
    with pytest.raises(
        InputError, match=rf"trial {number} \(seed \d+, 4 epochs\) was not trained on .*"
    ):
        refitted(study, home)
    with pytest.raises(InputError, match="run hpsearch refit study first"):
        find_predictor("study", Workspace(home=home), Silent(), refit=True)
    with pytest.raises(InputError, match="run hpsearch refit study first"):
        export("study", str(tmp_path / "x.toml"), Workspace(home=home), Silent(), refit=True)
    refit_runs.queue_refits(study, [refit_of(study, winner_of(study, home))], home, Silent())
    with pytest.raises(UnfinishedError, match="still to be trained on training and validation"):
        refitted(study, home)


def test_weights_of_a_refit_that_are_gone_are_named(
    study: OpenStudy, place: Workspace, home: Home, tmp_path: Path
) -> None:
    refit("study", place, Silent())
    (home.trial_run("study.confirm", 0) / WEIGHTS).unlink()
    told = "trial 1, trained again .* are not in .* To train it: hpsearch refit study; then repeat"
    with pytest.raises(InputError, match=told):
        model_of(study, home, None, refit=True)
    assert refitted(study, home).groups  # which needs no weights, and so does a recipe
    export("study", str(tmp_path / "recipe.toml"), place, Silent(), refit=True)


def test_weights_of_an_ensemble_of_refits_that_are_gone_are_named(
    study: OpenStudy, place: Workspace, trained: Trained, home: Home
) -> None:
    choose(study, trained)
    refit("study", place, Silent(), ensemble=True)
    chosen = ensemble_to_use(study, home, refit=True)
    chosen.models[0].weights.unlink()
    with pytest.raises(
        InputError, match=r"does not exist, and it is of the ensemble of 3 networks"
    ):
        ensemble_to_use(study, home, refit=True)
    untrained = ensemble_to_use(study, home, refit=True, trained=False)
    assert [one.weights for one in untrained.models] == [one.weights for one in chosen.models]


def test_what_has_lost_its_weights_is_trained_again(
    study: OpenStudy, place: Workspace, trained: Trained, home: Home
) -> None:
    choose(study, trained)
    refit("study", place, Silent(), ensemble=True)
    before = ensemble_to_use(study, home, refit=True)
    lost = before.models[1]
    lost.weights.unlink()
    with pytest.raises(InputError, match="train it again here: hpsearch refit study --ensemble"):
        ensemble_to_use(study, home, refit=True)
    told = fakes.Told()
    found = refit("study", place, told, ensemble=True)
    (line,) = [one for one in told.lines if "weights" in one]
    assert line == (
        f"The weights of trial 0 (seed {lost.seed}, 4 epochs) are not here any more: it is trained"
        " again."
    )
    assert told.lines[-1].endswith("new runs: 1.")
    assert kinds(study) == [Kind.SEED] * 2 + [Kind.REFIT] * 4
    after = ensemble_to_use(study, home, refit=True)
    numbers = [[one.trial.number for one in each.models] for each in (before, after)]
    assert numbers[1] == [numbers[0][0], 5, numbers[0][2]]
    assert sorted(one["weight"] for one in found.plain()["networks"]) == [0.25, 0.25, 0.5]
    refit("study", place, Silent(), ensemble=True)
    assert len(kinds(study)) == 6  # nothing more
    # Where the weights of the first training are here, and not those of the second, it is taken.
    lost.weights.touch()
    after.models[1].weights.unlink()
    again = ensemble_to_use(study, home, refit=True)
    assert [one.trial.number for one in again.models] == numbers[0]
    refit("study", place, Silent(), ensemble=True)
    assert len(kinds(study)) == 6


def test_a_second_refit_waits_for_what_the_first_trains_again(
    study: OpenStudy, place: Workspace, home: Home
) -> None:
    refit("study", place, Silent())
    (home.trial_run("study.confirm", 0) / WEIGHTS).unlink()
    wanted, told = [refit_of(study, winner_of(study, home))], fakes.Told()
    runs, new = refit_runs.queue_refits(study, wanted, home, told)
    assert (new, refit_runs.queue_refits(study, wanted, home, told)[1]) == (1, 0)
    assert not any("before" in line for line in told.lines)
    assert runs.counts().waiting == 1
    refit("study", place, Silent())
    assert model_of(study, home, None, refit=True).weights == (
        home.trial_run("study.confirm", 1) / WEIGHTS
    )


def test_a_recipe_of_a_refit_is_known_when_another_network_is_the_winner(
    study: OpenStudy, place: Workspace, trained: Trained, tmp_path: Path
) -> None:
    refit("study", place, Silent())
    file = tmp_path / "first.toml"
    export("study", str(file), place, Silent(), refit=True)
    confirm(study, trained)
    with pytest.raises(InputError, match="was not trained on training and validation"):
        model_of(study, place.home, None, refit=True)
    assert "trained again on training and valid" in find_predictor(str(file), place, Silent()).what


def test_a_refit_is_shown_without_a_value_and_keeps_its_weights(
    study: OpenStudy, place: Workspace, trained: Trained, home: Home
) -> None:
    refit("study", place, Silent())
    runs, name = ensure_confirmation_study(study), "study.confirm"
    tidy(runs, home)
    assert (home.trial_run(name, 0) / WEIGHTS).is_file()
    there = hpsearch.load(name, home=home.root)
    assert "no complete trial has a value to judge it by" in repr(there)
    assert "configuration" not in repr(there)  # no table of the best ones
    confirm(study, trained)
    frame = there.trials()
    assert frame["kind"].to_list() == ["refit"] + ["seed"] * 3
    assert frame["value"].is_null().to_list() == [True] + [False] * 3
    assert there.best.number != 0
    assert f"best val_accuracy {there.best.value:.4f} in trial {there.best.number}" in repr(there)
    assert "\n0  " not in repr(there)


def test_what_is_not_confirmed_is_told(
    study: OpenStudy, place: Workspace, trained: Trained
) -> None:
    told = fakes.Told()
    refit("study", place, told)
    assert any(
        "nothing is confirmed, so this trains the search's best" in one for one in told.lines
    )
    refit("study", place, told)
    assert "was trained on training and validation examples before" in told.lines[-1]
    confirm(study, trained)
    told = fakes.Told()
    refit("study", place, told)
    assert not any("nothing is confirmed" in line for line in told.lines)


def test_a_recipe_of_a_refit_is_what_was_trained(
    study: OpenStudy, place: Workspace, home: Home, tmp_path: Path
) -> None:
    refit("study", place, Silent())
    chosen = model_of(study, home, None, refit=True)
    assert chosen.weights == home.trial_run("study.confirm", 0) / WEIGHTS
    told = chosen.recipe.provenance
    assert (told["study"], told["trial"], told["refit_epochs"]) == ("study", best(study).number, 4)
    assert "value" not in told  # which would be of examples that it was trained on
    file = tmp_path / "again.toml"
    done = export("study", str(file), place, Silent(), refit=True)
    assert "trained again on training and validation examples (seed" in done.what
    assert find_predictor(str(file), place, Silent()).what.startswith("study study, trial")
