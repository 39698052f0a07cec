"""What those see of a trial who watch a study, here or over HTTP."""

import json
from collections.abc import Callable

from optuna.trial import FrozenTrial, TrialState

from hpsearch.search import claims
from hpsearch.search.shown import Shown, setting_of, shown
from hpsearch.search.study import OpenStudy


def test_a_trial_is_the_same_when_it_comes_as_json(
    open_study: Callable[..., OpenStudy], finish: Callable[..., FrozenTrial]
) -> None:
    study = open_study(enqueue=[{"layers": 1}, {"layers": 1}, {"layers": 1}])
    finish(study, 0.5)
    finish(study, 0.25, TrialState.PRUNED)
    claims.claim(study)
    found = [shown(study, trial) for trial in study.trials()]
    sent = json.loads(json.dumps([{**one.plain(), "more": 1} for one in found]))
    assert [Shown.read(row) for row in sent] == found
    complete, pruned, running = found
    assert (complete.name, complete.cell, complete.state) == ("trial 0", "0", "complete")
    assert (complete.value, complete.step, complete.latest) == (0.5, 1, 0.5)
    assert (pruned.value, pruned.counted, pruned.is_open) == (0.25, True, False)
    assert (running.state, running.ended, running.is_open) == ("running", None, True)
    assert running.started is not None
    assert running.started.tzinfo is not None


def test_a_configuration_is_shown_when_it_is_drawn(
    open_study: Callable[..., OpenStudy], finish: Callable[..., FrozenTrial]
) -> None:
    study = open_study()
    finish(study)
    claims.claim(study)
    drawn, not_yet = study.trials()
    assert setting_of(study, drawn).endswith("constant b32")
    assert setting_of(study, not_yet) == ""
