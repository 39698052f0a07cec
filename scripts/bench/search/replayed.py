"""One search over recorded trainings, by two workers and the seconds that were recorded."""

import heapq
import math
from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Literal, Protocol

from pools import Training

WORKERS = 2


@dataclass(kw_only=True, eq=False)
class Trial:
    """A training as far as the search has come with it."""

    training: Training
    state: Literal["new", "running", "paused", "pruned", "complete"] = "new"
    epoch: int = 0
    """Epochs that are trained."""
    best: float = float("inf")
    """The error of the best of them."""
    since: int = 0
    """Epochs since then."""
    rungs: list[float] = field(default_factory=list)
    """Of successive halving: the errors with which it came to each rung."""
    is_final: bool = False
    """Whether it is finished whatever it comes to."""
    is_again: bool = False
    """Whether it is another one's configuration with another seed."""
    again: "list[Trial]" = field(default_factory=list)
    """Its configuration with other seeds, as far as that was begun."""

    def with_seed(self) -> "Trial | None":
        """Its configuration with the next seed; None where no more are recorded."""
        number = len(self.again)
        if number == len(self.training.again):
            return None
        training = replace(self.training, errors=self.training.again[number], again=())
        self.again.append(Trial(training=training, is_final=True, is_again=True))
        return self.again[-1]

    @property
    def mean(self) -> float | None:
        """The mean of the best epochs of its seeds; None where it is trained with one alone."""
        runs = [one.best for one in self.again if one.state == "complete"]
        return fmean([self.best, *runs]) if runs else None

    @property
    def left(self) -> float:
        """Seconds to its last epoch."""
        return (len(self.training.errors) - self.epoch) * self.training.seconds

    @property
    def whole(self) -> float:
        """Seconds of all its epochs."""
        return len(self.training.errors) * self.training.seconds

    def restart(self) -> None:
        """Train it anew, and to its end."""
        self.epoch, self.since, self.best, self.is_final = 0, 0, float("inf"), True

    @property
    def error(self) -> float:
        """Of the epoch that was trained last."""
        return self.training.errors[self.epoch - 1]


@dataclass(kw_only=True)
class Search:
    """What a rule sees of a search, in the order in which it happens."""

    trials: list[Trial]
    """In the order in which they are drawn; a rule must not look at those that are new."""
    until: float
    """The budget, in seconds."""
    now: float = 0.0
    begun: int = 0
    """Trials that are not new."""
    complete: list[Trial] = field(default_factory=list)
    """Without other seeds of the same configurations."""
    at: list[list[float]] = field(default_factory=list)
    """By epoch, from 0, the errors of the complete trials, least first."""
    rungs: list[list[float]] = field(default_factory=list)
    """Of successive halving, by rung, the errors of those that came to it, least first."""

    def new(self) -> Trial | None:
        """The next trial, or None where all are begun."""
        if self.begun == len(self.trials):
            return None
        self.begun += 1
        return self.trials[self.begun - 1]

    def of(self, state: str) -> list[Trial]:
        """The trials of a state."""
        return [one for one in self.trials[: self.begun] if one.state == state]


class Steering(Protocol):
    """What workers train next."""

    def next(self, search: Search) -> Trial | None:
        """The trial that a free worker begins or resumes; None: there is none now."""

    def pauses(self, search: Search, trial: Trial) -> bool:
        """Whether a trial that goes on gives its place to another one now."""


Pruner = Callable[[Search, Trial], bool]
"""Whether a trial that has trained another epoch, and not its last, ends there."""


@dataclass(frozen=True, kw_only=True)
class Stood:
    """How a search stood at a moment."""

    complete: Trial | None
    """The best complete trial: what hpsearch calls the best. Where there are any with several
    seeds, of these the best by their mean."""
    counted: float
    """The least error of the complete trials and of those that run, which the end would cut off;
    infinite: there is none."""


@dataclass(frozen=True, kw_only=True)
class Replay:
    """What came of a search."""

    stood: tuple[Stood, ...]
    """At each moment that was asked for."""
    seconds: float
    """That workers were busy."""
    search: Search


def replay(
    trainings: Sequence[Training],
    steering: Steering,
    pruner: Pruner,
    patience: int | None,
    moments: Sequence[float],
) -> Replay:
    """A search until the last moment, or until no worker has anything left to do.

    Args:
        trainings: in the order in which trials are drawn.
        steering: what workers train next.
        pruner: which trials end early.
        patience: epochs without a better one after which a trial is complete; None: none is.
        moments: seconds at which the search is looked at; the last one is its budget.
    """
    longest = max(len(one.errors) for one in trainings)
    trials = [Trial(training=one) for one in trainings]
    search = Search(trials=trials, until=moments[-1], at=[[] for _ in range(longest)])
    stood: list[Stood] = []
    busy: list[tuple[float, int, Trial]] = []
    spent, order = 0.0, 0
    while True:
        while len(busy) < WORKERS and (trial := steering.next(search)) is not None:
            trial.state, order = "running", order + 1
            heapq.heappush(busy, (search.now + trial.training.seconds, order, trial))
        if not busy:
            break
        ended, number, trial = heapq.heappop(busy)
        while len(stood) < len(moments) and ended > moments[len(stood)]:
            stood.append(_stands(search))
        if len(stood) == len(moments):
            break
        search.now = ended
        spent += trial.training.seconds
        _train(search, trial, pruner, patience)
        if trial.state == "running" and steering.pauses(search, trial):
            trial.state = "paused"
        if trial.state == "running":
            heapq.heappush(busy, (ended + trial.training.seconds, number, trial))
    stood += [_stands(search)] * (len(moments) - len(stood))
    return Replay(stood=tuple(stood), seconds=spent, search=search)


def _train(search: Search, trial: Trial, pruner: Pruner, patience: int | None) -> None:
    """One epoch of a trial, and whether it ends there."""
    trial.epoch += 1
    trial.since += 1
    if trial.error < trial.best:
        trial.best, trial.since = trial.error, 0
    is_last = trial.epoch == len(trial.training.errors)
    if is_last or (patience is not None and trial.since >= patience):
        trial.state = "complete"
        if not trial.is_again:
            search.complete.append(trial)
            for at, error in zip(search.at, trial.training.errors[: trial.epoch], strict=False):
                insort(at, error)
    elif not trial.is_final and pruner(search, trial):
        trial.state = "pruned"


def _stands(search: Search) -> Stood:
    sure = [one for one in search.complete if one.mean is not None]
    complete = min(sure or search.complete, key=lambda one: one.mean or one.best, default=None)
    errors = [one.best for one in (*search.complete, *search.of("running"))]
    return Stood(complete=complete, counted=min(errors, default=math.inf))
