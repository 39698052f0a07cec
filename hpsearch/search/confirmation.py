"""The companion of a study: its leaders and its baseline, trained again with new seeds.

Each of these runs is a trial of a study of its own, ``NAME.confirm``, in which nothing is sampled:
what runs was put there. So the same workers claim, train, checkpoint, resume and report it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from hpsearch.config import TrialConfig, flat
from hpsearch.errors import InputError, uses_place
from hpsearch.search import trials as rows
from hpsearch.search.export import CHANGES_KEY
from hpsearch.search.opening import exclusive
from hpsearch.search.samplers import derive_seed
from hpsearch.search.storage import BUDGET_KEY, CLOSED_KEY, Storage
from hpsearch.search.study import (
    COMPANION,
    CREATED_KEY,
    DATASET_KEY,
    FILE_KEY,
    VERSIONS_KEY,
    OpenStudy,
    companions,
    load_study,
    name_metric,
    versions,
)
from hpsearch.study_file import BudgetSection, NoPruner, Random

BASELINE = "baseline"
"""What a run is of that is of no trial."""


class Kind(StrEnum):
    """What is new in a run, beside its seed."""

    SEED = "seed"
    """Nothing: it shows the luck of seeds."""
    SPLIT = "split"
    """The validation split: it shows the luck of that as well."""
    REFIT = "refit"
    """It is trained on training and validation examples for a number of epochs that was fixed
    before: a last training, whose own figures say nothing about new examples."""


@dataclass(frozen=True, kw_only=True)
class Leader:
    """A configuration that is confirmed."""

    of: str
    """The number of its trial, or "baseline"."""
    config: TrialConfig
    found: float | None
    """The value by which the search found it; None of the baseline."""


def leaders(study: OpenStudy, top: int) -> list[Leader]:
    """The best configurations of a study, each once, and its baseline.

    Args:
        study: the study.
        top: how many of the best.

    Raises:
        NoTrialError: no trial has completed.
    """
    rows.best(study)  # says what is wrong where there is none
    maximize = study.file.objective.goal == "maximize"
    complete = [t for t in study.trials() if rows.is_complete(t)]
    complete.sort(key=lambda t: t.values[0], reverse=maximize)  # stable: of equals the first
    found: list[Leader] = []
    for trial in complete:
        config = rows.config(study, trial)
        if config is not None and config not in [one.config for one in found]:
            found.append(Leader(of=str(trial.number), config=config, found=trial.values[0]))
    found = found[:top]
    if study.file.baseline is not None:
        found.append(Leader(of=BASELINE, config=study.file.baseline, found=None))
    return found


def refuse_companion(study: OpenStudy) -> None:
    """Refuse what is of a search and no companion.

    Raises:
        InputError: the study is a companion.
    """
    if study.is_closed:
        searched = study.name.removesuffix(COMPANION)
        raise InputError(
            f"study {study.name}: holds the confirmation runs of study {searched}; name that one"
        )


def companion_of(study: OpenStudy) -> OpenStudy:
    """The companion of a study; made when there is none.

    Raises:
        InputError: the study is a companion itself.
    """
    refuse_companion(study)
    name = study.name + COMPANION
    storage = study.storage
    with exclusive(storage.url):
        if name not in optuna.get_all_study_names(storage):
            _create(storage, study, name)
    return load_study(storage, name)


def _create(storage: Storage, study: OpenStudy, name: str) -> None:
    made = optuna.create_study(
        study_name=name, storage=storage, direction=study.file.objective.goal
    )
    name_metric(made, study.file)
    file = study.file.model_copy(
        update={
            "name": name, "sampler": Random(), "pruner": NoPruner(), "enqueue": (),
            "baseline": None, "budget": BudgetSection(trials=1),
        }
    )  # fmt: skip
    attrs = {
        CLOSED_KEY: True,
        BUDGET_KEY: file.budget.model_dump(mode="json"),
        DATASET_KEY: study.optuna.user_attrs.get(DATASET_KEY),
        VERSIONS_KEY: versions(),
        CREATED_KEY: datetime.now(UTC).isoformat(timespec="seconds"),
        FILE_KEY: file.model_dump(mode="json"),  # last: with it the study is whole
    }
    for key, value in attrs.items():
        made.set_user_attr(key, value)


def seeds(study: OpenStudy, count: int) -> list[int]:
    """The seeds of confirmation runs: the same for all configurations, and of no trial's."""
    return [derive_seed(study.file.seed, "confirm", index) for index in range(count)]


