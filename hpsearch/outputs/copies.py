"""Copies: what the trials of a study left in the home, for the study that takes them over."""

import contextlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hpsearch.errors import InputError, UnreachableError
from hpsearch.home import CURVES, INPUTS, WEIGHTS, Home
from hpsearch.search.database.exclusive import Work, exclusive
from hpsearch.search.database.messages import STORAGE_ERRORS
from hpsearch.search.lookup import names
from hpsearch.search.making import FORKING
from hpsearch.search.storage import Storage

UNFINISHED_FILE = ".unfinished"
"""A file in the folder of a study's runs until the study is there that they were copied for."""


@dataclass(frozen=True)
class Copies:
    """The files of trials in a home, for studies that take trials over."""

    home: Home

    @contextlib.contextmanager
    def copied(
        self, storage: Storage, study: str, new: str, numbers: Sequence[int]
    ) -> Iterator[Callable[[], None]]:
        """Copy what trials left in the home for another study; gone where that is not made.

        Call it where :func:`hpsearch.search.database.exclusive.exclusive` holds off other
        copies.

        Args:
            storage: where the studies are.
            study: whose trials they are.
            new: the study that takes them over.
            numbers: their numbers; in the new study each has its place here.

        Yields:
            What gives the copies their place. Call it where nobody else makes the study.

        Raises:
            UnreachableError: they cannot be copied.
            InputError: runs of another study are there by now.
        """
        home, is_in_place = self.home, False
        folder, hidden = home.study_runs(new), home.study_runs(f".{new}{FORKING}")

        def put_in_place() -> None:
            nonlocal is_in_place
            if folder.exists():
                raise _foreign(folder, new)
            if hidden.exists():
                with _copying(study, folder):
                    hidden.rename(folder)
            is_in_place = True

        shutil.rmtree(hidden, ignore_errors=True)  # of one that was killed
        try:
            with _copying(study, folder):
                for index, number in enumerate(numbers):
                    run = hidden / home.trial_run(new, index).name
                    _copy(home.trial_run(study, number), run, hidden)
            yield put_in_place
        except BaseException:
            # Made or not, where nobody can say: the copies keep their mark, and the next command
            # knows.
            with contextlib.suppress(*STORAGE_ERRORS):
                if not (is_in_place and new in storage.study_names()):
                    _clear(folder if is_in_place else hidden)
            raise
        with contextlib.suppress(OSError):  # of a study that is there nobody asks for it
            (folder / UNFINISHED_FILE).unlink()

    def refuse_foreign_runs(self, storage: Storage, name: str) -> None:
        """A new study must not write over the runs of one of that name in another storage.

        Copies of a fork that was killed are removed; where it was killed when the study was there,
        they are the study's.

        Raises:
            InputError: there are such runs.
        """
        folder = self.home.study_runs(name)
        hidden = self.home.study_runs(f".{name}{FORKING}")
        if hidden.exists():
            with (
                contextlib.suppress(UnreachableError),  # such a fork is at work
                exclusive(storage.url, Work.COPY, patience=0),
            ):
                shutil.rmtree(hidden, ignore_errors=True)
        if not folder.exists():
            return
        with exclusive(storage.url):  # no other process is making the study
            mark = folder / UNFINISHED_FILE
            if name in names(storage):
                with contextlib.suppress(OSError):
                    mark.unlink()
                return
            if mark.exists():
                _clear(folder)
            with contextlib.suppress(OSError):  # an empty one holds no runs
                folder.rmdir()
        if folder.exists():
            raise _foreign(folder, name)


@contextlib.contextmanager
def _copying(study: str, folder: Path) -> Iterator[None]:
    """Say of files that cannot be copied what that means."""
    try:
        yield
    except OSError as error:
        raise UnreachableError(
            f"{folder}: the files of {study}'s trials cannot be copied here: {error.strerror};"
            " nothing was created; fix this and run the command again"
        ) from None


def _copy(source: Path, target: Path, folder: Path) -> None:
    """Copy the curves and kept weights of one trial, if it has any."""
    for name in (CURVES, INPUTS, WEIGHTS):
        if not (source / name).is_file():
            continue
        if not target.exists():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / UNFINISHED_FILE).touch()
            target.mkdir()
        with contextlib.suppress(FileNotFoundError):  # a worker has just tidied them away
            shutil.copy2(source / name, target / name)


def _clear(folder: Path) -> None:
    """Remove a folder of copies; its mark comes last, as this may be killed as well."""
    if folder.exists():
        for path in folder.iterdir():
            if path.name != UNFINISHED_FILE:
                shutil.rmtree(path, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _foreign(folder: Path, name: str) -> InputError:
    return InputError(
        f"{folder}: holds runs of another study named {name}, which is not in this storage;"
        f" choose another name or --home, or remove them (hpsearch delete {name})"
    )
