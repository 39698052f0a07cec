"""Widths and dropout of the hidden layers."""

from made_points import CONFIG, made, search

from hpsearch.figures.layers import layers_figure
from hpsearch.figures.points import Point
from hpsearch.tasks.classification import ACCURACY, LOSS


def shaped(number: int, value: float | None, units: list[int], dropout: list[float]) -> Point:
    state = "failed" if value is None else "complete"
    shape = {"layers": len(units), "units": units, "dropout": dropout}
    return made(number, value, state=state, config=CONFIG | shape)


def test_widths_and_dropout_are_shown_by_layer() -> None:
    points = [
        shaped(0, 0.3, [64], [0.1]),
        shaped(1, 0.5, [512, 256, 128], [0.5, 0.25, 0.0]),
        shaped(2, None, [2048, 32], [0.3, 0.4]),
    ]
    figure = layers_figure(points, ACCURACY)
    cloud, leaders, line, cloud_below, _, line_below = figure.data
    assert cloud.y == (64, 512, 256, 128, 2048, 32)
    assert [round(x) for x in cloud.x] == [1, 1, 2, 3, 1, 2]
    assert cloud_below.y == (0.1, 0.5, 0.25, 0.0, 0.3, 0.4)
    assert (leaders.name, leaders.y) == ("best 2", (512, 256, 128, 64))
    assert (line.x, line.y) == ((1, 2, 3), (512, 256, 128))
    assert (line_below.x, line_below.y) == ((1, 2, 3), (0.5, 0.25, 0))
    assert "trial 1" in line.text[0]
    assert figure.layout.yaxis.type == "log"
    assert figure.layout.yaxis.tickvals == (32, 64, 128, 256, 512, 1024, 2048)


def test_the_best_tenth_is_brought_out_and_at_least_five() -> None:
    few = [made(number, number / 100) for number in range(20)]
    assert layers_figure(few, ACCURACY).data[1].name == "best 5"
    many = [made(number, number / 100) for number in range(80)]
    leaders = layers_figure(many, LOSS).data[1]
    assert leaders.name == "best 8"
    assert {text.split(":")[0] for text in leaders.text} == {f"trial {n}" for n in range(8)}


def test_without_a_complete_trial_there_is_only_the_cloud() -> None:
    points = [made(0, state="running"), made(1, 0.5, state="pruned"), made(2, state="waiting")]
    figure = layers_figure(points, ACCURACY)
    assert [trace.name for trace in figure.data] == ["all trials"] * 2
    assert len(figure.data[0].x) == 4


def test_of_deep_networks_fewer_are_shown() -> None:
    figure = layers_figure(search(100, layers=64), ACCURACY)
    assert figure.layout.title.subtitle.text == "14 of 100 trials shown"
    assert figure.data[1].name == "best 5"
    assert "relu" not in figure.data[1].text[0]


def test_what_is_fixed_has_no_panel() -> None:
    figure = layers_figure(search(20), ACCURACY, searched=["dropout"])
    assert figure.layout.title.text == "Dropout by layer"
    assert [axis.title.text for axis in figure.select_yaxes()] == ["dropout"]
    figure = layers_figure(search(20), ACCURACY, searched=["units"])
    assert figure.layout.title.text == "Widths by layer"
    both = layers_figure(search(20), ACCURACY)
    assert both.layout.title.text == "Widths and dropout by layer"
