"""What a study's confirmation runs came to: shared by ``confirm``, ``evaluate`` and ``export``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hpsearch.config import describe
from hpsearch.errors import UnfinishedError
from hpsearch.search import trials
from hpsearch.search.confirmation import Runs, last_request, open_runs, results
from hpsearch.search.leaders import BASELINE
from hpsearch.search.lookup import confirmation_studies
from hpsearch.search.shapes import Kind
from hpsearch.search.study import OpenStudy
from hpsearch.search.trials import Trial, parameters
from hpsearch.search.verdict import Candidate, Verdict, judge, middle

CHOICES = {
    "first": "the first by its mean",
    "smallest": "the smallest that the seeds cannot tell from the first",
}
"""How the winner was chosen, in words for a reader."""


@dataclass(frozen=True, kw_only=True)
class Confirmed:
    """Configurations that were trained with new seeds, and what the seeds say of them."""

    confirmation: OpenStudy
    kind: Kind
    """Whether the validation splits were new as well."""
    runs: Runs
    verdict: Verdict

    @property
    def choice(self) -> str:
        """How the winner was chosen, in words for a reader."""
        return CHOICES[self.verdict.chosen]

    def run(self, name: str) -> Trial:
        """The run in the middle of a configuration's seeds: it stands for the mean."""
        return middle_run(self.confirmation, self.runs[name])


def middle_run(study: OpenStudy, runs: Mapping[int, Trial]) -> Trial:
    """Of a configuration's complete runs by seed the one in the middle by value."""
    return runs[middle(values_of(runs), study.file.objective.measure)]


def verdict_on(study: OpenStudy, runs: Runs, *, smallest: bool) -> Verdict:
    """What some complete runs of a study's configurations come to; of one at least.

    Args:
        study: the study.
        runs: see above.
        smallest: whether the winner is the smallest of those that are tied with the first.
    """
    objective = study.file.objective
    candidates = [
        Candidate(
            name=name,
            parameters=parameters(study, next(iter(by_seed.values()))),
            values=values_of(by_seed),
            bounds=objective.measure.bounds,
        )
        for name, by_seed in runs.items()
    ]
    return judge(candidates, objective.measure, baseline=BASELINE, smallest=smallest)


def values_of(runs: Mapping[int, Trial]) -> dict[int, float]:
    """The objective's values of some complete runs, by seed."""
    return {seed: float(run.values[0]) for seed, run in runs.items()}


def confirmed(study: OpenStudy) -> Confirmed | None:
    """What the last ``hpsearch confirm`` of a study came to; None: nothing is confirmed.

    Raises:
        UnfinishedError: some of its runs are not done yet.
    """
    for confirmation in confirmation_studies(study):
        last = last_request(confirmation)
        kind = Kind.SEED if last is None else last.kind
        found = results(study, confirmation, None if last is None else last.seeds, kind)
        runs = {of: one for of, one in found.items() if last is None or of in last.of}
        if last is not None and (left := open_runs(confirmation, kind, last.seeds)):
            raise UnfinishedError(
                f"study {study.name}: confirmation runs still to be done: {left}; wait for them, or"
                f" resume them with hpsearch confirm {study.name}"
            )
        if runs:
            verdict = verdict_on(study, runs, smallest=last is not None and last.smallest)
            return Confirmed(confirmation=confirmation, kind=kind, runs=runs, verdict=verdict)
    return None


def winner_of(study: OpenStudy) -> dict[str, Any] | None:
    """The confirmed winner for ``show`` and the report, ready for JSON.

    None where there is none, or not yet.
    """
    try:
        known = confirmed(study)
    except UnfinishedError:
        return None
    if known is None:
        return None
    verdict = known.verdict
    winner, interval = verdict.winner, verdict.winner.interval
    config = trials.config(known.confirmation, known.run(winner.name))
    return {
        "of": winner.name,
        "summary": "" if config is None else describe(config),
        "parameters": winner.parameters,
        "mean": winner.mean,
        "interval": None if interval is None else [interval.low, interval.high],
        "seeds": len(winner.values),
        "chosen": verdict.chosen,
        "first": verdict.ranked[0].name,
        "smallest": verdict.smallest.name,
        "tied": [one.name for one in verdict.tied],
        "new_split": known.kind == "split",
    }
