"""Refits: networks that are trained once more, on training and validation examples together.

They are runs of the confirmation study, which keeps the weights of all. Which one is a network's
follows from the network: its configuration, its seed, and how long the runs of its configuration
took. So nothing else is noted of them. What is done with these runs is in
:mod:`hpsearch.services.refit_runs`.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hpsearch.errors import InputError
from hpsearch.home import Home
from hpsearch.search.attributes import BEST_EPOCH_KEY, EPOCHS_KEY, FOLDS_KEY
from hpsearch.search.leaders import Leader
from hpsearch.search.shapes import EnsembleMember
from hpsearch.search.study import OpenStudy
from hpsearch.search.verdict import middle
from hpsearch.services.ensembles import Chosen
from hpsearch.services.models import Group, Model, confirmed_groups, found_groups
from hpsearch.services.progress import Silent
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
        epochs=round(statistics.median(took)),
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
    """The members of an ensemble, by configuration.

    How long these are trained again follows from the members alone, where a winner's refits follow
    from all of its confirmed runs: the choice of an ensemble is kept, and a later ``hpsearch
    confirm`` must not ask for other trainings of it. The price is that ``evaluate --refit
    --ensemble`` may train one network twice, for two numbers of epochs; where these are the same it
    is one training.
    """
    models: dict[str, list[Model]] = {}
    for member, model in zip(chosen.ensemble.members, chosen.models, strict=True):
        models.setdefault(member.of, []).append(model)
    return [
        Group(leader=Leader(of=of, config=found[0].recipe.config, found=None), models=tuple(found))
        for of, found in models.items()
    ]


def check_kept_weights(study: OpenStudy, chosen: Chosen) -> None:
    """Refuse an ensemble of refits whose weights are not here.

    Raises:
        InputError: some are not.
    """
    if gone := [model.weights for model in chosen.models if not model.weights.is_file()]:
        raise InputError(
            f"{gone[0]}: does not exist, and it is of {chosen.what}, of study {study.name}; repeat"
            " this command on the machine that has the file (--home), or train it again here:"
            f" hpsearch refit {study.name} --ensemble"
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
