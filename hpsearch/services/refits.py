"""Refits: networks that are trained once more, on training and validation examples together.

They are runs of the confirmation study, which keeps the weights of all. Which one is a network's
follows from the network: its configuration, its seed, and how long the runs of its configuration
took. So nothing else is noted of them.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hpsearch.errors import InputError, NoTrialError, UnfinishedError
from hpsearch.home import Home
from hpsearch.outputs.trainings import alike
from hpsearch.recipe import Recipe
from hpsearch.search.attributes import BEST_EPOCH_KEY, EPOCHS_KEY, FOLDS_KEY
from hpsearch.search.confirmation import (
    ensure_confirmation_study,
    is_annealed,
    queue,
    refits_left,
    results,
)
from hpsearch.search.leaders import Leader
from hpsearch.search.lookup import confirmation_studies
from hpsearch.search.shapes import EnsembleMember, Kind
from hpsearch.search.study import OpenStudy
from hpsearch.search.trials import Trial
from hpsearch.search.verdict import middle
from hpsearch.services.ensembles import Chosen
from hpsearch.services.jobs import Means, run_jobs
from hpsearch.services.models import Group, Model, confirmed_groups, found_groups, kept_model
from hpsearch.services.progress import Progress, SearchProgress, Silent
from hpsearch.services.workspace import Workspace
from hpsearch.text import listed, plural


@dataclass(frozen=True, kw_only=True)
class Refit:
    """How networks of one configuration are trained again."""

    group: Group
    """The networks as they are."""
    seeds: Sequence[int]
    """Those of them that are trained again."""
    epochs: int
    """For how long: the middle of what its networks, or their folds, took to their best epoch. So
    it is fixed before the test split is opened, and by validation alone."""
    took: tuple[int, int]
    """The shortest and the longest of these."""

    @property
    def name(self) -> str:
        """How a reader is told of it: "trial 12 (seed 5, 7 epochs)"."""
        seeds = f"seed{'' if len(self.seeds) == 1 else 's'} {listed([str(s) for s in self.seeds])}"
        return f"{self.group.name} ({seeds}, {plural(self.epochs, 'epoch')})"


def refit_of(study: OpenStudy, group: Group, *, middle_alone: bool = False) -> Refit:
    """How a configuration's networks are trained again.

    Args:
        study: the study.
        group: its networks.
        middle_alone: only the one in the middle by value, which stands for all.

    Raises:
        InputError: it is not known how long they took.
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
    every = sorted({model.seed for model in group.models})  # two may differ by their folds alone
    return Refit(
        group=group,
        seeds=[middle(group.values, study.file.objective.measure)] if middle_alone else every,
        epochs=statistics.median_low(took),
        took=(min(took), max(took)),
    )


def winner_of(study: OpenStudy, place: Home) -> Group:
    """The networks of what a study came to: the confirmed winner's runs, else the best trial.

    Raises:
        NoTrialError: no trial of the study completed.
        UnfinishedError: confirmation runs are not done yet.
    """
    silent = Silent()
    found = confirmed_groups(study, place, 1, silent, baseline=False)
    return (found or found_groups(study, place, 1, silent, baseline=False))[0]


def groups_of(chosen: Chosen) -> list[Group]:
    """The members of an ensemble, by configuration."""
    models: dict[str, list[Model]] = {}
    for member, model in zip(chosen.ensemble.members, chosen.models, strict=True):
        models.setdefault(member.of, []).append(model)
    return [
        Group(leader=Leader(of=of, config=found[0].recipe.config, found=None), models=tuple(found))
        for of, found in models.items()
    ]


def queue_refits(
    study: OpenStudy, wanted: Sequence[Refit], progress: Progress
) -> tuple[OpenStudy, int]:
    """Put the trainings that are not there into the confirmation study, which is made if need be.

    Returns:
        The confirmation study, and how many runs wait that did not before.

    Raises:
        InputError: the study is a confirmation study.
    """
    confirmation, new = ensure_confirmation_study(study), 0
    for one in wanted:
        leader = [one.group.leader]
        own = queue(confirmation, study, leader, one.seeds, Kind.REFIT, one.epochs)
        new += own
        _say_what_comes(study, confirmation, one, own, progress)
    return confirmation, new


def _say_what_comes(
    study: OpenStudy, confirmation: OpenStudy, wanted: Refit, new: int, progress: Progress
) -> None:
    """Tell what is trained of a configuration, whose runs are queued."""
    of, (low, high) = wanted.group.leader.of, wanted.took
    if not any(refits_left(study, confirmation, of, wanted.seeds, wanted.epochs)):
        progress.say(f"{wanted.name} was trained on training and validation examples before.")
        return
    took = "were best after" if study.file.objective.epoch == "best" else "took"
    took += f" {low}" if low == high else f" {low} to {high}"
    falling = (
        " and a learning rate that falls to 0" if is_annealed(wanted.group.leader.config) else ""
    )
    progress.say(
        f"Training {wanted.group.name} on training and validation examples for"
        f" {plural(wanted.epochs, 'epoch')} (its runs {took}), with the same"
        f" {'seed' if len(wanted.seeds) == 1 else 'seeds'}{falling}; new runs: {new}."
    )


