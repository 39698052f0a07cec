"""Figures of what probabilities are worth."""

from dataclasses import asdict
from pathlib import Path

import numpy as np

from hpsearch.figures.thresholds import threshold_figures, write_thresholds
from hpsearch.tasks.thresholds import thresholds

Y = np.array([0, 0, 1, 1])
ODDS = np.array([[2.0, -2.0], [-0.4, 0.4], [-0.8, 0.8], [-1.4, 1.4]])


def test_figures_have_what_was_found() -> None:
    found = asdict(thresholds(Y, ODDS, ["no", "<i>yes"]))
    figures = threshold_figures(found)
    assert list(figures) == ["roc", "precision-recall", "calibration"]
    (roc,) = figures["roc"].data
    assert (roc.x[-1], roc.y[-1]) == (1, 1)
    assert roc.name == "&lt;i&gt;yes"
    assert figures["precision-recall"].data[0].name.startswith("&lt;i&gt;yes, AP ")
    (calibration,) = figures["calibration"].data
    assert sum(calibration.customdata) == 4
    assert "expected calibration error" in figures["calibration"].layout.title.subtitle.text


def test_it_is_said_where_not_all_classes_are_shown() -> None:
    y = np.arange(24) % 12
    odds = np.random.default_rng(0).normal(size=(24, 12))
    figures = threshold_figures(asdict(thresholds(y, odds, [f"c{n}" for n in range(12)])))
    assert "the 10 of 12 classes" in figures["roc"].layout.title.subtitle.text
    assert ", AP 0." in figures["precision-recall"].data[0].name


def test_of_one_class_there_is_no_curve() -> None:
    figures = threshold_figures(asdict(thresholds(Y[:2], ODDS[:2], ["no", "yes"])))
    assert not figures["roc"].data
    assert figures["roc"].layout.annotations[0].text == "All examples are of one class."
    assert figures["calibration"].data


def test_the_page_needs_no_network(tmp_path: Path) -> None:
    write_thresholds(tmp_path / "a.html", asdict(thresholds(Y, ODDS, ["no", "yes"])))
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert text.count("plotly-graph-div") == 3
    assert 'src="http' not in text
