"""Making a study, whole or not at all, or going on with the one of that name."""

import contextlib
import functools
import importlib.metadata
import platform
import warnings
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.trial import TrialState

from hpsearch import __version__
from hpsearch.errors import InputError, UnreachableError
from hpsearch.search import attributes as attr
from hpsearch.search.budget import at_most
from hpsearch.search.database.exclusive import Work, exclusive
from hpsearch.search.database.messages import STORAGE_ERRORS
from hpsearch.search.lookup import confirmation_studies, load_study
from hpsearch.search.moving import file_at, move_one
from hpsearch.search.queueing import as_key, check_size, known_params
from hpsearch.search.sampling.initial_design import first_trials
from hpsearch.search.sampling.samplers import check_sampler
from hpsearch.search.storage import Storage, waiting_trial
from hpsearch.search.storage.events import Event
from hpsearch.search.study import OpenStudy, size_of, unlike
from hpsearch.search.winners import with_winners
from hpsearch.search_sections import BudgetSection, Grid
from hpsearch.study_file import SAME_SEARCH, SAME_VALUES, StudyFile, as_begun
from hpsearch.walks import settle

MAKING = ".unfinished"
"""How the name of a study ends that is being made; it begins with a dot, as no user's does."""


FORKING = ".forking"
"""How it ends while trials of another study are taken over (``Work.COPY``), which takes longer."""


