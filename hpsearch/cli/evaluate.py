"""``hpsearch evaluate``: accesses the test split for a study's winner, and records that it did."""

import dataclasses
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hpsearch.cli.common import (
    DataPathOption,
    ForceOption,
    GpusOption,
    HomeOption,
    JsonOption,
    StorageOption,
    StudyArgument,
    WorkersOption,
    opened_storage,
    print_json,
    print_table,
    say,
    stdout,
)
from hpsearch.cli.confirmed import CHOICES
from hpsearch.cli.models import (
    Group,
    Model,
    check_weights,
    confirmed_groups,
    found_groups,
    queue_refits,
    refits,
)
from hpsearch.home import Home
from hpsearch.tasks.metric import Metric
from hpsearch.text import plural

if TYPE_CHECKING:
    from hpsearch.data.dataset import Dataset
    from hpsearch.data.section import DatasetSection
    from hpsearch.search.study import OpenStudy
    from hpsearch.search.verdict import Interval
    from hpsearch.training.metrics import Evaluation


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A group and its results on the test split, by seed."""

    group: Group
    results: "dict[int, Evaluation]"
    metric: Metric
    """Whether more of the objective's value is better."""

    @property
    def accuracies(self) -> list[float]:
        """One for each seed."""
        return [result.accuracy for result in self.results.values()]

    @property
    def middle(self) -> int:
        """The seed whose classes are shown: chosen by validation, never by the test split."""
        from hpsearch.search.verdict import middle

        return middle(self.group.values, self.metric)


