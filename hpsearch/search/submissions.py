"""Submissions: what was decided of the studies that were submitted to the service, by whom.

A change and the event that tells of it are one transaction. A pause is a request to stop, so that
workers leave wherever they are, and then the state; a study that goes on has no such request first
and then the state. So whoever is killed in between leaves nothing half done that was acknowledged:
a queued study whose workers were asked to stop is taken for paused (:func:`notice_stop`).
"""

import time
from collections.abc import Callable, Collection
from typing import Any, get_args

from hpsearch.errors import InputError
from hpsearch.search.attributes import SUBMISSION_KEY
from hpsearch.search.budget import (
    ENDED,
    Ending,
    begin_run,
    ending,
    request_stop,
    stop_requested,
)
from hpsearch.search.shapes import Stop, Submission, SubmissionState
from hpsearch.search.storage import Storage
from hpsearch.search.storage.events import SERVICE, Event
from hpsearch.search.study import OpenStudy

FINAL: tuple[SubmissionState, ...] = ("cancelled", "done")
"""States that no study leaves, unless more is asked of it (:func:`ask_more`)."""

ENDED_BY_ITSELF: tuple[SubmissionState, ...] = ("done",)
ALL: tuple[SubmissionState, ...] = get_args(SubmissionState)


class StateError(InputError):
    """What is asked for cannot be done in the state that a study is in."""


def new(user: str, priority: int) -> dict[str, Any]:
    """The attribute of a study that is submitted now."""
    made = Submission(state="queued", user=user, priority=priority, queued=time.time())
    return made.model_dump(mode="json")


def submission_of(study: OpenStudy) -> Submission:
    """What is known of a study that was submitted.

    Raises:
        StateError: it was not.
    """
    stored = study.optuna.user_attrs.get(SUBMISSION_KEY)
    if stored is None:
        raise StateError(
            f"study {study.name}: was not submitted to the service; stop it where it runs (hpsearch"
            f" stop {study.name})"
        )
    return Submission.model_validate(stored)


def user_of(study: OpenStudy) -> str | None:
    """Who submitted a study, or that of which it is the confirmation study; None: nobody."""
    stored = study.optuna.user_attrs.get(SUBMISSION_KEY)
    return None if stored is None else Submission.model_validate(stored).user


def pause(study: OpenStudy, who: str, *, how: Stop = "leave") -> Submission:
    """Have no trial start, and running ones saved within an epoch, until it is resumed.

    Args:
        study: the study.
        who: pauses it.
        how: "now": running trials end at once, and go on from their last checkpoints.

    Raises:
        StateError: it is over, or was not submitted.
    """
    _refuse(study, submission_of(study), "paused", *FINAL, "failed")
    request_stop(study, how)
    return _move(study, who, "paused", *FINAL, "failed")


def cancel(study: OpenStudy, who: str, *, how: Stop = "leave") -> Submission:
    """As :func:`pause`, but for good; what it has found stays.

    Raises:
        StateError: it is over, or was not submitted.
    """
    _refuse(study, submission_of(study), "cancelled", "done")
    request_stop(study, how)
    return _move(study, who, "cancelled", "done")


def resume(study: OpenStudy, who: str) -> Submission:
    """Queue a study that was paused or has failed.

    Raises:
        StateError: it is over, or was not submitted.
    """
    _refuse(study, submission_of(study), "queued", *FINAL)
    begin_run(study)
    return _move(study, who, "queued", *FINAL)


def prioritise(study: OpenStudy, who: str, priority: int) -> Submission:
    """Give a study another priority.

    Raises:
        StateError: it was not submitted.
    """
    event = Event(who=who, what="prioritised", study=study.name, detail=f"priority {priority}")
    return _revise(study, event, lambda found: found.model_copy(update={"priority": priority}))


def submit_runs(
    confirmation: OpenStudy, of: Submission, who: str, detail: str, *, new: int
) -> Submission:
    """Queue a confirmation study, whose runs wait, for the user of the study that it is of.

    Args:
        confirmation: the confirmation study.
        of: what is known of that study.
        who: asks for it.
        detail: of the event.
        new: how many runs wait since just now; where none does, and it is over or queued, it stays
            as it is.
    """
    known = confirmation.optuna.user_attrs.get(SUBMISSION_KEY)
    stays = ending(confirmation) is not None or (known is not None and known["state"] == "queued")
    if known is not None and not new and stays:
        return Submission.model_validate(known)
    made = Submission(state="queued", user=of.user, priority=of.priority, queued=time.time())
    event = Event(who=who, what="submitted", study=confirmation.name, detail=detail)

    def change(stored: Any) -> dict[str, Any] | None:
        return made.model_dump(mode="json") if stored is None else None

    if confirmation.storage.revise(confirmation.study_id, SUBMISSION_KEY, change, event) is None:
        return ask_more(confirmation, who, "extended", detail, begins=ALL)
    return made


