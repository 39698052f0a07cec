"""What a reader is told of results on the test split."""

from pathlib import Path
from typing import Any

from hpsearch.cli.output import print_table, stdout, tell
from hpsearch.tasks.evaluating import AnyEvaluation
from hpsearch.tasks.evaluation import Evaluation
from hpsearch.tasks.regression_evaluation import WORST, RegressionEvaluation
from hpsearch.tasks.results import written
from hpsearch.text import plural, show, significant


def print_headline(result: AnyEvaluation) -> None:
    """The answer in short: "test accuracy 0.9125", "test RMSE 0.49530"."""
    score = result.task.headline
    value = score.metric.written(getattr(result, score.name))
    stdout().print(f"test {score.metric.short} {value}", style="bold")


def print_scores(result: AnyEvaluation) -> None:
    """One model: its metrics with 95 % intervals; its calibration and classes, or its errors."""
    print_table(
        ("metric", "value", "95 % interval", "by"),
        written(vars(result)),
        words=["metric", "by"],
        title=f"On {plural(result.examples, 'test example')}",
    )
    if isinstance(result, RegressionEvaluation):
        _print_errors(result)
        return
    error = result.thresholds.calibration_error
    stdout().print(f"expected calibration error {100 * error:.1f} %")
    commonest = max(result.classes, key=lambda one: one.support)
    share = commonest.support / result.examples
    stdout().print(f"accuracy of predicting {show(commonest.name)} alone {share:.4f}")
    _print_classes(result)


def _print_errors(result: RegressionEvaluation) -> None:
    """How far the predictions of a regression are off, and which are the farthest."""
    out = stdout()
    if result.not_finite:
        out.print(
            f"{plural(result.not_finite, 'prediction')} not finite: each counts as {WORST:.1e}"
        )
    out.print(f"bias (mean of predicted - true) {significant(result.bias)}")
    out.print(f"RMSE of predicting the mean {significant(result.mean_rmse)}")
    quantiles = [("50 %", result.median_absolute_error)]
    quantiles += [(f"{100 * one.share:.0f} %", one.error) for one in result.absolute_errors]
    print_table(
        ("quantile", "absolute error"),
        [[share, significant(error)] for share, error in quantiles],
        title="Absolute errors",
    )
    if result.worst:
        print_table(
            ("row (from 0)", "true", "predicted"),
            [[str(m.index), significant(m.true), significant(m.predicted)] for m in result.worst],
            title="Farthest off, by the row of the test split",
        )


def _print_classes(result: Evaluation) -> None:
    """One model class by class: scores, confusion matrix, what is taken for what."""
    print_table(
        ("class", "precision", "recall", "F1", "examples"),
        [
            [c.name, f"{c.precision:.4f}", f"{c.recall:.4f}", f"{c.f1:.4f}", str(c.support)]
            for c in result.classes
        ],
        title="By class",
    )
    _print_confusion(result)
    if result.most_confused:
        print_table(
            ("true class", "predicted as", "times"),
            [[pair.true, pair.predicted, str(pair.count)] for pair in result.most_confused],
            words=["predicted as"],
            title="Most confused",
        )


def _print_confusion(result: Evaluation, most: int = 20) -> None:
    """The confusion matrix as a table, where it fits; the HTML figure has it in any case."""
    out = stdout()
    numbers = [str(index) for index in range(len(result.classes))]
    rows: list[list[Any]] = [
        [f"{index} {scores.name}", *(str(count) for count in result.confusion[index])]
        for index, scores in enumerate(result.classes)
    ]
    # A cell has a space on its left and two on its right.
    width = sum(3 + max(len(row[column]) for row in rows) for column in range(len(numbers) + 1))
    if len(numbers) > most or width > out.width:
        out.print("The confusion matrix is in confusion.html, beside the weights.")
        return
    print_table(["true", *numbers], rows, title="Confusion matrix: true classes by predicted ones")


def print_files(folder: Path) -> None:
    """Name what a training left."""
    names = ", ".join(sorted(path.name for path in folder.iterdir()))
    tell(f"In {folder}: {names}")
