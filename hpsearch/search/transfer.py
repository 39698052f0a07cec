"""Moving studies from one storage to another, with everything that the database holds of them."""

import contextlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial

from hpsearch.errors import InputError, UnreachableError
from hpsearch.search.opening import STORAGE_ERRORS, Work, exclusive, readable_errors
from hpsearch.search.storage import PRESENT_PREFIX, Storage
from hpsearch.search.study import FILE_KEY, OpenStudy, remove_unfinished

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
    sent, trials = _read(study)
    with exclusive(target.url, Work.COPY):
        remove_unfinished(target, ARRIVING)
        if _is_there(target, study.name, sent, trials):
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
            _check_same(study.name, _is_same(target, made, *_read(study)))
            with exclusive(target.url):
                # Somebody may have started one of that name while ours arrived.
                _is_there(target, study.name, sent, trials)
                target.publish(made, study.name, {FILE_KEY: sent.user[FILE_KEY]})
        except BaseException:
            with contextlib.suppress(*STORAGE_ERRORS):  # the next one that comes removes it
                target.delete_study(made)
            raise
    return len(trials)


def _read(study: OpenStudy) -> tuple["_Attributes", list[FrozenTrial]]:
    """What there is to copy, as it is now."""
    with readable_errors(study.storage.url):
        return _Attributes.of(study.storage, study.study_id), study.trials()


def _is_there(
    target: Storage, name: str, sent: "_Attributes", trials: Sequence[FrozenTrial]
) -> bool:
    """Whether the study is there already.

    Raises:
        InputError: another one of its name is.
    """
    if name not in target.study_names():
        return False
    if not _is_same(target, target.get_study_id_from_name(name), sent, trials):
        raise InputError(
            f"study {name}: the target already has another study with this name; remove that one"
            f" first (hpsearch delete {name} --keep-files --storage URL)"
        )
    return True


@dataclass(frozen=True)
class _Attributes:
    """The attributes of a study."""

    user: dict[str, Any]
    system: dict[str, Any]

    @classmethod
    def of(cls, storage: Storage, study_id: int) -> "_Attributes":
        """Read them, but for who is busy with the study just now."""
        system = storage.get_study_system_attrs(study_id)
        system = {k: v for k, v in system.items() if not k.startswith(PRESENT_PREFIX)}
        return cls(storage.get_study_user_attrs(study_id), system)

    def plain(self) -> str:
        """For comparing; NaN is equal to itself. The study file comes with the study's name."""
        user = {key: value for key, value in self.user.items() if key != FILE_KEY}
        return json.dumps([user, self.system], sort_keys=True)


def _is_same(
    target: Storage, study_id: int, sent: _Attributes, trials: Sequence[FrozenTrial]
) -> bool:
    """Whether a study has just these attributes and trials."""
    arrived = target.get_all_trials(study_id, deepcopy=False)
    return _Attributes.of(target, study_id).plain() == sent.plain() and [*map(_plain, arrived)] == [
        *map(_plain, trials)
    ]


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
        "dates": (trial.datetime_start, trial.datetime_complete),
        "params": trial.params,
        "distributions": trial.distributions,
        "attributes": json.dumps([trial.user_attrs, trial.system_attrs], sort_keys=True),
        "steps": {
            step: None if math.isnan(value) else value
            for step, value in trial.intermediate_values.items()
        },
    }
