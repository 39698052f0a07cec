"""``hpsearch evaluate``: accesses the test split for a study's winner, and records that it did."""

import statistics
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
from hpsearch.cli.results import print_accuracy, print_scores
from hpsearch.cli.workspace import StorageOption, workspace
from hpsearch.config import describe
from hpsearch.errors import InputError
from hpsearch.services import evaluate as service
from hpsearch.services.confirmed import CHOICES
from hpsearch.services.evaluate import Judged
from hpsearch.services.jobs import Means
from hpsearch.services.models import Model
from hpsearch.tasks.interval import wilson


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
    if not refit and (workers is not None or gpus != "all"):
        raise InputError(
            "--workers and --gpus apply to the trainings of --refit only; add --refit"
            " or leave them out"
        )
    found = service.evaluate(
        study,
        workspace(home, storage, force=force),
        LiveScreen(),
        top=top,
        baseline=baseline,
        refit=refit,
        means=Means(workers=workers, gpus=gpus, overrides=overrides or ()),
    )
    if as_json:
        print_json(found.plain())
        return
    for one in found.judged:
        print_judged(one, found.metric)
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
    epochs = one.group.epochs
    what = f"{metric} (val), accuracy" if epochs is None else f"After {epochs} epochs: accuracy"
    print_table(
        ("seed", *["val"] * (epochs is None), "train", "test", "95 % interval", "macro F1", "gap"),
        [_row(one, model) for model in models],
        title=f"{what} on training (train) and test examples",
    )
    if len(models) == 1:
        print_accuracy(one.results[models[0].seed].accuracy)
    else:
        _print_mean(one)
        by = "validation" if epochs is None else "its training examples"
        out.print(f"Seed {one.middle} is the median by {by}; what follows is of it.")
    print_scores(one.results[one.middle])


def _print_mean(one: Judged) -> None:
    """The mean over seeds, with what is uncertain about it for two reasons."""
    mean, out = statistics.fmean(one.accuracies), stdout()
    examples = next(iter(one.results.values())).examples
    low, high = wilson(round(mean * examples), examples)
    out.print(f"Mean test accuracy of {len(one.accuracies)} seeds: {mean:.4f}", style="bold")
    if (seeds := one.interval) is not None:
        out.print(
            f"95 % interval over the seeds: {seeds.low:.4f} to {seeds.high:.4f} (Student's t)"
        )
    out.print(f"95 % interval over the {examples} examples: {low:.4f} to {high:.4f} (Wilson)")
    others = ", ".join(f"{name} {value:.4f}" for name, value in one.means.items())
    out.print(f"Other means: {others}")


def _row(one: Judged, model: Model) -> list[str]:
    result, gap = one.results[model.seed], one.gap(model)
    return [
        str(model.seed),
        *([] if one.group.epochs else [number(model.value)]),
        number(model.train_accuracy),
        number(result.accuracy),
        f"{result.accuracy_low:.4f} to {result.accuracy_high:.4f}",
        number(result.f1_macro),
        "" if gap is None else f"{gap:+.4f}",
    ]
