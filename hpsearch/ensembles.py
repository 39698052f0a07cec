"""Ensembles: which of some trained networks to average, and by what weights; without Keras.

Greedy selection with replacement from a library of models, by what they say of validation examples
(Caruana, Niculescu-Mizil, Crew and Ksikes 2004, "Ensemble selection from libraries of models").
Averages are of probabilities, or of predictions in the target's own unit.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hpsearch.data.target import Standard
from hpsearch.ranking import gain, worst_first
from hpsearch.tasks.answers import Answers, Truth, cross_entropy, value_of
from hpsearch.tasks.classification import LOSS
from hpsearch.tasks.interval import of_resampled
from hpsearch.tasks.metric import Metric

Weights = npt.NDArray[np.float64]
"""Of each model of a library, at least 0, with the sum 1, shape (models,)."""
Key = tuple[float, float]
"""How good answers are; the greater one is better."""
Tick = Callable[[], None]
"""Called after each bag."""

BAGS = 20
"""How many ensembles are chosen, each from other models; their weights are averaged (the bagged
selection of section 2.3, which keeps a model from being in by chance alone)."""
SHARE = 0.5
"""Of the models, that each bag chooses from."""
ROUNDS = 20
"""How often a bag adds a model to those it begins with."""
LEAST = 0.02
"""Models of a smaller weight are left out: they cost as much as others and add next to nothing."""
FOLDS = 5
"""Of the validation examples: what is chosen on the others is measured on each."""
RESAMPLES = 1000
"""Of a bootstrap."""
CHOICES = 1 + FOLDS
"""How often :func:`choose` runs where the gain is measured as well."""


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
        return self._loss(answers) if self.metric == LOSS else self._value(answers)

    def key(self, answers: Answers) -> Key:
        """How good some answers are: of equal values, as few examples have, the loss decides."""
        loss = self._loss(answers)
        value = loss if self.metric == LOSS else self._value(answers)
        return worst_first(self.metric, value), -loss

    def average(self, weights: Weights) -> Answers:
        """The answers of all models, averaged by weight."""
        used = np.flatnonzero(weights)
        return np.asarray(np.tensordot(weights[used], self.answers[used], axes=1))

    def ranked(self, some: Sequence[int]) -> list[int]:
        """Models, the best first; equal ones in their order."""
        keys = {one: self.key(self.answers[one]) for one in some}
        return sorted(some, key=lambda one: keys[one], reverse=True)

    def of(self, rows: npt.NDArray[np.int64]) -> "Library":
        """The same models and some of the examples."""
        return replace(self, answers=self.answers[:, rows], y=self.y[rows])

    def _value(self, answers: Answers) -> float:
        return value_of(self.metric.name, self.y, answers)

    def _loss(self, answers: Answers) -> float:
        if self.target is None:
            return cross_entropy(self.y, answers)
        found, wanted = map(self.target.standardised, (answers[:, 0], self.y))
        return float(np.mean(np.square(found - wanted)))


def grown(library: Library, some: Sequence[int], rounds: int = ROUNDS) -> list[int]:
    """One greedy selection: the models of an ensemble, each as often as it counts.

    It begins with the best models: as many of them, the best first, as are best together (the
    sorted initialisation of section 2.2). Then each round adds the model, one that is in or not,
    with which the average is best. Of all ensembles on this way the best is taken, of equal ones
    the smallest, so that no more are in than help.

    Args:
        library: what the models say.
        some: those that are chosen from, at least one.
        rounds: how many models are added.
    """
    ranked = library.ranked(some)
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

    Each chooses from :data:`SHARE` of the models, drawn by the seed, two at least. Weights below
    :data:`LEAST` become 0, unless all are.

    Args:
        library: what the models say of validation examples.
        seed: draws the bags.
        most: how many models may have a weight: those of the greatest; None: any number.
        tick: see :data:`Tick`.
    """
    random, weights = np.random.default_rng(seed), np.zeros(library.models)
    size = min(library.models, max(2, math.ceil(SHARE * library.models)))
    for _ in range(BAGS):
        some = np.sort(random.choice(library.models, size, replace=False)).tolist()
        chosen = grown(library, some)
        weights += np.bincount(chosen, minlength=library.models) / len(chosen)
        tick()
    if most is not None:
        weights[np.argsort(-weights, kind="stable")[most:]] = 0.0
    weights /= weights.sum()
    if weights.max() >= LEAST:
        weights[weights < LEAST] = 0.0
    return np.asarray(weights / weights.sum())


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

    Args:
        library: whose examples, truth and metric.
        better: answers to its examples.
        than: others to the same.
    """
    random, metric, count = np.random.default_rng(0), library.metric, len(library.y)
    value = gain(metric, library.value(better), library.value(than))
    drawn = np.empty(RESAMPLES)
    for place in range(RESAMPLES):
        rows = random.integers(count, size=count)
        some = replace(library, answers=library.answers[:0], y=library.y[rows])
        drawn[place] = gain(metric, some.value(better[rows]), some.value(than[rows]))
    low, high = of_resampled(value, drawn, (-math.inf, math.inf)) or (value, value)
    return Gain(value=value, low=low, high=high)


def expected_gain(
    library: Library, seed: int, most: int | None = None, tick: Tick = lambda: None
) -> Gain:
    """What choosing an ensemble adds over choosing the best single model, on examples apart.

    On the examples that it was chosen by, an ensemble is better by the choice alone. So the
    examples are parted into :data:`FOLDS`: the answers to each are those of the ensemble, and of
    the single model, that are chosen by the others.

    Args:
        library: as for :func:`choose`, with two examples at least.
        seed: parts the examples, and draws the bags.
        most: see :func:`choose`.
        tick: see :data:`Tick`.
    """
    shuffled = np.random.default_rng(seed).permutation(len(library.y))
    together = np.empty(library.answers.shape[1:])
    single = np.empty_like(together)
    for apart in np.array_split(shuffled, min(FOLDS, len(shuffled))):
        others = library.of(np.setdiff1d(shuffled, apart))
        measured = library.of(apart)
        together[apart] = measured.average(choose(others, seed, most, tick))
        single[apart] = measured.answers[others.ranked(range(library.models))[0]]
    return gain_of(library, together, single)
