"""What studies have outside the storage: folders in the home, files in the share, attachments.

Which files in the share and which attachments are a study's only the storage knows. So that is
noted in the home before the storage forgets the study: a removal that is killed can be finished.
"""

import contextlib
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from hpsearch.errors import InputError, UnreachableError
from hpsearch.fields import check_name
from hpsearch.files import write_text
from hpsearch.home import Home
from hpsearch.outputs.listed import attached, is_attachment
from hpsearch.search.lookup import both_names
from hpsearch.search.study import OpenStudy
from hpsearch.share import Share

NOTE = ".removing.json"
"""In the folder of a study's trials: what else is to be removed with it."""


@dataclass(frozen=True, kw_only=True)
class Belongings:
    """What a study has outside the storage, its confirmation study included."""

    names: Sequence[str]
    """Of the studies, whose folders in the home go by them; that with the note is the last."""
    keys: Sequence[tuple[str, str]] = ()
    """Names and keys (``OpenStudy.key``), by which the share's folders go."""
    attachments: Sequence[str] = ()
    """Names of files in the home's folder of what users attach."""

    def folders(self, home: Home) -> list[Path]:
        """The folders that are there, that with the note last."""
        found = (f(name) for name in self.names for f in (home.study_logs, home.study_runs))
        return [folder for folder in found if folder.is_symlink() or folder.exists()]

    def shares(self, home: Home) -> list[Share]:
        """The places in the share, if there is one.

        Raises:
            InputError: what HPSEARCH_SHARE says is wrong.
        """
        return [share for name, key in self.keys if (share := Share.find(home, name, key))]

    def check(self, home: Home) -> None:
        """Refuse to remove what cannot be reached: nobody would know of it any more.

        Raises:
            UnreachableError: the share cannot be written.
        """
        for share in self.shares(home)[:1]:  # all are at one place
            if (why := share.problem()) is not None:
                raise UnreachableError(f"{why} (what the study has there stays then)")

    def listed(self, home: Home) -> str:
        """Where all of it is, for a reader."""
        found = [*map(str, self.folders(home))]
        found += [f"runs/{key} in HPSEARCH_SHARE" for _, key in self.keys if self.shares(home)]
        found += [str(home.artifacts / name) for name in self.attachments]
        return ", ".join(found)

    def remove(self, home: Home) -> None:
        """Remove all of it.

        Raises:
            UnreachableError: a folder cannot be removed.
        """
        for file in self.attachments:
            with contextlib.suppress(OSError):
                (home.artifacts / file).unlink()
        for share in self.shares(home):
            share.remove_all()
        for folder in self.folders(home):
            _remove(folder)


def of_studies(home: Home, studies: Sequence[OpenStudy]) -> Belongings:
    """What studies have; a confirmation study's folders also where there is no such study.

    Args:
        home: the home.
        studies: a study, or its confirmation study and it.

    Raises:
        InputError: what HPSEARCH_SHARE says is wrong.
    """
    names, storage = [one.name for one in studies], studies[-1].storage
    runs, _ = both_names(names[-1])
    if runs not in names and runs not in storage.study_names():
        names.insert(0, runs)
    files = [name for one in studies for name in attached(storage.artifacts(one.study_id))]
    keys = [(one.name, one.key) for one in studies]
    found = Belongings(names=names, keys=keys, attachments=files)
    found.shares(home)
    return found


@contextlib.contextmanager
def noted(home: Home, what: Belongings) -> Iterator[None]:
    """While the block has the storage forget a study, and after it, what it has can be found.

    The note is in one of the folders, and goes with it. Where the removal is refused, it is taken
    back.
    """
    note = home.study_runs(what.names[-1]) / NOTE
    is_all = not what.attachments and not what.shares(home)
    if is_all or not home.root.exists():  # nothing is made for it where nothing is
        yield
        return
    with contextlib.suppress(UnreachableError):  # a home that cannot be written
        write_text(note, json.dumps(asdict(what)))
    try:
        yield
    except InputError:  # nothing was removed; of all else nobody knows
        with contextlib.suppress(OSError):
            note.unlink()
            note.parent.rmdir()  # unless more is in it
        raise


def left_behind(home: Home, study: str) -> Belongings | None:
    """What is left of a study that the storage does not know; None: nothing.

    Args:
        home: the home.
        study: anything that was typed; what is no name for a study has left nothing.
    """
    runs, searched = both_names(study)
    try:
        check_name(searched)
    except ValueError:
        return None
    names = [study] if study == runs else [runs, study]
    keys, attachments = _read(home.study_runs(study) / NOTE, names)
    found = Belongings(names=names, keys=keys, attachments=attachments)
    return found if found.folders(home) else None


def _read(note: Path, names: Sequence[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """Keys and attachments that a note names, as far as they can be those of these studies."""
    try:
        told = json.loads(note.read_text(encoding="utf-8"))
        keys = [(str(name), str(key)) for name, key in told["keys"]]
        attachments = [*map(str, told["attachments"])]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return [], []
    own = [
        (name, key)
        for name, key in keys
        if name in names and re.fullmatch(re.escape(name) + "-[0-9a-f]{8}", key)
    ]
    return own, [*filter(is_attachment, attachments)]


def _remove(folder: Path) -> None:
    """Remove a folder with all that is in it; of a link, only the link."""
    try:
        if folder.is_symlink():
            folder.unlink()
        elif folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        raise UnreachableError(
            f"{folder}: cannot be removed: {error.strerror}; remove it by hand"
        ) from None
