"""What a reader is told of a confirmation: the table, the winner, and what it rests on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hpsearch.cli.output import print_table, say, stdout
from hpsearch.config import describe, summary
from hpsearch.ranking import gain
from hpsearch.search.leaders import BASELINE, told
from hpsearch.search.shapes import Kind
from hpsearch.search.verdict import Candidate, Interval, Verdict
from hpsearch.services.confirm import Confirmation
from hpsearch.tasks.metric import Metric
from hpsearch.text import listed

WIDE = 140
"""Columns of a terminal from which on the table shows all that is known."""


@dataclass(frozen=True, kw_only=True)
class Leader:
    """A configuration that was confirmed, for a reader."""

    of: str
    """The number of its trial, or "baseline"."""
    found: float | None
    """The value by which the search found it; None of the baseline."""
    setting: str
    """The configuration in one line."""

    @property
    def name(self) -> str:
        """How a reader is told of it: "trial 12" or "the baseline"."""
        return told(self.of)


@dataclass(frozen=True, kw_only=True)
class Told:
    """A confirmation, for a reader."""

    study: str
    metric: Metric
    leaders: Sequence[Leader]
    """The best of the search first."""
    seeds: int
    """How many each of them was to get."""
    kind: Kind
    verdict: Verdict


def told_of(found: Confirmation) -> Told:
    """What a reader is told of a confirmation."""
    leaders = [
        Leader(of=one.of, found=one.found, setting=describe(one.config)) for one in found.leaders
    ]
    return Told(
        study=found.file.name, metric=found.file.objective.measure, leaders=leaders,
        seeds=len(found.request.seeds), kind=found.request.kind, verdict=found.verdict,
    )  # fmt: skip


def read(
    plain: Mapping[str, Any], configs: Mapping[str, Mapping[str, Any]], metric: Metric
) -> Told:
    """The same, from what ``confirm --json`` prints.

    Args:
        plain: that.
        configs: by the number of a trial, and "baseline", its configuration as JSON.
        metric: the study's.
    """

    def interval(ends: Sequence[float] | None) -> Interval | None:
        return None if ends is None else Interval(low=ends[0], high=ends[1])

    ranked = [
        Candidate(
            name=one["of"],
            parameters=one["parameters"],
            values={run["seed"]: run["value"] for run in one["values"]},
            bounds=metric.bounds,
        )
        for one in plain["candidates"]
    ]
    found = {one["of"]: one["searched"] for one in plain["candidates"]}
    best = [of for of in configs if of in found and of != BASELINE]
    best.sort(key=lambda of: gain(metric, 0.0, found[of]))
    return Told(
        study=plain["study"],
        metric=metric,
        leaders=[
            Leader(of=of, found=found[of], setting=summary(configs[of]))
            for of in [*best, *(of for of in found if of == BASELINE)]
        ],
        seeds=len(plain["seeds"]),
        kind=Kind.SPLIT if plain["new_split"] else Kind.SEED,
        verdict=Verdict(
            ranked=ranked,
            differences={
                one["of"]: interval(one["behind"])
                for one in plain["candidates"]
                if one["of"] != ranked[0].name
            },
            least=plain["least_difference"],
            tied=[one for one in ranked if one.name in plain["tied"]],
            smallest=next(one for one in ranked if one.name == plain["smallest"]),
            takes_smallest=plain["chosen"] == "smallest",
        ),
    )


def print_verdict(found: Told) -> None:
    """The verdict for a reader."""
    verdict, metric = found.verdict, found.metric
    known = {one.of: one for one in found.leaders}
    out = stdout()
    if out.width >= WIDE:
        _print_all(known, verdict, metric)
    else:
        _print_short(known, verdict, metric)
    out.print(_about_winner(verdict, metric), style="bold")
    if len(verdict.tied) > 1:
        out.print(_about_ties(found.study, verdict, metric))
    done = dict.fromkeys(known, 0) | {one.name: len(one.values) for one in verdict.ranked}
    for of, one in known.items():
        if done[of] < found.seeds:
            has = "has a value" if done[of] == 1 else "have a value"
            loses = ", so it cannot win" if done[of] < max(done.values()) else ""
            out.print(f"Only {done[of]} of {found.seeds} runs of {one.name} {has}{loses}.")
    say(_remarks(known, verdict, found.kind, metric))


def _print_all(known: Mapping[str, Leader], verdict: Verdict, metric: Metric) -> None:
    """The table with all that is known."""

    def row(one: Candidate) -> list[str]:
        leader = known[one.name]
        found = leader.found
        return [
            one.name,
            "" if found is None else metric.written(found),
            metric.written(one.mean),
            "" if found is None else _too_good(gain(metric, found, one.mean), metric),
            "" if one.deviation is None else metric.written(one.deviation),
            _ends(one.interval, metric),
            _ends(verdict.differences.get(one.name), metric) + _tie(one, verdict),
            f"{one.parameters:,}",
            leader.setting,
        ]

    print_table(
        ("trial", "search", "mean", "too good by", "deviation", "95 % interval",
         "behind the first", "parameters", "configuration"),
        [row(one) for one in verdict.ranked],
        words=["configuration"],
    )  # fmt: skip


def _print_short(known: Mapping[str, Leader], verdict: Verdict, metric: Metric) -> None:
    """What matters most, within 80 columns, and the configurations below."""
    first = verdict.ranked[0]

    def row(one: Candidate) -> list[str]:
        found = known[one.name].found
        behind = "" if one is first else metric.written(abs(first.mean - one.mean))
        return [
            one.name,
            metric.written(one.mean),
            _ends(one.interval, metric),
            behind + _tie(one, verdict),
            "" if found is None else metric.written(found),
            f"{one.parameters:,}",
        ]

    print_table(
        ("trial", "mean", "95 % interval", "behind", "search", "parameters"),
        [row(one) for one in verdict.ranked],
    )
    print_table(
        ("trial", "configuration"),
        [[one.name, known[one.name].setting] for one in verdict.ranked],
        words=["configuration"],
    )


def _ends(interval: Interval | None, metric: Metric) -> str:
    return (
        "" if interval is None else " to ".join(map(metric.written, (interval.low, interval.high)))
    )


def _too_good(off: float, metric: Metric) -> str:
    return f"{'-' if off < 0 else '+'}{metric.written(abs(off))}"


def _tie(one: Candidate, verdict: Verdict) -> str:
    """Marks those that the seeds cannot tell from the first."""
    return " (tie)" if one in verdict.tied[1:] else ""


def _about_winner(verdict: Verdict, metric: Metric) -> str:
    """Who is confirmed, and why."""
    winner, first = verdict.winner, verdict.ranked[0]
    why = "has the best mean"
    if verdict.takes_smallest and winner is not first:
        why = f"is the smallest network that the seeds cannot tell from {told(first.name)}"
    elif verdict.takes_smallest and len(verdict.tied) > 1:
        why = "has the best mean and is the smallest of those tied with it"
    elif verdict.takes_smallest:
        why = "has the best mean, and the seeds tell it from all others"
    name = told(winner.name)
    return (
        f"{name[0].upper()}{name[1:]} is confirmed: it {why} ({metric.name}"
        f" {metric.written(winner.mean)}, {len(winner.values)} seeds)."
    )


def _about_ties(study: str, verdict: Verdict, metric: Metric) -> str:
    """What the ties mean: for the choice, and for the gain over the baseline."""
    first, smallest = verdict.ranked[0], verdict.smallest
    names = [told(one.name) for one in verdict.tied[1:]]
    text = (
        f"The seeds cannot tell {listed(names)} from {told(first.name)}; more seeds might"
        " (--seeds)."
    )
    if smallest is not first and not verdict.takes_smallest:
        text += (
            f" The smallest of these networks is {told(smallest.name)}: {smallest.parameters:,}"
            f" parameters instead of {first.parameters:,},"
            f" {metric.told(abs(first.mean - smallest.mean))} behind. To choose it: hpsearch"
            f" confirm {study} --smallest"
        )
    elif smallest is not first:
        text += f" To choose the first by its mean: hpsearch confirm {study} --first"
    if told(BASELINE) in names:
        text += "\nThis does not show a gain over the baseline."
    return text


def _remarks(
    known: Mapping[str, Leader],
    verdict: Verdict,
    kind: Kind,
    metric: Metric,
) -> str:
    """How much too good the search's best value was, and what the intervals hold and do not."""
    found = [one for one in known.values() if one.found is not None]
    top = found[0]  # leaders come the best first
    again = next((one for one in verdict.ranked if one.name == top.of), None)
    lines = []
    if again is not None and top.found is not None:
        off = gain(metric, top.found, again.mean)
        lines.append(
            f"The search's best value, {metric.written(top.found)} of {top.name}, is"
            f" {metric.told(abs(off))} {'better' if off > 0 else 'worse'} than the mean of its"
            " new runs."
        )
    if verdict.least is not None:
        lines.append(
            f"A tie has a mean less than {metric.told(verdict.least)} behind the first and"
            " within its interval (paired by seed, pooled spread, Bonferroni)."
        )
    lines += [
        "Intervals are Student's t over the seeds, cut at the metric's bounds.",
        "The winner's mean is the best of a few, and so still a little too good.",
        "The splits share most of their training examples, so the intervals are somewhat too"
        " narrow."
        if kind == "split"
        else "All runs share one validation split; the intervals leave its luck out (--new-split"
        " draws new splits).",
    ]
    return "\n".join(lines)