def queue(  # noqa: PLR0917  # each is another thing
    companion: OpenStudy,
    study: OpenStudy,
    chosen: Sequence[Leader],
    count: int,
    kind: Kind = Kind.SEED,
    epochs: int | None = None,
) -> int:
    """Put the runs that are not there yet into the companion; how many.

    What a fault of the program ended is put there once more; what diverged is not.

    Args:
        companion: the study's companion.
        study: the study.
        chosen: whose runs.
        count: runs of each, with as many seeds.
        kind: what is new in them.
        epochs: of a refit: how long it trains.

    Raises:
        InputError: new splits of data whose validation part is given.
    """
    if kind is Kind.SPLIT and study.file.dataset.validation == "given":
        raise InputError(
            f'study {study.name}: dataset.validation = "given", so there is no other split to'
            " draw; confirm it without --new-split"
        )
    with exclusive(study.storage.url):
        there = {
            _identity(t.user_attrs)
            for t in companion.trials()
            if not t.state.is_finished() or _has_result(t)
        }
        wanted = [
            _job(one, seed, kind, _changes(study, kind, index, epochs))
            for index, seed in enumerate(seeds(study, count))
            for one in chosen
        ]
        new = [job for job in wanted if _identity(job) not in there]
        for job in new:
            companion.optuna.add_trial(create_trial(state=TrialState.WAITING, user_attrs=job))
        counts = companion.counts()
        total = counts.counted + counts.waiting + counts.running
        budget = companion.budget.model_copy(update={"trials": max(1, total)})
        companion.optuna.set_user_attr(BUDGET_KEY, budget.model_dump(mode="json"))
    return len(new)


def _job(one: Leader, seed: int, kind: Kind, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a run."""
    job: dict[str, Any] = {rows.CONFIG_KEY: flat(one.config), "of": one.of, "seed": seed}
    return job if kind is Kind.SEED else job | {"kind": kind.value, CHANGES_KEY: dict(changes)}


def _identity(job: Mapping[str, Any]) -> tuple[str, int, str, str]:
    """What tells a run from all others."""
    return job["of"], job["seed"], kind_of(job), json.dumps(job.get(CHANGES_KEY), sort_keys=True)


def kind_of(attributes: Mapping[str, Any]) -> Kind:
    """The kind of a run, from its trial's user attributes."""
    return Kind(attributes.get("kind", Kind.SEED))


def _changes(study: OpenStudy, kind: Kind, index: int, epochs: int | None) -> dict[str, Any]:
    """What a run of a kind has other than the study's trials, by section of a recipe."""
    if kind is Kind.SPLIT:
        return {"dataset": {"split_seed": derive_seed(study.file.seed, "confirm split", index)}}
    if kind is Kind.REFIT:
        return {
            "dataset": {"include_validation": True},
            "training": {"epochs": epochs, "early_stopping": False},
            "objective": {"epoch": "last"},
        }
    return {}


def _has_result(trial: FrozenTrial) -> bool:
    """Whether a run that is over says something about its configuration."""
    return rows.is_complete(trial) or uses_place(trial.user_attrs.get("failure"))


Runs = dict[str, dict[int, FrozenTrial]]
"""Complete runs, by whose configuration it is and by seed."""


def results(
    companion: OpenStudy,
    count: int | None = None,
    kind: Kind = Kind.SEED,
    epochs: int | None = None,
) -> Runs:
    """The complete runs of a kind.

    Args:
        companion: the companion.
        count: how many seeds are looked at; None: all.
        kind: which runs.
        epochs: of refits: those that trained so long.
    """
    wanted = None if count is None else set(seeds(companion, count))
    found: Runs = {}
    for trial in companion.trials():
        attrs = trial.user_attrs
        if not rows.is_complete(trial) or kind_of(attrs) is not kind:
            continue
        if epochs is not None and attrs[CHANGES_KEY]["training"]["epochs"] != epochs:
            continue
        if wanted is None or attrs["seed"] in wanted:
            found.setdefault(str(attrs["of"]), {})[int(attrs["seed"])] = trial
    return found


def values(study: OpenStudy) -> dict[str, dict[int, float]]:
    """The values of a study's confirmation runs, by whose configuration it is and by seed."""
    found = (results(companion) for companion in companions(study))
    return {
        of: {seed: float(run.values[0]) for seed, run in runs.items()}
        for one in found
        for of, runs in one.items()
    }
