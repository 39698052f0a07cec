"""``hpsearch delete``: removes a study and its files."""

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from hpsearch.cli.common import (
    AnyStudyArgument,
    HomeOption,
    StorageOption,
    opened_storage,
    say,
    tell,
)
from hpsearch.home import Home

if TYPE_CHECKING:
    from hpsearch.outputs.belongings import Belongings
    from hpsearch.search.storage import Storage
    from hpsearch.search.study import OpenStudy


def delete(
    study: AnyStudyArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    keep_files: Annotated[
        bool,
        typer.Option(
            "--keep-files",
            help="Delete it from the storage only: a copy elsewhere needs the files.",
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also where a run or a worker is busy with it.")
    ] = False,
    home: HomeOption = None,
    storage: StorageOption = None,
) -> None:
    """Remove a study: its trials, runs and logs. Data sets and exported files stay."""
    from hpsearch.errors import InputError, UnknownStudyError
    from hpsearch.outputs.belongings import left_behind
    from hpsearch.search.study import both_names, is_own, load_study

    place = Home.find(home)
    with opened_storage(place, storage) as opened:
        try:
            found = load_study(opened, study)
        except UnknownStudyError:
            runs, _ = both_names(study)
            if is_own(opened, runs):
                say(f"The storage has no study {study}, but its confirmation runs, {runs}.")
                found = load_study(opened, runs)
            elif not keep_files and (left := left_behind(place, study)):
                _remove_left(place, study, left, force=force)
                return
            else:
                raise
        except InputError as error:
            if not is_own(opened, study):
                raise
            _remove_rows(opened, study, str(error), yes=yes, force=force)
            return
        _remove(found, place, yes=yes, keep_files=keep_files, force=force)


def _remove(found: "OpenStudy", place: Home, *, yes: bool, keep_files: bool, force: bool) -> None:
    """Remove a study with its confirmation study and, unless they are kept, their files."""
    from hpsearch.outputs.belongings import noted, of_studies
    from hpsearch.search.removing import delete as remove_studies
    from hpsearch.workers.lease import mend
    from hpsearch.workers.presence import is_busy, refuse_if_busy

    # Its confirmation runs first: without the study nobody would know what they are.
    own = [*_confirmation_studies(found), found]
    for one in own:
        one.stay()
        mend(one)
        if not force:
            refuse_if_busy(one)
    total = found.storage.get_n_trials(found.study_id)
    foreign = sum(_foreign_trials(one) for one in own)
    others = f" ({foreign} of them run by a program other than hpsearch)" if foreign else ""
    what = "but not its files" if keep_files else "and its files"
    if not _may(f"Remove study {found.name} with {total} trials{others} {what}?", yes=yes):
        return
    # Before anything is removed: it says what is wrong with HPSEARCH_SHARE.
    belongings = of_studies(place, own)
    if not keep_files:
        belongings.check(place)
    with nullcontext() if keep_files else noted(place, belongings):
        remove_studies(own, None if force else is_busy)
    if not keep_files:
        belongings.remove(place)
    tell(f"Removed study {found.name} ({total} trials).")


def _confirmation_studies(study: "OpenStudy") -> "list[OpenStudy]":
    """The study of its confirmation runs; one of that name that is none stays, and is named."""
    from hpsearch.errors import InputError
    from hpsearch.search.study import confirmation_studies

    try:
        return confirmation_studies(study)
    except InputError as error:
        say(f"warning: {error}")
        return []


def _remove_rows(storage: "Storage", name: str, why: str, *, yes: bool, force: bool) -> None:
    """Remove what the storage has of a study whose files cannot be told."""
    from hpsearch.search.removing import delete_rows
    from hpsearch.workers.presence import is_busy

    say(why)
    if not _may(f"Remove study {name} from the storage, but not its files?", yes=yes):
        return
    total, own = delete_rows(storage, name, None if force else is_busy)
    tell(f"Removed study {name} ({total} trials) from the storage.")
    if own is not None and own not in storage.study_names():
        say(f"Files that it may have left are removed by: hpsearch delete {own}")


def _remove_left(place: Home, study: str, left: "Belongings", *, force: bool) -> None:
    """Remove what is left of a study that is not there; it may be one's in another storage."""
    tell(f"The storage has no study {study}, but files of one are here: {left.listed(place)}")
    question = "Remove them? (A study of that name in another storage needs them; --force: yes)"
    if not _may(question, yes=force):
        return
    left.check(place)
    left.remove(place)
    tell(f"Removed the files of study {study}.")


def _may(question: str, *, yes: bool) -> bool:
    """Whether it may be done, by an option or by who is asked; says so where not."""
    may = yes or typer.confirm(question)
    if not may:
        tell("Nothing removed.")
    return may


def _foreign_trials(study: "OpenStudy") -> int:
    """How many trials other programs run."""
    return sum(heartbeat.age is None for heartbeat in study.storage.heartbeats(study.study_id))
