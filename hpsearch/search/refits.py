"""The refits among the runs of a confirmation study."""

from collections.abc import Collection, Sequence

from optuna.trial import FrozenTrial

from hpsearch.search import attributes as attr
from hpsearch.search import trials as rows
from hpsearch.search.confirmation import asked_for, has_result
from hpsearch.search.shapes import Kind
from hpsearch.search.study import OpenStudy


def refits_of(
    study: OpenStudy, confirmation: OpenStudy, of: str, wanted: Sequence[int], epochs: int
) -> list[FrozenTrial]:
    """The refits of a configuration, whatever their state; arguments as of :func:`refits_left`."""
    found = asked_for(study, confirmation, wanted, Kind.REFIT, epochs)
    return [trial for trial in found if trial.user_attrs[attr.OF_KEY] == of]


def refits_left(
    study: OpenStudy,
    confirmation: OpenStudy,
    of: str,
    wanted: Sequence[int],
    epochs: int,
    *,
    lost: Collection[int] = (),
) -> tuple[set[int], set[int]]:
    """What is not over of a configuration's refits: the seeds of those that wait or run, and of
    those that are not there. One that diverged is over.

    Args:
        study: the study.
        confirmation: its confirmation study.
        of: whose configuration.
        wanted: the seeds.
        epochs: how long they train.
        lost: as of :func:`hpsearch.search.confirmation.queue`.
    """
    own = refits_of(study, confirmation, of, wanted, epochs)
    over = {
        trial.user_attrs[attr.SEED_KEY]
        for trial in own
        if has_result(trial) and trial.number not in lost
    }
    waiting = {trial.user_attrs[attr.SEED_KEY] for trial in own if rows.is_open(trial)} - over
    return waiting, set(wanted) - over - waiting
