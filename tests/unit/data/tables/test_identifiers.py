import numpy as np
import pytest

from hpsearch.data.tables.column import Column
from hpsearch.data.tables.identifiers import identifier
from hpsearch.data.tables.looks import Values

RANDOM = np.random.default_rng(0)
GAPS = np.flatnonzero(RANDOM.random(100) < 0.8).astype(float)
MANY = np.repeat(np.arange(25.0), 4)


def told(name: str, values: Values, *, is_first: bool = False) -> str:
    return identifier(values, Column(name=name, kind="number"), is_first=is_first)


@pytest.mark.parametrize(
    "name", ["id", "ID", "user_id", "sample.id", "CustomerId", "customerID", "rownames"]
)
def test_what_is_called_an_identifier_is_told(name: str) -> None:
    assert told(name, RANDOM.permutation(10_000.0 + GAPS)).endswith("ignore it")
    assert told(name, MANY).endswith(f'(dataset.group = "{name}")')


@pytest.mark.parametrize("name", ["paid", "GRID", "idle", "Covid", "n"])
def test_other_names_are_not(name: str) -> None:
    assert told(name, MANY) == ""


def test_row_numbers_with_gaps_are_told() -> None:
    assert "as row numbers have" in told("nr", GAPS)
    assert "as row numbers have" in told("Unnamed: 0", RANDOM.permutation(GAPS), is_first=True)


@pytest.mark.parametrize(
    "values",
    [
        RANDOM.permutation(GAPS),
        GAPS + 1950,
        GAPS * 100,
        GAPS + 0.5,
        np.append(GAPS[:-1], np.nan),
        np.append(GAPS[:-1], GAPS[-2]),
        np.arange(20.0),
    ],
    ids=["ranks", "years", "amounts", "halves", "one missing", "one twice", "few rows"],
)
def test_other_numbers_are_not(values: Values) -> None:
    assert told("n", values) == ""


def test_a_few_different_ones_are_no_identifier() -> None:
    assert told("id", np.arange(400.0) % 20) == ""
    assert told("id", np.arange(400.0) % 21)