def refits(
    study: OpenStudy,
    wanted: Sequence[Refit],
    workspace: Workspace,
    means: Means,
    progress: SearchProgress,
) -> list[Group]:
    """Train networks of a study on all examples but the test split's, with the same seeds.

    Args:
        study: the study.
        wanted: which.
        workspace: home and storage.
        means: what they are trained with.
        progress: shows the trainings.

    Returns:
        The groups, with the models that were trained.

    Raises:
        NoTrialError: no training of one of them completed.
        StoppedError: it was stopped; the same call goes on.
    """
    confirmation, _ = queue_refits(study, wanted, progress)
    run_jobs(confirmation, workspace, means, progress)
    trained = []
    for one in wanted:
        runs = _runs(study, confirmation, one)
        if not runs:
            raise _none_completed(study, confirmation, one)
        if len(runs) < len(one.seeds):
            progress.say(
                f"warning: only {len(runs)} of {len(one.seeds)} trainings of {one.group.name} have"
                " a value."
            )
        trained.append(_trained(confirmation, one, runs, workspace.home))
    return trained


def kept_refits(
    study: OpenStudy, wanted: Sequence[Refit], place: Home, *, again: str
) -> list[Group]:
    """Networks that were trained again before; their weights may be gone.

    Args:
        study: the study.
        wanted: which.
        place: the home.
        again: the command that trains them, which is told where they are not there.

    Raises:
        InputError: some were never trained again.
        NoTrialError: no training of one of them completed.
        UnfinishedError: some are not done yet.
    """
    confirmation = next(iter(confirmation_studies(study)), None)
    return [_kept(study, confirmation, one, place, again) for one in wanted]


def _kept(
    study: OpenStudy, confirmation: OpenStudy | None, wanted: Refit, place: Home, again: str
) -> Group:
    """The networks of one configuration; see :func:`kept_refits`."""
    of, every = wanted.group.leader.of, wanted.seeds
    waiting, missing = set[int](), set(every)
    if confirmation is not None:
        waiting, missing = refits_left(study, confirmation, of, every, wanted.epochs)
    if confirmation is None or missing:
        left = replace(wanted, seeds=sorted(missing))
        raise InputError(
            f"study {study.name}: {left.name} was not trained on training and validation examples"
            f" yet; run {again} first"
        )
    if waiting:
        left = replace(wanted, seeds=sorted(waiting))
        raise UnfinishedError(
            f"study {study.name}: {left.name} is still to be trained on training and validation"
            f" examples; wait for it, or resume it with {again}"
        )
    runs = _runs(study, confirmation, wanted)
    if not runs:
        raise _none_completed(study, confirmation, wanted)
    return _trained(confirmation, wanted, runs, place)


def refit_of_recipe(study: OpenStudy, place: Home, recipe: Recipe) -> Model | None:
    """The refit that a recipe was exported from, of whatever was the winner then; None: none is."""
    seeds, epochs = [recipe.seed], recipe.training.epochs
    for runs in confirmation_studies(study):
        for by_seed in results(study, runs, seeds, Kind.REFIT, epochs).values():
            model = kept_model(runs, by_seed[recipe.seed], place)
            if alike(model.recipe, recipe):
                return model
    return None


def check_kept_weights(study: OpenStudy, chosen: Chosen) -> None:
    """Refuse an ensemble of refits whose weights are not here.

    Raises:
        InputError: some are not.
    """
    if gone := [model.weights for model in chosen.models if not model.weights.is_file()]:
        raise InputError(
            f"{gone[0]}: does not exist, and it is of {chosen.what}, of study {study.name}; repeat"
            " this command on the machine that has the file (--home)"
        )


def retrained_ensemble(chosen: Chosen, groups: Sequence[Group]) -> Chosen:
    """An ensemble with its members trained again; those that no training is of are left out.

    Args:
        chosen: the ensemble.
        groups: its configurations, trained again; see :func:`groups_of`.
    """
    by = {(one.leader.of, model.seed): model for one in groups for model in one.models}
    weights, values = dict[tuple[str, int], float](), dict[tuple[str, int], float]()
    for one in chosen.ensemble.members:  # with folds, two may differ by their folds alone
        if (key := (one.of, one.seed)) in by:
            weights[key] = weights.get(key, 0.0) + one.weight
            values[key] = one.value  # that of the refit is of examples that it was trained on
    whole = sum(weights.values())
    models = [by[key] for key in weights]
    members = [
        EnsembleMember(
            of=of, trial=by[of, seed].trial.number, is_run=True, seed=seed,
            weight=min(weight / whole, 1.0), value=values[of, seed],
        )
        for (of, seed), weight in weights.items()
    ]  # fmt: skip
    return replace(
        chosen,
        ensemble=chosen.ensemble.model_copy(update={"members": members}),
        models=tuple(models),
        is_refit=True,
    )


def _runs(study: OpenStudy, confirmation: OpenStudy, wanted: Refit) -> Mapping[int, Trial]:
    """Its complete trainings, by seed."""
    found = results(study, confirmation, wanted.seeds, Kind.REFIT, wanted.epochs)
    return found.get(wanted.group.leader.of, {})


def _none_completed(study: OpenStudy, confirmation: OpenStudy, wanted: Refit) -> NoTrialError:
    """What is said where no training of a configuration has a value."""
    return NoTrialError(
        f"study {study.name}: no training of {wanted.group.name} on training and validation"
        f" examples completed; hpsearch trials {confirmation.name} shows why"
    )


def _trained(
    confirmation: OpenStudy, wanted: Refit, runs: Mapping[int, Trial], place: Home
) -> Group:
    models = tuple(kept_model(confirmation, runs[seed], place) for seed in sorted(runs))
    before = {model.seed: wanted.group.values[model.seed] for model in models}
    return replace(wanted.group, models=models, epochs=wanted.epochs, before=before)
