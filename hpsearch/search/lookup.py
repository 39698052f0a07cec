"""Finding studies in a storage: one by its name, its confirmation study, the names of all."""

import re
import shlex
from typing import Any

import optuna

from hpsearch.errors import InputError, UnknownStudyError
from hpsearch.parsing import parse
from hpsearch.search import attributes as attr
from hpsearch.search.database.sqlite import LONE_COPY
from hpsearch.search.sampling.pruners import make_pruner
from hpsearch.search.shapes import odd, typed
from hpsearch.search.storage import Storage
from hpsearch.search.study import OpenStudy
from hpsearch.study_file import StudyFile
from hpsearch.text import closest, shortened

CONFIRMATION_SUFFIX = ".confirm"
"""How the name of a study ends that holds the confirmation runs of another one."""


_TRIAL = re.compile(r"trial-\d+")
"""The folder of a trial."""


class MisnamedError(InputError):
    """A study that another program has given another name, in the storage or in its study file."""


def load_study(storage: Storage, name: str) -> OpenStudy:
    """The study ``name`` of a storage.

    Raises:
        UnknownStudyError: there is none.
        MisnamedError: it is named otherwise in its study file.
        InputError: it was not made by hpsearch, or its study file cannot be read.
    """
    try:
        study = optuna.load_study(study_name=name, storage=storage)
        study_id = study._study_id  # noqa: SLF001  # another study may have the name by now
        attrs = _attributes(storage, study_id, name)
    except KeyError:  # or it was removed just now
        raise UnknownStudyError(f"study {name}: not found; {_known(storage, name)}") from None
    stored = attrs[attr.FILE_KEY]
    if stored.get("name") != name:
        raise MisnamedError(
            f"study {name}: its study file is that of {stored.get('name')!r}; another program has"
            " changed one of the names, by which runs and logs are found; change it back there, or"
            f" remove the study: hpsearch delete {shlex.quote(name)}"
        )
    # The name of a confirmation study is none that a user may give.
    file = parse(StudyFile, stored | {"name": both_names(name)[1]}, f"study {name}")
    file = file.model_copy(update={"name": name})
    study.pruner = make_pruner(file, storage, study_id)
    created = str(attrs.get(attr.CREATED_KEY))
    return OpenStudy(optuna=study, storage=storage, file=file, study_id=study_id, created=created)


def _attributes(storage: Storage, study_id: int, name: str) -> dict[str, Any]:
    """A study's user attributes.

    Raises:
        InputError: some are not what hpsearch writes, or are missing.
    """
    texts = storage.study_texts(study_id)
    found, wrong = typed(texts, attr.STUDY), odd(texts, attr.STUDY)
    if attr.FILE_KEY not in found | wrong:
        raise InputError(
            f"study {name}: was not made by hpsearch; open or remove it with Optuna itself"
        )
    if attr.DATASET_KEY not in found | wrong:
        wrong = {**wrong, attr.DATASET_KEY: "null"}
    if wrong:
        listed = ", ".join(f"{key} = {shortened(text)}" for key, text in wrong.items())
        raise InputError(
            f"study {name}: cannot be read, as another program or a newer hpsearch has changed its"
            f" attributes ({listed}); undo that there, or remove the study (hpsearch delete {name})"
        )
    return found


def _known(storage: Storage, name: str) -> str:
    """What there is where a study of some name is not."""
    known = [one for one in storage.study_names() if not one.startswith(".")]
    if known and _TRIAL.fullmatch(name):
        return f"this is a trial; give its study instead: {', '.join(sorted(known))}"
    return closest(name, known) if known else no_studies(storage)


def no_studies(storage: Storage) -> str:
    """What is said of a storage without studies."""
    hint = f" ({LONE_COPY})" if storage.engine.dialect.name == "sqlite" else ""
    return f"there are no studies yet{hint}"


def names(storage: Storage) -> list[str]:
    """The names of all studies that hpsearch made but confirmation studies, in order."""
    return [name for name in storage.ours() if not name.endswith(CONFIRMATION_SUFFIX)]


def confirmation_studies(study: OpenStudy) -> list[OpenStudy]:
    """The study of a study's confirmation runs, if there is one."""
    name, _ = both_names(study.name)
    there = name != study.name and name in study.storage.study_names()
    return [load_study(study.storage, name)] if there else []


def with_confirmation(study: OpenStudy) -> list[OpenStudy]:
    """A study and, before it, its confirmation study, if there is one.

    In that order they are copied and removed: runs without their study would be nobody's.
    """
    return [*confirmation_studies(study), study]


def both_names(name: str) -> tuple[str, str]:
    """The names of a confirmation study and of the study that it is of, from either of them."""
    searched = name.removesuffix(CONFIRMATION_SUFFIX)
    return searched + CONFIRMATION_SUFFIX, searched


def is_own(storage: Storage, name: str) -> bool:
    """Whether there is a study of that name that hpsearch made."""
    return name in storage.ours()
