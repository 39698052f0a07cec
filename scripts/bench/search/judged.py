"""What stopping.py found, judged: tables of all rules, and a choice on half of the sets."""

import csv
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pools import KINDS, LARGE
from stopping_rules import DEFAULT, Rule, rules

from record import RESULTS  # isort: skip  # found once pools is imported

TOLD = ("1/8", "1/4", "1/2", "1")
"""The budgets: shares of the time that all trials need."""
JUDGED = ("1/4", "1/2")
"""Those by whose mean rules are compared: at 1/8 half of the default's searches have no complete
trial to prune by, at 1 most rules have begun all trials."""
MEASURES = ("seen", "chosen", "counted")
DRAWS = 2_000
"""Of the bootstrap over families, and a quarter as many random halves."""
Values = npt.NDArray[np.float64]
Row = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How a rule's regret differs from another one's; negative: it is less."""

    mean: float
    low: float
    """Of the 95 % interval by a bootstrap over families."""
    high: float
    ahead: int
    """Families in which it is less."""
    families: int

    def __str__(self) -> str:
        told = f"{self.mean:+.3f} ({self.low:+.3f} to {self.high:+.3f})"
        return f"{told}, ahead in {self.ahead} of {self.families}"


def rows(kinds: Sequence[str], order: str | None = None) -> list[Row]:
    """Those of results/stopping.csv of some kinds, and of one order or of all."""
    with (RESULTS / "stopping.csv").open(encoding="utf-8", newline="") as file:
        found = [row for row in csv.DictReader(file) if row["kind"] in kinds]
    return [row for row in found if order is None or row["order"] == order]


def by_family(found: Sequence[Row], value: Callable[[Row], float]) -> dict[str, Values]:
    """By the rule, the means of the families, in one order of families for all rules."""
    cells: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in found:
        cells[row["rule"]][row["family"]].append(value(row))
    return {
        rule: np.array([np.mean(of[family]) for family in sorted(of)])
        for rule, of in cells.items()
    }


def judged(measure: str) -> Callable[[Row], float]:
    """The regret by which rules are compared."""
    return lambda row: float(np.mean([float(row[f"{measure} at {told}"]) for told in JUDGED]))


def difference(values: Values, base: Values) -> Difference:
    """Of a rule to another one, family by family."""
    each = values - base
    drawn = np.random.default_rng(0).integers(len(each), size=(DRAWS, len(each)))
    low, high = np.percentile(each[drawn].mean(axis=1), (2.5, 97.5))
    return Difference(
        mean=float(each.mean()),
        low=float(low),
        high=float(high),
        ahead=int((each < -1e-9).sum()),
        families=len(each),
    )


def held_out(values: dict[str, Values], names: Sequence[str]) -> tuple[Difference, dict[str, int]]:
    """A rule is chosen on half of the families and compared with the default on the others.

    Gives the mean over random halves, with the interval of 95 % of them, and how often each rule
    was chosen.
    """
    table = np.array([values[name] for name in names])
    base, random = values[DEFAULT], np.random.default_rng(0)
    found, chosen = [], defaultdict[str, int](int)
    for _ in range(DRAWS // 4):
        order = random.permutation(table.shape[1])
        half, rest = np.split(order, [len(order) // 2])
        best = int(np.argmin(table[:, half].mean(axis=1)))
        chosen[names[best]] += 1
        found.append(float((table[best, rest] - base[rest]).mean()))
    low, high = np.percentile(found, (2.5, 97.5))
    told = Difference(
        mean=float(np.mean(found)),
        low=float(low),
        high=float(high),
        ahead=int((np.array(found) < 0).sum()),
        families=len(found),
    )
    return told, dict(sorted(chosen.items(), key=lambda one: -one[1]))
