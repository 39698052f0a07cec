"""Deleting: a study is removed with its confirmation runs and its files."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from hpsearch.errors import InputError, UnknownStudyError
from hpsearch.home import Home
from hpsearch.outputs.belongings import Belongings, left_behind, noted, of_studies
from hpsearch.search.lookup import CONFIRMATION_SUFFIX, confirmation_studies, is_own, load_study
from hpsearch.search.removing import delete, delete_rows
from hpsearch.search.storage import Storage
from hpsearch.search.storage.events import Event
from hpsearch.search.study import OpenStudy
from hpsearch.services.progress import Progress
from hpsearch.services.workspace import Workspace
from hpsearch.workers.lease import mend
from hpsearch.workers.presence import is_busy, refuse_if_busy


@dataclass(frozen=True)
class Removed:
    """What was removed, in words."""

    text: str
    advice: str = ""


@dataclass(frozen=True, kw_only=True)
class Removal:
    """What would be removed, for one who decides whether it is."""

    question: str
    remove: Callable[[], Removed]
    """Removes it; says what was removed.

    Raises:
        InputError: a run or a worker is busy with the study.
        UnreachableError: it cannot be removed.
    """
    note: str = ""
    """What to know before."""
    needs_force: bool = False
    """Whether only ``--force`` stands for a yes."""


@contextmanager
def removal(
    study: str,
    workspace: Workspace,
    progress: Progress,
    *,
    keep_files: bool = False,
    force: bool = False,
    event: Event | None = None,
) -> Iterator[Removal]:
    """What there is to remove of a study: its trials, runs and logs; data sets stay.

    Args:
        study: its name.
        workspace: home and storage.
        progress: is told what else there is to know.
        keep_files: remove it from the storage only.
        force: also where a run or a worker is busy with it.
        event: tells of it, where the service removes the study.

    Raises:
        InputError: an unknown study, or one that a run or a worker is busy with.
    """
    home = workspace.home
    with workspace.opened() as opened:
        try:
            found = load_study(opened, study)
        except UnknownStudyError:
            runs = study + CONFIRMATION_SUFFIX
            if is_own(opened, runs):
                progress.say(
                    f"The storage has no study {study}, but its confirmation runs, {runs}."
                )
                found = load_study(opened, runs)
            elif not keep_files and (left := left_behind(home, study)):
                yield _of_files(home, study, left)
                return
            else:
                raise
        except InputError as error:
            if not is_own(opened, study):
                raise
            progress.say(str(error))
            yield _of_rows(opened, study, force=force)
            return
        yield _of_study(found, home, progress, keep_files=keep_files, force=force, event=event)


def _of_study(
    found: OpenStudy,
    home: Home,
    progress: Progress,
    *,
    keep_files: bool,
    force: bool,
    event: Event | None,
) -> Removal:
    """Removes a study with its confirmation study and, unless they are kept, their files."""
    # Its confirmation runs first: without the study nobody would know what they are.
    own = [*_companions(found, progress), found]
    for one in own:
        one.stay()
        mend(one)
        if not force:
            refuse_if_busy(one)
    total = found.storage.get_n_trials(found.study_id)
    foreign = sum(_foreign_trials(one) for one in own)
    others = f" ({foreign} of them run by a program other than hpsearch)" if foreign else ""
    what = "but not its files" if keep_files else "and its files"

    def remove() -> Removed:
        # Before anything is removed: it says what is wrong with HPSEARCH_SHARE.
        belongings = of_studies(home, own)
        if not keep_files:
            belongings.check(home)
        with nullcontext() if keep_files else noted(home, belongings):
            delete(own, None if force else is_busy, event)
        if not keep_files:
            belongings.remove(home)
        return Removed(f"Removed study {found.name} ({total} trials).")

    question = f"Remove study {found.name} with {total} trials{others} {what}?"
    return Removal(question=question, remove=remove)


def _companions(study: OpenStudy, progress: Progress) -> list[OpenStudy]:
    """The study of its confirmation runs; one of that name that is none stays, and is named."""
    try:
        return confirmation_studies(study)
    except InputError as error:
        progress.say(f"warning: {error}")
        return []


def _of_rows(storage: Storage, name: str, *, force: bool) -> Removal:
    """Removes what the storage has of a study whose files cannot be told."""

    def remove() -> Removed:
        total, own = delete_rows(storage, name, None if force else is_busy)
        advice = ""
        if own is not None and own not in storage.study_names():
            advice = f"Files that it may have left are removed by: hpsearch delete {own}"
        return Removed(f"Removed study {name} ({total} trials) from the storage.", advice)

    question = f"Remove study {name} from the storage, but not its files?"
    return Removal(question=question, remove=remove)


def _of_files(home: Home, study: str, left: Belongings) -> Removal:
    """Removes what is left of a study that is not there; it may be one's in another storage."""

    def remove() -> Removed:
        left.check(home)
        left.remove(home)
        return Removed(f"Removed the files of study {study}.")

    return Removal(
        question="Remove them? (A study of that name in another storage needs them; --force: yes)",
        remove=remove,
        note=f"The storage has no study {study}, but files of one are here: {left.listed(home)}",
        needs_force=True,
    )


def _foreign_trials(study: OpenStudy) -> int:
    """How many trials other programs run."""
    return sum(one.age is None for one in study.storage.heartbeats(study.study_id))
