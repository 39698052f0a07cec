"""The confirmation study of a study: its leaders and its baseline, trained with new seeds.

Each of these runs is a trial of a study of its own, ``NAME.confirm``, in which nothing is sampled:
what runs was put there. So the same workers claim, train, checkpoint, resume and report it.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from optuna.trial import FrozenTrial

from hpsearch.config import TrialConfig, flat
from hpsearch.errors import InputError, uses_place
from hpsearch.search import attributes as attr
from hpsearch.search import precision
from hpsearch.search import trials as rows
from hpsearch.search.database.exclusive import exclusive
from hpsearch.search.leaders import BASELINE, Leader, told
from hpsearch.search.lookup import both_names, confirmation_studies, load_study
from hpsearch.search.making import create
from hpsearch.search.sampling.seeds import derive_seed
from hpsearch.search.shapes import ConfirmRequest, Kind
from hpsearch.search.storage import Storage, waiting_trial
from hpsearch.search.study import OpenStudy
from hpsearch.search_sections import BudgetSection, NoPruner, Random
from hpsearch.searchable import identity


def refuse_confirmation_study(study: OpenStudy) -> None:
    """Refuse a confirmation study where a searched one is wanted.

    Raises:
        InputError: the study is a confirmation study.
    """
    if study.is_closed:
        _, searched = both_names(study.name)
        raise InputError(
            f"study {study.name}: is the confirmation study of {searched}; give {searched} instead"
        )


def ensure_confirmation_study(study: OpenStudy) -> OpenStudy:
    """The confirmation study of a study; made when there is none.

    Raises:
        InputError: the study is a confirmation study itself.
    """
    refuse_confirmation_study(study)
    name, _ = both_names(study.name)
    storage = study.storage
    with exclusive(storage.url):
        if name not in storage.study_names():
            _create(storage, study, name)
    return load_study(storage, name)


def _create(storage: Storage, study: OpenStudy, name: str) -> None:
    budget = BudgetSection(trials=1)
    file = study.file.model_copy(
        update={
            "name": name, "sampler": Random(), "pruner": NoPruner(), "enqueue": (),
            "portfolio": (), "baseline": None, "budget": budget,
        }
    )  # fmt: skip
    dataset = study.data
    attrs = {attr.CLOSED_KEY: True, **precision.attributes(study)}
    create(storage, file, dataset, budget=budget, attrs=attrs)


def seeds(study: OpenStudy, count: int) -> list[int]:
    """The seeds of confirmation runs: the same for all configurations, and of no trial's."""
    return [derive_seed(study.file.seed, "confirm", index) for index in range(count)]


def queue(  # noqa: PLR0917  # each is another thing
    confirmation: OpenStudy,
    study: OpenStudy,
    chosen: Sequence[Leader],
    wanted: Sequence[int],
    kind: Kind = Kind.SEED,
    epochs: int | None = None,
    *,
    smallest: bool = False,
    lost: Collection[int] = (),
    check: Callable[[], None] | None = None,
) -> int:
    """Put the runs that are not there yet into the confirmation study; how many.

    What a fault of the program ended is put there once more; what diverged is not.

    Args:
        confirmation: the confirmation study.
        study: the study.
        chosen: whose runs.
        wanted: their seeds, the same for all.
        kind: what is new in them.
        epochs: of a refit: how long it trains.
        smallest: see :attr:`ConfirmRequest.smallest`.
        lost: the numbers of runs that count as not there, though they are complete.
        check: called where there are such runs, before they are queued; what it raises ends this.
    """
    jobs = [
        _job(one, seed, kind, _changes(study, one.config, kind, index, epochs))
        for index, seed in enumerate(wanted)
        for one in chosen
    ]
    if check is not None and _not_there(confirmation, jobs, lost):
        check()
    with exclusive(study.storage.url):
        new = _not_there(confirmation, jobs, lost)
        waiting = [waiting_trial(user=job) for job in new]
        confirmation.storage.add_trials(confirmation.study_id, waiting)
        counts = confirmation.counts()
        total = counts.counted + counts.waiting + counts.running
        budget = confirmation.budget.model_copy(update={"trials": max(1, total)})
        confirmation.optuna.set_user_attr(attr.BUDGET_KEY, budget.model_dump(mode="json"))
        if kind is not Kind.REFIT:
            request = ConfirmRequest(
                kind=kind, of=[one.of for one in chosen], seeds=list(wanted), smallest=smallest
            )
            confirmation.optuna.set_user_attr(attr.REQUEST_KEY, request.model_dump(mode="json"))
    return len(new)


