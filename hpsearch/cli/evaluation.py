"""Results on the test split: judging kept weights, and what a reader sees of them."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpsearch.cli.common import print_table, stdout
from hpsearch.home import CONFUSION, TEST_RESULT
from hpsearch.tasks import METRICS

APART = 0.005
"""By how much accuracy or F1 of the same weights may differ between devices and precisions; a loss
by as much, or by one in a hundred."""

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from hpsearch.data.parts import Parts
    from hpsearch.recipe import Recipe
    from hpsearch.training.metrics import Evaluation


def judge_weights(
    recipe: "Recipe",
    parts: "Parts",
    weights: Path,
    test: "tuple[npt.NDArray[np.generic], npt.NDArray[np.int64]]",
    value: float | None = None,
) -> "Evaluation":
    """Judge kept weights on the test split, and write ``test.json`` and ``confusion.html``.

    Args:
        recipe: what was trained.
        parts: its data; only shape, classes and scaling are used.
        weights: the file of its weights; the results are put beside it.
        test: inputs and labels, as ``hpsearch.data.dataset.open_test`` gives them.
        value: the trial's, by which ``test.json`` is known to be of it.
    """
    from hpsearch.figures.confusion import write_confusion
    from hpsearch.files import write_text
    from hpsearch.training.metrics import evaluate
    from hpsearch.training.train import predict

    x, y = test
    result = evaluate(y, predict(recipe, parts, weights, x), parts.class_names)
    told = dataclasses.asdict(result) | {"seed": recipe.seed, "value": value}
    write_text(weights.parent / TEST_RESULT, json.dumps(told, indent=2) + "\n")
    write_confusion(
        weights.parent / CONFUSION,
        result.confusion,
        parts.class_names,
        f"Test accuracy {result.accuracy:.2%}, macro F1 {result.f1_macro:.4f}",
    )
    return result


def check_kept(recipe: "Recipe", parts: "Parts", weights: Path, value: float | None) -> None:
    """Check, before the test split is opened, that kept weights are those of a training.

    Args:
        recipe: what was trained.
        parts: its data.
        weights: the file of its weights.
        value: what they achieved on the validation part, to be reached again; None: it is not
            known, and they must only fit the network.

    Raises:
        InputError: the file is damaged, or of another training.
    """
    from hpsearch.errors import InputError
    from hpsearch.training.metrics import cross_entropy, evaluate
    from hpsearch.training.train import logits

    part, metric = parts.validation, recipe.objective.metric
    labels = part.y[part.rows]
    try:
        found = logits(recipe, parts, weights, part.x[part.rows])
    except (OSError, ValueError, KeyError) as error:
        said = " ".join(str(error).split())[:200]
        raise InputError(f"{weights}: is damaged or does not fit its network: {said}") from None
    if value is None:
        return
    again = evaluate(labels, found.argmax(axis=-1), parts.class_names)
    now = {
        "val_accuracy": again.accuracy,
        "val_f1_macro": again.f1_macro,
        "val_loss": cross_entropy(labels, found),
    }[metric]
    apart = max(APART, abs(value) / 100) if not METRICS[metric].is_share else APART
    if not abs(value - now) <= apart:  # NaN is not near either
        raise InputError(
            f"{weights}: gives {metric} {now:.4f}, but its training gave {value:.4f}, so these"
            " weights belong to another study of this name; train again"
        )


def print_accuracy(result: "Evaluation") -> None:
    """Accuracy and macro F1 of one model."""
    out = stdout()
    out.print(f"test accuracy {result.accuracy:.4f}", style="bold")
    out.print(
        f"95 % interval {result.accuracy_low:.4f} to {result.accuracy_high:.4f},"
        f" macro F1 {result.f1_macro:.4f}, {result.examples} examples"
    )


def print_classes(result: "Evaluation") -> None:
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


def _print_confusion(result: "Evaluation", most: int = 20) -> None:
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
