"""Writes the candidates of the portfolios: guesses of experts, and points spread over wide spaces.

    .venv/bin/python scripts/bench/portfolio/candidates.py

For each kind spaces/KIND.toml has guesses and a space. What the guesses leave out is hpsearch's
default; those of ``[[later]]``, which came when others had been recorded, are numbered behind all.
The points of the space are a Latin hypercube of low discrepancy (scipy.stats.qmc; in the
first points of a Sobol sequence some choices always go together). Result:
results/portfolio-candidates.jsonl beside the other benchmarks', a line a candidate. It is kept, so
that what was recorded of a candidate stays its own whatever another version of SciPy draws.
"""

import json
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scipy.stats import qmc

from hpsearch.config import TrialConfig, flat
from hpsearch.space import Space, suggest_config

sys.path.append(str(Path(__file__).parents[1]))
from record import RESULTS  # isort: skip  # of the folder above

FILE = RESULTS / "portfolio-candidates.jsonl"
SPACES = Path(__file__).parent / "spaces"
KINDS = ("dense", "conv", "vectors", "tables")
"""Images with dense and with convolutional networks, vectors, tables."""

_MOST_NAMES = 32
"""Parameters of a space, at most: dimensions of the hypercube."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A configuration that is trained on all sets of its kind."""

    kind: str
    number: int
    """From 0 in its kind; guesses come first, but for later ones."""
    is_guess: bool
    config: TrialConfig

    @property
    def key(self) -> tuple[str, int]:
        """Which one it is, in the record."""
        return self.kind, self.number


class Point:
    """Answers with what lies at a point of the unit cube; a parameter has an axis of its own.

    Args:
        place: the coordinates, each from 0 up to but not including 1.
        axes: of the parameters that were asked for before, by their names; new ones are added.
    """

    def __init__(self, place: Sequence[float], axes: dict[str, int]) -> None:
        self._place, self._axes = place, axes

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """The whole number at the place, each as likely as another, or each factor if ``log``."""
        share = self._at(name)
        if log:
            return min(high, int(low * ((high + 1) / low) ** share))
        return low + step * int(share * ((high - low) // step + 1))

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """The number at the place, to three digits."""
        share = self._at(name)
        value = low * (high / low) ** share if log else low + (high - low) * share
        return float(f"{value:.3g}")

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """The choice at the place."""
        return choices[int(self._at(name) * len(choices))]

    def _at(self, name: str) -> float:
        return self._place[self._axes.setdefault(name, len(self._axes))]


def made(kind: str) -> Iterator[Candidate]:
    """The candidates of a kind, made anew.

    Args:
        kind: one of ``KINDS``.
    """
    told = tomllib.loads((SPACES / f"{kind}.toml").read_text(encoding="utf-8"))
    guesses = [TrialConfig.model_validate(guess) for guess in told["guess"]]
    for number, config in enumerate(guesses):
        yield Candidate(kind=kind, number=number, is_guess=True, config=config)
    points = drawn(told["space"], told["draws"])
    for number, config in enumerate(points, len(guesses)):
        yield Candidate(kind=kind, number=number, is_guess=False, config=config)
    later = [TrialConfig.model_validate(guess) for guess in told.get("later", ())]
    for number, config in enumerate(later, len(guesses) + len(points)):
        yield Candidate(kind=kind, number=number, is_guess=True, config=config)


def drawn(space: Mapping[str, Any], count: int) -> list[TrialConfig]:
    """Configurations that are spread over a space.

    Args:
        space: as ``[space]`` of a study file.
        count: of them, from 1.
    """
    known, axes = Space.model_validate(space), dict[str, int]()
    places = qmc.LatinHypercube(_MOST_NAMES, optimization="random-cd", rng=0).random(count)
    return [suggest_config(known, Point(place, axes)) for place in places.tolist()]


def read() -> dict[tuple[str, int], Candidate]:
    """The candidates that are kept, by kind and number."""
    found = {}
    for line in FILE.read_text(encoding="utf-8").splitlines():
        told = json.loads(line)
        told["config"] = TrialConfig.model_validate(told["config"])
        candidate = Candidate(**told)
        found[candidate.key] = candidate
    return found


def main() -> None:
    """Write them."""
    every = [candidate for kind in KINDS for candidate in made(kind)]
    lines = [
        json.dumps(
            {
                "kind": one.kind,
                "number": one.number,
                "is_guess": one.is_guess,
                "config": flat(one.config),
            }
        )
        for one in every
    ]
    FILE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(lines)} candidates in {FILE}")


if __name__ == "__main__":
    main()
