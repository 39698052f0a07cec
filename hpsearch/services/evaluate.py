"""Evaluating: the test split is accessed for a study's winner, and that is recorded."""

import dataclasses
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from hpsearch.config import flat
from hpsearch.data.dataset import Dataset
from hpsearch.data.drawing import Splits
from hpsearch.data.record import Access
from hpsearch.errors import InputError
from hpsearch.outputs.test_access import accesses, remember
from hpsearch.reference.reference import Reference
from hpsearch.search.confirmation import is_run, kind_of, refuse_confirmation_study
from hpsearch.search.lookup import load_study
from hpsearch.search.moving import move_data
from hpsearch.search.study import OpenStudy
from hpsearch.search.verdict import Bounds, Interval, mean_interval, middle
from hpsearch.services.comparison import Comparison, plain
from hpsearch.services.ensembles import (
    Chosen,
    JudgedEnsemble,
    Single,
    chosen_ensemble,
    judge_ensemble,
)
from hpsearch.services.jobs import HERE, Means
from hpsearch.services.judging import check_kept, judge
from hpsearch.services.models import Group, Model, check_weights, confirmed_groups, found_groups
from hpsearch.services.progress import Progress, SearchProgress
from hpsearch.services.refit_runs import refits
from hpsearch.services.refits import groups_of, refit_of, retrained_ensemble
from hpsearch.services.workspace import Workspace
from hpsearch.study_file import load_dataset_override
from hpsearch.tasks.evaluating import AnyEvaluation
from hpsearch.tasks.interval import wilson
from hpsearch.tasks.metric import Metric
from hpsearch.tasks.results import Ends, interval_of
from hpsearch.tasks.task import Task
from hpsearch.text import plural
from hpsearch.training.start import start_tensorflow
from hpsearch.workers.by_hand import settle_device
from hpsearch.workers.worker import open_study_data


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A group and its results on the test split, by seed."""

    group: Group
    results: dict[int, AnyEvaluation]
    """At least one, all of one task."""
    metric: Metric
    """Whether more of the objective's value is better."""

    @property
    def task(self) -> Task:
        """What the models are for."""
        return next(iter(self.results.values())).task

    @property
    def headlines(self) -> list[float]:
        """The accuracy or RMSE, one for each seed."""
        return self.all_of(self.task.headline.name)

    @property
    def means(self) -> dict[str, str]:
        """Of the other metrics, for a reader, by what he knows them as; without those that are not
        known of all.
        """
        found = {score.metric: self.all_of(score.name) for score in self.task.scores[1:]}
        return {
            metric.short: metric.written(statistics.fmean(values))
            for metric, values in found.items()
            if values
        }

    def all_of(self, name: str) -> list[float]:
        """A field of the results, one for each seed; none where one has none."""
        found = [getattr(result, name) for result in self.results.values()]
        return [] if None in found else found

    @property
    def interval(self) -> Interval | None:
        """95 % of the mean headline, by the seeds; None of a single one."""
        return mean_interval(self.headlines, self.task.headline.metric.bounds)

    @property
    def over_examples(self) -> Ends | None:
        """95 % of the mean headline, by the number of examples; None where one is not known.

        Of an accuracy it is Wilson's. Of other metrics it reaches as far as the seeds' own
        intervals do on average: a mean's standard error is at most the mean of standard errors,
        and as much where all seeds err on the same examples.
        """
        headline, results = self.task.headline, self.results.values()
        if headline.metric.of_examples:
            examples = next(iter(results)).examples
            return wilson(round(statistics.fmean(self.headlines) * examples), examples)
        ends = [found for one in results if (found := interval_of(vars(one), headline))]
        if len(ends) < len(results):
            return None
        low, high = map(statistics.fmean, zip(*ends, strict=True))
        return low, high

    @property
    def middle(self) -> int:
        """The seed whose details are shown: chosen by validation, never by the test split."""
        return middle(self.group.values, self.metric)

    @property
    def standing(self) -> Single:
        """The model that stands for all: that of :attr:`middle`."""
        model = next(one for one in self.group.models if one.seed == self.middle)
        name = f"{self.group.name}, seed {model.seed}"
        return Single(model=model, name=name, result=self.results[model.seed])

    def gap(self, model: Model) -> float | None:
        """A model's generalisation gap: a value on training examples, less that on the test.

        It is the accuracy, or R²; None where one of both is not known.
        """
        learned = model.train_value
        tested: float | None = getattr(self.results[model.seed], self.task.gap)
        return None if learned is None or tested is None else learned - tested

    def plain(self) -> dict[str, Any]:
        """The results as JSON."""
        group = self.group
        return {
            "of": group.leader.of,
            "judged": _kind(group),
            "chosen": group.chosen,
            "config": flat(group.leader.config),
            "refit_epochs": group.epochs,
            **{
                score.name: _mean(found, score.metric.bounds) if found else None
                for score in self.task.scores
                for found in [self.all_of(score.name)]
            },
            "middle": self.middle,
            "models": [
                {
                    "seed": model.seed,
                    "value": None if group.epochs else model.value,
                    "train_accuracy": model.train_accuracy,
                    "train_value": model.train_value,
                    "gap": self.gap(model),
                    "test": dataclasses.asdict(self.results[model.seed]),
                }
                for model in group.models
            ],
        }


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """What the models of a study achieve on the test split."""

    study: str
    metric: str
    judged: Sequence[Judged]
    reference: Sequence[Reference]
    """What models of scikit-learn achieve there, trained on the same examples as the first of
    these; none where that could not be measured."""
    times_opened: int
    """How often the test split of these data has been accessed so far."""
    ensemble: JudgedEnsemble | None = None
    """What the study's ensemble achieves there, where it was asked for."""

    def plain(self) -> dict[str, Any]:
        """The results as JSON."""
        return {
            "study": self.study,
            "metric": self.metric,
            "times_opened": self.times_opened,
            "candidates": [one.plain() for one in self.judged],
            "ensemble": None if self.ensemble is None else self.ensemble.plain(),
            "reference": plain(self.reference),
        }


