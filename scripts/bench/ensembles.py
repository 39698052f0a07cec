"""How well ways to choose an ensemble do on new examples, on classifiers that are drawn at random.

    .venv/bin/python scripts/bench/ensembles.py [REPEATS]

A classifier's logits are the true class by its quality, an error that all classifiers share, and
one of its own; four classes. From some classifiers ensembles are chosen by the accuracy on 500
validation examples: by bags of examples (``hpsearch.ensembles.choose``), by bags of models (Caruana
et al. 2004, section 2.3), and by one greedy choice. On 20,000 new examples it is measured what each
gains over the classifier that is the best one alone by validation; and of
``hpsearch.ensembles.gain_of`` on the validation examples, what it tells, and how often its interval
holds that gain. Results: results/ensembles.csv and ensembles.md beside this file.
"""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from record import Row, write
from scipy.special import softmax

from hpsearch.ensembles import BAGS, Gain, Library, Weights, choose, gain_of, grown
from hpsearch.tasks.classification import ACCURACY

CLASSES, EXAMPLES, NEW = 4, 500, 20_000
SIGNAL, SHARED = 1.6, 1.2
"""How far the true class is ahead, and the deviation of the error that all share."""

Random: TypeAlias = np.random.Generator
Choose = Callable[[Library, int], Weights]


@dataclass(frozen=True)
class Case:
    """Classifiers to choose from."""

    name: str
    qualities: Callable[[Random], list[float]]
    """Of each; 1 is usual, 0 guesses."""
    own: float
    """The deviation of the error of its own."""
    best: int | None = None
    """How many are kept, the best ones by validation; None: all."""


def of_models(library: Library, seed: int) -> Weights:
    """Bags of half of the models each."""
    random, weights = np.random.default_rng(seed), np.zeros(library.models)
    size = max(2, math.ceil(library.models / 2))
    for _ in range(BAGS):
        some = random.choice(library.models, size, replace=False)
        one = Library(answers=library.answers[some], y=library.y, metric=library.metric)
        chosen = some[grown(one)]
        weights += np.bincount(chosen, minlength=library.models) / len(chosen)
    return np.asarray(weights / weights.sum())


def once(library: Library, _: int) -> Weights:
    """One greedy choice."""
    chosen = grown(library)
    return np.asarray(np.bincount(chosen, minlength=library.models) / len(chosen))


WAYS: dict[str, Choose] = {
    "bags of examples": choose,
    "bags of models": of_models,
    "one greedy choice": once,
}
CASES = (
    Case("all guess, 20", lambda _: [0.0] * 20, 1.0),
    Case("one is far ahead of 13", lambda _: [1.6] + [0.9] * 13, 0.4),
    Case("two are far ahead of 12", lambda _: [1.5] * 2 + [0.9] * 12, 0.8),
    Case("14 alike", lambda _: [1.0] * 14, 0.5),
    Case("14 that differ", lambda random: [*random.normal(1, 0.2, 14)], 0.8),
    Case("the best 5 of 40", lambda random: [*random.normal(1, 0.06, 40)], 0.5, 5),
    Case("the best 14 of 40", lambda random: [*random.normal(1, 0.06, 40)], 0.5, 14),
)


def drawn(case: Case, random: Random) -> tuple[Library, Library]:
    """What some classifiers say of validation examples, and of new ones."""
    quality = SIGNAL * np.asarray(case.qualities(random))[:, np.newaxis, np.newaxis]

    def say(count: int) -> Library:
        y = random.integers(0, CLASSES, count)
        logits = quality * np.eye(CLASSES)[y] + SHARED * random.normal(size=(count, CLASSES))
        logits = logits + case.own * random.normal(size=logits.shape)
        return Library(answers=softmax(logits, axis=2), y=y, metric=ACCURACY)

    seen, new = say(EXAMPLES), say(NEW)
    kept = seen.ranked()[: case.best]
    return _only(seen, kept), _only(new, kept)


def _only(library: Library, kept: list[int]) -> Library:
    return Library(answers=library.answers[kept], y=library.y, metric=library.metric)


def measured(case: Case, seed: int) -> dict[str, tuple[float, Gain]]:
    """Of each way the gain on new examples, and the gain as it is told."""
    seen, new = drawn(case, np.random.default_rng(seed))
    best, found = seen.ranked()[0], dict[str, tuple[float, Gain]]()
    alone = new.value(new.answers[best])
    for name, way in WAYS.items():
        weights = way(seen, seed)
        told = gain_of(seen, seen.average(weights), seen.answers[best])
        found[name] = new.value(new.average(weights)) - alone, told
    return found


def main() -> int:
    """Measure as the command line says."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    rows = list[Row]()
    for case in CASES:
        every = [measured(case, seed) for seed in range(repeats)]
        for name in WAYS:
            some = [one[name] for one in every]
            held = [told.low <= true <= told.high for true, told in some]
            certain = [told.is_certain for _, told in some]
            what = f"{case.name}; {name}"
            rows += [
                (f"{what}: gain on new examples", 100 * _mean([one for one, _ in some]), "points"),
                (f"{what}: gain as told", 100 * _mean([one.value for _, one in some]), "points"),
                (f"{what}: interval holds it", 100 * _mean(held), "%"),
                (f"{what}: told as certain", 100 * _mean(certain), "%"),
            ]
            print(*(f"{name} {value:.2f} {unit}" for name, value, unit in rows[-4:]), sep="\n")
    write("ensembles", f"Ways to choose an ensemble, means over {repeats} draws", rows)
    return 0


def _mean(values: list[float] | list[bool]) -> float:
    return float(np.mean(values))


if __name__ == "__main__":
    sys.exit(main())
