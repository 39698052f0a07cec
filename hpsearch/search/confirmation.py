"""The companion of a study: its leaders and its baseline, trained again with new seeds.

Each of these runs is a trial of a study of its own, ``NAME.confirm``, in which nothing is sampled:
what runs was put there. So the same workers claim, train, checkpoint, resume and report it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from hpsearch.config import TrialConfig, flat
from hpsearch.errors import InputError, uses_place
from hpsearch.search import trials as rows
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


def companion_of(study: OpenStudy) -> OpenStudy:
    """The companion of a study; made when there is none.

    Raises:
        InputError: the study is a companion itself.
    """
    if study.is_closed:
        raise InputError(f"study {study.name}: holds confirmation runs; confirm the study itself")
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


def queue(companion: OpenStudy, study: OpenStudy, chosen: Sequence[Leader], count: int) -> int:
    """Put the runs that are not there yet into the companion; how many.

    What a fault of the program ended is put there once more; what diverged is not.
    """
    with exclusive(study.storage.url):
        there = {
            (t.user_attrs["of"], t.user_attrs["seed"])
            for t in companion.trials()
            if not t.state.is_finished() or _has_result(t)
        }
        wanted = [(one, seed) for seed in seeds(study, count) for one in chosen]
        new = [(one, seed) for one, seed in wanted if (one.of, seed) not in there]
        for one, seed in new:
            attrs = {"config": flat(one.config), "of": one.of, "seed": seed}
            waiting = create_trial(state=TrialState.WAITING, user_attrs=attrs)
            companion.optuna.add_trial(waiting)
        counts = companion.counts()
        total = counts.counted + counts.waiting + counts.running
        budget = companion.budget.model_copy(update={"trials": max(1, total)})
        companion.optuna.set_user_attr(BUDGET_KEY, budget.model_dump(mode="json"))
    return len(new)


def _has_result(trial: FrozenTrial) -> bool:
    """Whether a run that is over says something about its configuration."""
    return rows.is_complete(trial) or uses_place(trial.user_attrs.get("failure"))


def results(companion: OpenStudy, count: int | None = None) -> dict[str, dict[int, FrozenTrial]]:
    """The complete runs, by whose configuration it is and by seed.

    Args:
        companion: the companion.
        count: how many seeds are looked at; None: all.
    """
    wanted = None if count is None else set(seeds(companion, count))
    found: dict[str, dict[int, FrozenTrial]] = {}
    for trial in companion.trials():
        seed = int(trial.user_attrs["seed"])
        if rows.is_complete(trial) and (wanted is None or seed in wanted):
            found.setdefault(str(trial.user_attrs["of"]), {})[seed] = trial
    return found


def values(study: OpenStudy) -> dict[str, dict[int, float]]:
    """The values of a study's confirmation runs, by whose configuration it is and by seed."""
    found = (results(companion) for companion in companions(study))
    return {
        of: {seed: float(run.values[0]) for seed, run in runs.items()}
        for one in found
        for of, runs in one.items()
    }
