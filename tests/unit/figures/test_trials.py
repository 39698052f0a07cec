"""All figures of a search, its history, and its costs."""

import json
import math
import re
import time
from collections.abc import Sequence
from typing import Any

import pytest
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st
from made_points import CONFIG, made, search

from hpsearch.config import TrialConfig, flat
from hpsearch.figures.points import Point
from hpsearch.figures.trials import history, pareto, search_figures, time_figure
from hpsearch.tasks.classification import ACCURACY, LOSS
from hpsearch.tasks.metric import Metric

pytestmark = pytest.mark.slow

STATES = ("complete", "pruned", "failed", "running", "waiting")
AWKWARD: dict[str, Sequence[Point]] = {
    "none": [],
    "one": [made(0, 0.5)],
    "failed": [made(n, state="failed", failure="diverged") for n in range(3)],
    "pruned": [made(n, 0.1 * n, state="pruned", gap=None) for n in range(3)],
    "running": [made(0, state="running", seconds=None, gap=None, curve=((1, 0.5),))],
    "waiting": [made(0, state="waiting", config=None, parameters=None, seconds=None, gap=None)],
    "bare": [
        made(n, 0.5, config=None, parameters=None, seconds=None, epochs=None, gap=None, curve=())
        for n in range(2)
    ],
    "zeros": [made(n, 0.0, parameters=0, seconds=0.0, gap=0.0, test=0.0) for n in range(2)],
    "huge": [made(0, 1e308, parameters=10**18, seconds=1e300), made(1, 1e-308, seconds=1e-300)],
    "below zero": [made(0, -1.0, gap=-0.5), made(1, 1e9)],
}


def names(figure: Any) -> list[str]:
    return [trace.name for trace in figure.data]


def trace(figure: Any, name: str) -> Any:
    return next(trace for trace in figure.data if trace.name == name)


def strict(figure: Any) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(figure.to_json(), parse_constant=refuse)


def test_all_figures_come_in_the_order_to_be_read() -> None:
    figures = search_figures(search(40), ACCURACY)
    assert len(figures) == 7
    assert list(figures) == sorted(figures)
    assert all(re.fullmatch(r"[a-z0-9-]+", key) for key in figures)
    titles = [figure.layout.title.text for figure in figures.values()]
    assert len(set(titles)) == 7
    assert all(figure.data for figure in figures.values())


@pytest.mark.parametrize("name", AWKWARD)
@pytest.mark.parametrize("metric", [ACCURACY, LOSS])
def test_awkward_studies_have_figures(name: str, metric: Metric) -> None:
    for figure in search_figures(AWKWARD[name], metric).values():
        strict(figure)
        assert figure.data or figure.layout.annotations


@settings(max_examples=10)  # seven figures take their time
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(STATES),
            st.none() | st.floats(allow_nan=False, allow_infinity=False),
            st.none() | strategies.configs(),
            st.none() | st.floats(0, 1e12),
            st.none() | st.integers(0, 10**15),
        ),
        max_size=20,
    ),
    metric=st.sampled_from([ACCURACY, LOSS]),
)
def test_any_study_has_figures(
    rows: list[tuple[Any, float | None, TrialConfig | None, float | None, int | None]],
    metric: Metric,
) -> None:
    points = [
        made(
            n, value, state=state, config=config and flat(config), seconds=seconds, parameters=size
        )
        for n, (state, value, config, seconds, size) in enumerate(rows)
    ]
    for figure in search_figures(points, metric).values():
        strict(figure)


@pytest.mark.parametrize(
    ("trials", "epochs", "layers", "most"),
    [(300, 30, 5, 60_000), (300, 500, 64, 60_000), (10_000, 30, 5, 150_000)],
)
def test_figures_stay_small_and_fast(trials: int, epochs: int, layers: int, most: int) -> None:
    points = search(trials, epochs=epochs, layers=layers)
    began = time.process_time()
    texts = {k: f.to_json() for k, f in search_figures(points, ACCURACY).items()}
    assert time.process_time() - began < 3
    assert max(len(text) for text in texts.values()) < most
    assert not any('"bdata"' in text or '"uid"' in text for text in texts.values())


