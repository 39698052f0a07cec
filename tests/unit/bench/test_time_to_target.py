"""scripts/bench/search/time_to_target.py: targets, times to them, and how a search is followed."""

import sqlite3
import sys
import tomllib
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

BENCH = Path(__file__).parents[3] / "scripts" / "bench"
WAYS = ("hpsearch", "script", "ray")


@pytest.fixture
def bench() -> Iterator[SimpleNamespace]:
    path, known = [*sys.path], {*sys.modules}
    sys.path[:0] = [str(BENCH / "search"), str(BENCH)]
    names = ("followed", "reached", "record", "time_to_target")
    yield SimpleNamespace(**{name: import_module(name) for name in names})
    sys.path[:] = path
    for name in sys.modules.keys() - known:
        if str(BENCH) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def row(way: str, seed: int | str, seconds: float, accuracy: float) -> dict[str, str]:
    found = {"set": "mnist", "way": way, "seed": seed, "seconds": seconds, "accuracy": accuracy}
    return {key: str(value) for key, value in found.items()}


def a_run(bench: SimpleNamespace, folder: Path, **given: Any) -> Any:
    usual = {"dataset": {"source": "digits"}, "seed": 3, "enough": 0.9, "longest": 20.0}
    return bench.followed.Run(**usual | given, folder=folder)


def cells(text: str) -> list[list[str]]:
    return [line.split(" | ") for line in text.splitlines() if line.startswith("| mnist")]


def test_targets_are_what_the_median_run_has_reached(bench: SimpleNamespace) -> None:
    runs = [
        [(5.0, 0.5), (50.0, 0.7), (590.0, 0.95), (600.0, 0.95)],
        [(59.0, 0.6), (179.0, 0.8), (600.0, 0.8)],
        [(61.0, 0.9), (600.0, 0.9)],
    ]
    targets = bench.reached.targets_of(runs, 600.0)
    assert targets == [(60.0, 0.6), (180.0, 0.8), (600.0, 0.9)]


def test_the_lower_one_of_two_runs_is_the_target(bench: SimpleNamespace) -> None:
    targets = bench.reached.targets_of([[(1.0, 0.5)], [(1.0, 0.75)]], 60.0)
    assert [accuracy for _, accuracy in targets] == [0.5, 0.5, 0.5]


def test_the_better_peer_is_compared_with(bench: SimpleNamespace) -> None:
    rows = [
        row("target", "", 60, 0.8),
        row("target", "", 600, 0.9),
        *(row("hpsearch", seed, at, 0.9) for seed, at in enumerate((10, 20, 60))),
        *(row("script", seed, 100, value) for seed, value in enumerate((0.9, 0.8, 0.8))),
        *(row("ray", seed, 300, 0.8) for seed in range(3)),
    ]
    low, high = cells(bench.reached.report(bench.reached.read(rows), {}))
    assert low[1:4] == ["3", "80.00 % (60 s)", "20 (10 to 60)"]
    assert low[-1] == "5.0 |"
    assert high[4:] == ["> 600 (100 to > 600)", "> 600 (> 600 to > 600)", "> 30.0 |"]


def test_only_seeds_that_all_ways_have_are_told(bench: SimpleNamespace) -> None:
    rows = [row("target", "", 60, 0.8)]
    rows += [row(way, seed, 10, 0.9) for way in WAYS for seed in range(2)]
    rows += [row("hpsearch", 2, 50, 0.9)]
    (line,) = cells(bench.reached.report(bench.reached.read(rows), {}))
    assert line[1] == "2"
    assert line[3] == "10 (10 to 10)"


def test_a_first_result_needs_no_search(bench: SimpleNamespace) -> None:
    rows = [row("first result", run, at, 0.5) for run, at in enumerate((11.0, 12.5, 20.0))]
    text = bench.reached.report(bench.reached.read(rows), {})
    assert "on the screen 12.5 s after" in text
    assert not cells(text)


def test_curves_end_at_the_highest_target(bench: SimpleNamespace) -> None:
    rows = [row("target", "", 60, 0.8)]
    rows += [row(way, 0, at, value) for way in WAYS for at, value in ((1, 0.5), (2, 0.9))]
    drawn = bench.reached.curves(bench.reached.read(rows)["mnist"])
    assert drawn["hpsearch run"] == ([1.0, 2.0], [50.0, 80.0])


def test_a_search_is_followed_until_it_is_good_enough(
    bench: SimpleNamespace, tmp_path: Path
) -> None:
    found = [[], [(0.5, 0.6)], [(0.5, 0.6), (1.0, 0.95)]]

    def look(_began: float) -> Sequence[tuple[float, float]]:
        return found.pop(0) if len(found) > 1 else found[0]

    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    sights = bench.followed.follow(command, look, a_run(bench, tmp_path))
    assert sights[:2] == [(0.5, 0.6), (1.0, 0.95)]
    assert sights[2][1] == 0.95
    assert sights[2][0] < 20


