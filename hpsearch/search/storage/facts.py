"""What a storage tells of studies and trials, and the names of the attributes that it looks at."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState, create_trial

from hpsearch.clock import Mark
from hpsearch.errors import InputError, uses_place
from hpsearch.search.attributes import FIXED_KEY, WORKER_KEY

STATES = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}
"""What the state of a trial is called."""
ENDED_STATES = tuple(word for state, word in STATES.items() if state.is_finished())
"""The states of trials that are over."""

LEASE = 120.0
"""Seconds without a heartbeat after which a worker counts as dead, wherever it is."""


def waiting_trial(
    params: Mapping[str, Any] | None = None,
    *,
    user: Mapping[str, Any] | None = None,
    system: Mapping[str, Any] | None = None,
) -> FrozenTrial:
    """A trial that waits, for ``Storage.add_trials`` or as a successor for ``Storage.fail``.

    Args:
        params: the parameters that it has when it starts; others are sampled then. None: all.
        user: its user attributes.
        system: more system attributes.
    """
    fixed = {} if params is None else {FIXED_KEY: dict(params)}
    return create_trial(
        state=TrialState.WAITING,
        user_attrs=dict(user or {}),
        system_attrs={**fixed, **(system or {})},
    )


class LeaseLostError(UpdateFinishedTrialError):
    """A trial is not this worker's any more: it was given to another one, or it is gone."""


class BudgetSpentError(Exception):
    """All places in a study's budget are taken, or it was stopped: no trial can start."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many trials of a study are in which state."""

    complete: int = 0
    pruned: int = 0
    failed: int = 0
    """Failed by their configuration: part of the budget."""
    uncounted: int = 0
    """Interrupted, redrawn or failed by the program: no part of the budget."""
    running: int = 0
    waiting: int = 0

    @property
    def counted(self) -> int:
        """Trials that used up a place in the budget."""
        return self.complete + self.pruned + self.failed

    @property
    def ended(self) -> int:
        """Trials that are over."""
        return self.counted + self.uncounted

    def plain(self) -> dict[str, int]:
        """The same by name, ready for JSON; ``counted`` beside it."""
        return {**asdict(self), "counted": self.counted}


@dataclass(frozen=True, kw_only=True)
class TrialSummary:
    """What one query tells of every trial of a study: reading whole trials takes longer."""

    number: int
    state: TrialState
    start: datetime | None
    """When it started, in UTC without a time zone; None while the trial waits."""
    end: datetime | None
    value: float | None
    failure: str | None
    clock_start: Mark | None = None
    """When it started by its machine's clock; None where no worker of hpsearch ran it, or one of an
    older version."""
    clock_end: Mark | None = None
    """When it ended, where that is known."""

    @property
    def counts(self) -> bool:
        """Whether the trial is over and used up a place in the budget."""
        if self.state == TrialState.FAIL:
            return uses_place(self.failure)
        return self.state.is_finished()


@dataclass(frozen=True, kw_only=True)
class Heartbeat:
    """The last heartbeat of a running trial's worker."""

    number: int
    """The trial's."""
    beat: datetime | None
    """When it came, by the database's clock in UTC; None where no worker of hpsearch runs the
    trial, or one of an older version."""
    age: float | None
    """Seconds between then and now, by the database's clock; None where there is no beat. One that
    lies ahead, as that clock was set back since, is as old as it is far: who lives beats again."""
    owner: Mapping[str, Any] = field(default_factory=dict)
    """Who runs the trial: its user attributes of ``OWNER_KEYS``, as far as it has them."""


@dataclass(frozen=True, kw_only=True)
class BusyProcess:
    """A process that is busy with a study, whether or not it runs a trial just now."""

    owner: Mapping[str, Any]
    """Who it is: what ``OWNER_KEYS`` say."""
    age: float
    """Seconds since its last heartbeat, as :attr:`Heartbeat.age`."""

    @property
    def is_fresh(self) -> bool:
        """Whether it may be alive, wherever it is."""
        return self.age < LEASE


@dataclass(frozen=True, kw_only=True)
class Whole:
    """All that a database holds of a study, but for who is busy with it just now."""

    user: Mapping[str, Any]
    """User attributes."""
    system: Mapping[str, Any]
    """System attributes."""
    trials: Sequence[FrozenTrial]


class StudyBusyError(InputError):
    """A study cannot be removed, as processes are busy with it."""

    def __init__(self, name: str, busy: Iterable[BusyProcess]) -> None:
        who = ", ".join(sorted({str(one.owner.get(WORKER_KEY)) for one in busy}))
        super().__init__(
            f"study {name}: is in use by {who}; stop that first: hpsearch stop {name}. Of a machine"
            f" that is gone, workers count as dead {LEASE:.0f} seconds after their last"
            " heartbeat (hpsearch delete --force does not wait for that)"
        )
