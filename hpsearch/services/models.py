"""Whose weights ``evaluate`` judges: the confirmed runs, the search's best, or refits of these."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hpsearch.errors import InputError
from hpsearch.home import Home
from hpsearch.outputs.leftovers import kept_weights
from hpsearch.search import trials
from hpsearch.search.attributes import TRAIN_ACCURACY_KEY, WORKER_KEY, trained
from hpsearch.search.leaders import BASELINE, Leader, leaders
from hpsearch.search.recipes import recipe_of
from hpsearch.search.study import OpenStudy
from hpsearch.search.trials import Trial
from hpsearch.services.confirmed import confirmed
from hpsearch.services.judging import Kept
from hpsearch.services.progress import Progress


@dataclass(frozen=True, kw_only=True)
class Model(Kept):
    """A trained network of a trial, whose weights are kept here."""

    value: float
    """The trial's."""
    study: str
    """The study that the trial is of: a confirmation study or the searched one."""
    trial: Trial

    @property
    def seed(self) -> int:
        """Of the training."""
        return self.recipe.seed

    @property
    def train_accuracy(self) -> float | None:
        """Accuracy on the training examples, where it is known."""
        accuracy = self.trial.user_attrs.get(TRAIN_ACCURACY_KEY)
        return None if accuracy is None else float(accuracy)

    @property
    def train_value(self) -> float | None:
        """What the gap is a difference of (``Task.gap``), on training examples, where known."""
        told = trained(self.trial.user_attrs)
        return None if told is None else told[1]


@dataclass(frozen=True, kw_only=True)
class Group:
    """The models of one configuration."""

    leader: Leader
    models: tuple[Model, ...]
    epochs: int | None = None
    """How long they were trained on training and validation examples; None: they were not."""
    before: Mapping[int, float] | None = None
    """Of refits by seed the values of the networks that were trained again, on validation examples
    that these had not seen."""
    chosen: str | None = None
    """How the confirmed winner was chosen: "first" or "smallest"; None: this is not it."""

    @property
    def name(self) -> str:
        """How a reader is told of it: "trial 12" or "the baseline"."""
        return self.leader.name

    @property
    def values(self) -> Mapping[int, float]:
        """The objective's values on the validation part, by seed; of refits :attr:`before`."""
        return self.before or {model.seed: model.value for model in self.models}


def confirmed_groups(
    study: OpenStudy, place: Home, top: int, progress: Progress, *, baseline: bool
) -> list[Group]:
    """The confirmed winner, or the best of the confirmed ones; none where nothing is confirmed."""
    known = confirmed(study)
    if known is None:
        return []
    names = [known.verdict.winner.name]
    names += [one.name for one in known.verdict.ranked if one.name not in (*names, BASELINE)]
    if top > len(names):
        progress.say(
            f"warning: --top {top}: confirmed configurations: {len(names)}; to confirm more:"
            f" hpsearch confirm {study.name} --top {top}"
        )
    if baseline and BASELINE not in known.runs:
        _warn_of_baseline(study, progress)
    wanted = names[:top] + [BASELINE] * (baseline and BASELINE in known.runs)
    groups = []
    for name in dict.fromkeys(wanted):
        runs = [known.runs[name][seed] for seed in sorted(known.runs[name])]
        config = trials.config(known.confirmation, runs[0])
        if config is not None:  # a run's is always whole
            leader = Leader(of=name, config=config, found=None)
            models = tuple(kept_model(known.confirmation, run, place) for run in runs)
            chosen = known.verdict.chosen if name == names[0] else None
            groups.append(Group(leader=leader, models=models, chosen=chosen))
    return groups


def found_groups(
    study: OpenStudy, place: Home, top: int, progress: Progress, *, baseline: bool
) -> list[Group]:
    """The best trials of a study of which nothing is confirmed, each with its one seed."""
    chosen = [one for one in leaders(study, top) if one.of != BASELINE]
    if baseline:
        _warn_of_baseline(study, progress)
    progress.say(
        "warning: nothing is confirmed, so this evaluates the search's best trial, a single"
        f" training. For the mean of several seeds: hpsearch confirm {study.name}"
    )
    return [
        Group(leader=one, models=(kept_model(study, trials.find(study, int(one.of)), place),))
        for one in chosen
    ]


def _warn_of_baseline(study: OpenStudy, progress: Progress) -> None:
    """Tell why the baseline is left out."""
    if study.file.baseline is None:
        progress.say("warning: --baseline: the study has no baseline.")
    else:
        progress.say(
            "warning: --baseline: the baseline is not confirmed yet; to train it: hpsearch confirm"
            f" {study.name}"
        )


def kept_model(study: OpenStudy, trial: Trial, place: Home) -> Model:
    """The network of a complete trial, with its weights where they would be kept."""
    return Model(
        recipe=recipe_of(study, trial),
        weights=kept_weights(study, place, trial.number),
        value=float(trial.values[0]),
        study=study.name,
        trial=trial,
    )


def check_weights(groups: Sequence[Group]) -> None:
    """Refuse, before anything is opened, where weights are not here.

    Raises:
        InputError: some are not.
    """
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
