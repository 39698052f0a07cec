"""Trials as plain values: the rows that commands print, and the best of them."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from optuna.trial import FrozenTrial, TrialState

from hpsearch.config import TrialConfig, flat
from hpsearch.errors import Failure, InputError, NoTrialError
from hpsearch.parsing import parse
from hpsearch.ranking import rank
from hpsearch.search import attributes as attr
from hpsearch.search.budget import ending, seconds_used, stop_requested
from hpsearch.search.shapes import Kind
from hpsearch.search.storage.facts import STATES
from hpsearch.search.study import OpenStudy, size_of
from hpsearch.space import config_of
from hpsearch.tasks.interval import measured
from hpsearch.tasks.metric import Metric

Trial: TypeAlias = FrozenTrial
"""Optuna's, for layers that do not know Optuna."""

_ATTRIBUTES = (
    attr.PARAMETERS_KEY, attr.MACS_KEY, attr.EPOCHS_KEY, attr.BEST_EPOCH_KEY, attr.VAL_LOSS_KEY,
    attr.SECONDS_KEY, attr.TRAIN_ACCURACY_KEY, attr.TRAIN_VALUE_KEY, attr.GAP_KEY, attr.FOLDS_KEY,
    attr.WORKER_KEY, attr.DEVICE_KEY, attr.SEED_KEY, attr.FAILURE_KEY, attr.FAILURE_MESSAGE_KEY,
    attr.SAME_KEY,
)  # fmt: skip

JUDGED = ("values", attr.BEST_EPOCH_KEY, attr.VAL_LOSS_KEY, attr.GAP_KEY, attr.FOLDS_KEY)
"""What follows from validation examples, and is told of no refit, which was trained on them."""


def is_running(trial: Trial) -> bool:
    """Whether a worker is busy with the trial."""
    return trial.state == TrialState.RUNNING


def is_open(trial: Trial) -> bool:
    """Whether the trial is not over: it runs, or waits to."""
    return not trial.state.is_finished()


def is_complete(trial: Trial) -> bool:
    """Whether the trial ran to its end and has a value."""
    return trial.state == TrialState.COMPLETE


def is_refit(trial: Trial) -> bool:
    """Whether the trial was trained on validation examples, too, as refits of a confirmation study
    are: what it reaches on these says nothing of it.
    """
    return bool(trial.user_attrs.get(attr.KIND_KEY) == Kind.REFIT)


def config(study: OpenStudy, trial: FrozenTrial) -> TrialConfig | None:
    """The configuration of a trial; None while some of its parameters are not drawn."""
    if (given := trial.user_attrs.get(attr.CONFIG_KEY)) is not None:
        changes = (trial.user_attrs.get(attr.CHANGES_KEY) or {}).get("config", {})
        return parse(TrialConfig, {**given, **changes}, f"trial {trial.number}")
    return config_of(study.file.space, _params(trial))


def parameters(study: OpenStudy, trial: FrozenTrial) -> int:
    """The trainable parameters of a trial that has a configuration; 0: they are not known yet."""
    known = trial.user_attrs.get(attr.PARAMETERS_KEY)
    if known is not None:
        return int(known)
    found = config(study, trial)
    size = None if found is None else size_of(found, study.data)
    return 0 if size is None else size.parameters


def _params(trial: FrozenTrial) -> dict[str, Any]:
    """What is known of a trial's parameters: drawn, or asked for while it waits."""
    return trial.params or attr.fixed_params(trial)


def same_as(study: OpenStudy, trial: FrozenTrial) -> int | None:
    """The first earlier trial of the same configuration that runs or ran to an end, or None.

    A sampler may draw a configuration again, above all in a small space. As trials have seeds of
    their own, that is another seed of the same configuration: neither lost nor a new one. A trial
    that was interrupted is no other one: its successor is the same trial.
    """
    if attr.CONFIG_KEY in trial.user_attrs:
        return None
    for other in study.trials():
        if other.number >= trial.number:
            break
        if other.state not in (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING):
            continue
        if other.params == trial.params:
            return int(other.user_attrs.get(attr.SAME_KEY, other.number))
    return None