def evaluate(
    study: str,
    workspace: Workspace,
    progress: SearchProgress,
    *,
    top: int = 1,
    baseline: bool = False,
    refit: bool = False,
    ensemble: bool = False,
    reference: bool = True,
    means: Means = HERE,
) -> Evaluated:
    """Evaluate the winner of a study on the test split, and record that.

    Args:
        study: its name.
        workspace: home and storage.
        progress: shows the trainings.
        top: how many of the best configurations are judged, from 1.
        baseline: judge the baseline, too, once it is confirmed.
        refit: retrain on training and validation examples first, for as many epochs as the
            confirmed runs; of an ensemble all members.
        ensemble: judge the study's ensemble, too, beside the middle one of the best models.
        reference: train models of scikit-learn for comparison, too.
        means: what is retrained with, and where the data are.

    Raises:
        InputError: ``top`` below 1, an unknown study, a confirmation study, no ensemble, weights
            that are not here or of another training, or other data.
        NoTrialError: no trial of the study completed, or no retraining.
        StoppedError: retraining was stopped; the same call goes on.
    """
    if top < 1:
        raise InputError(f"top = {top}: at least one configuration is evaluated")
    place = workspace.home
    with workspace.opened() as opened:
        found = load_study(opened, study)
        refuse_confirmation_study(found)
        chosen = chosen_ensemble(found, place, trained=not refit) if ensemble else None
        workspace.record(found)
        groups = confirmed_groups(found, place, top, progress, baseline=baseline)
        groups = groups or found_groups(found, place, top, progress, baseline=baseline)
        if refit:
            members = () if chosen is None else groups_of(chosen)
            wanted = [refit_of(found, group) for group in (*groups, *members)]
            trained = refits(found, wanted, workspace, means, progress)
            groups, members = trained[: len(groups)], trained[len(groups) :]
            if chosen is not None:
                chosen = retrained_ensemble(chosen, members)
        check_weights(groups)
        section = load_dataset_override(found.file, means.overrides)
        with progress.steps() as report:
            dataset = open_study_data(found, section, place, report)
        if means.overrides:  # only now: other data are refused
            move_data(found, section.path)
        settle_device()  # only now: the workers of refits see all GPUs
        progress.say("TensorFlow takes a few seconds to start.")
        _check_kept(dataset, groups, chosen)
        before = len(accesses(found, place))
        known = f"been accessed {times(before)}" if before else "never been accessed"
        progress.say(f"Accessing the test split of {dataset.source}, which has {known} before.")
        compare = Comparison(dataset, groups[0].models[0].recipe, progress, wanted=reference)
        judged = [_judge(found, dataset, group, progress, compare) for group in groups]
        averaged = None
        if chosen is not None:
            progress.say(f"Evaluating {chosen.what}.")
            averaged = judge_ensemble(found, dataset, chosen, judged[0].standing)
        return Evaluated(
            study=study,
            metric=found.file.objective.metric,
            judged=judged,
            reference=compare.found,
            times_opened=len(accesses(found, place)),
            ensemble=averaged,
        )


def times(count: int) -> str:
    """How often, for a reader: "once", "3 times"."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _check_kept(dataset: Dataset, groups: Sequence[Group], chosen: Chosen | None) -> None:
    """Start TensorFlow, and check that all weights are what they are taken for."""
    start_tensorflow()
    found = [(model, group.epochs is not None) for group in groups for model in group.models]
    if chosen is not None:
        found += [(model, chosen.is_refit) for model in chosen.models]
    splits = Splits(dataset)
    for model, is_refit in found:
        parts = splits(model.recipe.dataset)
        # A refit's value is of examples that it was trained on.
        check_kept(model.recipe, parts, model.weights, None if is_refit else model.value)


def _judge(
    study: OpenStudy, dataset: Dataset, group: Group, progress: Progress, compare: Comparison
) -> Judged:
    """Open the test split for one configuration, judge all of its models, and record it."""
    progress.say(f"Evaluating {group.name}: {plural(len(group.models), 'model')}.")
    access = Access(
        opened_by=f"evaluate {study.name}" + (" --refit" if group.epochs is not None else ""),
        study=study.name,
        of=group.leader.of,
        recipe=group.models[0].recipe.model_dump(mode="json", exclude={"provenance"}),
        seeds=tuple(model.seed for model in group.models),
    )
    results = judge(dataset, access, group.models, partial(remember, study), compare)
    by_seed = {model.seed: one for model, one in zip(group.models, results, strict=True)}
    return Judged(group=group, results=by_seed, metric=study.file.objective.measure)


def _kind(group: Group) -> str:
    """What the models are: "search", "seed", "split" or "refit"."""
    trial = group.models[0].trial
    return str(kind_of(trial.user_attrs)) if is_run(trial) else "search"


def _mean(values: Sequence[float], bounds: Bounds) -> dict[str, Any]:
    """Mean, standard deviation and 95 % interval over seeds, within bounds."""
    interval = mean_interval(values, bounds)
    return {
        "mean": statistics.fmean(values),
        "deviation": statistics.stdev(values) if len(values) > 1 else None,
        "interval": None if interval is None else [interval.low, interval.high],
    }
