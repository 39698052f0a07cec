"""A trial's curves as a PNG: the page of one trial shows pictures, but no Plotly figures."""

import io
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hpsearch.tasks import METRICS, TASKS, metric_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DRAWING = threading.Lock()
"""Matplotlib's caches (of fonts, above all) are not made for several threads."""

_RATE = "learning_rate"
_BESIDE = ("epoch", "seconds", _RATE)
"""What rows of curves have beside a training's values."""
_HEIGHTS = (2.4, 1.8)
"""Of a task's panels, in inches; of more, and of the learning rate's, it is the last one."""

_LINES = (("-", "#0072B2"), ("-", "#D55E00"), (":", "#CC79A7"), ("--", "#56B4E9"))
"""Style and colour (of Okabe and Ito's palette for the colour-blind) of a panel's lines."""


def image_of_epochs(rows: Sequence[Mapping[str, float]], title: str, best: int | None) -> bytes:
    """The curves of a training whose epochs are known whole, as a PNG file.

    Args:
        rows: a training's epochs (``hpsearch.training.outcome.Epoch``) as plain values.
        title: as in :func:`curve_image`.
        best: likewise.
    """
    curves = {name: [row[name] for row in rows] for name in rows[0]} if rows else {}
    return curve_image([int(row["epoch"]) for row in rows], curves, title, best)


def curve_image(
    epochs: Sequence[int], curves: Mapping[str, Sequence[float]], title: str, best: int | None
) -> bytes:
    """Curves over the epochs, as a PNG file.

    Args:
        epochs: from 1.
        curves: by the name of the metric, one value for each epoch. What is not there is left
            out, so that the objective's metric alone will do.
        title: shown above.
        best: the epoch that counts, marked; None where it is not known.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415  # half a second, for who looks at one

    task = max(TASKS.values(), key=lambda one: len(curves.keys() & {*one.curves}))
    known = {*task.curves, *METRICS, *_BESIDE}
    own = {name: (name,) for name in curves if name not in known}
    every = {**task.panels, **own, "learning rate": (_RATE,)}
    panels = {label: names for label, names in every.items() if curves.keys() & set(names)}
    heights = [_height(place, names) for place, names in enumerate(panels.values())]
    with _DRAWING:
        figure = Figure(figsize=(5.5, 0.8 + sum(heights)), dpi=120, layout="constrained")
        # No $: matplotlib would take what is between two of them for a formula.
        figure.suptitle(title.replace("$", r"\$"), fontsize=10)
        grid = figure.add_gridspec(max(1, len(panels)), 1, height_ratios=heights or [1])
        for index, (label, names) in enumerate(panels.items()):
            axes = figure.add_subplot(grid[index])
            _draw(axes, epochs, curves, names)
            axes.set_ylabel(label)
            if best is not None:
                axes.axvline(best, color="#7f7f7f", linewidth=0.8, linestyle="--")
        if panels:
            axes.set_xlabel("epoch" if best is None else f"epoch (the best: {best})")
        file = io.BytesIO()
        figure.savefig(file, format="png")
    return file.getvalue()


def _height(place: int, names: Sequence[str]) -> float:
    """Of a panel, in inches."""
    return 1.0 if _RATE in names else _HEIGHTS[min(place, len(_HEIGHTS) - 1)]


def _draw(
    axes: "Axes",
    epochs: Sequence[int],
    curves: Mapping[str, Sequence[float]],
    names: Sequence[str],
) -> None:
    """One panel, of those of the names that there are curves of."""
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415  # see above

    marker = "o" if len(epochs) == 1 else None
    for place, name in enumerate(names):
        if name not in curves:
            continue
        label = metric_of(name).label if name.startswith("val_") else "training"
        style, colour = _LINES[place] if name != _RATE else ("-", "#009E73")
        axes.plot(epochs, curves[name], style, color=colour, label=label, marker=marker)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(visible=True, color="#e4e4e4")
    axes.spines[["top", "right"]].set_visible(False)
    if _RATE not in names:
        axes.legend(frameon=False, fontsize=8)
