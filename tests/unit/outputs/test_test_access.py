"""Which accesses of the test split a study knows of."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from hpsearch.data.record import Access, write_access, write_result
from hpsearch.home import Home
from hpsearch.outputs.test_access import accesses, plain, remember
from hpsearch.search.study import OpenStudy

Open = Callable[..., OpenStudy]
OURS = Access(
    opened_by="evaluate study", study="study", of="1", seeds=(4, 5), fingerprint="f" * 64,
    date="2026-02-01T00:00:00+00:00",
)  # fmt: skip
RESULT = {"accuracy": [0.5, 0.25], "f1_macro": [0.5, 0.25]}


@pytest.fixture
def datasets(home: Home) -> Home:
    home.datasets.mkdir()
    return home


def test_those_of_the_home_count_by_their_data(open_study: Open, datasets: Home) -> None:
    study = open_study()
    assert accesses(study, datasets) == []
    earlier = replace(OURS, key="b", date="2026-01-01T00:00:00+00:00", study=None, opened_by="x")
    foreign = replace(OURS, key="c", fingerprint="e" * 64)
    for one in (OURS, earlier, foreign):
        write_access(datasets.datasets, one)
    assert accesses(study, datasets) == [earlier, OURS]


def test_those_of_other_machines_count_with_the_study(open_study: Open, datasets: Home) -> None:
    study = open_study()
    remember(study, OURS)
    assert accesses(study, Home(datasets.root / "elsewhere")) == [OURS]
    remember(study, OURS, RESULT)
    (found,) = accesses(study, Home(datasets.root / "elsewhere"))
    assert found == replace(OURS, result=RESULT)
    assert plain([found]) == [
        {
            "date": OURS.date, "opened_by": "evaluate study", "study": "study", "of": "1",
            "seeds": [4, 5], "result": RESULT,
        }
    ]  # fmt: skip


@pytest.mark.parametrize("here", [True, False])
def test_one_that_both_know_counts_once_with_its_result(
    open_study: Open, datasets: Home, here: bool
) -> None:
    study = open_study()
    write_access(datasets.datasets, OURS)
    remember(study, OURS, None if here else RESULT)
    if here:
        write_result(datasets.datasets, OURS, RESULT)
    assert accesses(study, datasets) == [replace(OURS, result=RESULT)]
