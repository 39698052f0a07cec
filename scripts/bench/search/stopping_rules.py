"""What ends trials of a replay, and what is trained next."""

import math
from bisect import bisect_left, insort
from collections.abc import Sequence
from statistics import median

import numpy as np
from replayed import WORKERS, Pruner, Search, Trial

MARGIN = 1.1
"""What is expected to take a while is given so many times as long."""


def never(_search: Search, _trial: Trial) -> bool:
    """No pruner."""
    return False


def percentile(share: float, startup: int, warmup: float) -> Pruner:
    """As Optuna's percentile pruner.

    Args:
        share: of the complete trials, in percent, among which a trial's best so far must be.
        startup: complete trials before any is pruned.
        warmup: share of the epochs in which none is.
    """

    def prunes(search: Search, trial: Trial) -> bool:
        if len(search.complete) < startup:
            return False
        if trial.epoch <= math.ceil(warmup * len(trial.training.errors)):
            return False
        others = search.at[trial.epoch - 1]
        return bool(others) and trial.best > quantile(others, share / 100)

    return prunes


def quantile(ordered: Sequence[float], share: float) -> float:
    """Of values, the least first, by linear interpolation, as ``numpy.percentile`` has it."""
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def halving(least: int, factor: int) -> Pruner:
    """As Optuna's asynchronous successive halving.

    Args:
        least: epochs to the first rung.
        factor: of so many trials that come to a rung one goes on; and of rungs.
    """

    def prunes(search: Search, trial: Trial) -> bool:
        while trial.epoch >= least * factor ** len(trial.rungs):
            rung = len(trial.rungs)
            if rung == len(search.rungs):
                search.rungs.append([])
            insort(search.rungs[rung], trial.error)
            trial.rungs.append(trial.error)
            best = max(len(search.rungs[rung]) // factor, 1)
            if trial.error > search.rungs[rung][best - 1]:
                return True
        return False

    return prunes


class InOrder:
    """Trials are begun in their order and go on to their end."""

    def next(self, search: Search) -> Trial | None:
        """The next one."""
        return search.new()

    def pauses(self, search: Search, trial: Trial) -> bool:
        """Never."""
        return False


class _Finishing:
    """Explores by pausing trials; what is left of the time goes to finishing the best of them.

    They begin anew, so that no weights need be kept of those that are paused.
    """

    def __init__(self, count: int, *, only: bool = False) -> None:
        """Args: how many are to be finished, each from its first epoch; whether no more are."""
        self._count, self._only, self._finished = count, only, 0
        self._is_closing = False

    def next(self, search: Search) -> Trial | None:
        """What explores, or the best that is not finished."""
        if not self._is_closing:
            self._is_closing = self._must_close(search)
        if not self._is_closing:
            if (trial := self._explores(search)) is not None:
                return trial
            self._is_closing = True
        if self._only and self._finished == self._count:
            return None
        left = search.until - search.now
        paused = self._ranked(search)
        found = next((one for one in paused if one.whole <= left), paused[0] if paused else None)
        if found is not None:
            self._finished += 1
            found.restart()
        return found

    def _must_close(self, search: Search) -> bool:
        leaders = [one.whole for one in self._ranked(search)[: self._count]]
        needed = max(sum(leaders) / WORKERS, max(leaders, default=0.0))
        return search.until - search.now <= MARGIN * needed

    def _explores(self, search: Search) -> Trial | None:
        return search.new()

    def _ranked(self, search: Search) -> list[Trial]:
        return sorted(search.of("paused"), key=lambda one: one.best)


class IEpoch(_Finishing):
    """All trials are stopped after some epochs, and the best are finished (arXiv 2404.04111)."""

    def __init__(self, share: float, count: int, *, only: bool = False) -> None:
        """Args: the share of the epochs after which trials are stopped, 0: one; as above."""
        super().__init__(count, only=only)
        self._share = share

    def pauses(self, search: Search, trial: Trial) -> bool:
        """At its last epoch of exploration."""
        at = max(1, math.ceil(self._share * len(trial.training.errors)))
        return not trial.is_final and trial.epoch == at


class Pasha(_Finishing):
    """Successive halving whose top rung rises while the two top rungs rank otherwise.

    After Bohdal et al. (2023): ranks count as the same where errors differ by no more than eps,
    here a tenth of the standard deviation of the errors at the top rung.
    """

    def __init__(self, factor: int, count: int, least: int = 1) -> None:
        """Args: of rungs; how many are finished; the first rung's epochs."""
        super().__init__(count)
        self._factor, self._least = factor, least
        self._reached: list[list[Trial]] = [[], []]

    def pauses(self, search: Search, trial: Trial) -> bool:
        """At every rung."""
        rung = len(trial.rungs)
        if trial.is_final or trial.epoch < self._least * self._factor**rung:
            return False
        trial.rungs.append(trial.best)
        self._reached[rung].append(trial)
        if rung == len(self._reached) - 1 and self._disagree():
            self._reached.append([])
        return True

    def _disagree(self) -> bool:
        top, below = len(self._reached) - 1, len(self._reached) - 2
        upper = sorted(self._reached[top], key=lambda one: one.rungs[top])
        lower = sorted(self._reached[top], key=lambda one: one.rungs[below])
        eps = 0.1 * float(np.std([one.rungs[top] for one in upper]))
        return any(
            abs(one.rungs[top] - other.rungs[top]) > eps
            for one, other in zip(upper, lower, strict=True)
        )

    def _explores(self, search: Search) -> Trial | None:
        for rung in range(len(self._reached) - 2, -1, -1):
            ranked = sorted(self._reached[rung], key=lambda one: one.rungs[rung])
            for one in ranked[: len(ranked) // self._factor]:
                if one.state == "paused" and len(one.rungs) == rung + 1:
                    return one
        return search.new()

    def _ranked(self, search: Search) -> list[Trial]:
        return sorted(search.of("paused"), key=lambda one: (-len(one.rungs), one.best))


class LastMinutes:
    """Trials in their order, but for the end of the time."""

    def __init__(self, *, share: float = 0.0, fits: bool = False, resumes: bool = False) -> None:
        """Args:
        share: of the time, at its end, in which no trial is begun.
        fits: whether none is begun that is not expected to complete in the time that is left;
            the median of the complete ones is expected.
        resumes: whether pruned trials are trained anew to their end, if they end in time, when
            none is begun.
        """
        self._share, self._fits, self._resumes = share, fits, resumes

    def next(self, search: Search) -> Trial | None:
        """The next one, while it may begin; then the pruned one that stood best."""
        left = search.until - search.now
        if self._may_begin(search, left) and (trial := search.new()) is not None:
            return trial
        if not self._resumes:
            return None
        fit = [one for one in search.of("pruned") if one.whole <= left]
        best = min(fit, key=lambda one: _standing(search, one), default=None)
        if best is not None:
            best.restart()
        return best

    def pauses(self, search: Search, trial: Trial) -> bool:
        """Never."""
        return False

    def _may_begin(self, search: Search, left: float) -> bool:
        if left < self._share * search.until:
            return False
        if not self._fits or not search.complete:
            return True
        took = median(one.epoch * one.training.seconds for one in search.complete)
        return took <= left


def _standing(search: Search, trial: Trial) -> tuple[float, float]:
    """Where a trial stands among the complete ones at its last epoch, 0: ahead of all."""
    others = search.at[trial.epoch - 1]
    return bisect_left(others, trial.best) / max(len(others), 1), trial.best


class Seeds(InOrder):
    """The end of the time goes to more seeds of the best complete trials, each in turn."""

    def __init__(self, share: float, count: int) -> None:
        """Args: the share of the time in which no trial is begun; how many get more seeds."""
        self._share, self._count = share, count

    def next(self, search: Search) -> Trial | None:
        """A trial, or another seed of that leader which has the fewest."""
        is_last = search.until - search.now <= self._share * search.until
        if not is_last and (trial := search.new()) is not None:
            return trial
        leaders = sorted(search.complete, key=lambda one: one.best)[: self._count]
        leaders = [one for one in leaders if len(one.again) < len(one.training.again)]
        fewest = min(leaders, key=lambda one: len(one.again), default=None)
        return fewest and fewest.with_seed()
