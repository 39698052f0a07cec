"""An open study: what is known of it, and finding it in a storage."""

import hashlib
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from hpsearch.config import TrialConfig
from hpsearch.data.tables.shape import TableShape
from hpsearch.errors import InputError, UnknownStudyError
from hpsearch.networks.network import Size
from hpsearch.parsing import parse
from hpsearch.recipe import Recipe, computing_in
from hpsearch.search import attributes as attr
from hpsearch.search.database.exclusive import exclusive
from hpsearch.search.database.sqlite import LONE_COPY
from hpsearch.search.sampling.grid import grid_point
from hpsearch.search.sampling.initial_design import design_size
from hpsearch.search.sampling.pruners import make_pruner
from hpsearch.search.shapes import Precision, odd, typed
from hpsearch.search.storage import Counts, Storage, TrialSummary
from hpsearch.search_sections import BudgetSection, Grid
from hpsearch.study_file import StudyFile, differences
from hpsearch.text import closest, shortened

CONFIRMATION_SUFFIX = ".confirm"
"""How the name of a study ends that holds the confirmation runs of another one."""


_TRIAL = re.compile(r"trial-\d+")
"""The folder of a trial."""


class MisnamedError(InputError):
    """A study that another program has given another name, in the storage or in its study file."""


@dataclass(frozen=True, kw_only=True)
class OpenStudy:
    """A study of the storage: Optuna's, with the study file that it was started from."""

    optuna: optuna.Study
    storage: Storage
    file: StudyFile
    study_id: int
    created: str
    """When it was made, in UTC, as ISO 8601; of one from before that was written down, "None"."""

    @property
    def name(self) -> str:
        """The study's name."""
        return self.file.name

    @property
    def key(self) -> str:
        """A name for the study's files where those of other storages are too.

        It goes with the study to another storage (``hpsearch storage copy``).
        """
        return f"{self.name}-{hashlib.sha256(self.created.encode()).hexdigest()[:8]}"

    @property
    def made(self) -> str | None:
        """When it was made, to the second; None where that was not written down yet."""
        return None if self.created == "None" else re.sub(r"\.\d+", "", self.created)

    @property
    def budget(self) -> BudgetSection:
        """The budget as it stands now; a ``run`` elsewhere may have raised it meanwhile."""
        return self.budget_of(self.optuna.user_attrs)

    def budget_of(self, attributes: Mapping[str, Any]) -> BudgetSection:
        """The budget by the study's user attributes, which were just read."""
        stored = attributes.get(attr.BUDGET_KEY)
        return self.file.budget if stored is None else BudgetSection.model_validate(stored)

    @property
    def data(self) -> dict[str, Any]:
        """The facts of its data (``hpsearch.data.facts``); empty where it knows of none."""
        return dict(self.optuna.user_attrs.get(attr.DATASET_KEY) or {})

    @property
    def precision(self) -> Precision | None:
        """What its precision "auto" has become; None while no worker has measured it."""
        stored = self.optuna.user_attrs.get(attr.PRECISION_KEY)
        return None if stored is None else Precision.model_validate(stored)

    @property
    def computes_in(self) -> str:
        """The precision of its trials; "auto" while no worker has measured it."""
        given = self.file.training.precision
        if given != "auto" or (found := self.precision) is None:
            return given
        return found.chosen

    def recipe(self, config: TrialConfig, seed: int, provenance: Mapping[str, Any]) -> Recipe:
        """The recipe that trains ``config`` as its trials are trained."""
        recipe = self.file.recipe(config, seed, provenance)
        training = computing_in(recipe.training, self.computes_in)
        return recipe.model_copy(update={"training": training})

    @property
    def is_closed(self) -> bool:
        """Whether only trials that were put into it run (see ``hpsearch.search.confirmation``)."""
        return bool(self.optuna.user_attrs.get(attr.CLOSED_KEY))

    @property
    def shift(self) -> int:
        """How many trials the studies had that this one was forked from.

        Samplers count on from there, or they would draw again what is taken over.
        """
        return int(self.optuna.user_attrs.get(attr.FORKED_KEY, {}).get("shift", 0))

    @property
    def first_trials(self) -> list[dict[str, Any]]:
        """The initial design: the parameters of the first trials that are sampled, in order."""
        return list(self.optuna.user_attrs.get(attr.FIRST_KEY, ()))[: design_size(self.file)]

    def given(self, number: int) -> dict[str, Any] | None:
        """The parameters that follow from the trials before a trial; None where a sampler draws.

        They are of the initial design, or a point of the grid. Nobody can change any more what they
        follow from, so that workers never take the same, and whoever goes on for a trial that was
        cut off while it got them knows them. What was enqueued has none.
        """
        if isinstance(self.file.sampler, Grid):
            before = self.trials()[: number + 1]
            own = before.pop()
            return (
                None
                if attr.FIXED_KEY in own.system_attrs
                else grid_point(self.file, before, number)
            )
        first = self.first_trials
        numbers = self.storage.first_sampled(self.study_id, len(first))
        return dict(zip(numbers, first, strict=False)).get(number)

    def trials(self) -> list[FrozenTrial]:
        """All trials, by number. Finished ones are read once; do not change them."""
        return self.optuna.get_trials(deepcopy=False)

    def trial_summaries(self) -> list[TrialSummary]:
        """The summaries of all trials, by number; none of the trials is read for it."""
        return self.storage.trial_summaries(self.study_id)

    def counts(self) -> Counts:
        """How many trials are in which state."""
        return self.storage.counts(self.study_id)

    def trial_id(self, number: int) -> int:
        """The storage's key of trial ``number``."""
        return self.storage.get_trial_id_from_study_id_trial_number(self.study_id, number)

    def stay(self) -> None:
        """Have its storage refuse from now on whatever study has its key after it.

        It is for processes that go on for long: the study may be deleted meanwhile, and SQLite
        gives its key to the next one that is made.
        """
        self.storage.expect(self.study_id, self.name, self.created)


