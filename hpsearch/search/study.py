"""Opening a study: made when it is new, resumed or joined when it exists."""

import contextlib
import functools
import hashlib
import importlib.metadata
import json
import math
import platform
import re
import shlex
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial, TrialState, create_trial

from hpsearch import __version__
from hpsearch.config import TrialConfig, count_parameters
from hpsearch.errors import Failure, InputError, UnknownStudyError, UnreachableError
from hpsearch.fields import check_name, closest, parse, shortened
from hpsearch.search.asked import FIXED_KEY, fixed
from hpsearch.search.attributes import STUDY, odd, typed
from hpsearch.search.opening import STORAGE_ERRORS, Work, exclusive
from hpsearch.search.pruners import make_pruner
from hpsearch.search.samplers import check_sampler, grid_point, grid_size
from hpsearch.search.sqlite import LONE_COPY
from hpsearch.search.start import FIRST_KEY, drawn_ahead, first_trials
from hpsearch.search.storage import (
    BUDGET_KEY,
    CLOSED_KEY,
    CREATED_KEY,
    FILE_KEY,
    Brief,
    Counts,
    Presence,
    Storage,
)
from hpsearch.space import PartialConfig, smallest
from hpsearch.study_file import (
    SAME_SEARCH,
    SAME_VALUES,
    BudgetSection,
    Grid,
    StudyFile,
    as_stored,
    differences,
)
from hpsearch.walks import settle

COMPANION = ".confirm"
"""How the name of a study ends that holds the confirmation runs of another one."""

DATASET_KEY = "dataset"
VERSIONS_KEY = "versions"

FORKED_KEY = "forked_from"
"""User attribute of a trial that was taken over: ``study`` and ``number``; and of a study that has
such trials: ``study``, ``trials`` (how many), ``shift`` and ``date``."""

_TRIAL = re.compile(r"trial-\d+")
"""The folder of a trial."""

UNFINISHED = ".unfinished"
"""How the name of a study ends that is being made; it begins with a dot, as no user's does."""

FORKING = ".forking"
"""How it ends while trials of another study are taken over (``Work.COPY``), which takes longer."""


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
        stored = self.optuna.user_attrs.get(BUDGET_KEY)
        return self.file.budget if stored is None else BudgetSection.model_validate(stored)

    @property
    def data(self) -> dict[str, Any]:
        """The facts of its data (``hpsearch.data.facts``); empty where it knows of none."""
        return dict(self.optuna.user_attrs.get(DATASET_KEY) or {})

    @property
    def is_closed(self) -> bool:
        """Whether only trials that were put into it run (see ``hpsearch.search.confirmation``)."""
        return bool(self.optuna.user_attrs.get(CLOSED_KEY))

    @property
    def shift(self) -> int:
        """How many trials the studies had that this one was forked from.

        Samplers count on from there, or they would draw again what is taken over.
        """
        return int(self.optuna.user_attrs.get(FORKED_KEY, {}).get("shift", 0))

    @property
    def first_trials(self) -> list[dict[str, Any]]:
        """The parameters of the first trials that are sampled, where they were drawn ahead."""
        return list(self.optuna.user_attrs.get(FIRST_KEY, ()))[: drawn_ahead(self.file)]

    def given(self, number: int) -> dict[str, Any] | None:
        """The parameters that follow from the trials before a trial; None where a sampler draws.

        They were drawn ahead, or are a point of the grid. Nobody can change any more what they
        follow from, so that workers never take the same, and whoever goes on for a trial that was
        cut off while it got them knows them. What was enqueued has none.
        """
        if isinstance(self.file.sampler, Grid):
            before = self.trials()[: number + 1]
            own = before.pop()
            return None if FIXED_KEY in own.system_attrs else grid_point(self.file, before, number)
        first = self.first_trials
        numbers = self.storage.first_sampled(self.study_id, len(first))
        return dict(zip(numbers, first, strict=False)).get(number)

    def trials(self) -> list[FrozenTrial]:
        """All trials, by number. Finished ones are read once; do not change them."""
        return self.optuna.get_trials(deepcopy=False)

    def briefs(self) -> list[Brief]:
        """All trials in brief, by number; none of them is read for it."""
        return self.storage.briefs(self.study_id)

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


