"""Splits keep classes, groups and times where they belong, and hold out what was asked for."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hpsearch.data.splitting import folds, held_out, thinned
from hpsearch.data.stratify import draw

NAMES = ("a", "b", "c")
Y = np.arange(300) % 3
NUMBERS = np.linspace(0.0, 1.0, 300)
ROWS = np.arange(300)


@given(st.integers(0, 1000), st.floats(0.05, 0.5))
def test_every_class_is_on_both_sides_in_proportion(seed: int, share: float) -> None:
    left, out = held_out(ROWS, Y, share, seed, NAMES)
    assert sorted([*left, *out]) == [*ROWS]
    assert len(out) == max(1, round(share * 300))
    counts = np.bincount(Y[out], minlength=3)
    assert counts.max() - counts.min() <= 1


@given(st.integers(0, 1000), st.floats(0.05, 0.5))
def test_rare_classes_are_trained_on(seed: int, share: float) -> None:
    y = np.repeat([0, 1, 2, 3], [292, 5, 2, 1])
    left, out = held_out(ROWS, y, share, seed, "abcd")
    assert sorted([*left, *out]) == [*ROWS]
    assert {*y[left]} == {0, 1, 2, 3}
    assert 3 not in y[out]
    assert abs(len(out) - max(1, round(share * 300))) <= 1


def test_classes_that_are_trained_on_alone_need_no_example_on_the_other_side() -> None:
    y = np.concatenate([np.repeat(np.arange(5), 11), np.arange(5, 9)])
    left, out = held_out(np.arange(59), y, 0.12, 0, "abcdefghi", draws_left=True)
    assert (len(out), {*y[left]}) == (7, {*range(9)})
    with pytest.raises(ValueError, match="4 of 59 examples cannot contain all 5 classes"):
        held_out(np.arange(59), y, 0.06, 0, "abcdefghi", draws_left=True)


@given(st.integers(0, 1000), st.integers(2, 6))
def test_the_only_example_of_a_class_is_trained_on_in_all_folds(seed: int, number: int) -> None:
    y = np.repeat([0, 1, 2, 3], [292, 5, 2, 1])
    pairs = list(folds(ROWS, y, number, seed, "abcd"))
    assert sorted(row for _, taken in pairs for row in taken) == [*ROWS[:-1]]
    assert all({*y[train]} == {0, 1, 2, 3} for train, _ in pairs)


def test_identifiers_are_no_classes() -> None:
    y = np.append(np.arange(150), [7, 7])
    rows, names = np.arange(152), [str(label) for label in range(150)]
    said = "149 of 150 classes have one example only"
    with pytest.raises(ValueError, match=said):
        held_out(rows, y, 0.2, 0, names)
    with pytest.raises(ValueError, match=said):
        list(folds(rows, y, 5, 0, names))


@given(st.integers(0, 1000), st.integers(2, 40))
def test_groups_stay_whole(seed: int, groups: int) -> None:
    group = np.random.default_rng(seed).integers(0, groups, 300)
    group[:2] = 0, 1
    left, out = held_out(ROWS, NUMBERS, 0.2, seed, (), group=group)
    assert not {*group[left]} & {*group[out]}
    assert sorted([*left, *out]) == [*ROWS]
    assert abs(len(out) - 60) <= np.bincount(group).max()


@given(st.integers(0, 1000), st.integers(2, 300))
def test_the_newest_are_held_out_and_moments_stay_whole(seed: int, moments: int) -> None:
    time = np.random.default_rng(seed).integers(0, moments, 300).astype(float)
    time[:2] = 0, 1
    left, out = held_out(ROWS, NUMBERS, 0.2, seed, (), time=time)
    assert time[left].max() < time[out].min()
    assert abs(len(out) - 60) <= np.unique(time, return_counts=True)[1].max()


def test_one_group_or_one_moment_cannot_be_split() -> None:
    same = np.zeros(300)
    with pytest.raises(ValueError, match="one group"):
        held_out(ROWS, NUMBERS, 0.2, 0, (), group=same)
    with pytest.raises(ValueError, match="same time"):
        held_out(ROWS, NUMBERS, 0.2, 0, (), time=same)


@given(st.integers(0, 1000), st.integers(2, 20))
def test_each_row_is_validated_on_once(seed: int, number: int) -> None:
    for y, names in ((Y, NAMES), (NUMBERS, ())):
        pairs = list(folds(ROWS, y, number, seed, names))
        assert len(pairs) == number
        assert sorted(row for _, taken in pairs for row in taken) == [*ROWS]
        for train, taken in pairs:
            assert not {*train} & {*taken}
            assert len(train) + len(taken) == 300
        sizes = [len(taken) for _, taken in pairs]
        assert max(sizes) - min(sizes) <= 1
        if names:
            counts = np.array([np.bincount(y[taken], minlength=3) for _, taken in pairs])
            assert (counts.max(axis=0) - counts.min(axis=0)).max() <= 1


def test_another_seed_deals_otherwise() -> None:
    first, again, other = (
        [tuple(taken) for _, taken in folds(ROWS, Y, 5, seed, NAMES)] for seed in (0, 0, 1)
    )
    assert first == again != other


@given(st.integers(0, 1000), st.integers(2, 6))
def test_folds_of_groups_keep_them_whole(seed: int, number: int) -> None:
    group = np.random.default_rng(seed).integers(0, 12, 300)
    group[:12] = np.arange(12)
    for train, taken in folds(ROWS, NUMBERS, number, seed, (), group=group):
        assert not {*group[train]} & {*group[taken]}


@given(st.integers(0, 1000), st.integers(2, 6))
def test_folds_in_time_train_on_what_is_older(seed: int, number: int) -> None:
    time = np.random.default_rng(seed).permutation(300).astype(float)
    pairs = list(folds(ROWS, NUMBERS, number, seed, (), time=time))
    assert len(pairs) == number
    for train, taken in pairs:
        assert time[train].max() < time[taken].min()
    assert all(len(older[0]) < len(newer[0]) for older, newer in pairwise(pairs))


def test_too_few_groups_or_moments_make_no_folds() -> None:
    few = np.arange(300) % 3
    with pytest.raises(ValueError, match="3 groups cannot make 5 folds"):
        list(folds(ROWS, NUMBERS, 5, 0, (), group=few))
    with pytest.raises(ValueError, match="3 different times cannot make 5 folds"):
        list(folds(ROWS, NUMBERS, 5, 0, (), time=few))


def test_a_class_that_a_fold_would_lack_is_named() -> None:
    group = np.where(Y == 2, 7, np.arange(300) % 5)
    with pytest.raises(ValueError, match='"c"'):
        list(folds(ROWS, Y, 5, 0, NAMES, group=group))


def test_numbers_are_thinned_to_the_count() -> None:
    taken = thinned(ROWS, NUMBERS, 17, 0, ())
    assert len({*taken}) == 17
    assert list(taken) == sorted(taken)


@given(
    sizes=st.lists(st.integers(1, 60), min_size=2, max_size=6),
    share=st.floats(0.1, 0.9),
    seed=st.integers(0, 99),
)
def test_each_class_keeps_an_example_when_rows_are_thinned(
    sizes: list[int], share: float, seed: int
) -> None:
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    rows, names = np.arange(len(y)), [str(label) for label in range(len(sizes))]
    count = max(len(sizes), round(share * len(y)))
    assume(count < len(y))
    taken = thinned(rows, y, count, seed, names)
    assert len({*taken}) == count
    assert list(taken) == sorted(taken)
    assert {*y[taken]} == {*y}
    drawn, _ = draw(rows, y, count, seed, names)
    if len({*y[drawn]}) == len(sizes):  # as it was before rare classes were kept
        assert list(taken) == list(drawn)


def test_what_cannot_be_thinned_is_told() -> None:
    y = np.array([0, 1, 2, 0, 1, 2, 0])
    with pytest.raises(ValueError, match="they are of 3 classes"):
        thinned(np.arange(7), y, 2, 0, "abc")
    with pytest.raises(ValueError, match='class "d" would have no example left'):
        thinned(np.arange(7), y, 5, 0, "abcd")


def test_another_seed_makes_other_folds_of_groups_of_any_sizes() -> None:
    group = np.repeat(np.arange(12), np.arange(12) + 1)
    rows = np.arange(len(group))
    numbers = rows.astype(float)
    dealt = {
        tuple(tuple(taken) for _, taken in folds(rows, numbers, 3, seed, (), group=group))
        for seed in range(5)
    }
    assert len(dealt) == 5
