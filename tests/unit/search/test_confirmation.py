"""The confirmation study of a study: what is put there, and what becomes of it."""

from collections.abc import Callable
from typing import Any

import fakes
import pytest
from optuna.trial import FrozenTrial

from hpsearch.config import TrialConfig, flat
from hpsearch.errors import Failure, InputError, NoTrialError, TrialFailedError
from hpsearch.home import Home
from hpsearch.objective import Objective
from hpsearch.parsing import parse
from hpsearch.search import budget, claims, trials
from hpsearch.search.attributes import CHANGES_KEY, REQUEST_KEY
from hpsearch.search.confirmation import (
    _changes,
    _identity,
    _job,
    check_kind,
    ensure_confirmation_study,
    is_former,
    kind_of,
    last_request,
    open_runs,
    queue,
    results,
    seeds,
    values,
)
from hpsearch.search.leaders import BASELINE as OF_BASELINE
from hpsearch.search.leaders import Leader, leaders, requested_leaders
from hpsearch.search.lookup import load_study, names
from hpsearch.search.recipes import recipe_of
from hpsearch.search.shapes import ConfirmRequest, Kind
from hpsearch.search.shown import shown
from hpsearch.search.storage import waiting_trial
from hpsearch.search.study import OpenStudy
from hpsearch.workers.told import all_told

pytestmark = pytest.mark.slow

Open = Callable[..., OpenStudy]
Finish = Callable[..., FrozenTrial]
Once = Callable[[Callable[[], OpenStudy]], OpenStudy]
BASELINE = {"layers": 1, "units": 7, "optimizer": {"type": "rmsprop", "learning_rate": 0.02}}


@pytest.fixture
def study(open_study: Open, finish: Finish, build_once: Once) -> OpenStudy:
    """A study with a baseline outside of its space and four complete trials."""

    def make() -> OpenStudy:
        opened = open_study(baseline=BASELINE)
        for value in (0.25, 0.75, 0.5, 0.625):
            finish(opened, value)
        return opened

    return build_once(make)


def run(confirmation: OpenStudy, home: Home, trainer: Any = fakes.train) -> Objective:
    return Objective(study=confirmation, parts=fakes.parts(), home=home, trainer=trainer)


def finish_all(confirmation: OpenStudy, home: Home, trainer: Any = fakes.train) -> None:
    job = run(confirmation, home, trainer)
    while job.run_one():
        pass


def test_all_runs_are_those_of_the_configurations(study: OpenStudy, home: Home) -> None:
    chosen, confirmation = leaders(study, 2), ensure_confirmation_study(study)
    assert queue(confirmation, study, chosen, seeds(study, 3)) == 9
    finish_all(confirmation, home)
    assert confirmation.counts().complete == 9
    found = results(study, confirmation, seeds(study, 3))
    assert found.keys() == {"1", "3", "baseline"}
    for one in chosen:
        assert sorted(found[one.of]) == sorted(seeds(study, 3))
        for trial in found[one.of].values():
            assert trials.config(confirmation, trial) == one.config
            assert trials.row(confirmation, trial)["config"]["layers"] == one.config.network.layers
    own = {trial.user_attrs.get("seed") for trial in study.trials()}
    assert own.isdisjoint(seeds(study, 100))
    assert len(set(seeds(study, 100))) == 100


def test_what_is_there_is_not_done_again_and_more_may_be_asked_for(
    study: OpenStudy, home: Home
) -> None:
    chosen, confirmation = leaders(study, 1), ensure_confirmation_study(study)
    queue(confirmation, study, chosen, seeds(study, 2))
    finish_all(confirmation, home)
    assert queue(confirmation, study, chosen, seeds(study, 2)) == 0
    assert (
        queue(confirmation, study, leaders(study, 2), seeds(study, 3)) == 5
    )  # a seed of each, and a new one
    finish_all(confirmation, home)
    found = results(study, confirmation, seeds(study, 3))
    assert {of: len(runs) for of, runs in found.items()} == {
        "1": 3, "3": 3, "baseline": 3,
    }  # fmt: skip
    assert all(len(runs) == 2 for of, runs in results(study, confirmation, seeds(study, 2)).items())


