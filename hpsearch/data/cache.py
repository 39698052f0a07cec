"""The cache of data sets: a source is imported once into arrays on disk, and opened from there.

The test split is set aside before anything else, in files that only ``open_test`` opens.
"""

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from hpsearch.data.arrays import Progress, silent
from hpsearch.data.dataset import Dataset, find, reading, writing
from hpsearch.data.importing import TestSplit, cache_key, hold_out, store, write_meta
from hpsearch.data.section import DatasetSection
from hpsearch.errors import InputError, UnreachableError
from hpsearch.files import may_write, remove
from hpsearch.home import Home

_PARTIAL = ".partial"
"""An import that is being made; of a killed process, when nobody holds the lock."""
_REPLACED = ".replaced"
"""An import that gives way to a newer one."""
_FOLDER = re.compile(r"[a-z0-9_]+-[0-9a-f]{16}")


def open_dataset(section: DatasetSection, home: Home, progress: Progress = silent) -> Dataset:
    """Open the data set of a data section; import it first where that was not done yet.

    A source whose files have changed is imported anew, and so is a damaged import; files that
    were only touched are compared and let be. Processes that ask at once import once: the
    others wait. Never opens test arrays that are there.

    Args:
        section: the data section, its path absolute.
        home: where data sets are kept.
        progress: told what is done, where that takes long.

    Raises:
        InputError: data that are wrong in themselves.
        UnreachableError: files that cannot be read or written; a full disk; no network.
    """
    folder = home.datasets / f"{section.source}-{cache_key(section)}"
    found = find(folder)
    if found is None and section.task is not None:
        found = _inferred(section, home)
    if found is not None and _signature(section) in (None, found.signature):
        return found
    if found is not None and not may_write(home.datasets) and _is_same(section, found, progress):
        return found
    with _lock(home, progress):
        return _current(section, folder, progress) or _import(section, folder, progress)


def is_imported(section: DatasetSection, home: Home) -> bool:
    """Whether a data section can be opened without reading its source, whose files are as then.

    Raises:
        InputError: it cannot be told which files are meant.
        UnreachableError: they cannot be read.
    """
    found = find(home.datasets / f"{section.source}-{cache_key(section)}")
    if found is None and section.task is not None:
        found = _inferred(section, home)
    return found is not None and _signature(section) in (None, found.signature)


def _inferred(section: DatasetSection, home: Home) -> Dataset | None:
    """The import of the same source without a task, where its task turned out as the section's."""
    whatever = section.model_copy(update={"task": None})
    found = find(home.datasets / f"{section.source}-{cache_key(whatever)}")
    return found if found is not None and found.task == section.task else None


def list_datasets(home: Home) -> list[Dataset]:
    """All data sets of a home that are whole, by name."""
    return [found for folder in _folders(home) if (found := find(folder))]


def find_dataset(home: Home, fingerprint: str) -> Dataset | None:
    """The import of a home that has a fingerprint, wherever its source lies or lay; or None."""
    for folder in _folders(home):
        with suppress(UnreachableError):  # another one may be the one
            found = find(folder)
            if found is not None and found.fingerprint == fingerprint:
                return found
    return None


def clear(home: Home, section: DatasetSection | None = None, progress: Progress = silent) -> int:
    """Remove the import of one data section, or all imports of a home; gives their number.

    Whoever has the arrays open keeps them. The record of test accesses stays.

    Raises:
        UnreachableError: files that cannot be removed.
    """
    if not home.datasets.is_dir():
        return 0
    with _lock(home, progress):
        folders = _folders(home)
        if section is not None:
            wanted = f"{section.source}-{cache_key(section)}"
            folders = [folder for folder in folders if folder.name == wanted]
        for folder in (home.datasets / _REPLACED, home.datasets / _PARTIAL, *folders):
            try:
                _remove(folder)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise UnreachableError(
                    f"{folder}: cannot be removed: {error.strerror or error}; fix its permissions"
                ) from None
    return len(folders)


def clear_gone(home: Home, below: Path) -> None:
    """Remove the imports of sources that lay below a folder and are no longer there.

    Raises:
        UnreachableError: files that cannot be removed.
    """

    def gone() -> Sequence[Path]:
        paths = {one.folder: Path(one.path) for one in list_datasets(home) if one.path is not None}
        return [f for f, path in paths.items() if path.is_relative_to(below) and not path.exists()]

    if not gone():
        return
    with _lock(home, silent), writing(home.datasets):
        for folder in gone():
            _remove(folder)


def _remove(folder: Path) -> None:
    """Remove an import, out of the way of processes that open it."""
    aside = folder.with_name(_REPLACED)
    if folder != aside:
        folder.rename(aside)
    try:
        shutil.rmtree(aside)
    except OSError:
        if folder != aside:
            aside.rename(folder)
        raise


def _folders(home: Home) -> Sequence[Path]:
    """The folders of all imports, whole or damaged."""
    with reading(home.datasets):
        if not home.datasets.is_dir():
            return []
        return sorted(path for path in home.datasets.iterdir() if _FOLDER.fullmatch(path.name))


def _signature(section: DatasetSection) -> str | None:
    """The signature of a section's files; None where it names none."""
    files = section.reader.files()
    return None if files is None else files.signature


@contextmanager
def _lock(home: Home, progress: Progress) -> Iterator[None]:
    """Hold the lock of a home's data sets, which lets one process at a time change them.

    One for all: imports are rare, and each may fill the memory. Says so when it has to wait.
    """
    with writing(home.datasets):
        home.datasets.mkdir(parents=True, exist_ok=True)
        lock = FileLock(home.datasets / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            progress("waiting for another process that imports data", 0, 0)
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _is_same(section: DatasetSection, found: Dataset, progress: Progress) -> bool:
    """Whether the source's files hold what they held when they were imported."""
    files = section.reader.files()
    return files is None or files.contents(progress) == found.contents


def _current(section: DatasetSection, folder: Path, progress: Progress) -> Dataset | None:
    """The import in ``folder``, if it is still that of the source's files. Needs the lock."""
    found, files = find(folder), section.reader.files()
    if found is None or files is None or files.signature == found.signature:
        return found
    if not _is_same(section, found, progress):
        return None
    with writing(folder):
        write_meta(folder, found.model_copy(update={"signature": files.signature}))
    return find(folder)


def _import(section: DatasetSection, folder: Path, progress: Progress) -> Dataset:
    """Read the source and store it in ``folder``, whole or not at all. Needs the lock."""
    partial, replaced = folder.with_name(_PARTIAL), folder.with_name(_REPLACED)
    for left in (partial, replaced):  # by an import that was killed
        with suppress(OSError):  # making it anew says what is wrong
            remove(left)
    source = section.reader
    files = source.files()
    try:
        arrays = source.read(progress)
        test_split: TestSplit = "taken" if arrays.x_test is None else "given"
        # One name: what was read is let go of before it is summed up and stored.
        arrays = hold_out(arrays, source.where)
        with writing(folder):
            partial.mkdir()
            store(arrays, partial, section, test_split, files, progress)
        if source.files() != files:
            raise InputError(f"{section.path} was changed while it was read; run the command again")
        with writing(folder):
            if folder.exists():
                folder.rename(replaced)
            partial.rename(folder)
    except MemoryError as error:
        raise InputError(
            f"{source.where}: does not fit into memory ({error}); free some memory, or use fewer"
            " examples"
        ) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)
    stored = find(folder)
    if stored is None:
        raise UnreachableError(f"{folder} cannot be read back; check the disk")
    return stored
