"""Reproductions: a trial that was trained once more with its own seed, epoch by epoch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from hpsearch.errors import Failure, InputError
from hpsearch.search import attributes as attr
from hpsearch.search.history import history
from hpsearch.search.storage.reading import utc
from hpsearch.search.study import OpenStudy
from hpsearch.search.trials import is_open

_CUT_OFF = (None, Failure.INTERRUPTED)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How near a training came to the trial that it repeats."""

    then: float | None
    """The trial's value, or that of its last epoch where it has none; None: it reported nothing."""
    now: float
    """The same of the training."""
    epochs_then: int
    epochs_now: int
    compared: int
    """Epochs that both have."""
    largest: float | None
    """The largest difference of the metric in one of these; None where there are none."""
    largest_at: int | None
    """The first epoch with that difference; None where all are equal to the last bit."""

    @property
    def identical(self) -> bool:
        """Whether both have the same epochs with the same values, to the last bit."""
        return self.largest == 0.0 and self.epochs_then == self.epochs_now == self.compared


def last_epoch(trial: FrozenTrial) -> int | None:
    """The epoch after which a training that repeats a trial ends; None: where the recipe ends.

    Raises:
        InputError: the trial is not over, so that there is nothing to compare with.
    """
    if is_open(trial):
        raise InputError(
            f"trial {trial.number} has not ended; choose another trial, or wait until it has"
        )
    cut_off = trial.state == TrialState.PRUNED or (
        trial.state == TrialState.FAIL and trial.user_attrs.get(attr.FAILURE_KEY) in _CUT_OFF
    )
    return trial.last_step if cut_off else None


def compare(trial: FrozenTrial, now: Mapping[int, float], value: float) -> Comparison:
    """Compare a trial with a training of its recipe.

    Args:
        trial: the trial.
        now: the training's values of the objective's metric, by epoch.
        value: the training's value.
    """
    then = trial.intermediate_values
    both = sorted(then.keys() & now.keys())
    apart = {epoch: abs(then[epoch] - now[epoch]) for epoch in both}
    largest = max(apart.values(), default=None)
    complete = trial.state == TrialState.COMPLETE
    reported = then[max(then)] if then else None
    return Comparison(
        then=trial.values[0] if complete else reported,
        now=value if complete or not now else now[max(now)],
        epochs_then=len(then),
        epochs_now=len(now),
        compared=len(both),
        largest=largest,
        largest_at=next((e for e in both if apart[e] == largest), None) if largest else None,
    )


def _machine_of(study: OpenStudy, trial: FrozenTrial, host: str) -> Mapping[str, Any]:
    """The host as its last command before a trial found it; nothing where it is not known."""
    known = history(study)
    there = [(one["date"], known["machines"].get(one["machine"], {})) for one in known["commands"]]
    there = [(date, machine) for date, machine in there if machine.get("host") == host]
    began = trial.datetime_start and utc(trial.datetime_start).isoformat()
    before = [machine for date, machine in there if began is None or date <= began]
    machine: Mapping[str, Any] = (before or [machine for _, machine in there] or [{}])[-1]
    return machine


def other_surroundings(
    study: OpenStudy,
    trial: FrozenTrial,
    here: Mapping[str, Any],
    *,
    device: str,
    data: Mapping[str, Any],
) -> list[str]:
    """What is other here than where a trial ran, as "what: then -> now".

    Args:
        study: the trial's study.
        trial: the trial.
        here: this machine (``hpsearch.workers.machine.machine``).
        device: what is trained on here.
        data: the facts of the data here.
    """
    attrs = study.optuna.user_attrs
    host = str(trial.user_attrs.get(attr.WORKER_KEY, "")).rpartition(":")[0]
    there = _machine_of(study, trial, host)
    pairs = {
        "host": (host or None, here["host"]),
        "device": (trial.user_attrs.get(attr.DEVICE_KEY), device),
        "processor": (there.get("cpu"), here["cpu"]),
        "operating system": (there.get("os"), here["os"]),
    }
    versions = there.get("versions") or attrs.get(attr.VERSIONS_KEY) or {}
    pairs |= {name: (version, here["versions"].get(name)) for name, version in versions.items()}
    known = attrs.get(attr.DATASET_KEY) or {}
    pairs["data fingerprint"] = (known.get("fingerprint"), data.get("fingerprint"))
    if "dataset" not in trial.user_attrs.get(attr.CHANGES_KEY, {}):  # else it is another's
        pairs["split"] = (known.get("split_fingerprint"), data.get("split_fingerprint"))
    return [
        f"{name}: {then} -> {now}"
        for name, (then, now) in pairs.items()
        if then is not None and then != now
    ]
