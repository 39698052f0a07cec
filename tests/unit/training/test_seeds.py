import numpy as np

from hpsearch.training import seeds


def test_order_is_a_permutation() -> None:
    assert sorted(seeds.order(3, 0, 100)) == list(range(100))


def test_order_is_the_same_for_the_same_seed_and_epoch() -> None:
    np.testing.assert_array_equal(seeds.order(3, 5, 100), seeds.order(3, 5, 100))


def test_order_differs_by_epoch_and_by_seed() -> None:
    first = seeds.order(3, 0, 100)
    assert not np.array_equal(first, seeds.order(3, 1, 100))
    assert not np.array_equal(first, seeds.order(4, 0, 100))


def test_layers_and_purposes_have_seeds_of_their_own() -> None:
    drawn = [
        f(seed, layer)
        for f in (seeds.weights_seed, seeds.dropout_seed)
        for seed in (0, 1)
        for layer in range(64)
    ]
    assert len(set(drawn)) == len(drawn)
    assert all(0 <= seed < 2**31 for seed in drawn)
