"""Deciding what becomes of studies that were submitted to the service."""

from collections.abc import Callable, Mapping
from typing import Any

from hpsearch.search import submissions
from hpsearch.search.attributes import SUBMISSION_KEY
from hpsearch.search.budget import change_budget
from hpsearch.search.lookup import confirmation_studies, with_confirmation
from hpsearch.search.shapes import Submission
from hpsearch.search.storage.events import Event
from hpsearch.search.study import OpenStudy
from hpsearch.search.submissions import StateError
from hpsearch.services.delete import removal
from hpsearch.services.progress import Silent
from hpsearch.services.workspace import Workspace

Act = Callable[[OpenStudy, str], Submission]
"""Decides something of one study, told who does: those of ``hpsearch.search.submissions``."""


def decide(study: OpenStudy, who: str, act: Act) -> Submission:
    """Decide something of a study and of the confirmation that was asked for.

    Args:
        study: the study.
        who: decides.
        act: what.

    Returns:
        What is known of the study afterwards.

    Raises:
        StateError: it cannot be, of either of them.
    """
    refused, found = None, submissions.submission_of(study)
    try:
        found = act(study, who)
    except StateError as error:
        refused = error
    for runs in confirmation_studies(study):
        if SUBMISSION_KEY not in runs.optuna.user_attrs:
            continue
        try:
            act(runs, who)
        except StateError:
            continue
        refused = None
    if refused is not None:
        raise refused
    return found


def allow(study: OpenStudy, who: str, given: Mapping[str, Any]) -> Submission:
    """Change a study's budget; one that was done by its budget is queued again where it may go on.

    Args:
        study: the study.
        who: changes it.
        given: as of :func:`hpsearch.search.budget.change_budget`.

    Raises:
        StateError: it was not submitted, or was cancelled.
        InputError: as of that function.
    """
    if submissions.submission_of(study).state == "cancelled":
        raise StateError(
            f"study {study.name}: is cancelled and gets no other budget; fork it under another"
            " name to search on"
        )
    change_budget(study, given)
    detail = ", ".join(f"{key} {value}" for key, value in given.items())
    return submissions.ask_more(study, who, "budgeted", detail)


def delete(study: OpenStudy, who: str, workspace: Workspace) -> None:
    """Remove a study with its trials, its confirmation and its files; data sets stay.

    Args:
        study: the study.
        who: removes it, for the event, which stays.
        workspace: home and storage.

    Raises:
        StateError: it, or its confirmation, is queued.
        StudyBusyError: a worker is busy with it.
        UnreachableError: files that cannot be removed.
    """
    for one in with_confirmation(study):
        stored = one.optuna.user_attrs.get(SUBMISSION_KEY)
        if stored is not None and stored["state"] == "queued":
            raise StateError(f"study {one.name}: is queued or runs; cancel it first")
    event = Event(who=who, what="deleted", study=study.name)
    with removal(study.name, workspace, Silent(), event=event) as found:
        found.remove()
