from dataclasses import replace

import numpy as np
import pytest

from hpsearch.data.arrays import Arrays, silent
from hpsearch.data.summary import Summary, row_digests, summarize


def arrays(count: int = 30, shape: tuple[int, ...] = (4,)) -> Arrays:
    random = np.random.default_rng(0)
    return Arrays(
        x_train=random.normal(size=(count, *shape)).astype(np.float32),
        y_train=np.arange(count) % 3,
        x_test=random.normal(size=(9, *shape)).astype(np.float32),
        y_test=np.array([0, 0, 0, 0, 0, 0, 1, 1, 1]),
        class_names=("a", "b", "c"),
        maximum=None,
    )


def test_an_ordinary_set() -> None:
    given = arrays()
    assert summarize(given, silent) == Summary(
        counts={"train": (10, 10, 10), "test": (6, 3, 0)},
        low=float(given.x_train.min()),
        high=float(given.x_train.max()),
        constant_features=0,
        constant_named=(),
        equal_features=0,
        equal_named=(),
        merged_features=0,
        merged_named=(),
        copies={"train": 0, "test": 0},
        contradictions=0,
    )


def test_copies_within_and_between_parts_are_counted() -> None:
    given = arrays()
    x_train, x_test = given.x_train.copy(), np.array(given.x_test)
    x_train[5] = x_train[8] = x_train[2]  # all of class 2
    x_train[1] = x_train[0]  # classes 1 and 0
    x_test[:4] = x_train[7]
    x_val = np.concatenate([x_train[3:5], x_test[8:]])
    found = summarize(
        replace(given, x_train=x_train, x_test=x_test, x_val=x_val, y_val=np.zeros(3, np.int64)),
        silent,
    )
    assert found.copies == {"train": 3, "test": 4, "val": 2}
    assert found.contradictions == 2
    assert found.counts["val"] == (3, 0, 0)


@pytest.mark.parametrize("shape", [(4, 3), (2, 2, 3), (12,)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.int64])
def test_constant_and_equal_features(shape: tuple[int, ...], dtype: type) -> None:
    x = np.random.default_rng(0).integers(0, 200, (30, *shape)).astype(dtype)
    flat = x.reshape(30, 12)
    flat[:, 3] = flat[:, 7] = 5
    flat[:, 11] = flat[:, 10] = flat[:, 2]
    given = replace(arrays(), x_train=x, x_test=x[:9])
    calls: list[tuple[str, int, int]] = []
    found = summarize(given, lambda *call: calls.append(call))
    assert (found.constant_features, found.constant_named) == (2, (3, 7))
    assert (found.equal_features, found.equal_named) == (2, ((10, 2), (11, 2)))
    assert calls[-1][1:] == (12, 12)


def test_only_the_first_of_many_are_named() -> None:
    x = np.zeros((30, 50), np.float32)
    found = summarize(replace(arrays(), x_train=x, x_test=x[:9]), silent)
    assert found.constant_features == 50
    assert found.constant_named == tuple(range(20))
    assert found.copies == {"train": 29, "test": 9}
    assert found.contradictions == 30


def test_columns_are_looked_at_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).integers(0, 2, (30, 40)).astype(np.uint8)
    given = replace(arrays(), x_train=x, x_test=x[:9])
    whole = summarize(given, silent)
    monkeypatch.setattr("hpsearch.data.precision._BYTES", 100)
    assert summarize(given, silent) == whole


def test_digests_are_equal_where_examples_are() -> None:
    x = np.asfortranarray(np.array([[1, 2], [3, 4], [1, 2]], np.float32))
    digests = row_digests(x)
    assert digests[0] == digests[2] != digests[1]
    assert row_digests(np.ascontiguousarray(x)).tolist() == digests.tolist()


def test_a_summary_survives_json() -> None:
    found = summarize(arrays(), silent)
    assert Summary.model_validate_json(found.model_dump_json()) == found


def test_copies_are_counted_as_a_slow_count_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hpsearch.data.summary._ROWS", 7)
    random = np.random.default_rng(0)
    x, x_test = random.integers(0, 4, (60, 2)), random.integers(0, 6, (20, 2))
    given = replace(arrays(60), x_train=x, x_test=x_test, y_test=np.arange(20) % 3)
    rows, y = list(map(tuple, x.tolist())), given.y_train.tolist()
    targets = {row: {y[i] for i, other in enumerate(rows) if other == row} for row in rows}
    found = summarize(given, silent)
    in_train = sum(tuple(row) in targets for row in x_test.tolist())
    assert found.copies == {"train": 60 - len(targets), "test": in_train}
    assert found.contradictions == sum(len(targets[row]) > 1 for row in rows)


def test_large_values_of_a_regression_are_no_labels() -> None:
    values = 1e22 * np.arange(30.0)
    found = summarize(replace(arrays(), y_train=values, y_test=values[:9], class_names=()), silent)
    assert found.target is not None
    assert found.target.high == 29e22
