"""The confusion matrix as a figure and as a page."""

import re
from pathlib import Path

import pytest

from hpsearch.errors import UnreachableError
from hpsearch.figures.confusion import confusion_figure, write_confusion

COUNTS = [[8, 2, 0], [0, 0, 0], [1, 1, 2]]
NAMES = ["cat", "dog", "<b>owl & co"]


def test_colours_are_shares_of_the_true_class_and_numbers_are_counts() -> None:
    figure = confusion_figure(COUNTS, NAMES, "title")
    (heat,) = figure.data
    assert [list(row) for row in heat.z] == [[0.8, 0.2, 0.0], [0, 0, 0], [0.25, 0.25, 0.5]]
    assert [list(row) for row in heat.text] == COUNTS
    assert (heat.zmin, heat.zmax) == (0, 1)
    assert list(heat.x) == list(heat.y) == ["cat", "dog", "&lt;b&gt;owl &amp; co"]
    assert figure.layout.yaxis.autorange == "reversed"  # the first class is on top
    assert figure.layout.xaxis.type == figure.layout.yaxis.type == "category"  # also for digits
    assert "true" in figure.layout.yaxis.title.text
    assert "predicted" in figure.layout.xaxis.title.text


def test_many_classes_are_shown_without_numbers() -> None:
    names = [str(number) for number in range(100)]
    counts = [[int(row == column) for column in range(100)] for row in range(100)]
    figure = confusion_figure(counts, names, "title")
    assert figure.data[0].text is None
    assert figure.layout.width <= 1000


def test_the_page_stands_alone(tmp_path: Path) -> None:
    file = tmp_path / "new" / "confusion.html"
    write_confusion(file, COUNTS, NAMES, "Test accuracy 71 % <script>alert(1)</script>")
    text = file.read_text(encoding="utf-8")
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", text)
    assert "<script>alert" not in text
    assert "Plotly.newPlot" in text
    assert [path.name for path in file.parent.iterdir()] == ["confusion.html"]


def test_a_page_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnreachableError, match=r"confusion\.html: cannot be written"):
        write_confusion(tmp_path / "file" / "confusion.html", COUNTS, NAMES, "title")