def open_or_create(
    storage: Storage,
    file: StudyFile,
    dataset: Mapping[str, Any],
    *,
    written: BudgetSection | None = None,
    explicit: Collection[str] = (),
) -> tuple[OpenStudy, bool]:
    """Make the study of a study file, or go on with the one of that name.

    A study that goes on keeps its budget but for what was written on the command line or changed
    in the file since: who joins a run with the file as it was does not undo ``--trials 100``. Where
    the data lie is what was told last.

    Args:
        storage: where studies are kept.
        file: the study file.
        dataset: the data set's facts: ``fingerprint``, ``input_shape``, ``class_names`` ...
        written: the budget as the file itself has it; None: the same as ``file.budget``.
        explicit: the keys of ``file.budget`` that were given on the command line.

    Returns:
        The study, and whether it is new.

    Raises:
        InputError: a study of that name has another space, data set, objective, training or
            seed; the message names what changed. Or an enqueued configuration is too large.
    """
    check(file, dataset)  # before anything is written
    own = file.model_copy(update={"budget": written or file.budget})
    with exclusive(storage.url):
        is_new = file.name not in storage.study_names()
        if is_new:
            create(storage, own, dataset, budget=file.budget)
        else:
            found = load_study(storage, file.name)
            file, own = (as_stored(found.file, each) for each in (file, own))
            _check_same(found, file, dataset)
            place = file.dataset.path or found.file.dataset.path
            budget = _merge(found, file.budget, own.budget, explicit)
            _update(storage, found.optuna, own, budget)
            found.optuna.set_user_attr(FILE_KEY, _at(own, place).model_dump(mode="json"))
            for companion in companions(found):
                _move(companion, place)
    return load_study(storage, file.name), is_new


def move_data(study: OpenStudy, path: str | None) -> None:
    """Have a study, its companion or the study of a companion look for their data elsewhere.

    Args:
        study: the study or its companion.
        path: where the data are, from now on and for all commands that are not told otherwise.
    """
    name = study.name.removesuffix(COMPANION)
    with exclusive(study.storage.url):
        for one in (name, name + COMPANION):
            if one in study.storage.study_names():
                _move(load_study(study.storage, one), path)


def _move(study: OpenStudy, path: str | None) -> None:
    file = _at(study.file, path)
    if file != study.file:
        study.optuna.set_user_attr(FILE_KEY, file.model_dump(mode="json"))


def _at(file: StudyFile, path: str | None) -> StudyFile:
    """The study file with its data at another place."""
    dataset = file.dataset.model_copy(update={"path": path})
    return file.model_copy(update={"dataset": dataset})


def check(file: StudyFile, dataset: Mapping[str, Any]) -> None:
    """Refuse a study that could not be searched.

    Raises:
        InputError: the sampler cannot work on the space, or an enqueued configuration is too large.
    """
    check_sampler(file, f"study {file.name}")
    for index, partial in enumerate(file.enqueue):
        _check_size(file, partial, dataset, f"enqueue[{index}]")