def row(study: OpenStudy, trial: FrozenTrial) -> dict[str, Any]:
    """One trial as ``trials --json`` prints it.

    Of a confirmation run ``of`` says whose configuration it has, and ``kind`` what is new in it; of
    a refit nothing is told that was measured on validation examples.
    """
    resolved = config(study, trial)
    row: dict[str, Any] = {
        "number": trial.number,
        "state": STATES[trial.state],
        "values": trial.values,
        "config": flat(resolved) if resolved else _params(trial),
    }
    row |= {key: trial.user_attrs.get(key) for key in _ATTRIBUTES}
    row["adopted"] = trial.user_attrs.get(attr.ADOPTED_KEY)
    row["of"] = of = trial.user_attrs.get(attr.OF_KEY)
    row["kind"] = of and str(trial.user_attrs.get(attr.KIND_KEY, Kind.SEED))
    told = attr.trained(trial.user_attrs)
    row[attr.TRAIN_VALUE_KEY] = told and told[1]
    if trial.state == TrialState.RUNNING and trial.intermediate_values:
        # Steps behind the epochs are folds.
        row[attr.EPOCHS_KEY] = min(trial.last_step or 0, study.file.training.epochs)
    return row | dict.fromkeys(JUDGED) if is_refit(trial) else row


def in_columns(row: Mapping[str, Any]) -> dict[str, Any]:
    """A trial, as :func:`row` gives it, as a line of ``trials --csv``.

    The configuration's fields become columns config.<field>; several values one text, with a dash
    between them.
    """
    line = {key: value for key, value in row.items() if key not in ("values", "config", "adopted")}
    line["value"] = row["values"][0] if row["values"] else None
    for key, value in row["config"].items():
        inner = value if isinstance(value, dict) else {"": value}
        for name, item in inner.items():
            column = f"config.{key}.{name}" if name else f"config.{key}"
            line[column] = "-".join(map(str, item)) if isinstance(item, list) else item
    return line


def epoch_values(trial: FrozenTrial, epochs: int) -> dict[int, float]:
    """The values of a trial's epochs, none of a refit; what was reported behind them are means of
    folds.

    Args:
        trial: the trial.
        epochs: of a training, at most.
    """
    if is_refit(trial):
        return {}
    return {step: value for step, value in trial.intermediate_values.items() if step <= epochs}


def ranked(trials: Iterable[FrozenTrial], metric: Metric) -> list[FrozenTrial]:
    """The complete ones of some trials, the best first, without refits."""
    return sorted(
        (trial for trial in trials if is_complete(trial) and not is_refit(trial)),
        key=lambda t: rank(t.values[0], t.number, t.user_attrs, metric),
    )


def best(study: OpenStudy) -> FrozenTrial:
    """The best complete trial, by ``hpsearch.ranking``.

    Raises:
        NoTrialError: no trial has completed.
    """
    trial = find_best(study)
    if trial is None and _complete_refits(study):
        raise NoTrialError(
            f"study {study.name}: only refits completed, and none of them is the best one, as they"
            " were trained on validation examples, too; evaluate --refit and export --refit of the"
            " study itself take them"
        )
    if trial is None:
        counts = study.counts()
        raise NoTrialError(
            f"study {study.name}: no trial completed yet ({counts.running} running,"
            f" {counts.pruned} pruned, {counts.failed} failed); run it, or see hpsearch trials"
            f" {study.name}"
        )
    return trial


def find_best(study: OpenStudy) -> FrozenTrial | None:
    """As :func:`best`; None where no trial has completed, or none with a finite value."""
    metric = study.file.objective.measure
    if study.is_closed:
        return _best_run(study, metric)
    trial_id = study.storage.best_trial_id(study.study_id, metric)
    return None if trial_id is None else study.storage.get_trial(trial_id)


def no_best(complete: int) -> str:
    """What a reader is told where :func:`find_best` finds none of some complete trials."""
    if not complete:
        return "no trial has completed yet"
    return "no complete trial has a value to judge it by"


def _best_run(study: OpenStudy, metric: Metric) -> FrozenTrial | None:
    """The best of a confirmation study's runs, first of those that are measured on the examples
    that the study's trials are measured on.
    """
    runs = ranked(study.trials(), metric)
    same = (trial for trial in runs if attr.CHANGES_KEY not in trial.user_attrs)
    return next(same, next(iter(runs), None))


def find(study: OpenStudy, number: int) -> FrozenTrial:
    """The trial ``number``.

    Raises:
        InputError: there is none.
    """
    total = study.storage.get_n_trials(study.study_id)
    if not 0 <= number < total:
        raise InputError(
            f"study {study.name}: has no trial {number}; it has {total},"
            f" see hpsearch trials {study.name}"
        )
    return study.storage.get_trial(study.trial_id(number))