def test_nothing_is_ever_sampled(study: OpenStudy) -> None:
    confirmation = ensure_confirmation_study(study)
    queue(confirmation, study, leaders(study, 1), seeds(study, 2))
    assert budget.ending(confirmation) is None
    claimed = [claims.claim(confirmation) for _ in range(4)]
    assert all(claimed)
    assert claims.claim(confirmation) is None
    assert budget.ending(confirmation) is None  # they run, and may come back
    for trial in claimed:
        assert trial is not None
        claims.fail(confirmation, trial.number, Failure.PROGRAM_ERROR, "x")
    assert claims.claim(confirmation) is None  # places are free, but nothing waits
    assert budget.ending(confirmation) == "trials"


def test_a_run_that_is_cut_off_goes_on_as_itself(study: OpenStudy, home: Home) -> None:
    confirmation = ensure_confirmation_study(study)
    queue(confirmation, study, leaders(study, 1), seeds(study, 1))

    def cut_off(*_: Any) -> Any:
        raise TrialFailedError(Failure.INTERRUPTED, "cut off")

    run(confirmation, home, cut_off).run_one()
    first = confirmation.trials()[0]
    finish_all(confirmation, home)
    (after,) = [t for t in confirmation.trials() if t.user_attrs.get("resumes") == first.number]
    for key in ("config", "of", "seed"):
        assert after.user_attrs[key] == first.user_attrs[key]
    found = results(study, confirmation, seeds(study, 1))
    assert {of: len(runs) for of, runs in found.items()} == {
        "1": 1, "baseline": 1,
    }  # fmt: skip


@pytest.mark.parametrize(("failure", "again"), [(Failure.DIVERGED, 0), (Failure.PROGRAM_ERROR, 2)])
def test_only_what_was_no_fault_of_its_own_is_done_again(
    study: OpenStudy, failure: Failure, again: int
) -> None:
    chosen, confirmation = leaders(study, 1), ensure_confirmation_study(study)
    queue(confirmation, study, chosen, seeds(study, 1))
    for _ in chosen:
        trial = claims.claim(confirmation)
        assert trial is not None
        claims.fail(confirmation, trial.number, failure, "x")
    assert queue(confirmation, study, chosen, seeds(study, 1)) == again


def test_a_confirmation_study_is_found_and_hidden(study: OpenStudy) -> None:
    confirmation = ensure_confirmation_study(study)
    assert ensure_confirmation_study(study).study_id == confirmation.study_id
    assert confirmation.name == confirmation.file.name == "study.confirm"
    assert names(study.storage) == ["study"]
    assert load_study(study.storage, "study.confirm").is_closed
    assert not study.is_closed
    with pytest.raises(InputError, match="is the confirmation study of study; give study instead"):
        ensure_confirmation_study(confirmation)
    assert confirmation.file.space == study.file.space
    assert confirmation.file.pruner.type == "none"
    assert confirmation.optuna.metric_names == ["val_accuracy"]
    assert isinstance(study.file.baseline, TrialConfig)


