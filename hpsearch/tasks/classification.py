"""Classification: each example is of one of several classes."""

from hpsearch.tasks.metric import Metric
from hpsearch.tasks.task import Task

ACCURACY = Metric(
    name="val_accuracy",
    label="validation accuracy",
    direction="maximize",
    bounds=(0.0, 1.0),
    is_share=True,
    of_examples=True,
)
"""The share of examples whose class is found."""

F1_MACRO = Metric(
    name="val_f1_macro",
    label="validation F1 (macro)",
    direction="maximize",
    bounds=(0.0, 1.0),
    is_share=True,
)
"""The mean over the classes of the harmonic mean of precision and recall."""

LOSS = Metric(name="val_loss", label="validation loss", direction="minimize")
"""The cross-entropy, without the L2 penalty."""

CLASSIFICATION = Task(
    name="classification",
    metrics={metric.name: metric for metric in (ACCURACY, F1_MACRO, LOSS)},
    curves=("loss", "accuracy", "val_loss", "val_accuracy", "val_f1_macro"),
    panels={
        "accuracy": ("accuracy", "val_accuracy", "val_f1_macro"),
        "cross-entropy": ("loss", "val_loss"),
    },
    gap="accuracy",
)
"""Losses are cross-entropies without the L2 penalty; those of training and the accuracy are means
over the epoch's training batches, dropout active, weighted where classes are."""