def _not_there(
    confirmation: OpenStudy, jobs: Sequence[dict[str, Any]], lost: Collection[int]
) -> list[dict[str, Any]]:
    """The jobs that are neither done nor wait."""
    there = {
        _identity(t.user_attrs)
        for t in runs(confirmation)
        if not t.state.is_finished() or (has_result(t) and t.number not in lost)
    }
    return [job for job in jobs if _identity(job) not in there]


def check_kind(study: OpenStudy, kind: Kind) -> None:
    """Refuse what a study's data cannot give, before anything is made.

    Raises:
        InputError: new splits of data whose validation part is given.
    """
    section = study.file.dataset
    if kind is Kind.SPLIT and not section.splits_anew:
        given = section.validation == "given"
        why = 'dataset.validation = "given"' if given else "dataset.time says how to split"
        raise InputError(
            f"study {study.name}: {why}, so no other split can be drawn; confirm the study without"
            " --new-split"
        )


def last_request(confirmation: OpenStudy) -> ConfirmRequest | None:
    """What the last ``confirm`` was about; None: nobody asked, or an earlier version did."""
    stored = confirmation.optuna.user_attrs.get(attr.REQUEST_KEY)
    return None if stored is None else ConfirmRequest.model_validate(stored)


def _job(one: Leader, seed: int, kind: Kind, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a run."""
    job: dict[str, Any] = {
        attr.CONFIG_KEY: flat(one.config),
        attr.OF_KEY: one.of,
        attr.SEED_KEY: seed,
    }
    return (
        job
        if kind is Kind.SEED
        else job | {attr.KIND_KEY: kind.value, attr.CHANGES_KEY: dict(changes)}
    )


def _identity(job: Mapping[str, Any]) -> tuple[str, int, str]:
    """What tells a run from all others; a baseline may be another one by now."""
    config = TrialConfig.model_validate(job[attr.CONFIG_KEY])
    what = [kind_of(job), job.get(attr.CHANGES_KEY), identity(config)]
    return job[attr.OF_KEY], job[attr.SEED_KEY], json.dumps(what, sort_keys=True)


def kind_of(attributes: Mapping[str, Any]) -> Kind:
    """The kind of a run, from its trial's user attributes."""
    return Kind(attributes.get(attr.KIND_KEY, Kind.SEED))


def _changes(
    study: OpenStudy, config: TrialConfig, kind: Kind, index: int, epochs: int | None
) -> dict[str, Any]:
    """What a run of a kind has other than the study's trials, by section of a recipe."""
    if kind is Kind.SPLIT:
        return {"dataset": {"split_seed": derive_seed(study.file.seed, "confirm split", index)}}
    return _refit_changes(config, epochs) if kind is Kind.REFIT else {}


def is_annealed(config: TrialConfig) -> bool:
    """Whether the refit of a configuration has another learning-rate schedule, a cosine.

    It has where the rate would else be as high at the end as in the middle: no validation example
    is left by which the best of the epochs could be kept, and the last one is a matter of luck.
    With the cosine 9 of 13 refits on small tables had a smaller error, by 1.8 % in the mean of 12
    (scripts/bench/README.md). A model of the user's own may have its rate from elsewhere.
    """
    return config.network.type != "python" and config.lr_schedule in ("constant", "plateau")


def _refit_changes(config: TrialConfig, epochs: int | None) -> dict[str, Any]:
    """What a refit of a configuration has other than the study's trials."""
    return {
        **({"config": {"lr_schedule": "cosine"}} if is_annealed(config) else {}),
        "dataset": {"include_validation": True},
        "training": {"epochs": epochs, "early_stopping": False},
        "objective": {"epoch": "last"},
    }


def has_result(trial: FrozenTrial) -> bool:
    """Whether a run that is over says something about its configuration."""
    return rows.is_complete(trial) or uses_place(trial.user_attrs.get(attr.FAILURE_KEY))


Runs = dict[str, dict[int, FrozenTrial]]
"""Complete runs, by whose configuration it is and by seed."""


def results(
    study: OpenStudy,
    confirmation: OpenStudy,
    wanted: Sequence[int] | None = None,
    kind: Kind = Kind.SEED,
    epochs: int | None = None,
) -> Runs:
    """The complete runs of a kind, of configurations as they are now.

    Args:
        study: the study.
        confirmation: its confirmation study.
        wanted: the seeds that are looked at; None: all.
        kind: which runs.
        epochs: of refits: those that trained so long.
    """
    found: Runs = {}
    for trial in asked_for(study, confirmation, wanted, kind, epochs):
        if rows.is_complete(trial):
            attrs = trial.user_attrs
            found.setdefault(str(attrs[attr.OF_KEY]), {})[int(attrs[attr.SEED_KEY])] = trial
    return found


def asked_for(
    study: OpenStudy,
    confirmation: OpenStudy,
    wanted: Sequence[int] | None,
    kind: Kind,
    epochs: int | None,
) -> Iterator[FrozenTrial]:
    """The runs of a kind, whatever their state; arguments as of :func:`results`."""
    for trial in runs(confirmation):
        attrs = trial.user_attrs
        if kind_of(attrs) is not kind or is_former(study, attrs):
            continue
        if epochs is not None and not _is_refit_of(attrs, epochs):
            continue
        if wanted is None or attrs[attr.SEED_KEY] in wanted:
            yield trial


def is_run(trial: FrozenTrial) -> bool:
    """Whether a trial is a confirmation run, with all that makes it one."""
    return {attr.CONFIG_KEY, attr.OF_KEY, attr.SEED_KEY} <= trial.user_attrs.keys()


def runs(confirmation: OpenStudy) -> list[FrozenTrial]:
    """The runs of a confirmation study; what another program has put there is none."""
    return [*filter(is_run, confirmation.trials())]


def _is_refit_of(attributes: Mapping[str, Any], epochs: int) -> bool:
    """Whether a run is a refit of so many epochs, as refits are now: earlier ones had the rate of
    their configuration.
    """
    config = TrialConfig.model_validate(attributes[attr.CONFIG_KEY])
    return bool(attributes.get(attr.CHANGES_KEY) == _refit_changes(config, epochs))


def is_former(study: OpenStudy, attributes: Mapping[str, Any]) -> bool:
    """Whether a run is of a baseline that the study had before, and has no more."""
    if attributes[attr.OF_KEY] != BASELINE:
        return False
    now = study.file.baseline
    return now is None or TrialConfig.model_validate(attributes[attr.CONFIG_KEY]) != now


def open_runs(confirmation: OpenStudy, kind: Kind, wanted: Sequence[int]) -> int:
    """How many runs of a kind with some seeds wait or run."""
    return sum(
        rows.is_open(trial)
        and kind_of(trial.user_attrs) is kind
        and trial.user_attrs[attr.SEED_KEY] in wanted
        for trial in runs(confirmation)
    )


def values(study: OpenStudy) -> dict[str, dict[int, float]]:
    """The values of a study's confirmation runs, by whose configuration it is and by seed."""
    found = (results(study, confirmation) for confirmation in confirmation_studies(study))
    return {
        of: {seed: float(run.values[0]) for seed, run in runs.items()}
        for one in found
        for of, runs in one.items()
    }


def name_of(study: OpenStudy, trial: FrozenTrial) -> str:
    """The name of a trial in a line: "trial 7"; of a confirmation run "trial 12, seed 2 of 5".

    Args:
        study: the study that the trial is of.
        trial: the trial.
    """
    attrs = trial.user_attrs
    if not is_run(trial):
        return f"trial {trial.number}"
    last = last_request(study)
    seed, wanted = attrs[attr.SEED_KEY], [] if last is None else last.seeds
    place = f"{wanted.index(seed) + 1} of {len(wanted)}" if seed in wanted else f"{seed}"
    refit = ", refit" if kind_of(attrs) is Kind.REFIT else ""
    return f"{told(attrs[attr.OF_KEY])}{refit}, seed {place}"
