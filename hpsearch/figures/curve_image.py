"""A trial's curves as a PNG: the page of one trial shows pictures, but no Plotly figures."""

import io
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DRAWING = threading.Lock()
"""Matplotlib's caches (of fonts, above all) are not made for several threads."""

_PANELS = {
    "accuracy": ("accuracy", "val_accuracy", "val_f1_macro"),
    "cross-entropy": ("loss", "val_loss"),
    "learning rate": ("learning_rate",),
}
"""What is drawn together, by the axis' label."""

_HEIGHTS = {"accuracy": 2.4, "cross-entropy": 1.8, "learning rate": 1.0}
"""Of the panels, in inches."""

_LINES = {
    "accuracy": ("training", "#0072B2", "-"),
    "val_accuracy": ("validation", "#D55E00", "-"),
    "val_f1_macro": ("validation, macro F1", "#CC79A7", ":"),
    "loss": ("training", "#0072B2", "-"),
    "val_loss": ("validation", "#D55E00", "-"),
    "learning_rate": ("", "#009E73", "-"),
}
"""Label, colour (of Okabe and Ito's palette for the colour-blind) and style."""


def image_of_epochs(rows: Sequence[Mapping[str, float]], title: str, best: int | None) -> bytes:
    """The curves of a training whose epochs are known whole, as a PNG file.

    Args:
        rows: a training's epochs (``hpsearch.training.outcome.Epoch``) as plain values.
        title: as in :func:`curve_image`.
        best: likewise.
    """
    curves = {name: [row[name] for row in rows] for name in _LINES}
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

    panels = {label: names for label, names in _PANELS.items() if curves.keys() & set(names)}
    heights = [_HEIGHTS[label] for label in panels]
    with _DRAWING:
        figure = Figure(figsize=(5.5, 0.8 + sum(heights)), dpi=120, layout="constrained")
        # No $: matplotlib would take what is between two of them for a formula.
        figure.suptitle(title.replace("$", r"\$"), fontsize=10)
        grid = figure.add_gridspec(max(1, len(panels)), 1, height_ratios=heights or [1])
        for index, (label, names) in enumerate(panels.items()):
            axes = figure.add_subplot(grid[index])
            _draw(axes, epochs, {name: curves[name] for name in names if name in curves})
            axes.set_ylabel(label)
            if best is not None:
                axes.axvline(best, color="#7f7f7f", linewidth=0.8, linestyle="--")
        if panels:
            axes.set_xlabel("epoch" if best is None else f"epoch (the best: {best})")
        file = io.BytesIO()
        figure.savefig(file, format="png")
    return file.getvalue()


def _draw(axes: "Axes", epochs: Sequence[int], curves: Mapping[str, Sequence[float]]) -> None:
    """One panel."""
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415  # see above

    marker = "o" if len(epochs) == 1 else None
    for name, values in curves.items():
        label, colour, style = _LINES[name]
        axes.plot(epochs, values, style, color=colour, label=label, marker=marker)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(visible=True, color="#e4e4e4")
    axes.spines[["top", "right"]].set_visible(False)
    if any(_LINES[name][0] for name in curves):
        axes.legend(frameon=False, fontsize=8)
