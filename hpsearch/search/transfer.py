"""Moving studies from one storage to another, with everything that the data base holds of them."""

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from hpsearch.errors import InputError, UnreachableError
from hpsearch.search.opening import STORAGE_ERRORS, exclusive
from hpsearch.search.storage import Storage
from hpsearch.search.study import FILE_KEY, OpenStudy, remove_unfinished, unfinished

Report = Callable[[str, int, int], None]


def transfer(study: OpenStudy, target: Storage, report: Report = lambda *_: None) -> int:
    """Copy a study; what arrived is read back and compared before it has its name there.

    Args:
        study: the study; nobody runs it.
        target: where it goes.
        report: told what is done, how much of it, and of how much.

    Returns:
        The number of its trials.

    Raises:
        InputError: there is a study of that name already.
        UnreachableError: what arrived is something else than what was sent.
    """
    with exclusive(target.url):
        if study.name in optuna.get_all_study_names(target):
            raise InputError(
                f"study {study.name}: is there already in the storage that it goes to; remove it"
                f" there first (hpsearch delete {study.name} --storage URL)"
            )
        remove_unfinished(target)
        source, trials = study.storage, study.trials()
        user = source.get_study_user_attrs(study.study_id)
        directions = source.get_study_directions(study.study_id)
        made = target.create_new_study(directions, unfinished(study.name))
        try:
            for key, value in source.get_study_system_attrs(study.study_id).items():
                target.set_study_system_attr(made, key, value)
            for key, value in user.items():
                if key != FILE_KEY:
                    target.set_study_user_attr(made, key, value)
            for index, trial in enumerate(trials):
                target.create_new_trial(made, template_trial=trial)
                report(f"trials of {study.name}", index + 1, len(trials))
            arrived = target.get_all_trials(made, deepcopy=False)
            _compare(study.name, trials, arrived)
            target.publish(made, study.name, {FILE_KEY: user[FILE_KEY]})
        except BaseException:
            with contextlib.suppress(*STORAGE_ERRORS):  # the next one that comes removes it
                target.delete_study(made)
            raise
    return len(trials)


def _compare(name: str, sent: Sequence[FrozenTrial], arrived: Sequence[FrozenTrial]) -> None:
    """Refuse what is something else than what was sent."""
    if [*map(_plain, arrived)] != [*map(_plain, sent)]:
        raise UnreachableError(
            f"study {name}: what arrived is not what was sent; nothing was kept there. If trials"
            " ended meanwhile, stop all workers and type the command again"
        )


def _plain(trial: FrozenTrial) -> Mapping[str, Any]:
    """All of a trial but its key, for comparing; NaN is equal to itself."""
    return {
        "number": trial.number,
        "state": trial.state,
        "values": trial.values,
        "dates": (trial.datetime_start, trial.datetime_complete),
        "params": trial.params,
        "distributions": trial.distributions,
        "user": trial.user_attrs,
        "system": trial.system_attrs,
        "steps": {
            step: None if math.isnan(value) else value
            for step, value in trial.intermediate_values.items()
        },
    }
