"""Adoption: the trials of another program's Optuna study as the history of a study.

What they reached was measured by another training, so that it is no result here: an adopted trial
has no value, takes no place in the budget and is no candidate for the best. In the storage it is a
failed trial of the class ``adopted``; only samplers see it as a complete one
(``hpsearch.search.sampling.view``). The best few are enqueued, and trained here.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import optuna
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from hpsearch.errors import Failure, InputError
from hpsearch.home import sqlite_url
from hpsearch.ranking import worst_first
from hpsearch.search import attributes as attr
from hpsearch.search.database.exclusive import exclusive
from hpsearch.search.database.messages import readable_errors, readable_opening
from hpsearch.search.database.urls import hide_password, parse_url, sqlite_file
from hpsearch.search.making import open_or_create
from hpsearch.search.matching import Fitting, MisfitError, check_names, fitting, unmatched
from hpsearch.search.queueing import as_key, known_params
from hpsearch.search.storage import Storage, waiting_trial
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.study import OpenStudy
from hpsearch.search_sections import BudgetSection
from hpsearch.study_file import StudyFile
from hpsearch.tasks.metric import Metric
from hpsearch.text import closest, show


@dataclass(frozen=True, kw_only=True)
class Adoption:
    """What of an Optuna study fits a space, and what was done with it."""

    source: str
    """The name of the Optuna study."""
    fitting: tuple[Fitting, ...]
    """By number."""
    left: Mapping[str, tuple[int, ...]]
    """The numbers of the others, by what is wrong with them, in words."""
    nameless: tuple[str, ...] = ()
    """Parameters there that have no name here."""
    missing: tuple[str, ...] = ()
    """Parameters of the space that have none there."""
    there: int = 0
    """How many of the fitting the study has already."""
    retrained: int = 0
    """How many were enqueued."""


_ACCEPTED = (
    "give an SQLite file, or the URL of a database: sqlite:///FILE, postgresql://USER@HOST/NAME (a"
    " study in another storage, such as a journal, is copied by optuna.copy_study(...,"
    ' to_storage="sqlite:///FILE"))'
)


def storage_url(source: str, where: str = "OPTUNA_STORAGE") -> str:
    """The URL of a storage of Optuna.

    Args:
        source: the URL, or the path of an SQLite file.
        where: it was written.

    Raises:
        InputError: the URL is of another database, or wrong; of a path nothing is known here.
    """
    scheme, separator, _ = source.partition("://")
    if not separator:
        return sqlite_url(source)
    if scheme.partition("+")[0] not in ("sqlite", "postgresql", "postgres"):
        raise InputError(f"{where}: is a URL of {scheme}; {_ACCEPTED}")
    parse_url(source, where)
    return source


def _check_file(file: Path) -> None:
    """Refuse what is no SQLite file; an empty one is one without tables."""
    if not file.is_file():
        raise InputError(f"{file}: there is no such file; {_ACCEPTED}")
    with file.open("rb") as opened:
        if opened.read(16) not in (b"", b"SQLite format 3\0"):
            raise InputError(f"{file}: is no SQLite file; {_ACCEPTED}")


@contextmanager
def optuna_study(url: str, name: str | None) -> Iterator[Study]:
    """A study of another program, of which nothing is changed.

    Args:
        url: of its storage, or the path of an SQLite file.
        name: the study's; None: the only one that there is.

    Raises:
        InputError: there is no such study, or hpsearch made it.
        UnreachableError: the storage cannot be read.
    """
    url = storage_url(url)
    file, shown = sqlite_file(url), hide_password(url)
    if file is not None:
        with readable_opening(url):
            _check_file(file)
    opened = open_storage(url, read_only=True, force=True, foreign=True)
    with readable_errors(url), closing(opened) as storage:
        names = storage.study_names()
        if not names:
            raise InputError(f"{shown}: there is no Optuna study in it")
        if name is None and len(names) > 1:
            raise InputError(f"{shown}: give --study; there are {', '.join(sorted(names))}")
        chosen = names[0] if name is None else name
        if chosen not in names:
            raise InputError(f"{shown}: has no study {show(chosen)}; {closest(chosen, names)}")
        study = optuna.load_study(study_name=chosen, storage=storage)
        if attr.FILE_KEY in study.user_attrs:
            raise InputError(
                f"study {chosen}: was made by hpsearch; begin a new study with its trials by"
                f" hpsearch fork {chosen} FILE"
            )
        yield study


def check_objective(source: Study, metric: Metric, called: str | None) -> None:
    """Refuse a study whose values are of something else.

    Args:
        source: the other program's study.
        metric: the objective's.
        called: what the other program calls it; None: as here, or nothing.

    Raises:
        InputError: several objectives, the other direction, or another name.
    """
    where = f"study {source.study_name}"
    if len(source.directions) != 1:
        raise InputError(f"{where}: has {len(source.directions)} objectives; one can be adopted")
    up = source.direction == StudyDirection.MAXIMIZE
    if up != (metric.direction == "maximize"):
        raise InputError(
            f"{where}: its values are {'maximized' if up else 'minimized'}, {metric.name} of the"
            f" study file is to be {metric.direction}d; set objective.metric to what they are of"
        )
    named = source.metric_names
    if named and named[0] not in (called or metric.name, metric.name.removeprefix("val_")):
        raise InputError(
            f"{where}: its values are called {show(named[0])}, the study file has objective.metric"
            f" = {show(metric.name)}; if that is the same: --metric {named[0]}"
        )


def all_fitting(
    source: Study, file: StudyFile, dataset: Mapping[str, Any], rename: Mapping[str, str]
) -> Adoption:
    """Which trials of an Optuna study lie in a space.

    Args:
        source: the other program's study.
        file: the study file with the space.
        dataset: the facts of its data.
        rename: the space's names of parameters that are named otherwise there; empty: they play no
            part here.

    Raises:
        InputError: a name in ``rename`` is none, there or here.
    """
    check_names(source, file, rename)
    taken: list[Fitting] = []
    left: dict[str, list[int]] = {}
    for trial in source.get_trials(deepcopy=False):
        if trial.state != TrialState.COMPLETE:
            left.setdefault(f"not complete ({trial.state.name.lower()})", []).append(trial.number)
            continue
        try:
            taken.append(fitting(trial, file, dataset, rename))
        except MisfitError as misfit:
            left.setdefault(str(misfit), []).append(trial.number)
    nameless, missing = unmatched(source, file, rename)
    by_count = sorted(left.items(), key=lambda one: -len(one[1]))
    return Adoption(
        source=source.study_name,
        fitting=tuple(taken),
        left={reason: tuple(numbers) for reason, numbers in by_count},
        nameless=tuple(nameless),
        missing=tuple(missing),
    )


def adopt(
    storage: Storage,
    file: StudyFile,
    dataset: Mapping[str, Any],
    found: Adoption,
    *,
    written: BudgetSection,
    retrain: int,
) -> tuple[OpenStudy, Adoption]:
    """Put the fitting trials into a study, which is made where there is none of its name.

    What it has of them already is not put there again.

    Args:
        storage: where studies are kept.
        file: its file.
        dataset: the facts of its data.
        found: what fits.
        written: the budget as the file itself has it.
        retrain: how many of the best new ones are enqueued, from 0.

    Raises:
        InputError: the study was made with other settings.
    """
    metric = file.objective.measure
    done: list[Adoption] = []

    def fill(made: optuna.Study) -> int:
        done.append(_put(storage, made, found, metric, retrain))
        return len(found.fitting)

    study, is_new = open_or_create(storage, file, dataset, written=written, fill=fill)
    if not is_new:
        with exclusive(storage.url):
            fill(study.optuna)
    return study, done[0]


def adopted(study: optuna.Study) -> set[tuple[str, int, float]]:
    """Which trials of which studies a study has adopted, with their values."""
    attrs = (trial.user_attrs.get(attr.ADOPTED_KEY) for trial in study.get_trials(deepcopy=False))
    return {(one["study"], one["number"], one["value"]) for one in attrs if one is not None}


def _put(
    storage: Storage, study: optuna.Study, found: Adoption, metric: Metric, retrain: int
) -> Adoption:
    """Add what is new, and enqueue the best of it."""
    there = adopted(study)
    new = [one for one in found.fitting if (found.source, one.number, one.value) not in there]
    for one in new:
        study.add_trial(_trial(found.source, one))
    best = sorted(new, key=lambda one: -worst_first(metric, one.value))
    known = known_params(study)
    wanted = {as_key(one.params): one.params for one in best}
    first = [params for key, params in wanted.items() if key not in known][:retrain]
    if first:
        study_id = storage.get_study_id_from_name(study.study_name)
        storage.add_trials(study_id, [waiting_trial(params) for params in first])
    return replace(found, there=len(found.fitting) - len(new), retrained=len(first))


def _trial(source: str, one: Fitting) -> FrozenTrial:
    """An adopted trial as it is stored."""
    origin = {"study": source, "number": one.number, "value": one.value}
    return create_trial(
        state=TrialState.FAIL,
        params=dict(one.params),
        distributions=dict(one.distributions),
        user_attrs={
            attr.ADOPTED_KEY: origin,
            attr.FAILURE_KEY: Failure.ADOPTED,
            attr.FAILURE_MESSAGE_KEY: f"trial {one.number} of {source}: {one.value:.6g} there",
        },
        # As what was enqueued: no sampler counts it among the trials that it drew itself.
        system_attrs={attr.FIXED_KEY: dict(one.params)},
    )
