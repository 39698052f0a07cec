"""``hpsearch delete``: removes a study and its files."""

import contextlib
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hpsearch.cli.common import HomeOption, StorageOption, StudyArgument, opened_study, tell
from hpsearch.home import Home

if TYPE_CHECKING:
    from hpsearch.search.study import OpenStudy
    from hpsearch.share import Share


def delete(
    study: StudyArgument,
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
    from hpsearch.errors import UnknownStudyError
    from hpsearch.search import study as studies
    from hpsearch.search.artifacts import attached
    from hpsearch.share import Share
    from hpsearch.workers.lease import mend
    from hpsearch.workers.presence import is_busy, refuse_if_busy

    place = Home.find(home)
    try:
        with opened_study(study, home, storage, writes=True) as found:
            # Its confirmation runs first: without the study nobody would know what they are.
            own = [*studies.companions(found), found]
            for one in own:
                one.stay()
                mend(one)
                if not force:
                    refuse_if_busy(one)
            foreign = sum(_foreign_trials(one) for one in own)
            total = found.storage.get_n_trials(found.study_id)
            others = f" ({foreign} of them run by a program other than hpsearch)" if foreign else ""
            what = "but not its files" if keep_files else "and its files"
            question = f"Remove study {study} with {total} trials{others} {what}?"
            if not (yes or typer.confirm(question)):
                tell("Nothing removed.")
                return
            # Before anything is removed: they say what is wrong with HPSEARCH_SHARE.
            shares = [Share.find(place, one.name, one.key) for one in own]
            files = attached(found.storage.get_study_system_attrs(found.study_id))
            studies.delete(own, None if force else is_busy)
    except UnknownStudyError:
        if keep_files or not (left := _left_behind(place, study)):
            raise
        _remove_left(study, left, force=force)
        return
    if not keep_files:
        _remove_files(place, study, shares, files)
    tell(f"Removed study {study} ({total} trials).")


def _left_behind(place: Home, study: str) -> list[Path]:
    """The folders of a study that the storage does not know, as where a removal was killed."""
    from hpsearch.fields import check_name
    from hpsearch.search.study import COMPANION

    try:
        check_name(study)
    except ValueError:
        return []
    folders = [
        folder
        for name in (study, study + COMPANION)
        for folder in (place.study_runs(name), place.study_logs(name))
    ]
    return [folder for folder in folders if folder.is_symlink() or folder.exists()]


def _remove_left(study: str, left: Sequence[Path], *, force: bool) -> None:
    """Remove folders of a study that is not there; they may be those of one in another storage."""
    listed = ", ".join(map(str, left))
    tell(f"The storage has no study {study}, but files of one are here: {listed}")
    question = "Remove them? (A study of that name in another storage needs them; --force: yes)"
    if not (force or typer.confirm(question)):
        tell("Nothing removed.")
        return
    for folder in left:
        _remove(folder)
    tell(f"Removed the files of study {study}.")


def _remove_files(
    place: Home, study: str, shares: "Sequence[Share | None]", attachments: Iterable[str]
) -> None:
    """Remove what a study left in the home, and in the share if there is one."""
    for file in attachments:
        with contextlib.suppress(OSError):
            (place.artifacts / file).unlink()
    for share in filter(None, shares):
        share.remove_all()
    for folder in _left_behind(place, study):
        _remove(folder)


def _foreign_trials(study: "OpenStudy") -> int:
    """How many trials other programs run."""
    return sum(pulse.age is None for pulse in study.storage.pulses(study.study_id))


def _remove(folder: Path) -> None:
    """Remove a folder with all that is in it; of a link, only the link."""
    from hpsearch.errors import UnreachableError

    try:
        if folder.is_symlink():
            folder.unlink()
        elif folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        raise UnreachableError(
            f"{folder}: cannot be removed: {error.strerror}; remove it by hand"
        ) from None
