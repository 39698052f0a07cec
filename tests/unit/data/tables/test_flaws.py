import numpy as np
import numpy.typing as npt
import pytest

from hpsearch.data.tables.column import Column
from hpsearch.data.tables.flaws import flaws

N = 2000
RANDOM = np.random.default_rng(3)
NUMBER = Column(name="n", kind="number")
CATEGORY = Column(name="c", kind="category", categories=("a", "b", "c"))


def told(values: npt.ArrayLike, y: npt.NDArray[np.generic], column: Column = NUMBER) -> list[str]:
    x = np.asarray(values, np.float32).reshape(len(y), -1)
    return flaws(x, y, (column,), "y")  # type: ignore[arg-type]


def test_constant_columns_and_copies_are_told() -> None:
    values = RANDOM.normal(size=N).astype(np.float32)
    values[0] = np.nan
    x = np.stack([values, np.ones(N), values, np.full(N, np.nan)], axis=1).astype(np.float32)
    columns = tuple(Column(name=name, kind="number") for name in "abcd")
    assert flaws(x, RANDOM.normal(size=N), columns, "y") == [
        'column "b" has one value in all training rows; ignore it',
        'column "c" is equal to "a"; ignore one of them',
        'column "d" has one value in all training rows; ignore it',
    ]


def test_the_same_codes_of_other_categories_are_no_copy() -> None:
    x = np.stack([np.arange(N) % 2, np.arange(N) % 2], axis=1).astype(np.float32)
    columns = tuple(
        Column(name=name, kind="category", categories=(name, f"{name}{name}")) for name in "ab"
    )
    assert flaws(x, RANDOM.normal(size=N), columns, "y") == []


Y = RANDOM.normal(size=N)
LABELS = RANDOM.integers(3, size=N)
RARE = (RANDOM.random(N) < 0.005).astype(np.int64)


@pytest.mark.parametrize(
    ("values", "y", "column"),
    [
        (Y, Y, NUMBER),
        (-np.exp(Y), Y, NUMBER),
        (np.where(np.arange(N) % 5 == 0, np.nan, Y), Y, NUMBER),
        (LABELS, LABELS * 2.5 + 1, CATEGORY),
        (LABELS, LABELS, CATEGORY),
        (LABELS, LABELS, NUMBER),
        (LABELS + RANDOM.random(N) * 0.9, LABELS, NUMBER),
        (np.where(LABELS == 1, np.nan, 5.0 + LABELS), LABELS, NUMBER),
        (np.where(np.arange(N) == 7, 2, LABELS), LABELS, CATEGORY),
    ],
)
def test_a_column_that_gives_the_target_away_is_told(
    values: npt.ArrayLike, y: npt.NDArray[np.generic], column: Column
) -> None:
    assert [each for each in told(values, y, column) if 'gives the target "y" away' in each]


@pytest.mark.parametrize(
    ("values", "y", "column"),
    [
        (Y + RANDOM.normal(size=N) * 0.2, Y, NUMBER),
        (RANDOM.normal(size=N), Y, NUMBER),
        (np.where(RANDOM.random(N) < 0.01, (LABELS + 1) % 3, LABELS), LABELS, CATEGORY),
        (RANDOM.normal(size=N), LABELS, NUMBER),
        (np.where(RANDOM.random(N) < 0.5, 0.0, RANDOM.random(N)), np.sort(LABELS), NUMBER),
        (RARE, RARE, NUMBER),
        (Y[:19], Y[:19], NUMBER),
    ],
)
def test_a_column_that_does_not_is_not(
    values: npt.ArrayLike, y: npt.NDArray[np.generic], column: Column
) -> None:
    assert told(values, y, column) == []
