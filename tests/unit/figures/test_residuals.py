"""Figures of how far predictions are off."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from hpsearch.figures.residuals import residual_figures, write_residuals
from hpsearch.tasks.residuals import residuals

Y = np.array([1.0, 2.0, 3.0, 4.0])
PREDICTED = np.array([1.5, 2.0, 2.0, 4.0])
FOUND = json.loads(json.dumps(asdict(residuals(Y, PREDICTED))))


def many(examples: int) -> dict[str, object]:
    y = np.random.default_rng(0).normal(size=examples)
    return asdict(residuals(np.append(y, 1e6), np.append(y / 2, 0)))


def test_figures_have_what_was_found() -> None:
    figures = residual_figures(FOUND)
    assert list(figures) == ["predicted", "residuals", "histogram"]
    (dots,) = figures["predicted"].data
    assert (list(dots.x), list(dots.y)) == (list(Y), list(PREDICTED))
    (off,) = figures["residuals"].data
    assert (list(off.x), list(off.y)) == (list(PREDICTED), [-0.5, 0, 1, 0])
    (bars,) = figures["histogram"].data
    assert sum(bars.y) == 4
    assert not any(figure.layout.title.subtitle.text for figure in figures.values())


def test_the_diagonal_is_where_predictions_are_right() -> None:
    (line,) = residual_figures(FOUND)["predicted"].layout.shapes
    assert (line.x0, line.x1) == (line.y0, line.y1) == (1, 4)


def test_many_dots_are_faint() -> None:
    few, some = (residual_figures(many(n))["predicted"].data[0] for n in (10, 5000))
    assert few.marker.opacity == 0.75
    assert 0.1 < some.marker.opacity < 0.3


def test_what_is_not_shown_is_told() -> None:
    figures = residual_figures(many(5000))
    told = [figure.layout.title.subtitle.text for figure in figures.values()]
    assert told[0] == told[1] == "2,000 of 5,001 examples, drawn at random"
    assert told[2] == "1 of 5,001 examples lie outside"


def test_without_predictions_it_is_said_why() -> None:
    found = asdict(residuals(np.empty(0), np.empty(0)))
    for figure in residual_figures(found).values():
        assert not figure.data
        assert figure.layout.annotations[0].text == "No prediction is a finite number."


@pytest.mark.parametrize("examples", [0, 1])
def test_one_example_is_drawn(examples: int) -> None:
    found = asdict(residuals(Y[:examples], Y[:examples]))
    assert len(residual_figures(found)["histogram"].data) == examples


def test_the_page_needs_no_network(tmp_path: Path) -> None:
    write_residuals(tmp_path / "a.html", FOUND)
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert text.count("plotly-graph-div") == 3
    assert "<title>Residuals</title>" in text
    assert 'src="http' not in text
