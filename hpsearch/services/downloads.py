"""Reports and exports to download: made by a process of their own, kept while a study stays so."""

import hashlib
import json
import os
import shutil
import tempfile
import threading
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

from pydantic import BaseModel, ConfigDict, Field

from hpsearch import __version__
from hpsearch.environment import NAMES_VARIABLE, STORAGE_VARIABLE
from hpsearch.errors import HpsearchError, UnreachableError
from hpsearch.files import BESIDE_MODEL, PLAIN_NAME, remove
from hpsearch.search.attributes import SUBMISSION_KEY
from hpsearch.search.lookup import with_confirmation
from hpsearch.search.study import OpenStudy
from hpsearch.services.apart import ON_CPU, run_command
from hpsearch.services.rules import has_code
from hpsearch.services.workspace import Workspace
from hpsearch.training.other_formats import Quantization

MOST_FILES, MOST_BYTES = 50, 2 * 2**30
"""Files that are kept, and what they take together; the latest one is kept however large it is."""

LONGEST = 600.0
"""Seconds that the making of one may take."""

Format = Literal["toml", "json", "yaml", "py", "keras", "saved_model", "onnx", "tflite", "xml"]
"""What is exported: a recipe, a script with its data, or a trained model."""

_TOLD = ".told"
"""The file of what a command said, beside what it made."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A file that can be made of a study."""

    words: tuple[str, ...]
    """The command that makes it, without the study and the place of the file."""
    stem: str
    """Its name without the ending, which what is in it may have, too."""
    ending: str
    name: str | None = None
    """The same as the answer has it; None: the stem."""
    is_whole: bool = True
    """Whether with all that lies beside it; else a model comes without."""
    names: Mapping[str, str] = field(default_factory=dict)
    """What reports and recipes call paths; see :mod:`hpsearch.naming`."""

    @property
    def is_printed(self) -> bool:
        """Whether the command prints it."""
        return "--json" in self.words


def report_of(study: OpenStudy, form: Literal["html", "json"] = "html") -> Wanted:
    """The page that ``hpsearch report`` writes, or what ``hpsearch report --json`` prints."""
    words = ("report",) if form == "html" else ("report", "--json")
    return Wanted(words=words, stem=study.name, ending=f".{form}")


INSTEAD = ("baseline", "confirmed", "ensemble", "refit")
"""What may be exported in place of a trial."""


class Exporting(BaseModel):
    """What is exported of a study: options of ``hpsearch export``."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    format: Format = "toml"
    """A SavedModel is a folder, and comes as an archive (zip)."""
    trial: int | None = None
    """Its number; null: the best one. This and the next four exclude each other, but for the last
    two."""
    baseline: bool = False
    """The baseline in its place."""
    confirmed: bool = False
    """The confirmed winner in its place."""
    ensemble: bool = False
    """What ``hpsearch ensemble`` chose, as a model or a script."""
    refit: bool = False
    """What was trained again on training and validation examples: the winner, or the ensemble."""
    quantize: Quantization | None = None
    """Of onnx, tflite and xml: what weights are stored in."""
    file: Annotated[str, Field(pattern=rf"^{PLAIN_NAME}$")] | None = None
    """What it is called, without its ending; null: after the study."""
    beside: bool = False
    """Whether a model comes with what lies beside it, the names of its classes and the like, as an
    archive."""

    @property
    def ending(self) -> str:
        """Of the file's name; that of a folder is /."""
        return "/" if self.format == "saved_model" else f".{self.format}"

    @property
    def chosen(self) -> list[str]:
        """What is exported in place of the best trial, in the command line's words."""
        named = {key: getattr(self, key) for key in INSTEAD}
        of = [] if self.trial is None else [f"trial={self.trial}"]
        return [*of, *(key for key, is_given in named.items() if is_given)]


def export_of(study: OpenStudy, asked: Exporting) -> Wanted:
    """The file that ``hpsearch export`` writes; several are one archive, as is a SavedModel."""
    words = [f"--{one}" for one in asked.chosen]
    words += [] if asked.quantize is None else [f"--quantize={asked.quantize}"]
    which = "-".join(asked.chosen).replace("=", "-") or "best"
    usual = f"{study.name}-{which}"  # with a dash no module's name, which scripts must not have
    stem = usual if _is_alike(study, asked) else asked.file or usual
    return Wanted(
        words=("export", *words),
        stem=stem,
        ending=asked.ending,
        name=asked.file,
        is_whole=asked.beside,
    )


