from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from hpsearch.data.parts import Part, Parts
from hpsearch.data.transform import Affine
from hpsearch.errors import InputError
from hpsearch.reference import parts as module
from hpsearch.reference.parts import check_size, on_test, on_validation
from hpsearch.tasks.regression import REGRESSION

X, Y = (each.astype(np.float64) for each in load_diabetes(return_X_y=True))
TRAIN, TEST = np.arange(300), np.arange(300, len(Y))


def fold(validation, weights=None):
    train = np.setdiff1d(TRAIN, validation)
    return Parts(
        train=Part(x=X, y=Y, rows=train, weights=weights),
        validation=Part(x=X, y=Y, rows=validation),
        input_shape=(10,),
        class_names=(),
        transform=Affine(multiplier=np.float32(1), offset=np.float32(0)),
        class_weights=None,
        fingerprint="f" * 64,
    )


def rmse(rows, held, weights=None):
    trees = HistGradientBoostingRegressor(random_state=0).fit(X[rows], Y[rows], weights)
    return np.sqrt(np.mean((trees.predict(X[held]) - Y[held]) ** 2))


FIRST, SECOND = np.arange(100), np.arange(100, 200)


def test_validation_is_what_scikit_learn_reaches_by_itself():
    trees, linear = on_validation(REGRESSION, fold(FIRST), ())
    rows = np.setdiff1d(TRAIN, FIRST)
    assert trees.values["val_rmse"] == pytest.approx(rmse(rows, FIRST))
    scale = StandardScaler().fit(X[rows])
    ridge = Ridge().fit(scale.transform(X[rows]), Y[rows])
    errors = ridge.predict(scale.transform(X[FIRST])) - Y[FIRST]
    assert linear.values["val_rmse"] == pytest.approx(np.sqrt(np.mean(errors**2)))
    assert (trees.test, trees.interval) == (None, None)


def test_of_folds_it_is_the_mean():
    both = replace(fold(FIRST), others=(fold(SECOND),))
    trees, _ = on_validation(REGRESSION, both, ())
    each = [rmse(np.setdiff1d(TRAIN, held), held) for held in (FIRST, SECOND)]
    assert trees.values["val_rmse"] == pytest.approx(np.mean(each))


def test_the_test_split_is_judged_by_what_was_trained_on_the_training_part():
    trees, _ = on_test(REGRESSION, fold(FIRST), (), X[TEST], Y[TEST])
    expected = rmse(np.setdiff1d(TRAIN, FIRST), TEST)
    assert trees.test["rmse"] == pytest.approx(expected)
    low, high = trees.interval
    assert low < expected < high


def test_networks_of_all_folds_are_compared_with_one_model_of_all_their_examples():
    both = replace(fold(FIRST), others=(fold(SECOND),))
    trees, _ = on_test(REGRESSION, both, (), X[TEST], Y[TEST])
    assert trees.test["rmse"] == pytest.approx(rmse(TRAIN, TEST))
    assert trees.of_examples == 300


def test_examples_count_as_they_do_for_networks():
    weights = np.random.default_rng(0).uniform(0, 2, len(Y)).astype(np.float32)
    trees, _ = on_validation(REGRESSION, fold(FIRST, weights), ())
    rows = np.setdiff1d(TRAIN, FIRST)
    assert trees.values["val_rmse"] == pytest.approx(rmse(rows, FIRST, weights[rows]))
    assert trees.values["val_rmse"] != pytest.approx(rmse(rows, FIRST))


def test_examples_that_take_too_much_are_refused(monkeypatch):
    check_size(fold(FIRST))
    monkeypatch.setattr(module, "MOST_BYTES", X[TRAIN].nbytes - 1)
    with pytest.raises(InputError, match="more than"):
        check_size(fold(FIRST))
