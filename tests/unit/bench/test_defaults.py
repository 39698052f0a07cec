"""scripts/bench/defaults: the report, and which runs are repeated."""

import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

BENCH = Path(__file__).parents[3] / "scripts" / "bench"


@pytest.fixture
def bench() -> Iterator[SimpleNamespace]:
    path, known = [*sys.path], {*sys.modules}
    sys.path[:0] = [str(BENCH / "defaults"), str(BENCH)]
    names = ("cases", "defaults", "dense", "old_space", "record", "tallies")
    yield SimpleNamespace(**{name: import_module(name) for name in names})
    sys.path[:] = path
    for name in sys.modules.keys() - known:
        if str(BENCH) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def row(name: str, seed: int, way: str, trials: int, score: float, **more: float) -> dict[str, str]:
    metric = "accuracy" if name in ("churn", "credit") else "rmse"
    found = {"set": name, "seed": seed, "way": way, "trials": trials, "score": score, **more}
    return {"metric": metric} | {key: str(value) for key, value in found.items()}


def cells(text: str, start: str) -> list[str]:
    return next(line for line in text.splitlines() if line.startswith(start)).split(" | ")


def test_less_rmse_and_more_accuracy_are_ahead(bench: SimpleNamespace) -> None:
    rows = [
        row("abalone", 0, "first guess", 0, 2.0),
        row("abalone", 0, "hpsearch", 20, 1.0),
        row("churn", 0, "first guess", 0, 0.96),
        row("churn", 0, "hpsearch", 20, 0.92),
        row("credit", 0, "first guess", 0, 0.8),
        row("credit", 0, "hpsearch", 20, 0.8),
    ]
    line = cells(bench.tallies.report(rows, {}), "| hpsearch, 20 | first guess")
    assert line[2:4] == ["1 of 3", "1"]
    assert line[4].startswith("1.000 (")  # 1/2, 2 and 1


def test_ways_are_compared_by_the_seeds_that_both_have(bench: SimpleNamespace) -> None:
    rows = [
        row("abalone", 0, "first guess", 0, 2.0),
        row("abalone", 1, "first guess", 0, 10.0),
        row("abalone", 0, "hpsearch", 20, 3.0),
        row("ames", 0, "hpsearch", 20, 3.0),
    ]
    line = cells(bench.tallies.report(rows, {}), "| hpsearch, 20 | first guess")
    assert line[2:] == ["0 of 1", "0", "1.500 |"]


def test_the_least_trials_are_compared_with_the_most_of_the_script(bench: SimpleNamespace) -> None:
    rows = [
        row("abalone", 0, way, trials, 1.0) for way in ("hpsearch", "script") for trials in (10, 40)
    ]
    assert cells(bench.tallies.report(rows, {}), "| hpsearch, 10 | script, 40")


def test_what_is_gained_is_told_beside_what_random_trials_gain(bench: SimpleNamespace) -> None:
    rows = [
        row("abalone", 0, "first guess", 0, 8.0),
        row("abalone", 0, "random", 100, 4.0),
        row("abalone", 0, "hpsearch", 20, 2.0),
    ]
    told = bench.tallies.report(rows, {})
    assert "the first guess's error falls by 75.0% in the geometric mean, by 50.0% with 100" in told


def test_an_ensembles_gain_is_certain_where_its_interval_leaves_out_0(
    bench: SimpleNamespace,
) -> None:
    rows = [
        row("churn", 0, "ensemble", 40, 0.9, gain=0.02, low=0.01, high=0.03),
        row("churn", 1, "ensemble", 40, 0.9, gain=0.04, low=-0.01, high=0.09),
    ]
    line = cells(bench.tallies.report(rows, {}), "| churn | ensemble, 40 | 3")
    assert line[2:] == ["3", "0 to 6", "1 of 2", "0 of 2 |"]


@pytest.mark.parametrize(
    ("classes", "values", "best", "epochs"),
    [(2, [0.5, 0.9, 0.7], 0.9, 2), (0, [0.5, float("nan"), 0.4], 0.4, 3)],
)
def test_a_training_came_to_its_best_epoch(
    bench: SimpleNamespace, classes: int, values: list[float], best: float, epochs: int
) -> None:
    parts = dict.fromkeys(("train", "validation", "known", "test"), (None, None))
    settings = {"learning_rate": 1e-3}
    network = bench.old_space.Network(
        units=(8,), dropout=(0.0,), optimizer="adam", settings=settings
    )
    data = bench.dense.Data(kind="tables", classes=classes, deviation=1.0, **parts)
    found = bench.dense.came_to(network, data, values)
    assert (found.value, found.epochs) == (best, epochs)


def test_lines_that_are_there_are_not_measured_again(
    bench: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = bench.cases.Case(
        name="churn",
        kind="tables",
        seed=3,
        classes=2,
        **dict.fromkeys(("x", "y", "train", "validation", "test"), np.zeros(1)),
    )
    asked: list[list[int]] = []

    def way(_case: Any, _folder: Path, trials: Sequence[int]) -> Iterator[dict[str, Any]]:
        asked.append(list(trials))
        yield from ({"way": "script", "trials": count, "score": 0.5} for count in trials)

    monkeypatch.setitem(bench.defaults.WAYS, "script", way)
    table = bench.record.Growing(str(tmp_path / "found"), bench.defaults.COLUMNS)
    for trials in ([10], [10, 20], [20, 10]):
        bench.defaults.measure(table, "script", case, tmp_path, trials)
    assert asked == [[10], [20]]
    assert [int(line["trials"]) for line in table.rows()] == [10, 20]
