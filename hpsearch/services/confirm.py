"""Confirming: a study's leaders and its baseline are trained again with new seeds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from hpsearch.data.section import Folds
from hpsearch.errors import InputError, NoTrialError
from hpsearch.search import confirmation, submissions
from hpsearch.search.leaders import Leader, leaders, requested_leaders
from hpsearch.search.lookup import confirmation_studies, load_study
from hpsearch.search.shapes import ConfirmRequest, Kind, Submission
from hpsearch.search.study import OpenStudy
from hpsearch.search.verdict import Interval, Verdict
from hpsearch.services.confirmed import confirmed, verdict_on
from hpsearch.services.jobs import HERE, Means, check_data, run_jobs
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
        InputError: an unknown study, a confirmation study, numbers that are too small, or data
            that have changed.
        NoTrialError: no trial of the study completed, or no run.
        StoppedError: it was stopped; the same call goes on.
    """
    if (top is not None and top < 1) or (seeds is not None and seeds < 2):
        raise InputError(f"top = {top}, seeds = {seeds}: at least one leader, with two seeds")
    with workspace.opened() as opened:
        found = load_study(opened, study)
        asked = ask(
            found, workspace, top=top, seeds=seeds, new_split=new_split, smallest=smallest,
            check=partial(check_data, found, workspace.home, means, progress),
        )  # fmt: skip
        _say_what_comes(asked, progress)
        run_jobs(asked.runs, workspace, means, progress)
        return _confirmation(found, asked.runs, asked.leaders, asked.request)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be confirmed, whose runs wait."""

    runs: OpenStudy
    """The confirmation study."""
    leaders: Sequence[Leader]
    request: ConfirmRequest
    new: int
    """Runs that wait from now on, and did not before."""


def ask(
    study: OpenStudy,
    workspace: Workspace,
    *,
    top: int | None = None,
    seeds: int | None = None,
    new_split: bool = False,
    smallest: bool | None = None,
    check: Callable[[], None] | None = None,
) -> Asked:
    """Put the runs that confirm a study's leaders into its confirmation study, once each.

    Args:
        study: the study.
        workspace: home and storage.
        top: as of :func:`confirm`, and so are the others.
        seeds: how many.
        new_split: whether splits are new, too.
        smallest: which one is chosen.
        check: as of :func:`hpsearch.search.confirmation.queue`.

    Raises:
        InputError: a confirmation study, or splits that are given.
        NoTrialError: no trial of the study completed.
    """
    confirmation.refuse_confirmation_study(study)
    anew = smallest is None or new_split or (top, seeds) != (None, None)
    # Folds by which a configuration was found flatter it.
    section = study.file.dataset
    new_split |= isinstance(section.validation, Folds) and section.splits_anew
    last = None if anew else _last_request(study)
    if last is not None:
        request = last.model_copy(update={"smallest": bool(smallest)})
    else:
        request = ConfirmRequest(
            kind=Kind.SPLIT if new_split else Kind.SEED,
            of=[one.of for one in leaders(study, top or TOP)],
            seeds=confirmation.seeds(study, seeds or SEEDS),
            smallest=bool(smallest),
        )
    confirmation.check_kind(study, request.kind)
    chosen = requested_leaders(study, request)
    runs = confirmation.ensure_confirmation_study(study)
    workspace.record(study)
    new = confirmation.queue(
        runs, study, chosen, request.seeds, request.kind, smallest=request.smallest, check=check
    )
    return Asked(runs=runs, leaders=chosen, request=request, new=new)


def submit_confirmation(
    study: OpenStudy,
    who: str,
    workspace: Workspace,
    *,
    top: int | None = None,
    seeds: int | None = None,
    new_split: bool = False,
    smallest: bool | None = None,
) -> tuple[OpenStudy, Submission]:
    """Have the service confirm a study that was submitted to it; asked for again, it is the same.

    Args:
        study: the study; its runs count for its user, and have its priority.
        who: asks for it.
        workspace: home and storage.
        top: as of :func:`confirm`, and so are the others.
        seeds: how many.
        new_split: whether splits are new, too.
        smallest: which one is chosen.

    Returns:
        The confirmation study, and what is known of it.

    Raises:
        StateError: the study was not submitted.
        InputError: as :func:`ask`.
        NoTrialError: no trial of the study completed.
    """
    of = submissions.submission_of(study)
    asked = ask(study, workspace, top=top, seeds=seeds, new_split=new_split, smallest=smallest)
    names, count = listed([one.name for one in asked.leaders]), len(asked.request.seeds)
    told = f"{names} with {count} seeds each"
    return asked.runs, submissions.submit_runs(asked.runs, of, who, told, new=asked.new)


def confirmation_of(study: OpenStudy) -> Confirmation:
    """What the last ``confirm`` of a study came to, as the command prints it.

    Raises:
        NoTrialError: nothing was confirmed, or no run completed.
        UnfinishedError: some of its runs are not done yet.
    """
    known, request = confirmed(study), _last_request(study)
    if known is None or request is None:
        raise NoTrialError(
            f"study {study.name}: nothing is confirmed yet; confirm it first: hpsearch confirm"
            f" {study.name}"
        )
    chosen = requested_leaders(study, request)
    return _confirmation(study, known.confirmation, chosen, request)


def _last_request(study: OpenStudy) -> ConfirmRequest | None:
    """What the last ``confirm`` was about."""
    known = (confirmation.last_request(runs_study) for runs_study in confirmation_studies(study))
    return next((last for last in known if last is not None), None)


def _say_what_comes(asked: Asked, progress: Progress) -> None:
    """Tell what is trained."""
    names = listed([one.name for one in asked.leaders])
    splits = " and validation splits" if asked.request.kind == "split" else ""
    count = len(asked.request.seeds)
    progress.say(f"Confirming {names} with {count} seeds{splits} each; new runs: {asked.new}.")
    if (others := asked.runs.counts().waiting - asked.new) > 0:
        progress.say(f"Runs queued by an earlier command, which are trained as well: {others}.")


def _confirmation(
    study: OpenStudy, runs_study: OpenStudy, chosen: Sequence[Leader], request: ConfirmRequest
) -> Confirmation:
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
    verdict = verdict_on(study, runs, smallest=request.smallest)
    return Confirmation(
        study=study.name, file=study.file, leaders=chosen, request=request, verdict=verdict
    )
