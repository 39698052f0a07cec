"""Moving studies from one storage to another, with everything that the database holds of them."""

import contextlib
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from optuna.trial import FrozenTrial

from hpsearch.errors import InputError, UnreachableError
from hpsearch.search.attributes import FILE_KEY
from hpsearch.search.database.exclusive import Work, exclusive
from hpsearch.search.database.messages import STORAGE_ERRORS, readable_errors
from hpsearch.search.making import remove_unfinished
from hpsearch.search.storage import Storage, Whole
from hpsearch.search.storage.reading import utc
from hpsearch.search.study import OpenStudy

Report = Callable[[str, int, int], None]

ARRIVING = ".arriving"
"""How the name of a study ends that is being copied; it begins with a dot, as no user's does."""


def transfer(study: OpenStudy, target: Storage, report: Report = lambda *_: None) -> int:
    """Copy a study; what arrived is read back and compared before it has its name there.

    Args:
        study: the study; nobody runs it.
        target: where it goes.
        report: told what is done, how much of it, and of how much.

    Returns:
        The number of its trials.

    Raises:
        InputError: there is another study of that name already; the same one is no error.
        UnreachableError: what arrived is something else than what was sent.
    """
    sent = _read(study)
    trials = sent.trials
    with exclusive(target.url, Work.COPY):
        remove_unfinished(target, ARRIVING)
        if _is_there(target, study.name, sent):
            return len(trials)
        made = target.create_new_study(study.optuna.directions, f".{study.name}{ARRIVING}")
        try:
            for key, value in sent.system.items():
                target.set_study_system_attr(made, key, value)
            for key, value in sent.user.items():
                if key != FILE_KEY:
                    target.set_study_user_attr(made, key, value)
            for index, trial in enumerate(trials):
                target.create_new_trial(made, template_trial=trial)
                report(f"trials of {study.name}", index + 1, len(trials))
            _check_same(study.name, _is_same(target, made, _read(study)))
            with exclusive(target.url):
                # Somebody may have started one of that name while ours arrived.
                _is_there(target, study.name, sent)
                target.publish(made, study.name, {FILE_KEY: sent.user[FILE_KEY]})
        except BaseException:
            with contextlib.suppress(*STORAGE_ERRORS):  # the next one that comes removes it
                target.delete_study(made)
            raise
    return len(trials)


def _read(study: OpenStudy) -> Whole:
    """What there is to copy, as it is now."""
    with readable_errors(study.storage.url):
        return study.storage.read_whole(study.study_id)


def _is_there(target: Storage, name: str, sent: Whole) -> bool:
    """Whether the study is there already.

    Raises:
        InputError: another one of its name is.
    """
    if name not in target.study_names():
        return False
    if not _is_same(target, target.get_study_id_from_name(name), sent):
        raise InputError(
            f"study {name}: the target already has another study with this name; remove that one"
            f" first (hpsearch delete {name} --keep-files --storage URL)"
        )
    return True


def _is_same(target: Storage, study_id: int, sent: Whole) -> bool:
    """Whether a study has just these attributes and trials."""
    arrived = target.read_whole(study_id)
    return _attributes(arrived) == _attributes(sent) and [*map(_plain, arrived.trials)] == [
        *map(_plain, sent.trials)
    ]


def _attributes(whole: Whole) -> str:
    """A study's, for comparing; NaN is equal to itself. The study file comes with its name."""
    user = {key: value for key, value in whole.user.items() if key != FILE_KEY}
    return json.dumps([user, whole.system], sort_keys=True)


def _check_same(name: str, is_same: bool) -> None:
    """Refuse what arrived otherwise than it was sent."""
    if not is_same:
        raise UnreachableError(
            f"study {name}: the copy differs from the original and was removed. If trials ended"
            " meanwhile, stop all workers and run the command again"
        )


def _plain(trial: FrozenTrial) -> Mapping[str, Any]:
    """All of a trial but its key, for comparing; NaN is equal to itself."""
    return {
        "number": trial.number,
        "state": trial.state,
        "values": trial.values,
        "dates": [one and utc(one) for one in (trial.datetime_start, trial.datetime_complete)],
        "params": trial.params,
        "distributions": trial.distributions,
        "attributes": json.dumps([trial.user_attrs, trial.system_attrs], sort_keys=True),
        "steps": {
            step: None if math.isnan(value) else value
            for step, value in trial.intermediate_values.items()
        },
    }
