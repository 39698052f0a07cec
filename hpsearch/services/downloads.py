"""Reports and exports to download: made by a process of their own, kept while a study stays so."""

import hashlib
import json
import os
import shutil
import tempfile
import threading
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from hpsearch import __version__
from hpsearch.environment import STORAGE_VARIABLE
from hpsearch.errors import UnreachableError
from hpsearch.search.attributes import SUBMISSION_KEY
from hpsearch.search.study import OpenStudy, with_confirmation
from hpsearch.services.apart import run_command
from hpsearch.services.workspace import Workspace

MOST_FILES, MOST_BYTES = 50, 2 * 2**30
"""Files that are kept, and what they take together; the latest one is kept however large it is."""

LONGEST = 600.0
"""Seconds that the making of one may take."""

Format = Literal["toml", "json", "yaml", "py", "keras"]
"""What a trial is exported as: a recipe, a script with its data, or a trained model."""

_BESIDE = (".classes.json", ".signature.json")
"""How the names end of what lies beside a model, and is not sent with it."""

_ON_CPU = {"CUDA_VISIBLE_DEVICES": "-1"}
"""GPUs are the workers'."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A file that can be made of a study."""

    words: tuple[str, ...]
    """The command that makes it, without the study and the place of the file."""
    stem: str
    """Its name without the ending."""
    ending: str


def report_of(study: OpenStudy) -> Wanted:
    """The page that ``hpsearch report`` writes."""
    return Wanted(words=("report",), stem=study.name, ending=".html")


def export_of(
    study: OpenStudy, form: Format, trial: int | None = None, *, confirmed: bool = False
) -> Wanted:
    """The file that ``hpsearch export`` writes; several are one archive.

    Args:
        study: the study.
        form: which form.
        trial: its number; None: the best one.
        confirmed: the confirmed winner instead.
    """
    of, which = ("--confirmed",) if confirmed else (), "confirmed" if confirmed else "best"
    if trial is not None:
        of, which = (f"--trial={trial}",), f"trial-{trial}"
    # With a dash it is no module's name, which scripts must not have.
    return Wanted(words=("export", *of), stem=f"{study.name}-{which}", ending=f".{form}")


@dataclass(frozen=True, kw_only=True)
class Download:
    """A file that was made."""

    file: BinaryIO
    """It can be read to its end, also where it is removed meanwhile."""
    name: str
    """What a client calls it."""
    size: int
    """In bytes."""


class Downloads:
    """The files that were made of the studies of a workspace."""

    def __init__(self, workspace: Workspace) -> None:
        """Args: home and storage; one process at a time keeps files in a home."""
        self._workspace = workspace
        self._folder = workspace.home.served
        self._lock = threading.Lock()
        self._making: dict[str, threading.Lock] = {}
        shutil.rmtree(self._folder, ignore_errors=True)  # of a service that was killed

    def version(self, study: OpenStudy, wanted: Wanted) -> str:
        """Another text for whatever may make the file another one: a trial that has started or
        ended, another winner, another training. (Epochs of trials that run are not looked at.)
        """
        found: list[object] = [__version__, str(wanted), self._trained()]
        for one in with_confirmation(study):
            texts = one.storage.study_texts(one.study_id)
            found.append([text for text in texts if text[0] != SUBMISSION_KEY])
            found.append([str(trial) for trial in one.trial_summaries()])
        return hashlib.sha256(json.dumps(found).encode()).hexdigest()[:32]

    def _trained(self) -> int:
        """Changes with what ``hpsearch train`` leaves."""
        try:
            return self._workspace.home.trainings.stat().st_mtime_ns
        except OSError:
            return 0

    def kept(self, study: OpenStudy, version: str) -> Download | None:
        """The file of a version, if it was made before; it counts as just used."""
        folder = self._place(study, version)
        try:
            os.utime(folder)
            [path] = folder.iterdir()
            file = path.open("rb")
        except OSError:
            return None
        return Download(file=file, name=path.name, size=os.fstat(file.fileno()).st_size)

    def make(self, study: OpenStudy, wanted: Wanted, version: str) -> Download:
        """The file of a version, made now unless it is kept; by one thread at a time.

        Raises:
            InputError: what the command refuses, such as weights that are not here.
            NoTrialError: no trial of the study completed.
            UnreachableError: files that cannot be read or written; it took too long.
            ProgramError: it ended early.
        """
        place = self._place(study, version)
        with self._lock:
            making = self._making.setdefault(place.name, threading.Lock())
        try:
            with making:
                if (found := self.kept(study, version)) is None:
                    try:
                        self._make(study.name, wanted, place)
                    except OSError as error:
                        raise UnreachableError(
                            f"{place}: cannot be written: {error.strerror}"
                        ) from None
                    found = self.kept(study, version)
        finally:
            with self._lock:
                self._making.pop(place.name, None)
        if found is None:
            raise UnreachableError(f"{place}: was removed by somebody; ask for it once more")
        return found

    def forget(self, study: OpenStudy) -> None:
        """Remove what was made of a study."""
        for folder in self._folder.glob(f"{study.key}.*"):
            shutil.rmtree(folder, ignore_errors=True)

    def _place(self, study: OpenStudy, version: str) -> Path:
        """The folder of a file."""
        return self._folder / f"{study.key}.{version}"

    def _make(self, study: str, wanted: Wanted, place: Path) -> None:
        """Have a command make a file, which is then in a folder of its own, or not at all."""
        self._folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix=".") as made:
            output = Path(made) / f"{wanted.stem}{wanted.ending}"
            words = [*wanted.words, "-o", str(output), "--home", str(self._workspace.home.root)]
            environment = _ON_CPU | {STORAGE_VARIABLE: self._workspace.url}
            run_command([*words, "--", study], f"study {study}", LONGEST, environment)
            _only_one(Path(made), output)
            self._make_room(sum(file.stat().st_size for file in Path(made).iterdir()))
            Path(made).rename(place)
            Path(made).mkdir()  # which is removed in the end

    def _make_room(self, size: int) -> None:
        """Remove what was not used for longest, so that a file of so many bytes may come."""
        with self._lock:
            folders = [folder for folder in self._folder.iterdir() if folder.name[0] != "."]
            folders.sort(key=lambda folder: folder.stat().st_mtime)
            sizes = [sum(file.stat().st_size for file in folder.iterdir()) for folder in folders]
            while folders and (len(folders) >= MOST_FILES or sum(sizes) + size > MOST_BYTES):
                shutil.rmtree(folders.pop(0), ignore_errors=True)
                sizes.pop(0)


def _only_one(folder: Path, output: Path) -> None:
    """Leave one file in a folder: what was asked for, or an archive where that is several files.

    Args:
        folder: where a command wrote them.
        output: the file that was asked for.
    """
    for file in folder.iterdir():
        if file.name.endswith(_BESIDE):
            file.unlink()
    files = sorted(folder.iterdir())
    if len(files) == 1:
        return
    with zipfile.ZipFile(output.with_suffix(".zip"), "w") as archive:
        for file in files:
            archive.write(file, file.name)
            file.unlink()
