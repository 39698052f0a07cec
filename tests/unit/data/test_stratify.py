import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpsearch.data.stratify import check_complete, draw


@settings(deadline=None, max_examples=60)
@given(
    sizes=st.lists(st.integers(10, 60), min_size=2, max_size=5),
    share=st.floats(0.2, 0.8),
    seed=st.integers(0, 2**31 - 1),
)
def test_a_draw_is_disjoint_complete_and_in_proportion(
    sizes: list[int], share: float, seed: int
) -> None:
    names = [str(label) for label in range(len(sizes))]
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    rows = np.arange(len(y))
    taken, left = draw(rows, y, round(share * len(y)), seed, names)
    assert len(taken) == round(share * len(y))
    assert sorted([*taken, *left]) == rows.tolist()
    assert (np.diff(taken) > 0).all()
    assert (np.diff(left) > 0).all()
    counts = np.bincount(y[taken], minlength=len(sizes))
    assert np.abs(counts - np.array(sizes) * len(taken) / len(y)).max() <= 1


def test_a_seed_draws_the_same_rows_and_another_others() -> None:
    y = np.arange(100) % 2
    first, again, other = (draw(np.arange(100), y, 50, seed, "ab")[0] for seed in (1, 1, 2))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


def test_only_the_given_rows_are_drawn() -> None:
    y = np.arange(40) % 2
    rows = np.arange(20, 40)
    taken, left = draw(rows, y, 10, 0, "ab")
    assert {*taken.tolist(), *left.tolist()} == set(rows.tolist())


@pytest.mark.parametrize("count", [17, 18, 19])
def test_fewer_rows_than_classes_may_be_left(count: int) -> None:
    y = np.arange(20) % 4
    taken, left = draw(np.arange(20), y, count, 3, "abcd")
    assert (len(taken), len(left)) == (count, 20 - count)


@pytest.mark.parametrize(
    ("y", "count", "says"),
    [
        ([0, 1, 2, 0, 1, 2], 2, "2 of 6 examples cannot contain all 3 classes"),
        ([0, 1, 2, 0, 1, 2], 6, "6 of 6"),
        ([0, 0, 0, 0, 1, 2, 2], 4, '"b" has too few examples \\(1\\)'),
        ([0] * 96 + [1, 1, 2, 2], 3, "have no example"),
    ],
)
def test_draws_that_miss_a_class_are_refused(y: list[int], count: int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        draw(np.arange(len(y)), np.array(y), count, 0, "abc")


def test_check_complete_names_the_class() -> None:
    check_complete(np.array([0, 1]), np.array([0, 1]), "ab")
    with pytest.raises(ValueError, match='"b"'):
        check_complete(np.array([0]), np.array([0, 1]), "ab")
