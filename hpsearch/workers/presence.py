"""Signs that a process is busy with a study, so that nobody removes the study meanwhile.

A running trial is such a sign as well. This one is there from the start of a run or a worker, which
take seconds before their first trial, to its end.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from hpsearch.search.database.messages import STORAGE_ERRORS
from hpsearch.search.storage import LEASE, BusyProcess, StudyBusyError
from hpsearch.search.study import OpenStudy
from hpsearch.workers.identity import identity, is_here, owner_is_gone

RENEW_EVERY = LEASE / 4
"""Seconds from one sign to the next."""

AGAIN_AFTER = 5.0
"""Seconds until the next attempt, where the storage could not take one."""


class Presence:
    """The presence of this process at a study, which must stay the one that it is."""

    def __init__(self, study: OpenStudy) -> None:
        study.stay()
        self._study, self._owner = study, identity()
        self._renewed_at = -RENEW_EVERY

    def renew(self) -> bool:
        """Renew the sign, where that is a while ago; whether it was.

        Raises:
            StudyGoneError: the study was deleted.
        """
        now = time.monotonic()
        if now - self._renewed_at < RENEW_EVERY:
            return False
        self._renewed_at = now - RENEW_EVERY + AGAIN_AFTER
        self._study.storage.arrive(self._study.study_id, self._owner)
        self._renewed_at = now
        return True

    def end(self) -> None:
        """Take the sign away; what the storage cannot do now, time does."""
        with suppress(*STORAGE_ERRORS):
            self._study.storage.leave(self._study.study_id, self._owner)


@contextmanager
def present(study: OpenStudy) -> Iterator[Presence]:
    """Be present at a study while the block runs."""
    presence = Presence(study)
    presence.renew()
    try:
        yield presence
    except STORAGE_ERRORS:
        raise  # nobody waits for it once more
    except BaseException:
        presence.end()
        raise
    presence.end()


def is_busy(process: BusyProcess) -> bool:
    """Whether a process that signed itself is to be taken for alive.

    Of a process of this machine that is known, whatever it may be waiting for.
    """
    return is_here(process.owner) or is_heard_of(process)


def is_heard_of(process: BusyProcess) -> bool:
    """As :func:`is_busy`, but who is silent for the length of the lease counts as dead anywhere."""
    return process.is_fresh and not owner_is_gone(process.owner)


def refuse_if_busy(study: OpenStudy) -> None:
    """Refuse to remove a study that a run or a worker is busy with.

    Raises:
        StudyBusyError: one is.
    """
    if busy := [*filter(is_busy, study.storage.present(study.study_id))]:
        raise StudyBusyError(study.name, busy)