def create(
    storage: Storage,
    file: StudyFile,
    dataset: Mapping[str, Any],
    *,
    budget: BudgetSection,
    attrs: Mapping[str, Any] | None = None,
    fill: Callable[[optuna.Study], int] = lambda _: 0,
    ending: str = UNFINISHED,
    publishing: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext,
) -> None:
    """Make a study, whole or not at all: it has its name when all else is there.

    Call it where :func:`hpsearch.search.opening.exclusive` holds off other processes from names of
    this ending, and in the end, or by ``publishing``, from making studies.

    Args:
        storage: where studies are kept.
        file: the study file as it is kept.
        dataset: the data set's facts.
        budget: the budget that it begins with.
        attrs: more user attributes.
        fill: puts trials into the study; gives how many of them samplers learn from.
        ending: of its name while it is made.
        publishing: holds while the study gets its name.
    """
    remove_unfinished(storage, ending)
    if ending != FORKING:
        _remove_dead_forks(storage)
    making = f".{file.name}{ending}"
    study = optuna.create_study(
        study_name=making, storage=storage, direction=file.objective.measure.direction
    )
    known = {
        DATASET_KEY: dict(dataset),
        VERSIONS_KEY: versions(),
        CREATED_KEY: datetime.now(UTC).isoformat(timespec="microseconds"),
        **(attrs or {}),
    }
    try:
        name_metric(study, file)
        started, there = file.model_copy(update={"budget": budget}), fill(study)
        if first := first_trials(started, lambda config: size_of(config, dataset), there):
            known[FIRST_KEY] = first
        _update(storage, study, file, budget)
        study_id = storage.get_study_id_from_name(making)
        with publishing():
            storage.publish(study_id, file.name, known | {FILE_KEY: file.model_dump(mode="json")})
    except BaseException:
        # It may have its name, and only the answer was lost. Else who makes the next removes it.
        with contextlib.suppress(KeyError, *STORAGE_ERRORS):
            optuna.delete_study(study_name=making, storage=storage)
        raise


def remove_unfinished(storage: Storage, ending: str = UNFINISHED) -> None:
    """Remove what a process that was killed left half made.

    Call it where :func:`hpsearch.search.opening.exclusive` holds off other processes.

    Args:
        storage: where to look.
        ending: of the names of what was being made.
    """
    for name in storage.study_names():
        if name.startswith(".") and name.endswith(ending):
            optuna.delete_study(study_name=name, storage=storage)


def _remove_dead_forks(storage: Storage) -> None:
    """Remove what forks left that were killed, where none is at work."""
    if any(name.startswith(".") and name.endswith(FORKING) for name in storage.study_names()):
        with (
            contextlib.suppress(UnreachableError),
            exclusive(storage.url, Work.COPY, patience=0),
        ):
            remove_unfinished(storage, FORKING)