def best_row(study: OpenStudy) -> dict[str, Any]:
    """The best trial as ``best --json`` prints it; raises as :func:`best`.

    Also :func:`measurement`; ``repeats`` has the number and the value of each complete trial of its
    configuration, itself among them; ``reference`` what scikit-learn's models reach
    (``hpsearch.reference``), None where nobody has measured it.
    """
    trial = best(study)
    values = row(study, trial)
    keys = (
        "number", "values", "config", attr.PARAMETERS_KEY, attr.MACS_KEY, attr.BEST_EPOCH_KEY,
        attr.VAL_LOSS_KEY, attr.TRAIN_ACCURACY_KEY, attr.TRAIN_VALUE_KEY, attr.GAP_KEY,
        attr.FOLDS_KEY,
    )  # fmt: skip
    first = trial.user_attrs.get(attr.SAME_KEY, trial.number)
    repeats = study.storage.values_of(study.study_id, attr.SAME_KEY, first)
    return {
        "study": study.name,
        **{key: values[key] for key in keys},
        **measurement(study, trial.values[0]),
        "repeats": [{"number": number, "value": value} for number, value in repeats],
        "reference": study.optuna.user_attrs.get(attr.REFERENCE_KEY),
    }


def measurement(study: OpenStudy, value: float) -> dict[str, Any]:
    """On how many ``validation_examples`` a value of a study was measured, and by how much it may
    be off by their number: its 95 % ``interval``, of an accuracy only. None where not known.

    Args:
        study: the study.
        value: the objective's.
    """
    examples = study.data.get("validation")
    interval = measured(study.file.objective.measure, value, examples)
    return {"validation_examples": examples, "interval": interval and list(interval)}


def _complete_refits(study: OpenStudy) -> int:
    """How many refits of a confirmation study completed; 0 of other studies."""
    if not study.is_closed:
        return 0
    return sum(is_refit(trial) and is_complete(trial) for trial in study.trials())


def summary(study: OpenStudy) -> dict[str, Any]:
    """One study as ``ls --json`` prints it: name, best, and counts by state."""
    counts = study.counts()
    metric = study.file.objective.metric
    found = find_best(study) if counts.complete else None
    return {
        "name": study.name,
        "best": None if found is None else found.values[0],
        "metric": metric,
        "trials": study.budget.trials,
        **counts.plain(),
    }


def live_workers(study: OpenStudy) -> list[dict[str, Any]]:
    """The workers that run a trial just now, as ``show --json`` prints them, by trial.

    Each with ``worker`` ("host:pid"), ``host``, ``pid``, ``device``, ``trial``, ``epoch`` (the last
    that is done, or None), ``last_seen`` (a time in UTC) and ``silent`` (seconds since then by the
    database's clock). Of trials that other programs run by Optuna only the trial is known.
    """
    heartbeats = study.storage.heartbeats(study.study_id)
    running = study.storage.get_all_trials(
        study.study_id, deepcopy=False, states=(TrialState.RUNNING,)
    )
    trials, found = {trial.number: trial for trial in running}, []
    for heartbeat in heartbeats:
        if (trial := trials.get(heartbeat.number)) is None:
            continue  # it has just ended
        worker = trial.user_attrs.get(attr.WORKER_KEY)
        host, _, pid = (worker or "").rpartition(":")
        found.append(
            {
                "worker": worker,
                "host": host or None,
                "pid": int(pid) if pid else None,
                "device": trial.user_attrs.get(attr.DEVICE_KEY),
                "trial": heartbeat.number,
                "epoch": trial.last_step and min(trial.last_step, study.file.training.epochs),
                "last_seen": heartbeat.beat and f"{heartbeat.beat.isoformat(timespec='seconds')}Z",
                "silent": heartbeat.age and round(heartbeat.age, 1),
            }
        )
    return found


def details(study: OpenStudy) -> dict[str, Any]:
    """One study as ``show --json`` prints it."""
    attrs: Mapping[str, Any] = study.optuna.user_attrs
    summaries = study.trial_summaries()
    return {
        **summary(study),
        "budget": study.budget.model_dump(mode="json"),
        "dataset": attrs.get(attr.DATASET_KEY),
        "precision": study.computes_in,
        "preset": study.file.preset,
        "portfolio": len(study.file.portfolio),
        "winners": attrs.get(attr.WINNERS_KEY) or [],
        "adopted": sum(one.failure == Failure.ADOPTED for one in summaries),
        "refits": _complete_refits(study),
        "reference": attrs.get(attr.REFERENCE_KEY),
        "over": ending(study, summaries),
        "seconds": round(seconds_used(summaries), 3),
        "stop": stop_requested(study),
        "workers": live_workers(study),
        "provenance": {"created": study.made, "versions": attrs.get(attr.VERSIONS_KEY)},
        "study_file": study.file.model_dump(mode="json"),
    }
