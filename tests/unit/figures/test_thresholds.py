"""Figures of what probabilities are worth."""

from dataclasses import asdict
from pathlib import Path

import numpy as np

from hpsearch.figures.thresholds import threshold_figures, write_thresholds
from hpsearch.tasks.thresholds import thresholds

Y = np.array([0, 0, 1, 1])
PROBABILITIES = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.2, 0.8]])


def test_figures_have_what_was_found() -> None:
    found = asdict(thresholds(Y, PROBABILITIES, ["no", "<i>yes"]))
    figures = threshold_figures(found)
    assert list(figures) == ["roc", "precision-recall", "calibration"]
    (roc,) = figures["roc"].data
    assert (roc.x[-1], roc.y[-1]) == (1, 1)
    assert roc.name == "&lt;i&gt;yes"
    (calibration,) = figures["calibration"].data
    assert sum(calibration.customdata) == 4
    assert "points apart" in figures["calibration"].layout.title.subtitle.text


def test_of_one_class_there_is_no_curve() -> None:
    figures = threshold_figures(asdict(thresholds(Y[:2], PROBABILITIES[:2], ["no", "yes"])))
    assert not figures["roc"].data
    assert figures["roc"].layout.annotations[0].text == "All examples are of one class."
    assert figures["calibration"].data


def test_the_page_needs_no_network(tmp_path: Path) -> None:
    write_thresholds(tmp_path / "a.html", asdict(thresholds(Y, PROBABILITIES, ["no", "yes"])))
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert text.count("plotly-graph-div") == 3
    assert 'src="http' not in text