def name_metric(study: optuna.Study, file: StudyFile) -> None:
    """Have dashboards call the objective's metric by its name, and not "Objective 0"."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # which the method is marked as
        study.set_metric_names([file.objective.metric])


def _merge(
    found: OpenStudy, given: BudgetSection, written: BudgetSection, explicit: Collection[str]
) -> BudgetSection:
    """The budget of a study that goes on."""
    changed: dict[str, Any] = {}
    for key in BudgetSection.model_fields:
        if key in explicit:
            changed[key] = getattr(given, key)
        elif getattr(written, key) != getattr(found.file.budget, key):
            changed[key] = getattr(written, key)
    return found.budget.model_copy(update=changed)


def _update(storage: Storage, study: optuna.Study, file: StudyFile, budget: BudgetSection) -> None:
    """Write down the budget, and enqueue what is new in ``[[enqueue]]``."""
    wanted = [settle(file.space, partial) for partial in file.enqueue]
    if isinstance(file.sampler, Grid):
        most = grid_size(file.space, wanted)
        if (stored := study.user_attrs.get(BUDGET_KEY)) is not None:
            # An older version tried points twice that were enqueued, and counted them so.
            most = max(most, min(stored["trials"], grid_size(file.space) + len(wanted)))
        budget = budget.model_copy(update={"trials": min(budget.trials, most)})
    study.set_user_attr(BUDGET_KEY, budget.model_dump(mode="json"))
    known = _known_params(study) if wanted else set()
    new = {_as_key(params): params for params in filter(None, wanted)}
    waiting = [
        create_trial(state=TrialState.WAITING, system_attrs={FIXED_KEY: params})
        for key, params in new.items()
        if key not in known
    ]
    if waiting:
        storage.add_waiting(storage.get_study_id_from_name(study.study_name), waiting)


def _known_params(study: optuna.Study) -> set[str]:
    """What waits, runs or ended of configurations, as asked for and whole.

    One that the program failed is lost, and one that was too large may be so no more, with all that
    it went on for. One that was interrupted has a successor, with more parameters than were asked
    for.
    """
    trials = study.get_trials(deepcopy=False)
    lost = {
        number
        for trial in trials
        if trial.user_attrs.get("failure") in (Failure.PROGRAM_ERROR, Failure.TOO_LARGE)
        for number in (trial.number, *trial.user_attrs.get("earlier", ()))
    }
    return {
        _as_key(params)
        for trial in trials
        if trial.number not in lost
        for params in (fixed(trial), trial.params)
    }


def _as_key(params: Mapping[str, Any]) -> str:
    """Parameters to be compared: 1 and 1.0 are the same, True is another."""
    plain = {
        name: float(value) if isinstance(value, int) and not isinstance(value, bool) else value
        for name, value in params.items()
    }
    return json.dumps(plain, sort_keys=True)


def _check_size(
    file: StudyFile, partial: PartialConfig, dataset: Mapping[str, Any], where: str
) -> None:
    """Refuse what could only be redrawn for ever: more parameters than the budget allows."""
    limit = file.budget.max_parameters
    if limit is None:
        return
    config = smallest(file.space, settle(file.space, partial))
    parameters = size_of(config, dataset)
    if parameters > limit:
        raise InputError(
            f"{where}: has at least {parameters} parameters, but budget.max_parameters = {limit};"
            " make it smaller or raise the limit"
        )


def size_of(config: TrialConfig, dataset: Mapping[str, Any]) -> int:
    """Trainable parameters of a configuration on a data set of which the facts are given."""
    inputs = math.prod(dataset["input_shape"])
    return count_parameters(config, inputs, len(dataset["class_names"]))


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
        changed.append(f"the data itself (fingerprint {then[:12]} -> {now[:12]})")
    return "".join(f"\n  {line}" for line in changed)


def _check_same(found: OpenStudy, file: StudyFile, dataset: Mapping[str, Any]) -> None:
    """Refuse to go on with a study that would compare unlike with unlike."""
    if lines := unlike(found, file, dataset, SAME_SEARCH):
        may_fork = not unlike(found, file, dataset, SAME_VALUES) and not isinstance(
            file.sampler, Grid
        )
        fork = (
            f", and start the new study with the old trials (hpsearch fork {file.name} NEW.toml)"
            " or without them"
        )
        raise InputError(
            f"study {file.name} was started with other settings:{lines}\n"
            "undo the change, or repeat the --set of the first run; else change the key name"
            f"{fork * may_fork}; or remove the old one (hpsearch delete {file.name})"
        )


def load_study(storage: Storage, name: str) -> OpenStudy:
    """The study ``name`` of a storage.

    Raises:
        UnknownStudyError: there is none.
        MisnamedError: it is named otherwise in its study file.
        InputError: it was not made by hpsearch, or its study file cannot be read.
    """
    try:
        study = optuna.load_study(study_name=name, storage=storage)
    except KeyError:
        raise UnknownStudyError(f"study {name}: not found; {_known(storage, name)}") from None
    study_id = study._study_id  # noqa: SLF001  # another study may have the name by now
    attrs = _attributes(storage, study_id, name)
    stored = attrs[FILE_KEY]
    if stored.get("name") != name:
        raise MisnamedError(
            f"study {name}: its study file is that of {stored.get('name')!r}; another program has"
            " changed one of the names, by which runs and logs are found; change it back there, or"
            f" remove the study: hpsearch delete {shlex.quote(name)}"
        )
    # The name of a companion is none that a user may give.
    file = parse(StudyFile, stored | {"name": name.removesuffix(COMPANION)}, f"study {name}")
    file = file.model_copy(update={"name": name})
    study.pruner = make_pruner(file, storage, study_id)
    created = str(attrs.get(CREATED_KEY))
    return OpenStudy(optuna=study, storage=storage, file=file, study_id=study_id, created=created)


def _attributes(storage: Storage, study_id: int, name: str) -> dict[str, Any]:
    """A study's user attributes.

    Raises:
        InputError: some are not what hpsearch writes, or are missing.
    """
    texts = storage.study_texts(study_id)
    found, wrong = typed(texts, STUDY), odd(texts, STUDY)
    if FILE_KEY not in found | wrong:
        raise InputError(
            f"study {name}: was not made by hpsearch; open or remove it with Optuna itself"
        )
    if DATASET_KEY not in found | wrong:
        wrong = {**wrong, DATASET_KEY: "null"}
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
    """The names of all studies that hpsearch made but companions, in order."""
    return [name for name in storage.ours() if not name.endswith(COMPANION)]


def enqueue(study: OpenStudy, partial: PartialConfig, where: str) -> int | None:
    """Queue a configuration, before everything that is sampled, also while the study runs.

    Args:
        study: the study.
        partial: some or all fields of a configuration; those left out are sampled.
        where: what it was read from, for the message.

    Returns:
        How many trials wait before it; None where the same configuration is there already.

    Raises:
        InputError: a value that the space cannot yield, too many parameters, or nothing to
            enqueue.
    """
    try:
        params = settle(study.file.space, partial)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from None
    if not params:
        raise InputError(f"{where}: sets no field that the space searches; add at least one")
    file = study.file.model_copy(update={"budget": study.budget})
    _check_size(file, partial, study.optuna.user_attrs[DATASET_KEY], where)
    with exclusive(study.storage.url):
        if _as_key(params) in _known_params(study.optuna):
            return None
        waiting = study.counts().waiting
        study.optuna.enqueue_trial(params)
        return waiting


def companions(study: OpenStudy) -> list[OpenStudy]:
    """The study of a study's confirmation runs, if there is one."""
    name = study.name + COMPANION
    there = name in study.storage.study_names()
    return [load_study(study.storage, name)] if there else []


