"""``hpsearch evaluate``: accesses the test split for a study's winner, and records that it did."""

import statistics
from collections.abc import Sequence
from typing import Annotated

import typer

from hpsearch.cli.live import LiveScreen
from hpsearch.cli.options import (
    DataPathOption,
    ForceOption,
    GpusOption,
    HomeOption,
    JsonOption,
    StudyArgument,
    WorkersOption,
)
from hpsearch.cli.output import number, print_json, print_table, say, stdout
from hpsearch.cli.results import print_headline, print_scores
from hpsearch.cli.workspace import StorageOption, say_here, workspace
from hpsearch.config import describe
from hpsearch.errors import InputError
from hpsearch.reference.reference import Reference, cells_on_test, titled, trained_on
from hpsearch.services import evaluate as service
from hpsearch.services.confirmed import CHOICES
from hpsearch.services.ensembles import JudgedEnsemble
from hpsearch.services.evaluate import Judged
from hpsearch.services.jobs import Means
from hpsearch.services.models import Model
from hpsearch.tasks.results import interval_text, written
from hpsearch.tasks.task import Task
from hpsearch.text import plural


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
            " confirmed runs; with --ensemble its networks, too.",
        ),
    ] = False,
    ensemble: Annotated[
        bool,
        typer.Option(
            "--ensemble",
            help="Also evaluate the ensemble of hpsearch ensemble, beside one trained network.",
        ),
    ] = False,
    no_reference: Annotated[
        bool,
        typer.Option(
            "--no-reference", help="Train no models of scikit-learn on the same examples."
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
    """Evaluate the winner on the test split and record it: metrics, mistakes, figures."""
    if not refit and (workers is not None or gpus != "all"):
        raise InputError(
            "--workers and --gpus apply to the trainings of --refit only; add --refit"
            " or leave them out"
        )
    say_here(home, storage)
    found = service.evaluate(
        study,
        workspace(home, storage, force=force),
        LiveScreen(),
        top=top,
        baseline=baseline,
        refit=refit,
        ensemble=ensemble,
        reference=not no_reference,
        means=Means(workers=workers, gpus=gpus, overrides=overrides or ()),
    )
    if as_json:
        print_json(found.plain())
        return
    for one in found.judged:
        print_judged(one, found.metric)
    if found.ensemble is not None:
        print_judged_ensemble(found.ensemble)
    if found.reference:
        print_reference(found.reference, found.judged[0].task)
    say(
        f"The test split of these data has been accessed {service.times(found.times_opened)} so"
        f" far; hpsearch show {study} --json lists dates, commands and results.\nChoose between"
        " configurations by validation: every choice by the test split makes its results look too"
        " good."
    )


def print_judged(one: Judged, metric: str) -> None:
    """The results of one configuration for a reader."""
    out, models = stdout(), one.group.models
    name = one.group.name
    chosen = one.group.chosen and f" ({CHOICES[one.group.chosen]})"
    out.print(f"{name[0].upper()}{name[1:]}{chosen or ''}", style="bold")
    out.print(describe(one.group.leader.config))
    epochs, task = one.group.epochs, one.task
    heads = [_train(task), "test", "95 % interval", *(score.column for score in task.columns)]
    print_table(
        ("seed", *["val"] * (epochs is None), *heads, "gap"),
        [_row(one, model) for model in models],
        title=_title(task, metric, epochs),
    )
    if len(models) == 1:
        print_headline(one.results[models[0].seed])
    else:
        _print_mean(one)
        by = _by(is_refit=epochs is not None)
        out.print(f"Seed {one.middle} is the median by {by}; what follows is of it.")
    print_scores(one.results[one.middle])


def _by(*, is_refit: bool) -> str:
    """What the median was chosen by; no validation example judges a refit."""
    return "validation, before its refit" if is_refit else "validation"


def print_judged_ensemble(found: JudgedEnsemble) -> None:
    """The results of an ensemble for a reader, and what it adds to one network."""
    out, metric, members = stdout(), found.metric, found.ensemble.members
    again = ", trained on training and validation examples" if found.is_refit else ""
    out.print(f"Ensemble of {plural(len(members), 'network')}{again}", style="bold")
    print_headline(found.result)
    rows = zip(written(vars(found.result)), written(vars(found.beside)), strict=True)
    print_table(
        ("metric", "ensemble", "95 % interval", "alone", "95 % interval"),
        [[name, value, ends, alone, its] for (name, value, ends, _), (_, alone, its, _) in rows],
        words=["metric"],
        title=(
            f"On {plural(found.result.examples, 'test example')}; alone: {found.single}, the median"
            f" by {_by(is_refit=found.is_refit)}"
        ),
    )
    ends = metric.ends(found.gain.low, found.gain.high)
    noise = "" if found.gain.is_certain else " The examples do not tell that it is better."
    out.print(
        f"Gain of the ensemble in {metric.short}: {metric.signed(found.gain.value)} (95 % interval"
        f" {ends}, paired bootstrap).{noise}"
    )


def print_reference(found: Sequence[Reference], task: Task) -> None:
    """What models of scikit-learn achieve on the same test examples."""
    heads = [f"test {task.headline.metric.short}", "95 % interval"]
    print_table(
        ("model", *heads, *(score.column for score in task.columns)),
        [[titled(one), *cells_on_test(one, task)] for one in found],
        words=["model"],
        title=f"For comparison: scikit-learn's defaults, {trained_on(found)}",
    )


def _train(task: Task) -> str:
    """The head of the values on training examples."""
    gap = task.gap_metric
    return "train" if gap == task.headline.metric else f"train {gap.short}"


def _title(task: Task, metric: str, epochs: int | None) -> str:
    """What the columns of the seeds are of."""
    test, gap = task.headline.metric, task.gap_metric
    start = f"{metric} (val)," if epochs is None else f"After {epochs} epochs:"
    if gap == test:
        return f"{start} {test.short} on training (train) and test examples"
    return f"{start} {gap.short} on training, {test.short} (test) and {gap.short} on test examples"


def _print_mean(one: Judged) -> None:
    """The mean over seeds, with what is uncertain about it for two reasons."""
    values, headline, out = one.headlines, one.task.headline, stdout()
    written, short = headline.metric.written, headline.metric.short
    mean = written(statistics.fmean(values))
    out.print(f"Mean test {short} of {len(values)} seeds: {mean}", style="bold")
    if (seeds := one.interval) is not None:
        ends = f"{written(seeds.low)} to {written(seeds.high)}"
        out.print(f"95 % interval over the seeds: {ends} (Student's t)")
    if (found := one.over_examples) is not None:
        examples, ends = next(iter(one.results.values())).examples, " to ".join(map(written, found))
        out.print(f"95 % interval over the {examples} examples: {ends} ({headline.how})")
    others = ", ".join(f"{name} {value}" for name, value in one.means.items())
    out.print(f"Other means: {others}")


def _row(one: Judged, model: Model) -> list[str]:
    result, gap, task = one.results[model.seed], one.gap(model), one.task
    headline = task.headline
    values = {score: getattr(result, score.name) for score in (headline, *task.columns)}
    told = ["" if value is None else score.metric.written(value) for score, value in values.items()]
    return [
        str(model.seed),
        *([] if one.group.epochs else [one.metric.written(model.value)]),
        number(model.train_value),
        told[0],
        interval_text(vars(result), headline),
        *told[1:],
        "" if gap is None else f"{gap:+.4f}",
    ]