def open_or_create(
    storage: Storage,
    file: StudyFile,
    dataset: Mapping[str, Any],
    *,
    written: BudgetSection | None = None,
    explicit: Collection[str] = (),
    fill: Callable[[optuna.Study], int] = lambda _: 0,
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
        fill: puts trials into a study that is new; gives how many samplers learn from.

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
            own, attrs = _with_winners(storage, file, own, dataset)
            create(storage, own, dataset, budget=file.budget, attrs=attrs, fill=fill)
        else:
            found = load_study(storage, file.name)
            file, own = (as_begun(found.file, each) for each in (file, own))
            check_same(found, file, dataset)
            try:
                file.check_first()
            except ValueError as error:
                raise InputError(f"study {file.name}: {error}") from None
            place = file.dataset.path or found.file.dataset.path
            budget = _merge(found, file.budget, own.budget, explicit)
            _update(storage, found.optuna, own, budget)
            found.optuna.set_user_attr(attr.FILE_KEY, file_at(own, place).model_dump(mode="json"))
            for confirmation in confirmation_studies(found):
                move_one(confirmation, place)
    return load_study(storage, file.name), is_new


def create_submitted(
    storage: Storage,
    file: StudyFile,
    dataset: Mapping[str, Any],
    submission: Mapping[str, Any],
    event: Event,
) -> OpenStudy:
    """Make the study of a study file that was submitted to the service; there is none yet.

    Args:
        storage: where studies are kept.
        file: the study file.
        dataset: the data set's facts.
        submission: what the service is to know of it (``shapes.Submission``).
        event: tells of it, and is written in the transaction that gives the study its name.

    Raises:
        StudyExistsError: there is a study of that name.
        InputError: as :func:`open_or_create`.
        sqlalchemy.exc.IntegrityError: another event has the key of this one.
    """
    check(file, dataset)
    with exclusive(storage.url):
        if file.name in storage.study_names():
            raise StudyExistsError(
                f"study {file.name}: is there already; choose another name (key name of the study"
                " file)"
            )
        own, attrs = _with_winners(storage, file, file, dataset)
        attrs[attr.SUBMISSION_KEY] = dict(submission)
        create(storage, own, dataset, budget=file.budget, attrs=attrs, event=event)
    return load_study(storage, file.name)


class StudyExistsError(InputError):
    """A study that is to be made is there already."""


def _with_winners(
    storage: Storage, file: StudyFile, own: StudyFile, dataset: Mapping[str, Any]
) -> tuple[StudyFile, dict[str, Any]]:
    """The file as it is kept, with earlier studies' winners in its portfolio; their attribute."""
    begun, winners = with_winners(storage, file, dataset)
    own = own.model_copy(update={"portfolio": begun.portfolio})
    return own, {attr.WINNERS_KEY: winners} if winners else {}


def check(file: StudyFile, dataset: Mapping[str, Any]) -> None:
    """Refuse a study that could not be searched.

    Raises:
        InputError: the sampler cannot work on the space, or an enqueued configuration is too large.
    """
    check_sampler(file, f"study {file.name}")
    for key in ("enqueue", "portfolio"):
        for index, partial in enumerate(getattr(file, key)):
            check_size(file, partial, dataset, f"{key}[{index}]")


def create(
    storage: Storage,
    file: StudyFile,
    dataset: Mapping[str, Any],
    *,
    budget: BudgetSection,
    attrs: Mapping[str, Any] | None = None,
    fill: Callable[[optuna.Study], int] = lambda _: 0,
    ending: str = MAKING,
    publishing: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext,
    event: Event | None = None,
) -> None:
    """Make a study, whole or not at all: it has its name when all else is there.

    Call it where :func:`hpsearch.search.database.exclusive.exclusive` holds off other processes
    from names of this ending, and in the end, or by ``publishing``, from making studies.

    Args:
        storage: where studies are kept.
        file: the study file as it is kept.
        dataset: the data set's facts.
        budget: the budget that it begins with.
        attrs: more user attributes.
        fill: puts trials into the study; gives how many of them samplers learn from.
        ending: of its name while it is made.
        publishing: holds while the study gets its name.
        event: written with that, where the service makes the study.
    """
    remove_unfinished(storage, ending)
    if ending != FORKING:
        _remove_dead_forks(storage)
    making = f".{file.name}{ending}"
    study = optuna.create_study(
        study_name=making, storage=storage, direction=file.objective.measure.direction
    )
    known = {
        attr.DATASET_KEY: dict(dataset),
        attr.VERSIONS_KEY: versions(),
        attr.CREATED_KEY: datetime.now(UTC).isoformat(timespec="microseconds"),
        **(attrs or {}),
    }
    try:
        name_metric(study, file)
        started, there = file.model_copy(update={"budget": budget}), fill(study)
        if first := first_trials(started, lambda config: size_of(config, dataset), there):
            known[attr.FIRST_KEY] = first
        _update(storage, study, file, budget)
        study_id = storage.get_study_id_from_name(making)
        with publishing():
            own = known | {attr.FILE_KEY: file.model_dump(mode="json")}
            storage.publish(study_id, file.name, own, event)
    except BaseException:
        # It may have its name, and only the answer was lost. Else who makes the next removes it.
        with contextlib.suppress(KeyError, *STORAGE_ERRORS):
            optuna.delete_study(study_name=making, storage=storage)
        raise


def remove_unfinished(storage: Storage, ending: str = MAKING) -> None:
    """Remove what a process that was killed left half made.

    Call it where :func:`hpsearch.search.database.exclusive.exclusive` holds off other processes.

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
    wanted = [settle(file.space, partial) for partial in file.first]
    budget = at_most(file, budget, study.user_attrs.get(attr.BUDGET_KEY))
    study.set_user_attr(attr.BUDGET_KEY, budget.model_dump(mode="json"))
    known = known_params(study) if wanted else set()
    new = {as_key(params): params for params in filter(None, wanted)}
    waiting = [waiting_trial(params) for key, params in new.items() if key not in known]
    if waiting:
        storage.add_trials(storage.get_study_id_from_name(study.study_name), waiting)


def check_same(found: OpenStudy, file: StudyFile, dataset: Mapping[str, Any]) -> None:
    """Refuse to go on with a study that would compare unlike with unlike.

    Args:
        found: the study.
        file: its study file as it is now.
        dataset: the facts of its data as they are now; the fingerprint is looked at.

    Raises:
        InputError: so it would, with all that is other.
    """
    if lines := unlike(found, file, dataset, SAME_SEARCH):
        may_fork = not unlike(found, file, dataset, SAME_VALUES) and not isinstance(
            file.sampler, Grid
        )
        fork = (
            f", and start the new study with the old trials (hpsearch fork {file.name} NEW.toml)"
            " or without them"
        )
        is_new = all(trial.state == TrialState.WAITING for trial in found.trials())
        raise InputError(
            f"study {file.name} was started with other settings:{lines}\n"
            "undo the change, or repeat the --set of the first run; else change the key name (from"
            " Python: give another name=...)"
            f"{fork * may_fork}; or remove the old one (hpsearch delete {file.name})"
            f"{', of which no trial has started' * is_new}"
        )


def versions() -> dict[str, str]:
    """Versions of what a result depends on, read without importing any of it."""
    names = ("keras", "numpy", "optuna", "scikit-learn", "tensorflow")
    found = {name: _version(name) for name in names}
    return {"hpsearch": __version__, "python": platform.python_version(), **found}


@functools.cache
def _version(name: str) -> str:
    """The version of an installed package; looking for it takes a few milliseconds."""
    return importlib.metadata.version(name)
