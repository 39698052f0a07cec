"""The methods that are compared: each gives predictions of a table's test rows.

A method is a function of a :class:`splits.Problem` and of the seconds that it may search, which
those that search nothing leave alone. It returns the numbers, shape (test rows,), or the classes'
probabilities, shape (test rows, classes). It may use the rows of training and validation as it
likes, and the test rows' inputs alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import optuna
from networks import by_hpsearch, by_untuned
from sklearn.pipeline import Pipeline
from splits import Problem, Rows

from hpsearch.reference.models import linear, trees
from hpsearch.reference.scores import of_classes, of_numbers

Predictions = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Method:
    """What is compared."""

    label: str
    """For the report."""
    predict: Callable[[Problem, float], Predictions]
    searches: bool = False
    """Whether it takes the seconds that it is given."""


def by_trees(problem: Problem, _seconds: float) -> Predictions:
    """Gradient-boosted trees with scikit-learn's defaults, trained on all rows that are known."""
    model = trees(problem.table.task, problem.inputs.is_category, random_state=problem.split)
    return predicted(_fit(model, problem, problem.known), problem, problem.test)


def by_linear(problem: Problem, _seconds: float) -> Predictions:
    """A linear model with scikit-learn's defaults, trained on all rows that are known."""
    model = linear(problem.table.task, problem.inputs.is_category)
    return predicted(_fit(model, problem, problem.known), problem, problem.test)


MOST_STEPS = 1000
"""Of a search for settings."""
DEFAULTS = {
    "learning_rate": 0.1,
    "max_leaf_nodes": 31,
    "min_samples_leaf": 20,
    "l2_regularization": 1e-6,
    "max_features": 1.0,
}
"""Those of scikit-learn, but for an L2 penalty of 0, which is no point of a logarithmic range, and
its hundred steps."""


def drawn(trial: optuna.Trial) -> dict[str, float]:
    """Settings of the trees."""
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.5, log=True),
        "max_leaf_nodes": trial.suggest_int("max_leaf_nodes", 4, 128, log=True),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 1, 200, log=True),
        "l2_regularization": trial.suggest_float("l2_regularization", 1e-6, 100.0, log=True),
        "max_features": trial.suggest_float("max_features", 0.2, 1.0),
    }


def by_tuned_trees(problem: Problem, seconds: float) -> Predictions:
    """Gradient-boosted trees whose settings Optuna's TPE searches on the validation rows.

    The first trial has the defaults. Each trial stops where ten more steps make the loss of the
    validation rows no smaller; the trial that is running when the time is over ends so, too. The
    best settings and their number of steps are trained on all rows that are known.
    """
    inputs, y, train, held = problem.inputs, problem.y, problem.train, problem.validation

    def model(**settings: Any) -> Pipeline:
        return trees(problem.table.task, inputs.is_category, random_state=problem.split, **settings)

    def objective(trial: optuna.Trial) -> float:
        pipeline = model(max_iter=MOST_STEPS, early_stopping=True, **drawn(trial))
        coded, boosted = pipeline[0], pipeline[1]
        boosted.fit(
            coded.fit_transform(inputs.values[train]),
            y[train],
            X_val=coded.transform(inputs.values[held]),
            y_val=y[held],
        )
        # Losses with the sign changed: before the first step, and after each.
        reached = boosted.validation_score_
        trial.set_user_attr("steps", max(1, int(np.argmax(reached))))
        return -float(np.max(reached))

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=problem.split))
    study.enqueue_trial(DEFAULTS)
    study.optimize(objective, timeout=seconds)
    best = study.best_trial
    chosen = model(max_iter=best.user_attrs["steps"], early_stopping=False, **best.params)
    return predicted(_fit(chosen, problem, problem.known), problem, problem.test)


METHODS: Mapping[str, Method] = {
    "untuned": Method(label="dense network of 256-128, untuned", predict=by_untuned),
    "hpsearch": Method(label="hpsearch", predict=by_hpsearch, searches=True),
    "linear": Method(label="linear model", predict=by_linear),
    "trees": Method(label="boosted trees", predict=by_trees),
    "tuned_trees": Method(label="boosted trees, tuned", predict=by_tuned_trees, searches=True),
}
"""By the name in the results."""


def scores(problem: Problem, rows: Rows, predictions: Predictions) -> dict[str, float]:
    """The metrics of predictions of some rows: RMSE, MAE and R², or loss, accuracy and others."""
    y = problem.y[rows]
    if problem.classes:
        return of_classes(y.astype(np.int64), predictions)
    return of_numbers(y.astype(np.float64), predictions)


def error(found: Mapping[str, float]) -> float:
    """What is compared: log loss of classes, RMSE of numbers."""
    return found["loss"] if "loss" in found else found["rmse"]


def _fit(model: Pipeline, problem: Problem, rows: Rows) -> Pipeline:
    return model.fit(problem.inputs.values[rows], problem.y[rows])


def predicted(model: Pipeline, problem: Problem, rows: Rows) -> Predictions:
    """What a fitted model says of some rows; a class that it has not seen has probability 0."""
    x = problem.inputs.values[rows]
    if not problem.classes:
        return np.asarray(model.predict(x))
    found = np.zeros((len(rows), problem.classes))
    found[:, model.classes_] = model.predict_proba(x)
    return found
