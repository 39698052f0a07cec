"""The histogram of pages without scripts."""

import xml.etree.ElementTree as ET

from hpsearch.figures.histogram import histogram


def parsed(counts: list[int], edges: list[float], label: str) -> ET.Element:
    return ET.fromstring(histogram(counts, edges, label))  # noqa: S314  # our own, no stranger's


def test_bars_are_as_high_as_their_counts() -> None:
    figure = parsed([5, 0, 10], [0.0, 1.0, 2.0, 3.0], "a < b")
    drawing = figure.find("svg")
    assert drawing is not None
    assert drawing.attrib["aria-label"] == "a < b"
    bars = drawing.findall("rect")
    assert [float(bar.attrib["height"]) for bar in bars] == [50, 0, 100]
    assert [float(bar.attrib["y"]) for bar in bars] == [50, 100, 0]
    assert [bar.findtext("title") for bar in bars] == ["0 to 1: 5", "1 to 2: 0", "2 to 3: 10"]


def test_the_axis_has_both_ends_and_the_middle() -> None:
    figure = parsed([1, 1], [0.0, 1e6, 2e6], "n")
    assert [each.text for each in figure.findall("figcaption/span")] == [
        "0",
        "1,000,000",
        "2,000,000",
    ]
