"""What a reader is told of results on the test split."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from hpsearch.cli.output import print_table, stdout, tell
from hpsearch.tasks.evaluation import Evaluation
from hpsearch.tasks.results import with_intervals
from hpsearch.text import plural


def print_accuracy(accuracy: float) -> None:
    """The answer in short."""
    stdout().print(f"test accuracy {accuracy:.4f}", style="bold")


def print_scores(result: Evaluation) -> None:
    """One model: its metrics with 95 % intervals, its calibration, and its classes."""
    _print_metrics(result)
    _print_classes(result)


def _print_metrics(result: Evaluation) -> None:
    print_table(
        ("metric", "value", "95 % interval", "by"),
        [
            [name, f"{value:.4f}", f"{ends[0]:.4f} to {ends[1]:.4f}" if ends else "", how]
            for name, value, ends, how in with_intervals(asdict(result))
        ],
        words=["metric", "by"],
        title=f"On {plural(result.examples, 'test example')}",
    )
    error = result.thresholds.calibration_error
    stdout().print(f"expected calibration error {100 * error:.1f} %")


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
