import numpy as np
import pytest
import tensorflow as tf

from hpsearch.training import tables


@pytest.mark.parametrize(
    ("examples", "expected"),
    [
        (53, [(4, 8), (2, 8), (1, 5)]),
        (64, [(4, 8), (4, 8)]),
        (5, [(1, 5)]),
        (8, [(1, 8)]),
    ],
)
def test_tables_hold_every_row_once_and_the_rest_last(
    examples: int, expected: list[tuple[int, int]]
) -> None:
    order = np.random.default_rng(0).permutation(examples)
    dataset = tables.dataset(tf.constant(order), examples=examples, batch=8, per_call=4)
    found = list(dataset.as_numpy_iterator())
    assert [table.shape for table in found] == expected
    assert int(dataset.cardinality()) == len(expected)
    np.testing.assert_array_equal(np.concatenate([table.ravel() for table in found]), order)


def test_a_variable_is_read_anew_in_every_epoch() -> None:
    order = tf.Variable(np.arange(6))
    dataset = tables.dataset(order, examples=6, batch=4, per_call=2)
    assert [table.tolist() for table in dataset.as_numpy_iterator()] == [[[0, 1, 2, 3]], [[4, 5]]]
    order.assign(np.arange(6)[::-1])
    assert [table.tolist() for table in dataset.as_numpy_iterator()] == [[[5, 4, 3, 2]], [[1, 0]]]


def test_all_tables_have_one_signature() -> None:
    # Otherwise Keras would trace its steps twice.
    dataset = tables.dataset(tf.constant(np.arange(9)), examples=9, batch=4, per_call=1)
    assert dataset.element_spec == tf.TensorSpec((None, None), tf.int64)