def test_new_splits_are_the_same_for_all_and_kept_apart(study: OpenStudy, home: Home) -> None:
    chosen, confirmation = leaders(study, 2), ensure_confirmation_study(study)
    assert queue(confirmation, study, chosen, seeds(study, 3), Kind.SPLIT) == 9
    assert queue(confirmation, study, chosen, seeds(study, 3), Kind.SPLIT) == 0
    assert queue(confirmation, study, chosen, seeds(study, 2)) == 6
    asked: list[int] = []

    def split(section: Any) -> Any:
        asked.append(section.split_seed)
        return fakes.parts()

    job = Objective(
        study=confirmation, parts=fakes.parts(), home=home, trainer=fakes.train, split=split
    )
    while job.run_one():
        pass
    found = results(study, confirmation, kind=Kind.SPLIT)
    drawn = {
        of: [recipe_of(confirmation, runs[seed]).dataset.split_seed for seed in sorted(runs)]
        for of, runs in found.items()
    }
    assert drawn["1"] == drawn["3"] == drawn[OF_BASELINE]
    assert len(set(drawn["1"])) == 3
    assert study.file.dataset.split_seed not in drawn["1"]
    assert sorted(asked) == sorted(drawn["1"] * 3)  # and the study's own parts for the others
    assert all(len(runs) == 2 for runs in results(study, confirmation).values())
    assert {of: len(runs) for of, runs in values(study).items()} == {
        "1": 2, "3": 2, OF_BASELINE: 2,
    }  # fmt: skip


def test_a_validation_part_that_is_given_has_no_other_split(
    open_study: Open, finish: Finish
) -> None:
    dataset = {"source": "npz", "path": "/x.npz", "validation": "given"}
    study = open_study(dataset=dataset)
    finish(study, 0.5)
    with pytest.raises(InputError, match="without --new-split"):
        check_kind(study, Kind.SPLIT)
    check_kind(study, Kind.SEED)


def test_a_refit_trains_on_everything_for_a_fixed_time(study: OpenStudy, home: Home) -> None:
    chosen, confirmation = leaders(study, 1)[:1], ensure_confirmation_study(study)
    assert queue(confirmation, study, chosen, seeds(study, 2), Kind.REFIT, 3) == 2
    assert (
        queue(confirmation, study, chosen, seeds(study, 2), Kind.REFIT, 4) == 2
    )  # that is another training
    assert queue(confirmation, study, chosen, seeds(study, 2), Kind.REFIT, 3) == 0
    finish_all(confirmation, home)
    for epochs in (3, 4):
        runs = results(study, confirmation, seeds(study, 2), Kind.REFIT, epochs)["1"]
        assert sorted(runs) == sorted(seeds(study, 2))
        for run in runs.values():
            recipe = recipe_of(confirmation, run)
            assert recipe.dataset.include_validation
            assert recipe.training.epochs == run.user_attrs["epochs"] == epochs
            assert recipe.training.early_stopping is False
            assert recipe.objective.epoch == "last"
            assert recipe.config == chosen[0].config.model_copy(update={"lr_schedule": "cosine"})
    assert results(study, confirmation) == {}
    assert values(study) == {}


@pytest.mark.parametrize(
    ("config", "schedule"),
    [
        ({}, "cosine"),
        ({"lr_schedule": "plateau"}, "cosine"),
        ({"lr_schedule": "step"}, "step"),
        ({"lr_schedule": "coslog4"}, "coslog4"),
        ({"network": {"type": "python", "file": "/a/net.py"}}, "constant"),
    ],
)
def test_the_rate_of_a_refit_falls_in_the_end(
    study: OpenStudy, config: dict[str, Any], schedule: str
) -> None:
    confirmation = ensure_confirmation_study(study)
    chosen = Leader(of="1", config=TrialConfig.model_validate(config), found=None)
    queue(confirmation, study, [chosen], seeds(study, 1), Kind.REFIT, 3)
    (run,) = confirmation.trials()
    assert recipe_of(confirmation, run).config.lr_schedule == schedule


def test_a_refit_of_an_earlier_version_is_not_taken_for_one_of_now(
    study: OpenStudy, home: Home
) -> None:
    """Its rate was that of its configuration to the end."""
    chosen, confirmation = leaders(study, 1)[:1], ensure_confirmation_study(study)
    job = _job(chosen[0], 5, Kind.REFIT, _changes(study, chosen[0].config, Kind.REFIT, 0, 3))
    del job[CHANGES_KEY]["config"]
    confirmation.storage.add_trials(confirmation.study_id, [waiting_trial(user=job)])
    finish_all(confirmation, home)
    assert results(study, confirmation, [5], Kind.REFIT)["1"].keys() == {5}
    assert results(study, confirmation, [5], Kind.REFIT, 3) == {}
    assert queue(confirmation, study, chosen, [5], Kind.REFIT, 3) == 1


