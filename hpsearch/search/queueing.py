"""What a user enqueues: each configuration once, in the space, and small enough."""

import json
from collections.abc import Mapping
from typing import Any

import optuna

from hpsearch.errors import Failure, InputError
from hpsearch.search.attributes import DATASET_KEY, FAILURE_KEY, earlier, fixed_params
from hpsearch.search.database.exclusive import exclusive
from hpsearch.search.storage import waiting_trial
from hpsearch.search.study import OpenStudy, size_of
from hpsearch.space import PartialConfig, smallest
from hpsearch.study_file import StudyFile
from hpsearch.walks import settle

_LOST = (Failure.PROGRAM_ERROR, Failure.TOO_LARGE, Failure.ADOPTED)
"""How trials failed whose configuration may be tried for the first time."""


def known_params(study: optuna.Study) -> set[str]:
    """What waits, runs or ended of configurations, as asked for and whole.

    One that the program failed is lost, another program's was never trained here, and one that was
    too large may be so no more, with all that it went on for. One that was interrupted has a
    successor, with more parameters than were asked for.
    """
    trials = study.get_trials(deepcopy=False)
    lost = {
        number
        for trial in trials
        if trial.user_attrs.get(FAILURE_KEY) in _LOST
        for number in (trial.number, *earlier(trial))
    }
    return {
        as_key(params)
        for trial in trials
        if trial.number not in lost
        for params in (fixed_params(trial), trial.params)
    }


def as_key(params: Mapping[str, Any]) -> str:
    """Parameters to be compared: 1 and 1.0 are the same, True is another."""
    plain = {
        name: float(value) if isinstance(value, int) and not isinstance(value, bool) else value
        for name, value in params.items()
    }
    return json.dumps(plain, sort_keys=True)


def check_size(
    file: StudyFile, partial: PartialConfig, dataset: Mapping[str, Any], where: str
) -> None:
    """Refuse what could only be redrawn for ever: a larger network than the budget allows."""
    if not file.budget.size_limits:
        return
    least = smallest(file.space, settle(file.space, partial))
    sizes = [size_of(config, dataset) for config in least]
    known = [size for size in sizes if size is not None]
    if known == sizes and all(map(file.budget.excess, known)):
        excess = file.budget.excess(min(known, key=lambda size: size.parameters))
        told = " and ".join(excess.values()).replace(", more than", ", but")
        raise InputError(f"{where}: has at least {told}; make it smaller or raise the limit")


def enqueue(study: OpenStudy, partial: PartialConfig, where: str) -> int | None:
    """Queue a configuration, before everything that is sampled, also while the study runs.

    Args:
        study: the study.
        partial: some or all fields of a configuration; those left out are sampled.
        where: what it was read from, for the message.

    Returns:
        How many trials wait before it; None where the same configuration is there already.

    Raises:
        InputError: a value that the space cannot yield, too many parameters, or nothing to
            enqueue.
    """
    try:
        params = settle(study.file.space, partial)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from None
    if not params:
        raise InputError(f"{where}: sets no field that the space searches; add at least one")
    file = study.file.model_copy(update={"budget": study.budget})
    check_size(file, partial, study.optuna.user_attrs[DATASET_KEY], where)
    with exclusive(study.storage.url):
        if as_key(params) in known_params(study.optuna):
            return None
        waiting = study.counts().waiting
        study.storage.add_trials(study.study_id, [waiting_trial(params)])
        return waiting
