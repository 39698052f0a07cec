"""Draws the figures of the search benchmarks: Plotly's page, photographed by Chromium."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import plotly.graph_objects as go

sys.path.append(str(Path(__file__).parents[1]))

from record import RESULTS  # of the folder above

WIDTH, HEIGHT = 900, 520
COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#999999",
    "#882255",
)  # fmt: skip
"""Told apart by colour-blind eyes too (Okabe & Ito, 2008), grey and wine."""

SYMBOLS = ("star", "circle", "square", "diamond", "x", "triangle-up", "cross", "pentagon", "bowtie")

Line = tuple[Sequence[float], Sequence[float]]
"""Where on the horizontal axis, and how high."""


def lines(
    name: str, title: str, x: str, y: str, drawn: Mapping[str, Line], *, log: bool = False
) -> None:
    """Draw named curves to ``results/NAME.png``; log: a logarithmic horizontal axis."""
    figure = go.Figure()
    for number, (label, (across, up)) in enumerate(drawn.items()):
        line = {"color": COLOURS[number % len(COLOURS)], "shape": "hv", "width": 2}
        figure.add_scatter(x=across, y=up, name=label, line=line, mode="lines")
    _save(figure, name, title, x, y, log=log)


def points(
    name: str, title: str, x: str, y: str, drawn: Mapping[str, Sequence[tuple[float, float]]]
) -> None:
    """Draw named groups of points to ``results/NAME.png``."""
    figure = go.Figure()
    for number, (group, found) in enumerate(drawn.items()):
        figure.add_scatter(
            x=[point[0] for point in found],
            y=[point[1] for point in found],
            name=group,
            mode="markers",
            marker={
                "color": COLOURS[number % len(COLOURS)],
                "symbol": SYMBOLS[number % len(SYMBOLS)],
                "size": 11,
            },
        )
    _save(figure, name, title, x, y, log=False)


def _save(figure: go.Figure, name: str, title: str, x: str, y: str, *, log: bool) -> None:
    """Lay the figure out and photograph it."""
    figure.update_layout(
        title=title, xaxis_title=x, yaxis_title=y, template="plotly_white",
        width=WIDTH, height=HEIGHT, xaxis_type="log" if log else "linear",
    )  # fmt: skip
    if log:
        figure.update_xaxes(tickvals=[1, 2, 5, 10, 20, 50, 100, 200, 500])
    browser = shutil.which("chromium")
    if browser is None:
        print("no figure: chromium is not installed")
        return
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "figure.html"
        figure.write_html(page, config={"displayModeBar": False})
        subprocess.run(  # noqa: S603  # the browser of this machine, on our own page
            [
                browser, "--headless", "--no-sandbox", "--hide-scrollbars",
                f"--user-data-dir={folder}/profile", f"--window-size={WIDTH + 16},{HEIGHT + 16}",
                "--virtual-time-budget=5000", f"--screenshot={RESULTS / name}.png", page.as_uri(),
            ],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip
