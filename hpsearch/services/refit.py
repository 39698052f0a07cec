"""Refitting: what a study came to is trained once more, on training and validation examples."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hpsearch.home import Home
from hpsearch.search import submissions
from hpsearch.search.confirmation import refuse_confirmation_study
from hpsearch.search.leaders import told
from hpsearch.search.lookup import load_study
from hpsearch.search.shapes import Submission
from hpsearch.search.study import OpenStudy
from hpsearch.services.ensembles import Chosen, chosen_ensemble
from hpsearch.services.jobs import HERE, Means
from hpsearch.services.models import Group, Model
from hpsearch.services.progress import SearchProgress, Silent
from hpsearch.services.refit_runs import kept_refits, queue_refits, refits
from hpsearch.services.refits import (
    Refit,
    check_kept_weights,
    groups_of,
    refit_of,
    retrained_ensemble,
    winner_of,
)
from hpsearch.services.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Refitted:
    """Networks that were trained on training and validation examples."""

    study: str
    groups: Sequence[Group]
    """The winner, or the configurations of an ensemble."""
    ensemble: Chosen | None = None
    """The ensemble, trained again; None: it is the winner."""

    def plain(self) -> dict[str, Any]:
        """What was trained as JSON."""
        members = [] if self.ensemble is None else self.ensemble.ensemble.members
        shares = {one.trial: one.weight for one in members}
        return {
            "study": self.study,
            "ensemble": self.ensemble is not None,
            "networks": [
                {
                    "of": group.leader.of,
                    "seed": model.seed,
                    "epochs": group.epochs,
                    "study": model.study,
                    "trial": model.trial.number,
                    "weight": shares.get(model.trial.number, 1.0),
                }
                for group in self.groups
                for model in group.models
            ],
        }


def refit(
    study: str,
    workspace: Workspace,
    progress: SearchProgress,
    *,
    ensemble: bool = False,
    means: Means = HERE,
) -> Refitted:
    """Train the winner of a study, or its ensemble's networks, on all but the test split.

    The winner is the confirmed one, of whose runs the one in the middle is trained again; where
    nothing is confirmed it is the best trial. What is there already is not trained again, but for
    what has lost its weights.

    Args:
        study: its name.
        workspace: home and storage.
        progress: shows the trainings.
        ensemble: train the networks of the study's ensemble, each with its seed.
        means: what they are trained with.

    Raises:
        InputError: an unknown study, a confirmation study, or no ensemble.
        NoTrialError: no trial of the study completed, or no training.
        UnfinishedError: confirmation runs are not done yet.
        StoppedError: it was stopped; the same call goes on.
    """
    with workspace.opened() as opened:
        found = load_study(opened, study)
        refuse_confirmation_study(found)
        chosen, wanted = _wanted(found, workspace.home, ensemble=ensemble)
        if chosen is None and wanted[0].group.models[0].study == study:
            progress.say(
                "warning: nothing is confirmed, so this trains the search's best trial again, which"
                f" may have been luck. To find out: hpsearch confirm {study}"
            )
        workspace.record(found)
        groups = refits(found, wanted, workspace, means, progress)
        again = None if chosen is None else retrained_ensemble(chosen, groups)
        return Refitted(study=study, groups=groups, ensemble=again)


def refitted(study: OpenStudy, place: Home, *, ensemble: bool = False) -> Refitted:
    """What :func:`refit` has trained; its weights may be gone.

    Raises:
        InputError: it was not trained, or there is no ensemble.
        NoTrialError: no trial of the study completed, or no training.
        UnfinishedError: confirmation runs, or trainings, are not done yet.
    """
    chosen, wanted = _wanted(study, place, ensemble=ensemble)
    again = f"hpsearch refit {study.name}{' --ensemble' if ensemble else ''}"
    groups = kept_refits(study, wanted, place, again=again)
    members = None if chosen is None else retrained_ensemble(chosen, groups)
    return Refitted(study=study.name, groups=groups, ensemble=members)


def refitted_winner(study: OpenStudy, place: Home) -> Model:
    """The one network of what a study came to, refitted; see :func:`refitted`."""
    return refitted(study, place).groups[0].models[0]


def ensemble_to_use(study: OpenStudy, place: Home, *, refit: bool, trained: bool = True) -> Chosen:
    """The ensemble of a study.

    Args:
        study: the study.
        place: the home.
        refit: with its networks as :func:`refit` trained them.
        trained: whether the weights are needed; else they may be gone.

    Raises:
        InputError: there is no ensemble, or some weights are not here.
        NoTrialError: of refits, as :func:`refitted`; so is the next.
        UnfinishedError: they are not done yet.
    """
    chosen = refitted(study, place, ensemble=True).ensemble if refit else None
    if chosen is None:
        return chosen_ensemble(study, place, trained=trained)
    if trained:
        check_kept_weights(study, chosen)
    return chosen


def submit_refit(
    study: OpenStudy, who: str, workspace: Workspace, *, ensemble: bool = False
) -> tuple[OpenStudy, Submission]:
    """Have the service refit a study that was submitted to it; asked for again, it is the same.

    Args:
        study: the study; its runs count for its user, and have its priority.
        who: asks for it.
        workspace: home and storage.
        ensemble: as of :func:`refit`.

    Returns:
        The confirmation study, of which the trainings are runs, and what is known of it.

    Raises:
        StateError: the study was not submitted.
        InputError: as :func:`refit`; so are the others.
    """
    of = submissions.submission_of(study)
    refuse_confirmation_study(study)
    chosen, wanted = _wanted(study, workspace.home, ensemble=ensemble)
    workspace.record(study)
    runs, new = queue_refits(study, wanted, workspace.home, Silent())
    what = told(wanted[0].group.leader.of) if chosen is None else chosen.what
    return runs, submissions.submit_runs(runs, of, who, f"{what}, refitted", new=new)


def _wanted(study: OpenStudy, place: Home, *, ensemble: bool) -> tuple[Chosen | None, list[Refit]]:
    """What is trained: an ensemble with its configurations, or the winner alone."""
    if not ensemble:
        return None, [refit_of(study, winner_of(study, place), middle_alone=True)]
    chosen = chosen_ensemble(study, place, trained=False)
    return chosen, [refit_of(study, group) for group in groups_of(chosen)]