def ask_more(
    study: OpenStudy,
    who: str,
    what: str,
    detail: str,
    *,
    begins: Collection[SubmissionState] = ENDED_BY_ITSELF,
) -> Submission:
    """Note that there is more to do for a study, which was just written; perhaps it is queued anew.

    Args:
        study: the study.
        who: asks for it.
        what: was done, in one word, for the event.
        detail: of the event.
        begins: states that it leaves for the queue, unless it is over all the same.

    Raises:
        StateError: it was not submitted.
    """
    is_open, leaves = ending(study) is None, {*begins} - {"queued"}
    if is_open and submission_of(study).state in leaves:
        begin_run(study)

    def change(found: Submission) -> Submission:
        update: dict[str, Any] = {"more": found.more + 1}
        if is_open and found.state in leaves:
            update |= {"state": "queued", "why": "", "queued": time.time(), "served": None}
        return found.model_copy(update=update)

    return _revise(study, Event(who=who, what=what, study=study.name, detail=detail), change)


def notice_targets(storage: Storage) -> None:
    """Note which studies have reached the value that is to be told of, each once."""
    reached = [one for one in storage.targets() if one.is_reached]
    standings = storage.standings([one.study_id for one in reached])
    for one in reached:
        words = f"{standings[one.study_id].metric} is {one.best:g}, the target was {one.target:g}"
        storage.reach(one, Event(who=SERVICE, what="reached", study=one.study, detail=words))


def notice_stop(study: OpenStudy) -> Submission | None:
    """Take a queued study for paused whose workers somebody asked to stop; None: nobody did."""
    if stop_requested(study) is None:
        return None
    return _move(study, SERVICE, "paused", *FINAL, "failed", detail="by hpsearch stop")


def finish(study: OpenStudy, how: Ending, seen: Submission | None = None) -> Submission:
    """Note that the study has ended, or failed where its last trials all did.

    Args:
        study: the study.
        how: it has ended.
        seen: what was known of it before it was found to be over: where more was asked of it
            meanwhile, it is not; None: nobody asks for more.
    """
    if how == "failures":
        return fail(study, ENDED[how])
    refused = (*FINAL, "paused", "failed")
    return _move(study, SERVICE, "done", *refused, detail=ENDED[how], seen=seen)


def fail(study: OpenStudy, why: str) -> Submission:
    """Note that the study cannot go on, and why."""
    return _move(study, SERVICE, "failed", *FINAL, "paused", "failed", detail=why, why=why)


def hold(study: OpenStudy, why: str) -> Submission:
    """Note why a queued study gets no worker, though it keeps its place; empty: it may have one."""
    event = Event(who=SERVICE, what="held" if why else "released", study=study.name, detail=why)

    def change(found: Submission) -> Submission | None:
        is_so = found.state != "queued" or found.why == why
        return None if is_so else found.model_copy(update={"why": why})

    return _revise(study, event, change)


def serve(study: OpenStudy) -> Submission:
    """Note that it has, or just had, a worker; no event, as that happens all the time."""
    return _revise(study, None, lambda found: found.model_copy(update={"served": time.time()}))


def _move(
    study: OpenStudy,
    who: str,
    to: SubmissionState,
    *refused: SubmissionState,
    detail: str = "",
    why: str = "",
    seen: Submission | None = None,
) -> Submission:
    """Bring a study into a state; nothing is written where it is in it already.

    Args:
        study: the study.
        who: did so; what the service itself does comes too late without an error.
        to: the state.
        refused: states in which that cannot be.
        detail: of the event.
        why: it failed.
        seen: as of :func:`finish`.
    """

    def change(found: Submission) -> Submission | None:
        if found.state == to or (who == SERVICE and found.state in refused):
            return None
        if seen is not None and seen.more != found.more:
            return None
        _refuse(study, found, to, *refused)
        update: dict[str, Any] = {"state": to, "why": why}
        if to == "queued":
            update |= {"queued": time.time(), "served": None}
        return found.model_copy(update=update)

    words = {"queued": "resumed", "done": "ended"}
    what = words.get(to, to)
    return _revise(study, Event(who=who, what=what, study=study.name, detail=detail), change)


def _refuse(
    study: OpenStudy, found: Submission, to: SubmissionState, *refused: SubmissionState
) -> None:
    """Refuse to bring a study from a state into another one."""
    if found.state not in refused or found.state == to:
        return
    cures = {"failed": "resume or cancel it"}
    raise StateError(
        f"study {study.name}: is {found.state} and cannot be {'resumed' if to == 'queued' else to};"
        f" {cures.get(found.state, 'submit it under another name to search on')}"
    )


def _revise(
    study: OpenStudy, event: Event | None, change: Callable[[Submission], Submission | None]
) -> Submission:
    """Change what is known of a submitted study, with the event that tells of it.

    Returns:
        What is known of it afterwards.
    """
    before = submission_of(study)

    def revised(stored: Any) -> dict[str, Any] | None:
        nonlocal before
        before = before if stored is None else Submission.model_validate(stored)
        found = change(before)
        return None if found is None else found.model_dump(mode="json")

    after = study.storage.revise(study.study_id, SUBMISSION_KEY, revised, event)
    return before if after is None else Submission.model_validate(after)
