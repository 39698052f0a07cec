"""Portfolios of scripts/bench/portfolio: what is chosen from a record, and how it is judged."""

import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hpsearch.config import TrialConfig
from hpsearch.space import PartialConfig

FOLDER = Path(__file__).parents[3] / "scripts" / "bench" / "portfolio"


@pytest.fixture
def bench() -> Iterator[SimpleNamespace]:
    path, known = [*sys.path], {*sys.modules}
    sys.path.insert(0, str(FOLDER))
    names = ("candidates", "choose", "data_sets", "regrets")
    yield SimpleNamespace(**{name: import_module(name) for name in names})
    sys.path[:] = path
    for name in sys.modules.keys() - known:
        if str(FOLDER.parent) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def line(on: str, candidate: int, value: float, **more: Any) -> dict[str, Any]:
    return {
        "set": on,
        "kind": "tables",
        "candidate": candidate,
        "task": "classification",
        "validated": 100,
        "tested": 300,
        "value": value,
        "test": value,
    } | more


def test_regret_is_0_of_the_best_and_1_of_the_median(bench: SimpleNamespace) -> None:
    errors = np.array([[0.1, 0.2, 0.4, 9.0, np.inf]])
    assert bench.regrets.regrets(errors).tolist() == [[0.0, pytest.approx(1 / 3), 1.0, 2.0, 2.0]]


def test_a_set_of_which_half_are_best_tells_nothing(bench: SimpleNamespace) -> None:
    assert not bench.regrets.regrets(np.array([[0.1, 0.1, 0.1, 0.5]])).any()


def test_families_count_the_same_however_many_sets_they_have(bench: SimpleNamespace) -> None:
    assert bench.regrets.weights(["a", "a", "b"]).tolist() == [0.25, 0.25, 0.5]


def test_a_portfolio_goes_on_with_what_the_first_lacks(bench: SimpleNamespace) -> None:
    # 0 is good everywhere, 1 nearly so, 2 is the best where 0 is weak and bad elsewhere.
    regret = np.array([[0.1, 0.2, 2.0], [0.1, 0.2, 2.0], [0.8, 0.9, 0.0]])
    assert bench.choose.greedy(regret, np.full(3, 1 / 3), 3) == [0, 2, 1]
    assert bench.choose.greedy(regret, np.full(3, 1 / 3), 1) == [0]


def test_of_those_tried_validation_chooses_and_the_test_judges(bench: SimpleNamespace) -> None:
    validated = np.array([[0.3, 0.1, 0.2], [0.1, 0.2, 0.0]])
    regret = np.array([[0.0, 0.7, 0.5], [0.4, 0.0, 1.0]])
    assert bench.choose.of_first([0, 1, 2], validated, regret, 2).tolist() == [0.7, 0.4]
    assert bench.choose.of_first([0, 1, 2], validated, regret, 3).tolist() == [0.7, 1.0]


def test_a_record_that_was_cut_off_is_read_as_far_as_it_is_whole(bench: SimpleNamespace) -> None:
    whole = [line(on, one, 0.9) for on in ("OJ", "cells", "HMDA") for one in range(10)]
    begun = [line("OJ", 10, 0.9), line("cells", 10, 0.9), line("spam7", 0, 0.9)]
    table = bench.regrets.recorded("tables", whole + begun)
    assert table.sets == ("OJ", "cells", "HMDA")
    assert table.candidates == tuple(range(10))


def test_pooled_errors_count_examples(bench: SimpleNamespace) -> None:
    lines = [
        line("OJ", 0, 0.9, test=0.5),
        line("OJ", 1, 4.0, test=8.0, task="regression"),
        {key: one for key, one in line("OJ", 2, 0.0).items() if key not in ("value", "test")},
    ]
    table = bench.regrets.recorded("tables", lines)
    assert table.pooled.tolist() == [[pytest.approx(0.4), pytest.approx(7.0), np.inf]]


def test_entries_are_the_whole_configuration(bench: SimpleNamespace) -> None:
    for candidate in bench.candidates.read().values():
        [table] = tomllib.loads(bench.choose.entry(candidate, "about"))["portfolio"]
        assert TrialConfig.model_validate(table) == candidate.config
        PartialConfig.model_validate(table)


def test_candidates_that_are_kept_have_the_guesses_of_the_spaces(bench: SimpleNamespace) -> None:
    kept = bench.candidates.read()
    for kind in bench.candidates.KINDS:
        made = [*bench.candidates.made(kind)]
        assert len(made) == sum(key[0] == kind for key in kept)
        guesses = [one for one in made if one.is_guess]
        assert [kept[one.key] for one in guesses] == guesses


def test_points_reach_both_ends_of_ranges(bench: SimpleNamespace) -> None:
    low, high = (bench.candidates.Point([place] * 4, {}) for place in (0.0, 1 - 1e-12))
    assert (low.suggest_int("a", 16, 64, step=16), high.suggest_int("a", 16, 64, step=16)) == (
        16,
        64,
    )
    assert (low.suggest_int("a", 3, 9, log=True), high.suggest_int("a", 3, 9, log=True)) == (3, 9)
    assert low.suggest_float("b", 1e-3, 1e-1, log=True) == 1e-3
    assert high.suggest_float("b", 1e-3, 1e-1, log=True) == 1e-1
    assert high.suggest_categorical("c", ["x", "y"]) == "y"


def test_none_of_the_sets_is_for_proof(bench: SimpleNamespace) -> None:
    source = (FOLDER.parent / "tables" / "sets.py").read_text()
    proof, others = source.split("\nOTHERS = ")
    for one in bench.data_sets.SETS:
        name = one.file.removesuffix(".csv")
        assert f'name="{name}"' not in proof
        assert one.target is None or f'/{name}", ' in others
