"""Regression: each example has a number to be predicted."""

import math

from hpsearch.tasks.classification import LOSS
from hpsearch.tasks.metric import Metric
from hpsearch.tasks.task import Score, Task

RMSE = Metric(name="val_rmse", label="validation RMSE", direction="minimize", in_unit=True)
"""The root of the mean squared error, in the target's own unit."""

MAE = Metric(name="val_mae", label="validation MAE", direction="minimize", in_unit=True)
"""The mean absolute error, in the target's own unit."""

R2 = Metric(name="val_r2", label="validation R²", direction="maximize", bounds=(-math.inf, 1.0))
"""The share of the target's variance that is explained: 1 - squared errors / squared deviations
from the mean of the validation targets."""

METRICS = (RMSE, MAE, R2, LOSS)

REGRESSION = Task(
    name="regression",
    metrics={metric.name: metric for metric in METRICS},
    curves=("loss", "rmse", *(metric.name for metric in (LOSS, *METRICS[:-1]))),
    added=(),
    panels={
        "RMSE": ("rmse", "val_rmse"),
        "MAE": ("val_mae",),
        "R²": ("val_r2",),
        "squared error": ("loss", "val_loss"),
    },
    usual=RMSE.name,
    gap="r2",
    scores=(
        Score(name="rmse", metric=RMSE, how="standard error"),
        Score(name="mae", metric=MAE, how="standard error"),
        Score(name="r2", metric=R2, how="bootstrap", column="R²"),
    ),
)
"""Losses are mean squared errors of the standardised target, without the L2 penalty; those of
training and the RMSE are means over the epoch's training batches, dropout active."""
