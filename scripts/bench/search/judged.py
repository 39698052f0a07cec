"""What stopping.py found, judged: tables of all rules, and a choice on half of the families."""

import csv
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from compared import DEFAULT, rules
from pools import KINDS, LARGE

from record import RESULTS, machine  # isort: skip  # found once pools is imported

TOLD = ("1/8", "1/4", "1/2", "1")
"""The budgets: shares of the time that all trials need."""
JUDGED = ("1/4", "1/2")
"""Those by whose mean rules are compared: at 1/8 half of the default's searches have no complete
trial to prune by, at 1 most rules have begun all trials."""
PARTS = (
    ("Sets of the portfolios' record, in a random order", KINDS, "random"),
    (
        "The same, the portfolio first, which was chosen without the set's family",
        KINDS,
        "portfolio first",
    ),
    ("Four larger pools of one space each, 60 trials in a random order", (LARGE,), "random"),
)
"""What is told apart: a title, kinds of pools and the order."""
ABOUT = {
    "pruner": "pruner",
    "patience": "patience",
    "epochs": "i-Epoch, PASHA",
    "end": "end of the time",
}
"""Of rules, by what they are compared about, those of equal time."""
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


def rows(kinds: Sequence[str], order: str) -> list[Row]:
    """Those of results/stopping.csv of some kinds and one order."""
    with (RESULTS / "stopping.csv").open(encoding="utf-8", newline="") as file:
        found = [row for row in csv.DictReader(file) if row["kind"] in kinds]
    return [row for row in found if row["order"] == order]


def by_family(found: Sequence[Row], value: Callable[[Row], float]) -> dict[str, Values]:
    """By the rule, the means of the families, in one order of families for all rules."""
    cells: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in found:
        cells[row["rule"]][row["family"]].append(value(row))
    return {
        rule: np.array([np.mean(of[family]) for family in sorted(of)]) for rule, of in cells.items()
    }


def judged(measure: str) -> Callable[[Row], float]:
    """The regret by which rules are compared."""
    return lambda row: float(np.mean([float(row[f"{measure} at {told}"]) for told in JUDGED]))


def _at(told: str) -> Callable[[Row], float]:
    return lambda row: float(row[f"seen at {told}"])


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


def held_out(
    values: dict[str, Values], names: Sequence[str]
) -> tuple[Difference, list[tuple[str, int]]]:
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
    return told, sorted(chosen.items(), key=lambda one: -one[1])


def report(orders: int) -> str:
    """All of results/stopping.md.

    Args:
        orders: of each set, in all.
    """
    lines = [
        "# What ends trials, and what the end of the time goes to, replayed",
        "",
        (
            f"Made by `scripts/bench/search/stopping.py`: {orders} searches by two workers on each"
            " set, over recorded trainings; budgets are shares of the time that all trials need."
            " Regrets of the best complete trial's validation value: 0 the best training of the"
            " set, 1 the median one. Compared at 1/4 and 1/2 with the default, with the 95 %"
            " interval over families of sets. Chosen: the same of what the configuration is worth."
            " Cut off: of the default, had the trials that the end cuts off counted with their best"
            " epoch. Busy: time that workers need until all trials are begun and over."
        ),
        "",
        *(f"- {key}: {value}" for key, value in machine().items()),
    ]
    for title, kinds, order in PARTS:
        lines += ["", f"## {title}", "", *_part(rows(kinds, order))]
    return "\n".join(lines) + "\n"


def _part(found: Sequence[Row]) -> list[str]:
    seen, chosen, counted = (by_family(found, judged(one)) for one in ("seen", "chosen", "counted"))
    at = {one: by_family(found, _at(one)) for one in TOLD}
    busy = by_family(found, lambda row: float(row["busy"]))
    head = ["rule", *TOLD, "chosen", "busy", "minus the default's", "chosen, likewise"]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for rule in rules():
        name = rule.name
        cells = [f"{at[one][name].mean():.3f}" for one in TOLD]
        cells += [f"{chosen[name].mean():.3f}", f"{100 * busy[name].mean():.0f} %"]
        for values in (seen, chosen):
            cells.append("" if name == DEFAULT else str(difference(values[name], values[DEFAULT])))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    cut_off = difference(counted[DEFAULT], seen[DEFAULT])
    lines += ["", f"Cut off: {cut_off}.", "", "Chosen on half of the families, told of the others:"]
    return [*lines, "", *(_choice(seen, about) for about in ABOUT)]


def _choice(seen: dict[str, Values], about: str) -> str:
    names = [DEFAULT, *(rule.name for rule in rules() if rule.about == about)]
    told, chosen = held_out(seen, list(dict.fromkeys(names)))
    first = ", ".join(f"{name} ({100 * n / (DRAWS // 4):.0f} %)" for name, n in chosen[:3])
    span = f"{told.mean:+.3f} ({told.low:+.3f} to {told.high:+.3f})"
    return f"- {ABOUT[about]}: {span} to the default; most often {first}"