def move_data(study: OpenStudy, path: str | None) -> None:
    """Have a study and its confirmation study look for their data elsewhere.

    Args:
        study: the study, or its confirmation study.
        path: where the data are, from now on and for all commands that are not told otherwise.
    """
    with exclusive(study.storage.url):
        for one in reversed(both_names(study.name)):
            if one in study.storage.study_names():
                _move(load_study(study.storage, one), path)


def _move(study: OpenStudy, path: str | None) -> None:
    file = _at(study.file, path)
    if file != study.file:
        study.optuna.set_user_attr(attr.FILE_KEY, file.model_dump(mode="json"))


def _at(file: StudyFile, path: str | None) -> StudyFile:
    """The study file with its data at another place."""
    dataset = file.dataset.model_copy(update={"path": path})
    return file.model_copy(update={"dataset": dataset})


def size_of(config: TrialConfig, dataset: Mapping[str, Any]) -> Size | None:
    """What a configuration's network takes on a data set of which the facts are given; None: it is
    known only when the network is built.
    """
    table = dataset.get("table")
    shape = tuple(dataset["input_shape"]) if table is None else TableShape(**table)
    return config.network.size(shape, len(dataset["class_names"]) or 1)


def unlike(
    found: OpenStudy, file: StudyFile, dataset: Mapping[str, Any], keys: Sequence[str]
) -> str:
    """What of a study is other in a study file and its data, one line each; empty: nothing.

    Args:
        found: the study.
        file: the study file.
        dataset: the facts of its data.
        keys: the keys of the file that are compared.
    """
    changed = differences(found.file, file, keys)
    then, now = (str(facts.get("fingerprint")) for facts in (found.data, dataset))
    if then != now:
        place = f" in {file.dataset.path}" if file.dataset.path else ""
        changed.append(f"the data itself{place} (fingerprint {then[:12]} -> {now[:12]})")
    return "".join(f"\n  {line}" for line in changed)


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