def test_a_run_that_is_cut_off_stays_of_its_kind(study: OpenStudy, home: Home) -> None:
    confirmation = ensure_confirmation_study(study)
    queue(confirmation, study, leaders(study, 1)[:1], seeds(study, 1), Kind.REFIT, 2)

    def cut_off(*_: Any) -> Any:
        raise TrialFailedError(Failure.INTERRUPTED, "cut off")

    run(confirmation, home, cut_off).run_one()
    finish_all(confirmation, home)
    first, after = confirmation.trials()
    assert kind_of(after.user_attrs) is Kind.REFIT
    assert recipe_of(confirmation, after).training == recipe_of(confirmation, first).training
    assert recipe_of(confirmation, after).dataset.include_validation


def test_another_baseline_is_trained_anew(study: OpenStudy, open_study: Open, home: Home) -> None:
    confirmation = ensure_confirmation_study(study)
    queue(confirmation, study, leaders(study, 1), seeds(study, 2))
    finish_all(confirmation, home)
    changed = open_study(baseline=BASELINE | {"units": 9})
    assert values(changed).keys() == {"1"}
    assert queue(confirmation, changed, leaders(changed, 1), seeds(changed, 2)) == 2
    finish_all(confirmation, home)
    for now, units in ((changed, 9), (study, 7)):
        runs = results(now, confirmation)[OF_BASELINE]
        assert len(runs) == 2
        assert all(run.user_attrs["config"]["units"] == [units] for run in runs.values())


def test_what_was_asked_for_at_last_is_known(study: OpenStudy, home: Home) -> None:
    confirmation = ensure_confirmation_study(study)
    assert last_request(confirmation) is None
    queue(confirmation, study, leaders(study, 2), seeds(study, 3), Kind.SPLIT)
    told = ConfirmRequest(kind=Kind.SPLIT, of=["1", "3", OF_BASELINE], seeds=seeds(study, 3))
    assert last_request(confirmation) == told
    queue(confirmation, study, leaders(study, 1)[:1], seeds(study, 1), Kind.REFIT, 2)
    assert last_request(confirmation) == told  # refits are no confirmation
    assert open_runs(confirmation, Kind.SPLIT, told.seeds) == 9
    finish_all(confirmation, home)
    assert open_runs(confirmation, Kind.SPLIT, told.seeds) == 0


def test_the_choice_is_kept_and_may_change_without_new_runs(study: OpenStudy, home: Home) -> None:
    confirmation, chosen = ensure_confirmation_study(study), leaders(study, 2)
    queue(confirmation, study, chosen, seeds(study, 3))
    first = last_request(confirmation)
    assert first is not None
    assert not first.smallest
    finish_all(confirmation, home)
    assert requested_leaders(study, first) == chosen
    assert queue(confirmation, study, chosen, seeds(study, 3), smallest=True) == 0
    assert last_request(confirmation) == first.model_copy(update={"smallest": True})
    stored = {"kind": "seed", "of": ["1"], "seeds": [5]}  # as an earlier version wrote it
    confirmation.optuna.set_user_attr(REQUEST_KEY, stored)
    assert last_request(confirmation) == ConfirmRequest(
        kind=Kind.SEED, of=["1"], seeds=[5], smallest=False
    )


def test_the_best_run_is_none_of_other_examples(study: OpenStudy, home: Home) -> None:
    confirmation = ensure_confirmation_study(study)
    queue(confirmation, study, leaders(study, 1)[:1], seeds(study, 1), Kind.REFIT, 3)
    finish_all(confirmation, home)
    assert trials.find_best(confirmation) is None
    with pytest.raises(NoTrialError, match="only refits completed"):
        trials.best(confirmation)
    queue(
        confirmation, study, leaders(study, 1)[1:], seeds(study, 1)
    )  # the baseline, which is worse
    finish_all(confirmation, home)
    assert trials.best(confirmation).user_attrs["of"] == OF_BASELINE