def test_a_search_that_ends_by_itself_ends_the_measurement(
    bench: SimpleNamespace, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", "print('what was wrong'); raise SystemExit(3)"]
    with pytest.raises(SystemExit, match="ended with 3:\nwhat was wrong"):
        bench.followed.follow(command, lambda _: [], a_run(bench, tmp_path))


def test_a_study_as_it_comes_has_no_space(bench: SimpleNamespace, tmp_path: Path) -> None:
    command = bench.followed.run_command(a_run(bench, tmp_path))
    study = tomllib.loads((tmp_path / "bench.toml").read_text(encoding="utf-8"))
    assert study == {
        "name": "bench",
        "seed": 3,
        "dataset": {"source": "digits"},
        "budget": {"trials": bench.followed.TRIALS},
    }
    assert command[2:4] == ["hpsearch", "run"]


def test_the_best_epoch_is_read_while_a_search_runs(bench: SimpleNamespace, tmp_path: Path) -> None:
    database = tmp_path / "studies.db"
    assert bench.followed.best_reported(database) is None
    opened = sqlite3.connect(database)
    assert bench.followed.best_reported(database) is None
    opened.execute("CREATE TABLE trial_intermediate_values (intermediate_value REAL)")
    opened.execute(
        "INSERT INTO trial_intermediate_values VALUES (0.5), (0.8849999904632568), (0.6)"
    )
    opened.commit()
    opened.close()
    assert bench.followed.best_reported(database) == 0.885  # in single precision


@pytest.mark.parametrize(
    ("shown", "result"),
    [
        (b"1 complete, 0 pruned, 0 failed, 1 running", None),
        (b"best: 0.8757 val_accuracy in trial 0, 1 min 08 s ago", None),
        (b"    0  complete, best  0.8757     23.8  256-256 gelu", b"0.8757"),
        (b"   12  pruned          0.5100      3.8  64 relu", b"0.5100"),
    ],
)
def test_an_ended_trial_is_told_from_what_else_is_shown(
    bench: SimpleNamespace, shown: bytes, result: bytes | None
) -> None:
    found = bench.followed.ENDED.search(shown)
    assert (found and found[1]) == result


def searched(table: Any, values: Sequence[float]) -> Any:
    def search(seed: int, _enough: float) -> None:
        table.add([row("script", seed, at, values[seed]) for at in (1.0, 60.0)])

    return search


def test_targets_are_measured_once(bench: SimpleNamespace, tmp_path: Path) -> None:
    table = bench.record.Growing(str(tmp_path / "found"), bench.time_to_target.COLUMNS)
    search = searched(table, (0.5, 0.75, 0.8))
    assert bench.time_to_target.target(table, "mnist", range(3), 60.0, search) == 0.75
    again = searched(table, ())
    assert bench.time_to_target.target(table, "mnist", range(5), 60.0, again) == 0.75
    with pytest.raises(SystemExit, match="has targets of 60 s: --longest 60, or --results"):
        bench.time_to_target.target(table, "mnist", range(3), 30.0, again)


def test_a_script_that_has_found_nothing_yet_sets_no_target(
    bench: SimpleNamespace, tmp_path: Path
) -> None:
    table = bench.record.Growing(str(tmp_path / "found"), bench.time_to_target.COLUMNS)
    with pytest.raises(SystemExit, match=r"nothing in 0\.5 s: give it longer"):
        bench.time_to_target.target(table, "mnist", range(1), 5.0, searched(table, (0.5,)))


def test_a_run_that_was_measured_for_a_shorter_time_sets_no_target(
    bench: SimpleNamespace, tmp_path: Path
) -> None:
    table = bench.record.Growing(str(tmp_path / "found"), bench.time_to_target.COLUMNS)
    with pytest.raises(SystemExit, match="has a shorter run of the script"):
        bench.time_to_target.target(table, "mnist", range(1), 600.0, searched(table, (0.5,)))


def test_a_run_that_is_there_is_not_repeated(
    bench: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, str]] = []

    def first_result(run: Any) -> tuple[float, float]:
        asked.append((run.seed, run.dataset["source"]))
        return (10.0, 0.8)

    monkeypatch.setattr(bench.time_to_target, "first_result", first_result)
    table = bench.record.Growing(str(tmp_path / "found"), bench.time_to_target.COLUMNS)
    kept = row("first result", 1, 9.0, 0.7) | {"set": "fashion_mnist"}
    table.add([kept])
    bench.time_to_target.measure_first(table, tmp_path)
    assert asked == [(seed, "fashion_mnist") for seed in (0, 2, 3, 4)]