def evaluate(
    study: StudyArgument,
    top: Annotated[
        int, typer.Option("--top", min=1, metavar="K", help="Evaluate the best K configurations.")
    ] = 1,
    baseline: Annotated[
        bool,
        typer.Option(
            "--baseline", help="Also evaluate the study's baseline, once it is confirmed."
        ),
    ] = False,
    refit: Annotated[
        bool,
        typer.Option(
            "--refit",
            help="Retrain on training and validation examples first, for as many epochs as the"
            " confirmed runs.",
        ),
    ] = False,
    workers: WorkersOption = None,
    gpus: GpusOption = "all",
    overrides: DataPathOption = None,
    home: HomeOption = None,
    storage: StorageOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Evaluate the winner on the test split and record it: accuracy, F1, confusion matrix."""
    from hpsearch.cli.jobs import run_jobs
    from hpsearch.cli.provenance import record
    from hpsearch.errors import InputError
    from hpsearch.outputs.test_access import accesses
    from hpsearch.search.confirmation import ensure_confirmation_study, refuse_confirmation_study
    from hpsearch.search.study import load_study, move_data
    from hpsearch.study_file import load_dataset_override
    from hpsearch.workers.by_hand import settle_device

    if not refit and (workers is not None or gpus != "all"):
        raise InputError(
            "--workers and --gpus apply to the trainings of --refit only; add --refit"
            " or leave them out"
        )
    place = Home.find(home)
    with opened_storage(place, storage, force=force) as opened:
        found = load_study(opened, study)
        refuse_confirmation_study(found)
        record(found)
        groups = confirmed_groups(found, place, top, baseline=baseline) or found_groups(
            found, place, top, baseline=baseline
        )
        if refit:
            wanted = [queue_refits(found, group) for group in groups]
            confirmation = ensure_confirmation_study(found)
            run_jobs(confirmation, place, storage, workers, gpus, overrides or (), force=force)
            groups = [
                refits(found, confirmation, place, group, epochs)
                for group, epochs in zip(groups, wanted, strict=True)
            ]
        check_weights(groups)
        section = load_dataset_override(found.file, overrides or ())
        dataset = _opened(found, section, place)
        if overrides:  # only now: other data are refused
            move_data(found, section.path)
        settle_device()  # only now: the workers of refits see all GPUs
        say("TensorFlow takes a few seconds to start.")
        _check_kept(dataset, groups)
        before = len(accesses(found, place))
        known = f"been accessed {_times(before)}" if before else "never been accessed"
        say(f"Accessing the test split of {dataset.source}, which has {known} before.")
        judged = [_judge(found, dataset, group) for group in groups]
        times = len(accesses(found, place))
    if as_json:
        print_json(_plain(study, found, judged, times))
        return
    for one in judged:
        _print(one, found.file.objective.metric)
    say(
        f"The test split of these data has been accessed {_times(times)} so far; hpsearch show"
        f" {study} --json lists dates, commands and results.\nChoose between configurations by"
        " validation: every choice by the test split makes its results look too good."
    )


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _opened(study: "OpenStudy", section: "DatasetSection", place: Home) -> "Dataset":
    from hpsearch.cli.common import progress
    from hpsearch.workers.worker import open_study_data

    with progress() as report:
        return open_study_data(study, section, place, report)


def _check_kept(dataset: "Dataset", groups: Sequence[Group]) -> None:
    """Start TensorFlow, and check that all weights are what they are taken for."""
    from hpsearch.cli.evaluation import check_kept
    from hpsearch.data.parts import split
    from hpsearch.training.start import start_tensorflow

    start_tensorflow()
    for group in groups:
        for model in group.models:
            parts = split(dataset, model.recipe.dataset)
            value = model.trial.values[0] if group.epochs is None else None
            check_kept(model.recipe, parts, model.weights, value)


def _judge(study: "OpenStudy", dataset: "Dataset", group: Group) -> Judged:
    """Open the test split for one configuration, judge all of its models, and record it."""
    from hpsearch.cli.evaluation import judge_weights
    from hpsearch.data.dataset import open_test, record_result
    from hpsearch.data.parts import split
    from hpsearch.data.record import Access
    from hpsearch.outputs.test_access import remember

    count = len(group.models)
    say(f"Evaluating {group.name}: {plural(count, 'model')}.")
    access = Access(
        opened_by=f"evaluate {study.name}" + (" --refit" if group.epochs is not None else ""),
        study=study.name,
        of=group.leader.of,
        recipe=group.models[0].recipe.model_dump(mode="json", exclude={"provenance"}),
        seeds=tuple(model.seed for model in group.models),
    )
    test = open_test(dataset, access)
    remember(study, access)
    results = {}
    for model in group.models:
        parts = split(dataset, model.recipe.dataset)
        results[model.seed] = judge_weights(
            model.recipe, parts, model.weights, test, value=model.trial.values[0]
        )
    told = {key: [getattr(r, key) for r in results.values()] for key in ("accuracy", "f1_macro")}
    record_result(dataset, access, told)
    remember(study, access, told)
    return Judged(group=group, results=results, metric=study.file.objective.measure)


def _plain(name: str, study: "OpenStudy", judged: Sequence[Judged], times: int) -> dict[str, Any]:
    """The results as JSON."""
    from hpsearch.config import flat

    return {
        "study": name,
        "metric": study.file.objective.metric,
        "times_opened": times,
        "candidates": [
            {
                "of": one.group.leader.of,
                "judged": _kind(one.group),
                "chosen": one.group.chosen,
                "config": flat(one.group.leader.config),
                "refit_epochs": one.group.epochs,
                "accuracy": _mean(one.accuracies),
                "f1_macro": _mean([result.f1_macro for result in one.results.values()]),
                "middle": one.middle,
                "models": [
                    {
                        "seed": model.seed,
                        "value": None if one.group.epochs else model.trial.values[0],
                        "train_accuracy": model.train_accuracy,
                        "gap": _gap(model, one.results[model.seed]),
                        "test": dataclasses.asdict(one.results[model.seed]),
                    }
                    for model in one.group.models
                ],
            }
            for one in judged
        ],
    }


def _kind(group: Group) -> str:
    """What the models are: "search", "seed", "split" or "refit"."""
    from hpsearch.search.confirmation import is_run, kind_of

    trial = group.models[0].trial
    return str(kind_of(trial.user_attrs)) if is_run(trial) else "search"


def _mean(values: Sequence[float]) -> dict[str, Any]:
    """Mean, standard deviation and 95 % interval over seeds."""
    from hpsearch.search.verdict import SHARE, mean_interval

    interval = mean_interval(values, SHARE)
    return {
        "mean": statistics.fmean(values),
        "deviation": statistics.stdev(values) if len(values) > 1 else None,
        "interval": None if interval is None else [interval.low, interval.high],
    }


def _gap(model: Model, result: "Evaluation") -> float | None:
    """The generalisation gap: accuracy on examples that were trained on, less that on the test."""
    accuracy = model.train_accuracy
    return None if accuracy is None else float(accuracy) - result.accuracy


def _print(one: Judged, metric: str) -> None:
    """The results of one configuration for a reader."""
    from hpsearch.cli.evaluation import print_accuracy, print_classes
    from hpsearch.config import describe

    out = stdout()
    name = one.group.name
    chosen = one.group.chosen and f" ({CHOICES[one.group.chosen]})"
    out.print(f"{name[0].upper()}{name[1:]}{chosen or ''}", style="bold")
    out.print(describe(one.group.leader.config))
    epochs = one.group.epochs
    what = f"{metric} (val), accuracy" if epochs is None else f"After {epochs} epochs: accuracy"
    print_table(
        ("seed", *["val"] * (epochs is None), "train", "test", "95 % interval", "macro F1", "gap"),
        [_row(one, model) for model in one.group.models],
        title=f"{what} on training (train) and test examples",
    )
    if len(one.group.models) == 1:
        print_accuracy(one.results[one.group.models[0].seed])
    else:
        _print_mean(one)
        by = "validation" if one.group.epochs is None else "its training examples"
        out.print(f"Seed {one.middle} is the median by {by}; its classes:")
    print_classes(one.results[one.middle])


def _print_mean(one: Judged) -> None:
    """The mean over seeds, with what is uncertain about it for two reasons."""
    from hpsearch.interval import wilson
    from hpsearch.search.verdict import SHARE, mean_interval

    mean, out = statistics.fmean(one.accuracies), stdout()
    examples = next(iter(one.results.values())).examples
    low, high = wilson(round(mean * examples), examples)
    out.print(f"Mean test accuracy of {len(one.accuracies)} seeds: {mean:.4f}", style="bold")
    seeds: Interval | None = mean_interval(one.accuracies, SHARE)
    if seeds is not None:
        out.print(
            f"95 % interval over the seeds: {seeds.low:.4f} to {seeds.high:.4f} (Student's t)"
        )
    out.print(f"95 % interval over the {examples} examples: {low:.4f} to {high:.4f} (Wilson)")


def _row(one: Judged, model: Model) -> list[str]:
    result = one.results[model.seed]
    accuracy, gap = model.train_accuracy, _gap(model, result)
    return [
        str(model.seed),
        *([] if one.group.epochs else [f"{model.trial.values[0]:.4f}"]),
        "" if accuracy is None else f"{accuracy:.4f}",
        f"{result.accuracy:.4f}",
        f"{result.accuracy_low:.4f} to {result.accuracy_high:.4f}",
        f"{result.f1_macro:.4f}",
        "" if gap is None else f"{gap:+.4f}",
    ]
