"""Classification: each example is of one of several classes."""

from hpsearch.tasks.metric import Metric
from hpsearch.tasks.task import Score, Task

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

BALANCED_ACCURACY = Metric(
    name="val_balanced_accuracy",
    label="validation balanced accuracy",
    direction="maximize",
    bounds=(0.0, 1.0),
    is_share=True,
)
"""The mean over the classes of the share of their examples that is found."""

AUC = Metric(name="val_auc", label="validation AUC", direction="maximize", bounds=(0.0, 1.0))
"""The area under the ROC curve: the mean over the classes of the share of pairs, one example of
the class and one of another, of which the former gets the higher probability of it."""

LOSS = Metric(name="val_loss", label="validation loss", direction="minimize")
"""The cross-entropy, without the L2 penalty."""

METRICS = (ACCURACY, F1_MACRO, BALANCED_ACCURACY, AUC, LOSS)

CLASSIFICATION = Task(
    name="classification",
    metrics={metric.name: metric for metric in METRICS},
    curves=("loss", "accuracy", *(metric.name for metric in (LOSS, *METRICS[:-1]))),
    added=(BALANCED_ACCURACY.name, AUC.name),
    panels={
        "accuracy": ("accuracy", "val_accuracy", "val_f1_macro", "val_balanced_accuracy"),
        "AUC": ("val_auc",),
        "cross-entropy": ("loss", "val_loss"),
    },
    usual=ACCURACY.name,
    gap="accuracy",
    scores=(
        Score(name="accuracy", metric=ACCURACY, how="Wilson"),
        Score(name="f1_macro", metric=F1_MACRO, how="bootstrap", column="macro F1"),
        Score(name="balanced_accuracy", metric=BALANCED_ACCURACY, how="bootstrap"),
        Score(name="auc", metric=AUC, how="DeLong"),
        Score(name="log_loss", metric=LOSS, how="standard error"),
    ),
)
"""Losses are cross-entropies without the L2 penalty; those of training and the accuracy are means
over the epoch's training batches, dropout active, weighted where classes are."""
