"""The report: what each way comes to on each data set, and who is ahead of whom."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from cases import KINDS
from scipy import stats

Row = Mapping[str, str]
"""A line of the results, as the CSV file has it."""
Entry = tuple[str, int]
"""A way and its number of trials; 0: it searches nothing."""

ORDER = (
    "first guess",
    "scikit-learn",
    "script",
    "keras tuner",
    "random",
    "hpsearch",
    "ensemble",
    "confirmed",
    "confirmed ensemble",
    "refitted",
    "refitted ensemble",
)
OWN = ("hpsearch", "refitted", "refitted ensemble")
"""Ways of hpsearch that are compared with the rivals: what a user would take along."""
MADE_OF = (
    ("ensemble", "hpsearch"),
    ("confirmed ensemble", "confirmed"),
    ("refitted", "confirmed"),
    ("refitted ensemble", "refitted"),
    ("refitted ensemble", "confirmed ensemble"),
)
"""Ways of hpsearch, and those whose networks they average or train again."""
RIVALS = ("first guess", "scikit-learn", "script", "keras tuner", "random")
LEAST = 1e-4
"""What an error counts as at least, as a ratio to no error means nothing."""

_MADE = """\
Made by `scripts/bench/defaults/defaults.py`; the ways are told there. The number behind a way is
that of its trials."""
_AHEAD = """\
On how many data sets the mean of the seeds is better, and the ratio of errors (1 - accuracy, or
RMSE): geometric mean of the data sets, 95 % interval by the data sets."""
_GAINS = """\
On the test split, in points of accuracy or in the target's unit: means of the seeds, of the gain
and of its 95 % interval by the examples. `ensemble` is compared with the best trial, `confirmed
ensemble` with the median run of the confirmed winner, both as they were trained, without the
validation rows; `refitted ensemble` with the refit of the winner."""


@dataclass(frozen=True)
class Scores:
    """The test scores of all ways."""

    rows: Sequence[Row]

    def entries(self) -> list[Entry]:
        """Ways and numbers of trials, in the order of the report."""
        there = {(row["way"], int(row["trials"])) for row in self.rows}
        return sorted(there, key=lambda entry: (ORDER.index(entry[0]), entry[1]))

    def of(self, name: str, entry: Entry) -> dict[int, float]:
        """By seed, on one data set."""
        return {
            int(row["seed"]): float(row["score"])
            for row in self.rows
            if row["set"] == name and (row["way"], int(row["trials"])) == entry
        }

    def is_accuracy(self, name: str) -> bool:
        """Whether a data set is judged by its accuracy; else by its RMSE."""
        return any(row["set"] == name and row["metric"] == "accuracy" for row in self.rows)

    def errors(self, entries: Sequence[Entry]) -> list[list[float]]:
        """Mean errors of some ways over the seeds that all have, for each data set with any.

        An error is 1 less the accuracy, or the RMSE.
        """
        found = []
        for name in KINDS:
            scores = [self.of(name, entry) for entry in entries]
            seeds = set.intersection(*(set(one) for one in scores))
            if seeds:
                means = [fmean(one[seed] for seed in seeds) for one in scores]
                wrong = [1 - mean for mean in means] if self.is_accuracy(name) else means
                found.append([max(LEAST, one) for one in wrong])
        return found


def report(rows: Sequence[Row], machine: Mapping[str, str]) -> str:
    """Markdown: scores, who is ahead, what an ensemble gains, and where the last were measured.

    Args:
        rows: lines of the results.
        machine: of the last ones.
    """
    scores = Scores(rows)
    parts = [
        "# hpsearch as it comes against usual ways",
        _MADE,
        "## Test scores",
        "Accuracy in percent of classes, RMSE of numbers: mean of the seeds ± standard deviation.",
        _table(_scores(scores)),
        "## Who is ahead",
        _AHEAD,
        _table(_comparisons(scores)),
        *_shares(scores),
        "## What an ensemble gains over the single network",
        _GAINS,
        _table(_gains(scores)),
        ", ".join(f"{key} {value}" for key, value in machine.items()),
    ]
    return "\n\n".join(parts) + "\n"


def _label(entry: Entry) -> str:
    return f"{entry[0]}, {entry[1]}" if entry[1] else entry[0]


def _scores(scores: Scores) -> list[list[str]]:
    """A line a data set, a column a way."""
    entries = scores.entries()
    lines = [["data set", *map(_label, entries)]]
    for name in KINDS:
        scale = 100 if scores.is_accuracy(name) else 1
        found = [list(scores.of(name, entry).values()) for entry in entries]
        if any(found):
            lines.append([name, *(_mean([scale * one for one in own]) for own in found)])
    return lines


def _mean(values: Sequence[float]) -> str:
    if not values:
        return ""
    text = f"{fmean(values):.4g}"
    return f"{text} ± {stdev(values):.2g}" if len(values) > 1 else text


def _comparisons(scores: Scores) -> list[list[str]]:
    """Of each pair that is compared: data sets ahead, and the ratio of errors."""
    lines = [["", "against", "ahead on", "level on", "ratio of errors"]]
    for own, other in _pairs(scores.entries()):
        errors = scores.errors([own, other])
        ahead = sum(mine < its for mine, its in errors)
        level = sum(mine == its for mine, its in errors)
        ratio = _ratio([math.log(mine / its) for mine, its in errors])
        lines.append([_label(own), _label(other), f"{ahead} of {len(errors)}", str(level), ratio])
    return lines


def _pairs(entries: Sequence[Entry]) -> Iterable[tuple[Entry, Entry]]:
    """What is compared: hpsearch with each rival, ensembles with what they are made of."""
    own = [entry for entry in entries if entry[0] in OWN]
    for mine in own:
        for rival in entries:
            if rival[0] in RIVALS and (rival[0] == "script" or rival[1] in (0, mine[1])):
                yield mine, rival
    for way, trials in entries:
        for whole, single in MADE_OF:
            if way == whole and (single, trials) in entries:
                yield (way, trials), (single, trials)


def _ratio(logarithms: Sequence[float]) -> str:
    """A geometric mean with its interval."""
    if not logarithms:
        return ""
    text = f"{math.exp(fmean(logarithms)):.3f}"
    if len(logarithms) < 2 or stdev(logarithms) == 0:
        return text
    low, high = stats.ttest_1samp(logarithms, 0).confidence_interval(0.95)
    return f"{text} ({math.exp(low):.3f} to {math.exp(high):.3f})"


def _shares(scores: Scores) -> list[str]:
    """What hpsearch gains over the first guess, as a share of what random trials gain over it."""
    guess: Entry = ("first guess", 0)
    entries = scores.entries()
    lines = []
    for random in (entry for entry in entries if entry[0] == "random"):
        for own in (entry for entry in entries if entry[0] == "hpsearch"):
            errors = scores.errors([guess, random, own])
            if errors:
                known = fmean(math.log(first / at_random) for first, at_random, _ in errors)
                gained = fmean(math.log(first / mine) for first, _, mine in errors)
                lines.append(
                    f"- {_label(own)}: over {len(errors)} data sets the first guess's error falls"
                    f" by {1 - math.exp(-gained):.1%} in the geometric mean, by"
                    f" {1 - math.exp(-known):.1%} with {random[1]} random trials of the old space."
                )
    return ["\n".join(lines)] if lines else []


def _gains(scores: Scores) -> list[list[str]]:
    """Of each data set what ensembles gain, and in how many seeds that is certain."""
    lines = [["data set", "ensemble", "gain", "95 % interval", "above 0 in", "below 0 in"]]
    gaining = [entry for entry in scores.entries() if "ensemble" in entry[0]]
    for name in KINDS:
        scale = 100 if scores.is_accuracy(name) else 1
        for entry in gaining:
            rows = [
                row
                for row in scores.rows
                if row["set"] == name and (row["way"], int(row["trials"])) == entry
            ]
            if rows:
                gain, low, high = (
                    [scale * float(row[key]) for row in rows] for key in ("gain", "low", "high")
                )
                lines.append(
                    [
                        name,
                        _label(entry),
                        f"{fmean(gain):.3g}",
                        f"{fmean(low):.3g} to {fmean(high):.3g}",
                        f"{sum(one > 0 for one in low)} of {len(low)}",
                        f"{sum(one < 0 for one in high)} of {len(high)}",
                    ]
                )
    return lines


def _table(lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table, its head first."""
    head, *rest = (f"| {' | '.join(cells)} |" for cells in lines)
    return "\n".join([head, "|---" * len(lines[0]) + "|", *rest])
