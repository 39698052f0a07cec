"""Whose weights ``evaluate`` judges: the confirmed runs, the search's best, or refits of these."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hpsearch.cli.common import say
from hpsearch.home import Home

if TYPE_CHECKING:
    from hpsearch.recipe import Recipe
    from hpsearch.search.confirmation import Leader
    from hpsearch.search.study import OpenStudy
    from hpsearch.search.trials import Trial


@dataclass(frozen=True, kw_only=True)
class Model:
    """A trained network whose weights are kept here."""

    seed: int
    study: str
    """The study that the trial is of: a confirmation study or the searched one."""
    recipe: "Recipe"
    trial: "Trial"
    weights: Path

    @property
    def train_accuracy(self) -> float | None:
        """The accuracy on the examples that it was trained on, where it is known."""
        from hpsearch.search.attributes import TRAIN_ACCURACY_KEY

        accuracy: float | None = self.trial.user_attrs.get(TRAIN_ACCURACY_KEY)
        return accuracy


@dataclass(frozen=True, kw_only=True)
class Group:
    """The models of one configuration."""

    leader: "Leader"
    models: tuple[Model, ...]
    epochs: int | None = None
    """How long they were trained on training and validation examples; None: they were not."""
    chosen: str | None = None
    """How the confirmed winner was chosen: "first" or "smallest"; None: this is not it."""

    @property
    def name(self) -> str:
        """How a reader is told of it: "trial 12" or "the baseline"."""
        return self.leader.name

    @property
    def values(self) -> dict[int, float]:
        """The objective's values on the validation part, by seed."""
        return {model.seed: float(model.trial.values[0]) for model in self.models}


def confirmed_groups(study: "OpenStudy", place: Home, top: int, *, baseline: bool) -> list[Group]:
    """The confirmed winner, or the best of the confirmed ones; none where nothing is confirmed."""
    from hpsearch.cli.confirmed import confirmed
    from hpsearch.search import trials
    from hpsearch.search.confirmation import BASELINE, Leader

    known = confirmed(study)
    if known is None:
        return []
    names = [known.verdict.winner.name]
    names += [one.name for one in known.verdict.ranked if one.name not in (*names, BASELINE)]
    if top > len(names):
        say(
            f"warning: --top {top}: confirmed configurations: {len(names)}; to confirm more:"
            f" hpsearch confirm {study.name} --top {top}"
        )
    if baseline and BASELINE not in known.runs:
        _warn_of_baseline(study)
    wanted = names[:top] + [BASELINE] * (baseline and BASELINE in known.runs)
    groups = []
    for name in dict.fromkeys(wanted):
        runs = [known.runs[name][seed] for seed in sorted(known.runs[name])]
        config = trials.config(known.confirmation, runs[0])
        if config is not None:  # a run's is always whole
            leader = Leader(of=name, config=config, found=None)
            models = tuple(_model(known.confirmation, run, place) for run in runs)
            chosen = known.verdict.chosen if name == names[0] else None
            groups.append(Group(leader=leader, models=models, chosen=chosen))
    return groups


def found_groups(study: "OpenStudy", place: Home, top: int, *, baseline: bool) -> list[Group]:
    """The best trials of a study of which nothing is confirmed, each with its one seed."""
    from hpsearch.search import trials
    from hpsearch.search.confirmation import BASELINE, leaders

    chosen = [one for one in leaders(study, top) if one.of != BASELINE]
    if baseline:
        _warn_of_baseline(study)
    say(
        "warning: nothing is confirmed, so this evaluates the search's best trial, a single"
        f" training. For the mean of several seeds: hpsearch confirm {study.name}"
    )
    return [
        Group(leader=one, models=(_model(study, trials.find(study, int(one.of)), place),))
        for one in chosen
    ]


def _warn_of_baseline(study: "OpenStudy") -> None:
    """Tell why the baseline is left out."""
    if study.file.baseline is None:
        say("warning: --baseline: the study has no baseline.")
    else:
        say(
            "warning: --baseline: the baseline is not confirmed yet; to train it: hpsearch confirm"
            f" {study.name}"
        )


def _model(study: "OpenStudy", trial: "Trial", place: Home) -> Model:
    from hpsearch.outputs.leftovers import kept_weights
    from hpsearch.search.recipes import recipe_of

    recipe = recipe_of(study, trial)
    weights = kept_weights(study, place, trial.number)
    return Model(seed=recipe.seed, study=study.name, recipe=recipe, trial=trial, weights=weights)


def queue_refits(study: "OpenStudy", group: Group) -> int:
    """Queue the last trainings of a configuration; for how many epochs.

    That is the middle of what its runs took to their best epoch: fixed before the test split is
    opened, and from validation alone.
    """
    from hpsearch.errors import InputError
    from hpsearch.search.confirmation import ensure_confirmation_study, queue, results
    from hpsearch.search.shapes import Kind

    key = "best_epoch" if study.file.objective.epoch == "best" else "epochs"
    took = [int(m.trial.user_attrs[key]) for m in group.models if key in m.trial.user_attrs]
    if not took:
        raise InputError(
            f"study {study.name}: another program has changed how many epochs the runs of"
            f" {group.name} took; run it again: hpsearch confirm {study.name}"
        )
    epochs = statistics.median_low(took)
    own = [model.seed for model in group.models]
    confirmation = ensure_confirmation_study(study)
    queue(confirmation, study, [group.leader], own, Kind.REFIT, epochs)
    done = results(study, confirmation, own, Kind.REFIT, epochs).get(group.leader.of, {})
    say(
        f"Training {group.name} on training and validation examples for {epochs} epochs (its runs"
        f" took {min(took)} to {max(took)}), with the same seeds; new runs:"
        f" {len(own) - len(done)}."
    )
    return epochs


def refits(
    study: "OpenStudy", confirmation: "OpenStudy", place: Home, group: Group, epochs: int
) -> Group:
    """The group, trained once more on all examples but the test split's."""
    from hpsearch.errors import NoTrialError
    from hpsearch.search.confirmation import results
    from hpsearch.search.shapes import Kind

    own = [model.seed for model in group.models]
    runs = results(study, confirmation, own, Kind.REFIT, epochs).get(group.leader.of)
    if runs and len(runs) < len(own):
        say(f"warning: only {len(runs)} of {len(own)} trainings of {group.name} have a value.")
    if not runs:
        raise NoTrialError(
            f"study {study.name}: no training of {group.name} completed; hpsearch trials"
            f" {confirmation.name} shows why"
        )
    models = tuple(_model(confirmation, runs[seed], place) for seed in sorted(runs))
    return replace(group, models=models, epochs=epochs)


def check_weights(groups: Sequence[Group]) -> None:
    """Refuse, before anything is opened, where weights are not here.

    Raises:
        InputError: some are not.
    """
    from hpsearch.errors import InputError
    from hpsearch.search.attributes import WORKER_KEY

    models = [model for group in groups for model in group.models]
    gone = [model for model in models if not model.weights.is_file()]
    if gone:
        first = gone[0]
        host = str(first.trial.user_attrs.get(WORKER_KEY, "?")).rpartition(":")[0]
        raise InputError(
            f"{first.weights}: does not exist, so {len(gone)} of {len(models)} models cannot be"
            f" evaluated. It was trained on host {host}: evaluate it there, or with that machine's"
            " --home. A search keeps the weights of its five best trials, a confirmation study"
            f" those of all its runs. To train it again: hpsearch export {first.study} --trial"
            f" {first.trial.number} -o recipe.toml; hpsearch train recipe.toml --test"
        )
