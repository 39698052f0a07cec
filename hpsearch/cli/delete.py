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
    home: HomeOption = None,
    storage: StorageOption = None,
) -> None:
    """Remove a study: its trials, runs and logs. Data sets and exported files stay."""
    from hpsearch.search import study as studies
    from hpsearch.search.artifacts import attached
    from hpsearch.share import Share

    place = Home.find(home)
    with opened_study(study, home, storage, writes=True) as found:
        # Its confirmation runs first: without the study nobody would know what they are.
        own = [*studies.companions(found), found]
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
        for one in own:
            studies.delete(one)
    if not keep_files:
        _remove_files(place, own, shares, files)
    tell(f"Removed study {study} ({total} trials).")


def _remove_files(
    place: Home,
    own: "Sequence[OpenStudy]",
    shares: "Sequence[Share | None]",
    attachments: Iterable[str],
) -> None:
    """Remove what studies left in the home, and in the share if there is one."""
    for file in attachments:
        with contextlib.suppress(OSError):
            (place.artifacts / file).unlink()
    for share, one in zip(shares, own, strict=True):
        if share is not None:
            share.remove_all()
        _remove(place.study_runs(one.name))
        _remove(place.study_logs(one.name))


def _foreign_trials(study: "OpenStudy") -> int:
    """How many trials other programs run.

    Raises:
        InputError: trials of hpsearch are running.
    """
    from hpsearch.errors import InputError
    from hpsearch.workers.lease import LEASE, mend

    mend(study)
    pulses = study.storage.pulses(study.study_id)
    running = [pulse for pulse in pulses if pulse.age is not None and pulse.age < LEASE]
    if running:
        raise InputError(
            f"study {study.name}: {len(running)} trials are running; stop them first: hpsearch stop"
            f" {study.name}. Of a machine that is gone they count as dead {LEASE:.0f} seconds after"
            " their last heartbeat"
        )
    return sum(pulse.age is None for pulse in pulses)


def _remove(folder: Path) -> None:
    """Remove a folder with all that is in it."""
    from hpsearch.errors import UnreachableError

    try:
        if folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        raise UnreachableError(
            f"{folder}: cannot be removed: {error.strerror}; remove it by hand"
        ) from None
