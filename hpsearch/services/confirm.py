"""Confirming: a study's leaders and its baseline are trained again with new seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hpsearch.data.section import Folds
from hpsearch.errors import InputError, NoTrialError
from hpsearch.search import confirmation
from hpsearch.search.confirmation import Leader
from hpsearch.search.shapes import ConfirmRequest, Kind
from hpsearch.search.study import OpenStudy, confirmation_studies, load_study
from hpsearch.search.verdict import Interval, Verdict
from hpsearch.services.confirmed import verdict_on
from hpsearch.services.jobs import HERE, Means, run_jobs
from hpsearch.services.progress import Progress, SearchProgress
from hpsearch.services.workspace import Workspace
from hpsearch.study_file import StudyFile
from hpsearch.text import listed

TOP, SEEDS = 3, 5
"""How many leaders are trained again, and with how many seeds each, unless told otherwise."""


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """What the new runs of a study's leaders came to."""

    study: str
    file: StudyFile
    leaders: Sequence[Leader]
    """What was confirmed, the best of the search first."""
    request: ConfirmRequest
    """Seeds, and whether validation splits were new as well."""
    verdict: Verdict

    def plain(self) -> dict[str, Any]:
        """The verdict as JSON."""
        verdict, searched = self.verdict, {one.of: one.found for one in self.leaders}

        def ends(interval: Interval | None) -> list[float] | None:
            return None if interval is None else [interval.low, interval.high]

        return {
            "study": self.study,
            "new_split": self.request.kind == "split",
            "seeds": list(self.request.seeds),
            "winner": verdict.winner.name,
            "chosen": verdict.chosen,
            "smallest": verdict.smallest.name,
            "tied": [one.name for one in verdict.tied],
            "least_difference": verdict.least,
            "candidates": [
                {
                    "of": one.name,
                    "parameters": one.parameters,
                    "searched": searched[one.name],
                    "mean": one.mean,
                    "deviation": one.deviation,
                    "interval": ends(one.interval),
                    "behind": ends(verdict.differences.get(one.name)),
                    "values": [
                        {"seed": seed, "value": value} for seed, value in sorted(one.values.items())
                    ],
                }
                for one in verdict.ranked
            ],
        }


def confirm(
    study: str,
    workspace: Workspace,
    progress: SearchProgress,
    *,
    top: int | None = None,
    seeds: int | None = None,
    new_split: bool = False,
    smallest: bool | None = None,
    means: Means = HERE,
) -> Confirmation:
    """Retrain the leaders and the baseline of a study with new seeds.

    Args:
        study: its name.
        workspace: home and storage.
        progress: shows the trainings.
        top: how many of the best are trained, from 1; None: ``TOP``.
        seeds: how many seeds each gets, from 2; None: ``SEEDS``.
        new_split: draw a new validation split for each seed, too; new folds always are.
        smallest: choose the smallest network that the seeds cannot tell from the first by its mean,
            or the first; None: the first. Given alone, it chooses anew among what was confirmed.
        means: what they are trained with.

    Raises:
        InputError: an unknown study, or a confirmation study.
        NoTrialError: no trial of the study completed, or no run.
        StoppedError: it was stopped; the same call goes on.
    """
    if (top is not None and top < 1) or (seeds is not None and seeds < 2):
        raise InputError(f"top = {top}, seeds = {seeds}: at least one leader, with two seeds")
    with workspace.opened() as opened:
        found = load_study(opened, study)
        confirmation.refuse_confirmation_study(found)
        anew = smallest is None or new_split or (top, seeds) != (None, None)
        # Folds by which a configuration was found flatter it.
        section = found.file.dataset
        new_split |= isinstance(section.validation, Folds) and section.splits_anew
        last = None if anew else _last_request(found)
        if last is not None:
            request = last.model_copy(update={"smallest": bool(smallest)})
        else:
            request = ConfirmRequest(
                kind=Kind.SPLIT if new_split else Kind.SEED,
                of=[one.of for one in confirmation.leaders(found, top or TOP)],
                seeds=confirmation.seeds(found, seeds or SEEDS),
                smallest=bool(smallest),
            )
        confirmation.check_kind(found, request.kind)
        chosen = confirmation.requested_leaders(found, request)
        runs_study = confirmation.ensure_confirmation_study(found)
        workspace.record(found)
        new = confirmation.queue(
            runs_study, found, chosen, request.seeds, request.kind, smallest=request.smallest
        )
        _say_what_comes(runs_study, chosen, request, new, progress)
        run_jobs(runs_study, workspace, means, progress)
        verdict = _judge(found, runs_study, chosen, request)
    return Confirmation(
        study=study, file=found.file, leaders=chosen, request=request, verdict=verdict
    )


def _last_request(study: OpenStudy) -> ConfirmRequest | None:
    """What the last ``confirm`` was about."""
    known = (confirmation.last_request(runs_study) for runs_study in confirmation_studies(study))
    return next((last for last in known if last is not None), None)


def _say_what_comes(
    runs_study: OpenStudy,
    chosen: Sequence[Leader],
    request: ConfirmRequest,
    new: int,
    progress: Progress,
) -> None:
    """Tell what is trained."""
    names = listed([one.name for one in chosen])
    splits = " and validation splits" if request.kind == "split" else ""
    count = len(request.seeds)
    progress.say(f"Confirming {names} with {count} seeds{splits} each; new runs: {new}.")
    if (others := runs_study.counts().waiting - new) > 0:
        progress.say(f"Runs queued by an earlier command, which are trained as well: {others}.")


def _judge(
    study: OpenStudy, runs_study: OpenStudy, chosen: Sequence[Leader], request: ConfirmRequest
) -> Verdict:
    """What the runs of the chosen configurations came to.

    Raises:
        NoTrialError: none of them completed.
    """
    found = confirmation.results(study, runs_study, request.seeds, request.kind)
    runs = {one.of: found[one.of] for one in chosen if one.of in found}
    if not runs:
        raise NoTrialError(
            f"study {runs_study.name}: no run completed; hpsearch trials {runs_study.name}"
            " shows why"
        )
    return verdict_on(study, runs, smallest=request.smallest)