def _is_alike(study: OpenStudy, asked: Exporting) -> bool:
    """Whether a file is the same whatever it is called: it is alone, and names none beside it."""
    if asked.format in ("toml", "json", "yaml"):
        return not has_code(study.file)
    return asked.format in ("keras", "onnx", "tflite") and not asked.beside


@dataclass(frozen=True, kw_only=True)
class Download:
    """A file that was made."""

    file: BinaryIO
    """It can be read to its end, also where it is removed meanwhile."""
    name: str
    """What a client calls it."""
    size: int
    """In bytes."""
    told: str
    """What the command said of it; its folder is "./" there."""


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

        Not for another name: of each file one is kept, of the name that it was last asked for by.
        """
        made = (wanted.words, wanted.ending, wanted.is_whole, dict(wanted.names))
        found: list[object] = [__version__, made, self._trained()]
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

    def kept(self, study: OpenStudy, wanted: Wanted, version: str) -> Download | None:
        """The file of a version, if it was made before by its name; it counts as just used."""
        folder = self._place(study, version)
        try:
            told = (folder / _TOLD).read_text(encoding="utf-8")
            [path] = (one for one in folder.iterdir() if one.name != _TOLD)
            if path.name != f"{wanted.stem}{path.suffix}":
                return None
            os.utime(folder)
            file = path.open("rb")
        except (OSError, ValueError):  # it is not there, or just goes
            return None
        name = wanted.name or wanted.stem
        return Download(
            file=file,
            name=f"{name}{path.suffix}",
            size=os.fstat(file.fileno()).st_size,
            told=told.replace(f"./{wanted.stem}.", f"./{name}."),
        )

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
                if (found := self.kept(study, wanted, version)) is None:
                    try:
                        self._make(study.name, wanted, place)
                    except OSError as error:
                        raise UnreachableError(
                            f"{place}: cannot be written: {error.strerror}"
                        ) from None
                    found = self.kept(study, wanted, version)
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
            output = f"{made}/{wanted.stem}{wanted.ending}"
            said, file = self._run(study, wanted, output), Path(output)
            if wanted.is_printed:
                file.write_text(said, "utf-8")
                said = ""
            _only_one(Path(made), wanted)
            (Path(made) / _TOLD).write_text(said.strip(), "utf-8")
            shutil.rmtree(place, ignore_errors=True)  # of another name
            self._make_room(sum(file.stat().st_size for file in Path(made).iterdir()))
            Path(made).rename(place)
            Path(made).mkdir()  # which is removed in the end

    def _run(self, study: str, wanted: Wanted, output: str) -> str:
        """Have a command make a file; what it says, with "./" for its folder."""
        where = () if wanted.is_printed else ("-o", output)
        words = [*wanted.words, *where, "--home", str(self._workspace.home.root), "--", study]
        names = json.dumps(dict(wanted.names))
        environment = ON_CPU | {STORAGE_VARIABLE: self._workspace.url, NAMES_VARIABLE: names}
        folder = f"{Path(output).parent}/"
        try:
            said = run_command(words, f"study {study}", LONGEST, environment)
        except HpsearchError as error:
            raise type(error)(str(error).replace(folder, "")) from None
        return said.replace(folder, "./")

    def _make_room(self, size: int) -> None:
        """Remove what was not used for longest, so that a file of so many bytes may come."""
        with self._lock:
            folders = [folder for folder in self._folder.iterdir() if folder.name[0] != "."]
            folders.sort(key=lambda folder: folder.stat().st_mtime)
            sizes = [sum(file.stat().st_size for file in folder.iterdir()) for folder in folders]
            while folders and (len(folders) >= MOST_FILES or sum(sizes) + size > MOST_BYTES):
                shutil.rmtree(folders.pop(0), ignore_errors=True)
                sizes.pop(0)


def _only_one(folder: Path, wanted: Wanted) -> None:
    """Leave one file in a folder, where a command wrote some: what was asked for, or an archive
    where that is several files.
    """
    for file in folder.iterdir():
        is_beside = (
            file.name.endswith(BESIDE_MODEL) and file.name != f"{wanted.stem}{wanted.ending}"
        )
        if is_beside and not wanted.is_whole:
            file.unlink()
    made = sorted(folder.iterdir())
    if len(made) == 1 and made[0].is_file():
        return
    files = [file for one in made for file in sorted([one, *one.rglob("*")]) if file.is_file()]
    with zipfile.ZipFile(folder / f"{wanted.stem}.zip", "w") as archive:
        for file in files:
            archive.write(file, file.relative_to(folder))
    for one in made:
        remove(one)
