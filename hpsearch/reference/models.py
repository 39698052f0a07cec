"""The reference models: gradient-boosted trees and a linear model, with scikit-learn's defaults."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

MOST_CATEGORIES = 255
"""Of a feature, as the trees take no more: of more the most frequent ones of the training rows are
told apart, and the rest are together the last one."""
MODEL = "model"
"""The step of a pipeline that takes weights: ``fit(x, y, model__sample_weight=...)``."""

_BOOSTED = {
    "classification": HistGradientBoostingClassifier,
    "regression": HistGradientBoostingRegressor,
}
_LINEAR = {"classification": LogisticRegression, "regression": Ridge}


def trees(task: str, is_category: Sequence[bool], **settings: Any) -> Pipeline:
    """Gradient-boosted trees, which know categories and missing values by themselves.

    Categories that the training rows do not have count as missing.

    Args:
        task: "classification" or "regression".
        is_category: of each feature of :class:`hpsearch.reference.inputs.Features`.
        settings: of ``HistGradientBoostingClassifier`` or ``HistGradientBoostingRegressor``; what
            is not named has scikit-learn's default.

    Returns:
        not fitted; the same on each call, as the seed is fixed.
    """
    categories = np.flatnonzero(is_category)
    coded = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        max_categories=MOST_CATEGORIES,
    )

    def known(x: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
        # Numbers of which the training rows have one: the trees take no others.
        return np.flatnonzero(~np.isnan(x).all(axis=0) & ~np.asarray(is_category, bool))

    inputs = ColumnTransformer(
        [("categories", coded, categories), ("numbers", "passthrough", known)]
    )
    settings = {"random_state": 0, "categorical_features": range(len(categories))} | settings
    return Pipeline([("inputs", inputs), (MODEL, _BOOSTED[task](**settings))])


def linear(task: str, is_category: Sequence[bool]) -> Pipeline:
    """Logistic or ridge regression on standardised numbers and one-hot categories.

    A missing number is the median of the training rows, a missing category one of its own where
    they have it; a category that they do not have is none.

    Args:
        task: "classification" or "regression".
        is_category: of each feature of :class:`hpsearch.reference.inputs.Features`.

    Returns:
        not fitted.
    """
    numbers = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()
    )
    coded = OneHotEncoder(handle_unknown="ignore", max_categories=MOST_CATEGORIES)
    inputs = ColumnTransformer(
        [
            ("categories", coded, np.flatnonzero(is_category)),
            ("numbers", numbers, np.flatnonzero(~np.asarray(is_category, bool))),
        ]
    )
    return Pipeline([("inputs", inputs), (MODEL, _LINEAR[task]())])