def delete(studies: Sequence[OpenStudy], is_busy: Callable[[Presence], bool] | None) -> None:
    """Remove studies of a storage with all their trials; their files are removed elsewhere.

    Args:
        studies: the studies; all or none is removed.
        is_busy: whether who has left a sign of life is to be taken for alive; None: nobody.

    Raises:
        StudyBusyError: somebody is busy with one.
        StudyGoneError: one was removed meanwhile.
    """
    for study in studies:
        study.stay()
    studies[0].storage.remove_studies([study.study_id for study in studies], is_busy)


def delete_rows(
    storage: Storage, name: str, is_busy: Callable[[Presence], bool] | None
) -> tuple[int, str | None]:
    """Remove a study that hpsearch made, of which nothing else may be readable; no files.

    Args:
        storage: where it is.
        name: its name there, whatever its study file says.
        is_busy: as in :func:`delete`.

    Returns:
        How many trials it had, and the name in its study file if that is one for files.

    Raises:
        StudyBusyError: somebody is busy with it.
    """
    study_id = storage.get_study_id_from_name(name)
    attrs = storage.get_study_user_attrs(study_id)
    total, stored = storage.get_n_trials(study_id), attrs.get(FILE_KEY, {})
    storage.expect(study_id, name, str(attrs.get(CREATED_KEY)))
    storage.remove_studies([study_id], is_busy)
    try:
        return total, check_name(str(stored.get("name")))
    except ValueError:
        return total, None


def is_own(storage: Storage, name: str) -> bool:
    """Whether there is a study of that name that hpsearch made."""
    return name in storage.ours()


def versions() -> dict[str, str]:
    """Versions of what a result depends on, read without importing any of it."""
    names = ("keras", "numpy", "optuna", "scikit-learn", "tensorflow")
    found = {name: _version(name) for name in names}
    return {"hpsearch": __version__, "python": platform.python_version(), **found}


@functools.cache
def _version(name: str) -> str:
    """The version of an installed package; looking for it takes a few milliseconds."""
    return importlib.metadata.version(name)
