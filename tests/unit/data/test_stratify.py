import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

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


@settings(deadline=None, max_examples=400)
@given(data=st.data(), seed=st.integers(0, 2**31 - 1))
def test_rows_are_those_that_scikit_learn_draws(data: st.DataObject, seed: int) -> None:
    sizes = data.draw(
        st.lists(st.integers(1, 40), min_size=2, max_size=12)
        # Equal classes and those of one or two examples: all are tied.
        | st.integers(2, 12).flatmap(lambda size: st.lists(st.just(size), min_size=2, max_size=30))
        | st.lists(st.integers(1, 2), min_size=2, max_size=12)
    )
    random = np.random.default_rng(seed)
    y = random.permutation(np.repeat(np.arange(len(sizes)), sizes))
    rows = np.sort(random.permutation(len(y) + 5)[: len(y)])  # others lie between them
    labels = np.full(len(y) + 5, -1)
    labels[rows] = y
    assume(len(y) > len(sizes))
    count = data.draw(st.integers(len(sizes), len(y) - 1))
    names = [str(label) for label in range(len(sizes))]
    left = len(y) - count
    drawn = [part.tolist() for part in draw(rows, labels, count, seed, names)]
    assert sorted(drawn[0] + drawn[1]) == rows.tolist()
    assert (len(drawn[0]), len(drawn[1])) == (count, left)
    try:
        expected = train_test_split(
            rows, train_size=count, test_size=left, stratify=y, random_state=seed
        )
    except ValueError:  # it draws no part with fewer examples than classes, nor one of one example
        assert left < len(sizes) or min(sizes) == 1
        return
    assert drawn == [sorted(part.tolist()) for part in expected]


@pytest.mark.parametrize(("examples", "classes"), [(60_000, 10), (50_000, 100), (5_001, 997)])
@pytest.mark.parametrize("share", [0.1, 1 / 3, 0.8])
def test_so_are_those_of_large_sets(examples: int, classes: int, share: float) -> None:
    y = np.random.default_rng(classes).permutation(np.arange(examples) % classes)
    rows, count = np.arange(examples), max(classes, round(share * examples))
    expected = train_test_split(
        rows, train_size=count, test_size=examples - count, stratify=y, random_state=7
    )
    for part, wanted in zip(draw(rows, y, count, 7, [""] * classes), expected, strict=True):
        assert part.tolist() == sorted(wanted.tolist())


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


def test_check_complete_names_the_class() -> None:
    check_complete(np.array([0, 1]), np.array([0, 1]), "ab")
    with pytest.raises(ValueError, match='"b"'):
        check_complete(np.array([0]), np.array([0, 1]), "ab")
