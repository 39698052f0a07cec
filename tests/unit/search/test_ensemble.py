"""The ensemble of a study is kept in it."""

import json
from collections.abc import Callable

import pytest
from averaged import ensemble
from pydantic import ValidationError

from hpsearch.search.attributes import STUDY
from hpsearch.search.ensemble import ensemble_of, keep_ensemble, name_of, plain, summary
from hpsearch.search.shapes import Ensemble, odd
from hpsearch.search.study import OpenStudy

TWO = ensemble((3, False, 7, 0.75), (1, True, 8, 0.25))


def test_the_last_choice_is_kept(open_study: Callable[..., OpenStudy]) -> None:
    study = open_study()
    assert ensemble_of(study) is None
    assert summary(study) is None
    keep_ensemble(study, ensemble((0, False, 1, 1.0)))
    keep_ensemble(study, TWO)
    assert ensemble_of(study) == TWO
    assert summary(study) == plain(TWO)
    assert ensemble_of(open_study()) == TWO


def test_networks_are_named_by_their_trial_and_run() -> None:
    assert [name_of(one) for one in TWO.members] == ["trial 3", "trial 0 (run 1)"]
    of_baseline = TWO.members[1].model_copy(update={"of": "baseline"})
    assert name_of(of_baseline) == "the baseline (run 1)"


def test_a_gain_is_certain_where_its_interval_is_above_nothing() -> None:
    assert not plain(TWO)["gain_is_certain"]
    assert plain(ensemble((0, False, 1, 1.0), low=0.001))["gain_is_certain"]


@pytest.mark.parametrize(
    "change",
    [{"members": []}, {"gain": "much"}, {"date": None}, {"single": {}}, {"examples": -1}],
)
def test_what_no_ensemble_is_is_not_ours(change: dict[str, object]) -> None:
    whole = TWO.model_dump(mode="json")
    assert odd([("ensemble", json.dumps(whole | {"new": 1}))], STUDY) == {}
    changed = json.dumps(whole | change)
    assert odd([("ensemble", changed)], STUDY) == {"ensemble": changed}
    with pytest.raises(ValidationError):
        Ensemble.model_validate(whole | change)
