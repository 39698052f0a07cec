"""Ensembles: which of some trained networks to average, and by what weights; without Keras.

Greedy selection with replacement from a library of models, by what they say of validation examples
(Caruana, Niculescu-Mizil, Crew and Ksikes 2004, "Ensemble selection from libraries of models").
Averages are of probabilities, or of predictions in the target's own unit.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hpsearch.data.target import Standard
from hpsearch.ranking import gain, worst_first
from hpsearch.tasks.answers import Answers, Truth, losses, needed, value
from hpsearch.tasks.classification import LOSS
from hpsearch.tasks.interval import of_resampled
from hpsearch.tasks.metric import Metric

Weights = npt.NDArray[np.float64]
"""Of each model of a library, at least 0, with the sum 1, shape (models,)."""
Key = tuple[float, float]
"""How good answers are; the greater one is better."""
Rows: TypeAlias = npt.NDArray[np.int64] | slice
"""Places of examples."""
Tick = Callable[[], None]
"""Called after each bag."""

BAGS = 20
"""How many ensembles are chosen, each by examples drawn anew; their weights are averaged."""
ROUNDS = 20
"""How often a bag adds a model to those it begins with."""
LEAST = 0.02
"""Models of a smaller weight are left out: they cost as much as others and add next to nothing."""
RESAMPLES = 1000
"""Of a bootstrap."""


@dataclass(frozen=True, kw_only=True)
class Library:
    """What some trained networks say of the same examples."""

    answers: npt.NDArray[np.floating]
    """Of each model: shape (models, n, classes), or (models, n, 1)."""
    y: Truth
    """What is true, shape (n,)."""
    metric: Metric
    """By what is chosen."""
    target: Standard | None = None
    """Of a regression: how its loss is standardised."""

    @property
    def models(self) -> int:
        """How many there are."""
        return len(self.answers)

    def value(self, answers: Answers) -> float:
        """What the metric comes to of some answers to the same examples."""
        return self.measured(slice(None), self.needed(answers))

    def needed(self, answers: Answers) -> npt.NDArray[Any]:
        """What the metric needs of each answer (``hpsearch.tasks.answers.needed``)."""
        is_loss = self.metric == LOSS
        return self._losses(answers) if is_loss else needed(self.metric.name, answers)

    def measured(self, rows: Rows, found: npt.NDArray[Any]) -> float:
        """What the metric comes to on some examples.

        Args:
            rows: which, once or several times.
            found: of all examples, as :meth:`needed` gives it.
        """
        if self.metric == LOSS:
            return float(found[rows].mean())
        return value(self.metric.name, self.y[rows], found[rows])

    def key(self, answers: Answers) -> Key:
        """How good some answers are: of equal values, as few examples have, the loss decides."""
        loss = float(self._losses(answers).mean())
        found = loss if self.metric == LOSS else self.value(answers)
        return worst_first(self.metric, found), -loss

    def average(self, weights: Weights) -> Answers:
        """The answers of all models, averaged by weight."""
        used = np.flatnonzero(weights)
        return np.asarray(np.tensordot(weights[used], self.answers[used], axes=1))

    def ranked(self) -> list[int]:
        """All models, the best first; equal ones in their order."""
        keys = [self.key(answers) for answers in self.answers]
        return sorted(range(self.models), key=lambda one: keys[one], reverse=True)

    def of(self, rows: npt.NDArray[np.int64]) -> "Library":
        """The same models and some of the examples, by their places."""
        return replace(self, answers=self.answers[:, rows], y=self.y[rows])

    def _losses(self, answers: Answers) -> npt.NDArray[np.float64]:
        """The loss of each example."""
        if self.target is None:
            return losses(self.y, answers)
        found, wanted = map(self.target.standardised, (answers[:, 0], self.y))
        return np.asarray(np.square(found - wanted))


def grown(library: Library, rounds: int = ROUNDS) -> list[int]:
    """One greedy selection: the models of an ensemble, each as often as it counts.

    It begins with the best models: as many of them, the best first, as are best together (the
    sorted initialisation of section 2.2). Then each round adds the model, one that is in or not,
    with which the average is best. Of all ensembles on this way the best is taken, of equal ones
    the smallest, so that no more are in than help.

    Args:
        library: what the models say.
        rounds: how many models are added.
    """
    ranked = library.ranked()
    total, way, keys = np.zeros(library.answers.shape[1:]), list[int](), list[Key]()
    for one in ranked:
        total = total + library.answers[one]
        way.append(one)
        keys.append(library.key(total / len(way)))
    size = _first_best(keys) + 1
    way, keys = way[:size], keys[size - 1 : size]
    total = library.answers[way].sum(axis=0, dtype=np.float64)
    for _ in range(rounds):
        with_one = [library.key((total + library.answers[one]) / (len(way) + 1)) for one in ranked]
        best = _first_best(with_one)
        total = total + library.answers[ranked[best]]
        way.append(ranked[best])
        keys.append(with_one[best])
    return way[: size + _first_best(keys)]


def _first_best(keys: Sequence[Key]) -> int:
    """Where the best key is; of equal ones the first."""
    return max(range(len(keys)), key=lambda place: (keys[place], -place))


def choose(
    library: Library, seed: int, most: int | None = None, tick: Tick = lambda: None
) -> Weights:
    """The weights of an ensemble: the mean over :data:`BAGS` greedy selections.

    Each bag chooses by as many examples, drawn with replacement (L. Breiman 1996, "Bagging
    predictors"), so that no model has much weight for a few examples alone. Bags of models, half of
    them each, as section 2.3 of Caruana et al. has it, gain less here: those without the best few
    are worse than these (``scripts/bench/ensembles.py``).

    Weights below :data:`LEAST` become 0, unless all are. The best model alone may be better by
    these examples, as the luckiest of some: that is told by :func:`gain_of`, and changes nothing.

    Args:
        library: what the models say of validation examples.
        seed: draws the bags.
        most: how many models may have a weight: those of the greatest; None: any number.
        tick: see :data:`Tick`.
    """
    random, weights = np.random.default_rng(seed), np.zeros(library.models)
    for _ in range(BAGS):
        drawn = library.of(random.integers(len(library.y), size=len(library.y)))
        weights += _shares(grown(drawn), library.models)
        tick()
    return _limited(weights, most)


def _shares(chosen: Sequence[int], models: int) -> Weights:
    """How often each of some models was chosen, as weights."""
    return np.asarray(np.bincount(chosen, minlength=models) / len(chosen))


def _limited(weights: Weights, most: int | None) -> Weights:
    """Weights with the sum 1, of no more models than are wanted, and of none that hardly counts."""
    kept = weights / weights.sum()
    if most is not None:
        kept[np.argsort(-kept, kind="stable")[most:]] = 0.0
        kept /= kept.sum()
    if kept.max() >= LEAST:
        kept[kept < LEAST] = 0.0
    return np.asarray(kept / kept.sum())


@dataclass(frozen=True, kw_only=True)
class Gain:
    """By how much one model's answers are better than another's, on the same examples."""

    value: float
    """Above 0: better. In the metric's unit."""
    low: float
    """The lower end of the 95 % interval."""
    high: float

    @property
    def is_certain(self) -> bool:
        """Whether the interval is above 0; else the examples do not tell that it is better."""
        return self.low > 0


def gain_of(library: Library, better: Answers, than: Answers) -> Gain:
    """By how much some answers are better than others, with an interval.

    The paired bootstrap (Efron and Tibshirani 1993, chapter 16): both are measured on the same
    examples, drawn anew again and again, so that what makes an example hard for both cancels out.
    It takes the examples for independent. Where nothing scatters the interval is one point.

    On the examples that both were chosen by, both are too good: an ensemble as it is the best of
    many, a single model as it is the best of some. In ``scripts/bench/ensembles.py`` the two
    about cancel out. (Chosen on four fifths and compared on the other, the gain was told too great:
    what is kept of a search are its best by the same examples, and those are the worse on a fifth,
    the better they are on the rest.)

    Args:
        library: whose examples, truth and metric.
        better: answers to its examples.
        than: others to the same.
    """
    random, metric, count = np.random.default_rng(0), library.metric, len(library.y)
    both = library.needed(better), library.needed(than)

    def gained(rows: Rows) -> float:
        return gain(metric, *(library.measured(rows, one) for one in both))

    known = gained(slice(None))
    drawn = np.array([gained(random.integers(count, size=count)) for _ in range(RESAMPLES)])
    low, high = of_resampled(known, drawn, (-math.inf, math.inf)) or (known, known)
    return Gain(value=known, low=low, high=high)
