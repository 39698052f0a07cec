"""A study as samplers and pruners of Optuna see it, with other trials than the storage's."""

import copy
from collections.abc import Container, Sequence
from typing import Any, cast

from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from hpsearch.search.attributes import ADOPTED_KEY


class View:
    """A study in everything but its trials, which are given."""

    def __init__(self, study: Study, trials: Sequence[Any]) -> None:
        self._study, self._given = study, trials

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)

    def get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[Any]:
        """The given trials of some states, as they are."""
        return [t for t in self._given if states is None or t.state in states]

    def _get_trials(
        self,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
        use_cache: bool = False,
    ) -> list[Any]:
        """As above; it is what Optuna's own samplers call."""
        return self.get_trials(deepcopy, states)


def view(study: Study, trials: Sequence[Any]) -> Study:
    """The study with other trials.

    Args:
        study: the study.
        trials: finished and running trials, by number, or what has as much of them as is asked
            for.
    """
    return cast("Study", View(study, trials))


def newest_and_best(study: Study, count: int, best: int) -> Study:
    """The study without the old trials that are not good; the same where there are few. Adopted
    trials are complete in it.

    Args:
        study: the study.
        count: the finished trials that stay because they are the newest ones.
        best: the complete trials that stay because they are the best ones.
    """
    trials = [_learned(trial) for trial in study.get_trials(deepcopy=False)]
    finished = [t.number for t in trials if t.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    if len(finished) <= count:
        return view(study, trials)
    complete = [t for t in trials if t.state == TrialState.COMPLETE and t.value is not None]
    complete.sort(key=lambda t: t.value or 0.0, reverse=study.direction == StudyDirection.MAXIMIZE)
    kept = {t.number for t in complete[:best]}.union(finished[-count:])
    return view(study, [t for t in trials if t.number in kept or not t.state.is_finished()])


def _learned(trial: FrozenTrial) -> FrozenTrial:
    """A trial as samplers learn from it; see ``hpsearch.search.adoption``."""
    adopted = trial.user_attrs.get(ADOPTED_KEY)
    if adopted is None or trial.state != TrialState.FAIL:
        return trial
    learned = copy.copy(trial)
    learned.state, learned.values = TrialState.COMPLETE, [adopted["value"]]
    return learned