def test_a_large_study_says_how_many_trials_are_shown() -> None:
    points = [made(number, 0.5) for number in range(2000)]
    for figure in search_figures(points, ACCURACY).values():
        assert "of 2,000 trials shown" in figure.layout.title.subtitle.text


def test_names_from_a_study_are_no_markup() -> None:
    evil = "<img src=x onerror=alert(1)>"
    config = CONFIG | {
        "activation": evil,
        "lr_schedule": evil,
        "optimizer": {"type": evil, "learning_rate": 1e-3},
    }
    points = [made(0, 0.5, config=config), made(1, state="failed", config=config, failure=evil)]
    texts = [json.dumps(strict(one)) for one in search_figures(points, ACCURACY).values()]
    assert not any("<img" in text for text in texts)
    assert any("&lt;img" in text for text in texts)


def test_the_history_has_a_line_at_what_boosted_trees_reach() -> None:
    points = [made(2, 0.3), made(5, 0.4)]
    line = trace(history(points, ACCURACY, 0.5), "boosted trees")
    assert (line.x, line.y) == ((2, 5), (0.5, 0.5))
    names = [one.name for one in history(points, ACCURACY).data]
    assert "boosted trees" not in names
    figure = search_figures(points, ACCURACY, trees=0.5)["1-history"]
    assert trace(figure, "boosted trees").y == (0.5, 0.5)
    assert history([], ACCURACY, 0.5).data == ()


def test_the_history_shows_each_trial_by_its_state() -> None:
    points = [
        made(0, 0.3),
        made(1, 0.2, state="pruned"),
        made(2, state="failed", failure="diverged"),
        made(3, state="running"),
        made(4, 0.4),
    ]
    figure = history(points, ACCURACY)
    assert (trace(figure, "complete").x, trace(figure, "complete").y) == ((0, 4), (0.3, 0.4))
    assert (trace(figure, "pruned").x, trace(figure, "pruned").y) == ((1,), (0.2,))
    assert trace(figure, "failed").x == (2,)
    assert "diverged" in trace(figure, "failed").text[0]
    assert len({trace(figure, state).marker.symbol for state in STATES[:3]}) == 3


@pytest.mark.parametrize(
    ("metric", "x", "y"),
    [(ACCURACY, (1, 3, 5), (0.3, 0.5, 0.5)), (LOSS, (1, 4, 5), (0.3, 0.2, 0.2))],
)
def test_the_best_so_far_is_a_step_line_of_complete_trials(
    metric: Metric, x: tuple[int, ...], y: tuple[float, ...]
) -> None:
    points = [
        made(0, 0.9 if metric == ACCURACY else 0.1, state="pruned"),
        *(made(n, value) for n, value in enumerate([0.3, 0.3, 0.5, 0.2, 0.3], start=1)),
    ]
    line = trace(history(points, metric), "best so far")
    assert (line.x, line.y) == (x, y)
    assert line.line.shape == "hv"


def test_the_pareto_front_of_a_small_example() -> None:
    points = [
        made(0, 0.5, seconds=10.0),
        made(1, 0.4, seconds=5.0),
        made(2, 0.4, seconds=7.0),  # slower than trial 1 and no better
        made(3, 0.6, seconds=20.0),
        made(4, 0.6, seconds=20.0),  # as good as trial 3
        made(5, 0.9, seconds=1.0, state="pruned"),
        made(6, 0.9, seconds=None),
        made(7, None, seconds=1.0),
    ]
    assert pareto(points, ACCURACY) == [1, 0, 3, 4]
    assert pareto(points, LOSS) == [1]
    assert pareto([], ACCURACY) == []


@given(
    pairs=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=25),
    metric=st.sampled_from([ACCURACY, LOSS]),
)
def test_the_pareto_front_is_what_nothing_beats(
    pairs: list[tuple[int, int]], metric: Metric
) -> None:
    points = [made(n, float(value), seconds=float(s)) for n, (s, value) in enumerate(pairs)]
    costs = [(seconds, -value if metric == ACCURACY else value) for seconds, value in pairs]
    front = pareto(points, metric)
    assert set(front) == {
        index
        for index, (a, b) in enumerate(costs)
        if not any(c <= a and d <= b and (c, d) != (a, b) for c, d in costs)
    }
    assert [points[index].seconds for index in front] == sorted(
        points[i].seconds or 0 for i in front
    )


