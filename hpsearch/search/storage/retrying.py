"""Storage on a database server: an operation that is broken off is done again."""

import functools
import time
from collections.abc import Callable
from typing import Any

import optuna
import sqlalchemy as sa

from hpsearch.search.database.server import (
    READ_ONLY,
    attempts,
    deadline,
    is_away,
    never,
    sqlstate,
    was_undone,
)
from hpsearch.search.storage.repeating import BROKEN, MARK, UNDONE
from hpsearch.search.storage.trials import Storage


class ServerStorage(Storage):
    """Storage on a server that may be away for a while.

    An operation that is broken off (``AWAY``) is done again as a whole. Where it broke between the
    server's commit and its answer, that finds done what it set out to do: attributes and reports
    are written once more with the same content, a trial that was told its result is over, and a
    trial that was claimed without our hearing of it is taken for that of a dead worker later on.
    What adds a trial that is made already (enqueued, copied), and what makes or removes a study, is
    done again only where the server said that nothing of it was done, as it could be there twice
    else; Optuna itself tries to add a trial five times, within some four seconds.

    Attributes:
        patience: seconds for which an operation tries; 0: it fails at once.
        hurried: asked between two attempts; True: the next failure is the last.
        read_only: whether we told the server to refuse what would change something: that it does
            so is no reason to wait.
    """

    patience: float = 0.0
    hurried: Callable[[], bool] = staticmethod(never)
    read_only: bool = False


def _again(
    operation: Callable[..., Any], is_harmless: Callable[[BaseException], bool]
) -> Callable[..., Any]:
    """The operation, done again where it is broken off.

    Args:
        operation: one of the storage's.
        is_harmless: whether it may be done again after an error.
    """

    def once(storage: ServerStorage, *args: Any, **options: Any) -> Any:
        try:
            return operation(storage, *args, **options)
        except (optuna.exceptions.StorageInternalError, sa.exc.SQLAlchemyError):
            storage.remove_session()  # its transaction cannot go on
            raise

    @functools.wraps(operation)
    def patient(storage: ServerStorage, *args: Any, **options: Any) -> Any:
        if getattr(deadline, "until", None) is not None:  # a part of one, done again as a whole
            return operation(storage, *args, **options)
        makes_one = operation.__name__.endswith("create_new_trial")
        template = args[1] if len(args) > 1 else options.get("template_trial")
        may_repeat = was_undone if makes_one and template is not None else is_harmless

        def retry(error: BaseException) -> bool:
            ours = storage.read_only and sqlstate(error) == READ_ONLY
            return may_repeat(error) and not ours

        deadline.until = time.monotonic() + storage.patience
        try:
            trying = attempts(storage.patience, retry, storage.hurried)
            return trying(once, storage, *args, **options)
        finally:
            deadline.until = None

    return patient


_OF_OPTUNA = {
    BROKEN: (
        "create_new_trial", "get_all_studies", "get_all_trials", "get_best_trial", "get_n_trials",
        "get_study_directions", "get_study_id_from_name", "get_study_name_from_id",
        "get_trial_number_from_id", "get_trial_param", "get_trial_params", "get_trial_system_attrs",
        "get_trial_user_attrs", "set_study_system_attr", "set_study_user_attr",
        "set_trial_intermediate_value", "set_trial_param", "set_trial_system_attr",
        "set_trial_user_attr", "_set_trial_param",
    ),
    UNDONE: ("create_new_study",),
}  # fmt: skip
"""Optuna's own operations; ours say themselves whether they may be done again."""


def _all_again() -> None:
    """Have every operation done again that may be."""
    ours = {name: getattr(getattr(Storage, name), MARK, None) for name in dir(Storage)}
    of_optuna = {name: mark for mark, names in _OF_OPTUNA.items() for name in names}
    for name, mark in (of_optuna | {n: mark for n, mark in ours.items() if mark}).items():
        may_repeat = is_away if mark == BROKEN else was_undone
        setattr(ServerStorage, name, _again(getattr(Storage, name), may_repeat))


_all_again()
