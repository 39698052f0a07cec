"""Learning curves."""

from made_points import made, search

from hpsearch.figures.curves import curves_figure
from hpsearch.tasks.classification import ACCURACY


def test_each_kind_of_trial_is_one_trace_with_gaps() -> None:
    points = [
        made(0, 0.4, curve=((1, 0.2), (2, 0.4))),
        made(1, 0.1, state="pruned", curve=((1, 0.1),)),
        made(2, state="running", curve=((1, 0.3),)),
        made(3, state="failed", curve=((1, 0.05),)),
        made(4, state="waiting", curve=()),
    ]
    figure = curves_figure(points, ACCURACY)
    kept, failed, pruned, best = figure.data
    assert [trace.name for trace in figure.data] == ["kept", "failed", "pruned", "best"]
    assert (kept.x, kept.y) == ((1, 2, None, 1, None), (0.2, 0.4, None, 0.3, None))
    assert kept.customdata == (0, 0, None, 2, None)
    assert (pruned.x, pruned.y) == ((1, None), (0.1, None))
    assert failed.y == (0.05, None)
    assert best.y == (0.2, 0.4, None)
    assert len({trace.marker.symbol for trace in (kept, failed, pruned)}) == 3
    assert all("validation accuracy" in trace.hovertemplate for trace in figure.data)


def test_of_many_curves_a_hundred_of_each_kind_are_shown_the_best_among_them() -> None:
    points = [made(n, n / 1000) for n in range(300)]
    figure = curves_figure(points, ACCURACY)
    numbers = {number for number in figure.data[0].customdata if number is not None}
    assert len(numbers) == 100
    assert numbers > set(range(250, 300))
    assert figure.layout.title.subtitle.text == "100 of 300 trials shown"


def test_long_curves_keep_their_ends() -> None:
    figure = curves_figure(search(50, epochs=1000), ACCURACY)
    kept = figure.data[0]
    assert sum(len(trace.x) for trace in figure.data[:3]) <= 3000 + 50
    assert kept.x[0] == 1
    assert kept.x[kept.x.index(None) - 1] == 1000
    assert figure.layout.title.subtitle.text == "at most 60 epochs of each"


def test_a_short_curve_is_whole_beside_long_ones() -> None:
    long = [made(n, 0.5, curve=tuple((e, 0.5) for e in range(1, 1001))) for n in range(50)]
    short = made(50, 0.4, state="pruned", curve=tuple((e, 0.1) for e in range(1, 8)))
    figure = curves_figure([*long, short], ACCURACY)
    assert figure.data[1].x == (1, 2, 3, 4, 5, 6, 7, None)


def test_without_reports_the_figure_says_so() -> None:
    figure = curves_figure([made(0, state="running", curve=())], ACCURACY)
    assert figure.layout.annotations[0].text == "No trial has reported a value yet."


def test_of_folds_it_is_said_whose_curves_these_are() -> None:
    points = [made(0, 0.4), made(1, 0.1, state="pruned")]
    assert "fold" not in (curves_figure(points, ACCURACY).layout.title.subtitle.text or "")
    points.append(made(2, 0.3, is_of_folds=True))
    assert "first fold" in curves_figure(points, ACCURACY).layout.title.subtitle.text
