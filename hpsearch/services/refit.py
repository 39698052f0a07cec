"""Refitting: configurations are trained once more on training and validation examples together."""

import statistics
from collections.abc import Sequence
from dataclasses import replace

from hpsearch.errors import InputError, NoTrialError
from hpsearch.search.attributes import BEST_EPOCH_KEY, EPOCHS_KEY, FOLDS_KEY
from hpsearch.search.confirmation import ensure_confirmation_study, queue, results
from hpsearch.search.shapes import Kind
from hpsearch.search.study import OpenStudy
from hpsearch.services.jobs import Means, run_jobs
from hpsearch.services.models import Group, kept_model
from hpsearch.services.progress import Progress, SearchProgress
from hpsearch.services.workspace import Workspace


def refits(
    study: OpenStudy,
    groups: Sequence[Group],
    workspace: Workspace,
    means: Means,
    progress: SearchProgress,
) -> list[Group]:
    """Train each of a study's groups on all examples but the test split's, with the same seeds.

    Args:
        study: the study.
        groups: the models of some of its configurations.
        workspace: home and storage.
        means: what they are trained with.
        progress: shows the trainings.

    Returns:
        The groups, with the models that were trained.

    Raises:
        NoTrialError: no training of one of them completed.
        StoppedError: it was stopped; the same call goes on.
    """
    confirmation = ensure_confirmation_study(study)
    epochs = [_queue(study, confirmation, group, progress) for group in groups]
    run_jobs(confirmation, workspace, means, progress)
    trained = []
    for group, count in zip(groups, epochs, strict=True):
        seeds = [model.seed for model in group.models]
        runs = results(study, confirmation, seeds, Kind.REFIT, count).get(group.leader.of)
        if not runs:
            raise NoTrialError(
                f"study {study.name}: no training of {group.name} completed; hpsearch trials"
                f" {confirmation.name} shows why"
            )
        if len(runs) < len(seeds):
            progress.say(
                f"warning: only {len(runs)} of {len(seeds)} trainings of {group.name} have a value."
            )
        models = tuple(
            kept_model(confirmation, runs[seed], workspace.home) for seed in sorted(runs)
        )
        trained.append(replace(group, models=models, epochs=count))
    return trained


def _queue(study: OpenStudy, confirmation: OpenStudy, group: Group, progress: Progress) -> int:
    """Queue the last trainings of a configuration; for how many epochs.

    That is the middle of what its runs, or their folds, took to their best epoch: fixed before the
    test split is opened, and from validation alone.
    """
    key = BEST_EPOCH_KEY if study.file.objective.epoch == "best" else EPOCHS_KEY
    known = [model.trial.user_attrs for model in group.models if key in model.trial.user_attrs]
    took = [
        int(fold["best_epoch"]) if key == BEST_EPOCH_KEY else int(attrs[key])
        for attrs in known
        for fold in attrs.get(FOLDS_KEY) or [{"best_epoch": attrs[key]}]
    ]
    if not took:
        raise InputError(
            f"study {study.name}: another program has changed how many epochs the runs of"
            f" {group.name} took; run it again: hpsearch confirm {study.name}"
        )
    epochs = statistics.median_low(took)
    own = [model.seed for model in group.models]
    queue(confirmation, study, [group.leader], own, Kind.REFIT, epochs)
    done = results(study, confirmation, own, Kind.REFIT, epochs).get(group.leader.of, {})
    progress.say(
        f"Training {group.name} on training and validation examples for {epochs} epochs (its runs"
        f" took {min(took)} to {max(took)}), with the same seeds; new runs:"
        f" {len(own) - len(done)}."
    )
    return epochs