def test_of_a_refit_nothing_is_told_that_validation_examples_say(
    study: OpenStudy, home: Home
) -> None:
    (leader, _), confirmation = leaders(study, 1), ensure_confirmation_study(study)
    (seed,) = seeds(study, 1)
    for kind in (Kind.SEED, Kind.SPLIT, Kind.REFIT):
        queue(confirmation, study, [leader], [seed], kind, 3)
    finish_all(confirmation, home)
    every = confirmation.trials()
    rows = [trials.row(confirmation, trial) for trial in every]
    assert [row["kind"] for row in rows] == ["seed", "split", "refit"]
    assert {row["of"] for row in rows} == {leader.of}
    assert [row["values"] is None for row in rows] == [False, False, True]
    assert not {rows[2][key] for key in trials.JUDGED} - {None}
    assert rows[2]["epochs"] is not None
    assert [bool(trials.epoch_values(trial, 9)) for trial in every] == [True, True, False]
    looked = [shown(confirmation, trial) for trial in every]
    assert [one.value is None for one in looked] == [False, False, True]
    assert [one.latest is None for one in looked] == [False, False, True]
    metric = study.file.objective.measure
    assert {trial.number for trial in trials.ranked(every, metric)} == {0, 1}
    assert trials.details(confirmation)["refits"] == 1
    assert trials.details(study)["refits"] == 0
    assert trials.row(study, study.trials()[0])["kind"] is None
    told = [one.figures for one in all_told(confirmation, home)]
    assert ["value" in figures for figures in told] == [True, True, False]
    assert not {"gap", "best_epoch"} & told[2].keys()
    names = [{name.partition("_")[0] for one in told.epochs() for name in one.values}
             for told in all_told(confirmation, home)]  # fmt: skip
    assert ["val" in of for of in names] == [True, True, False]
    provenance = [recipe_of(confirmation, trial).provenance for trial in every]
    assert ["value" in one for one in provenance] == [True, True, False]


def test_the_schedule_of_a_refit_is_shown_as_it_was_trained(study: OpenStudy) -> None:
    (leader, _), confirmation = leaders(study, 1), ensure_confirmation_study(study)
    assert leader.config.lr_schedule == "constant"
    for kind in (Kind.SEED, Kind.REFIT):
        queue(confirmation, study, [leader], [1], kind, 3)
    found = [trials.config(confirmation, trial) for trial in confirmation.trials()]
    assert [one and one.lr_schedule for one in found] == ["constant", "cosine"]


@pytest.mark.parametrize("of", [OF_BASELINE, "3"])
def test_a_field_that_was_not_there_then_makes_no_other_run(study: OpenStudy, of: str) -> None:
    """Runs of 0.1.0 lack the fields that came later, and are not queued again."""
    config = parse(TrialConfig, BASELINE, "baseline")
    now = {"config": flat(config), "of": of, "seed": 1}
    then = now | {"config": {k: v for k, v in flat(config).items() if k != "batch_norm"}}
    assert _identity(then) == _identity(now)
    assert not is_former(study, then)
    other = now | {"config": flat(config) | {"batch_norm": True}}
    assert _identity(other) != _identity(now)
    assert is_former(study, other) == (of == OF_BASELINE)


def test_a_portfolio_is_no_part_of_a_confirmation_study(open_study: Open, finish: Finish) -> None:
    study = open_study(name="portfolio", portfolio=[{"layers": 2}, {"layers": 1}])
    assert study.counts().waiting == 2
    finish(study)
    confirmation = ensure_confirmation_study(study)
    assert confirmation.file.portfolio == ()
    assert confirmation.counts().waiting == 0
