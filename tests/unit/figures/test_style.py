"""What the figures have in common."""

import json
import math

import plotly.graph_objects as go
import pytest
from made_points import CONFIG, made

from hpsearch.figures.style import (
    COMPLETE,
    add_values,
    aside,
    count,
    dots,
    empty,
    label,
    log_axis,
    some_of,
    styled,
    tidy,
    value_axis,
    whole_axis,
)
from hpsearch.tasks.classification import ACCURACY, LOSS
from hpsearch.tasks.metric import Metric


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (999, "999"), (12_345, "12.3k"), (2_100_000, "2.1M")]
)
def test_counts_are_short(number: int, text: str) -> None:
    assert count(number) == text


def test_numbers_have_six_digits() -> None:
    assert [tidy(1 / 3), tidy(1234567), tidy(0)] == [0.333333, 1234570, 0]


def test_the_subtitle_says_when_trials_are_left_out() -> None:
    assert some_of(500, 10_000) == "500 of 10,000 trials shown"
    assert some_of(500, 500) == ""


def test_a_label_says_number_state_value_configuration_and_failure() -> None:
    short = "512-256 relu drop 0.30 adam 1.0e-03 constant b32"
    assert label(made(3, 0.51239)) == f"trial 3: 0.5124<br>{short}"
    assert label(made(3, config=None, state="running")) == "trial 3 (running)"
    failed = made(4, state="failed", failure="out_of_memory")
    assert label(failed) == f"trial 4 (failed)<br>{short}<br>out_of_memory"


def test_text_of_a_study_is_no_markup() -> None:
    point = made(1, 0.5, failure="<img src=x>", config=CONFIG | {"activation": "<b>&"})
    assert "<img" not in label(point)
    assert "&lt;b&gt;&amp;" in label(point)


def test_a_place_aside_is_the_trials_own() -> None:
    places = [aside(made(number)) for number in range(100)]
    assert all(-0.3 <= place < 0.3 for place in places)
    assert len(set(places)) == 100
    assert places[7] == aside(made(7, 0.5))


def test_dots_are_at_the_given_places() -> None:
    (a, b) = made(1, 0.5), made(2, 0.25)
    trace = dots([(a, 10.0, 0.5), (b, 20.0, 0.25)], name="some", look=COMPLETE, hover="%{x} s")
    assert (trace.x, trace.y) == ((10, 20), (0.5, 0.25))
    assert trace.text == (label(a), label(b))
    assert trace.hovertemplate == "%{text}<br>%{x} s<extra></extra>"


def test_states_differ_in_more_than_colour_and_are_named_once() -> None:
    figure = go.Figure()
    marks = [(made(1, 0.5), 1.0, 0.5), (made(2, 0.4, state="pruned"), 2.0, 0.4)]
    add_values(figure, marks)
    add_values(figure, marks)
    assert [trace.name for trace in figure.data] == ["pruned", "complete"] * 2
    assert [trace.showlegend for trace in figure.data] == [True, True, False, False]
    pruned, complete = figure.data[:2]
    assert pruned.marker.symbol != complete.marker.symbol
    assert pruned.marker.color != complete.marker.color
    assert (pruned.x, complete.x) == ((2,), (1,))


@pytest.mark.parametrize(
    ("metric", "values", "logarithmic"),
    [
        (ACCURACY, [0.01, 0.9], False),
        (LOSS, [0.5, 2.0], False),
        (LOSS, [0.5, 1e6], True),
        (LOSS, [0.0, 1e6], False),
        (LOSS, [], False),
    ],
)
def test_losses_of_very_different_size_have_a_logarithmic_axis(
    metric: Metric, values: list[float], logarithmic: bool
) -> None:
    assert (value_axis(metric, values).get("type") == "log") is logarithmic


def test_a_long_logarithmic_axis_is_labelled_at_powers_of_ten() -> None:
    assert log_axis("time (s)", [1e-3, 1e3], "~s")["dtick"] == 1
    assert log_axis("time (s)", [1e-9, 1e9], "~s")["dtick"] == 3


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([3e5, 4e6], [5e5, 1e6, 2e6, 5e6]),
        ([1500.0], [1000, 2000]),
        ([1e-3, 1e-3], [5e-4, 1e-3, 2e-3]),
    ],
)
def test_a_short_logarithmic_axis_has_labels_also(values: list[float], ticks: list[float]) -> None:
    assert log_axis("size", values, "~s")["tickvals"] == pytest.approx(ticks)


def test_an_axis_of_one_value_has_room_on_both_sides() -> None:
    low, high = log_axis("size", [1000], "~s")["range"]
    assert low < math.log10(1000) < high


def test_few_whole_numbers_are_all_labelled() -> None:
    assert whole_axis("epoch", [1, 5])["dtick"] == 1
    assert "dtick" not in whole_axis("epoch", [1, 50])


def test_a_figure_has_no_template_and_takes_the_width_of_the_page() -> None:
    figure = styled(go.Figure(go.Scatter(x=[1], y=[2])), "Title", subtitle="5 of 9 trials shown")
    assert len(figure.to_json()) < 2000
    assert figure.layout.width is None
    assert figure.layout.autosize
    assert figure.layout.title.subtitle.text == "5 of 9 trials shown"


def test_an_empty_figure_says_why() -> None:
    figure = empty("Title", "No trial has completed yet.")
    (note,) = figure.layout.annotations
    assert note.text == "No trial has completed yet."
    assert json.loads(figure.to_json())["data"] == []