def test_time_is_drawn_with_its_front() -> None:
    points = [made(0, 0.5, seconds=0.0), made(1, 0.4, seconds=50.0), made(2, 0.6, seconds=100.0)]
    figure = time_figure(points, ACCURACY)
    assert trace(figure, "complete").x == (0.001, 50, 100)  # a logarithm needs more than 0
    assert (trace(figure, "Pareto front").x, trace(figure, "Pareto front").y) == (
        (0.001, 100),
        (0.5, 0.6),
    )
    assert figure.layout.xaxis.type == "log"
    assert "(s)" in figure.layout.xaxis.title.text


def test_the_front_of_pruned_trials_alone_is_empty() -> None:
    figure = time_figure([made(0, 0.5, state="pruned")], ACCURACY)
    assert names(figure) == ["pruned"]
    assert math.isclose(figure.data[0].y[0], 0.5)


@pytest.mark.parametrize("failure", ["too_large", "interrupted"])
def test_what_was_no_trial_of_its_configuration_is_left_out(failure: str) -> None:
    known = search(20)
    untrained = [made(100 + n, state="failed", failure=failure) for n in range(50)]
    figures, expected = (search_figures(some, ACCURACY) for some in ([*known, *untrained], known))
    assert figures.keys() == expected.keys()
    for key, figure in figures.items():
        assert figure.to_json() == expected[key].to_json()


@pytest.mark.parametrize(
    ("searched", "left_out"),
    [
        (["layers", "units", "dropout", "l2", "batch_norm", "adam.learning_rate"], set()),
        (["layers", "optimizer"], {"4-gap", "6-layers"}),
        (["units"], {"4-gap", "5-learning-rates"}),
        (["batch_size", "sgd.learning_rate"], {"2-parameters", "4-gap", "6-layers"}),
        ([], {"2-parameters", "4-gap", "5-learning-rates", "6-layers"}),
    ],
)
def test_figures_of_what_is_fixed_are_left_out(searched: list[str], left_out: set[str]) -> None:
    every = {
        "1-history", "2-parameters", "3-time", "4-gap", "5-learning-rates", "6-layers", "7-curves",
    }  # fmt: skip
    found = search_figures(search(5), ACCURACY, searched)
    assert found.keys() == every - left_out


def test_blocks_and_dense_layers_of_hybrid_networks_have_a_figure_each() -> None:
    network = {"type": "conv", "filters": [16, 32], "layers": 1, "units": 64, "dense_dropout": 0.5}
    hybrid = flat(TrialConfig.model_validate({"network": network}))
    conv = flat(TrialConfig.model_validate({"network": {"type": "conv", "filters": [8]}}))
    points = [made(0, 0.5, config=hybrid), made(1, 0.6, config=conv)]
    searched = ["conv.filters", "conv.units"]
    figures = search_figures(points, ACCURACY, searched)
    assert figures["6-blocks"].data[0].y == (16, 32, 8)
    assert figures["6-dense-layers"].data[0].y == (64,)
    assert figures["6-dense-layers"].layout.title.text == "Widths by dense layer"
    both = search_figures([*points, made(2, 0.4)], ACCURACY)
    assert both.keys() >= {"6-layers", "6-blocks", "6-dense-layers"}
    # Nobody has hidden Dense layers: there is nothing to show.
    assert "6-dense-layers" not in search_figures(points[1:], ACCURACY)


def test_one_trial_has_a_line_of_boosted_trees_to_be_seen() -> None:
    line = trace(history([made(0, 0.4)], ACCURACY, 0.5), "boosted trees")
    assert line.x[0] < 0 < line.x[1]


def test_parts_of_a_second_are_written_as_seconds() -> None:
    axis = time_figure([made(0, 0.4, seconds=0.5)], ACCURACY).layout.xaxis
    assert axis.tickformat == "~g"  # "~s" writes 0.5 as 500m
