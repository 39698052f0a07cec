"""A histogram as HTML and SVG, for pages that run no script."""

from collections.abc import Sequence
from html import escape
from itertools import pairwise

from hpsearch.figures.style import BLUE
from hpsearch.text import brief

_WIDTH, _HEIGHT = 600, 100
"""Of the drawing, in units of its own: it is stretched to its place."""

STYLE = """\
.histogram { margin: 0; max-width: 46rem; }
.histogram svg { display: block; width: 100%; height: 11rem; border-bottom: 1px solid #6b6b6b; }
.histogram figcaption { display: flex; justify-content: space-between; color: #6b6b6b; }
"""
"""The style that it needs on its page."""


def histogram(counts: Sequence[int], edges: Sequence[float], label: str) -> str:
    """Bars over an axis of which both ends and the middle are labelled.

    Each bar says what it is where the pointer rests on it.

    Args:
        counts: of each bin, at least one of them above 0.
        edges: of the bins, of equal width, ascending, one more than counts.
        label: what is counted, for those who cannot see it.
    """
    step, most = _WIDTH / len(counts), max(counts)
    bars = "\n".join(
        f'<rect x="{i * step:g}" y="{_HEIGHT - (high := _HEIGHT * number / most):.2f}"'
        f' width="{0.95 * step:g}" height="{high:.2f}"><title>{brief(low)} to {brief(end)}:'
        f" {number:,}</title></rect>"
        for i, (number, (low, end)) in enumerate(zip(counts, pairwise(edges), strict=True))
    )
    ends = edges[0], (edges[0] + edges[-1]) / 2, edges[-1]
    return (
        f'<figure class="histogram"><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" fill="{BLUE}" role="img"'
        f' preserveAspectRatio="none" aria-label="{escape(label)}">\n{bars}\n</svg>\n<figcaption>'
        f"{''.join(f'<span>{brief(value)}</span>' for value in ends)}</figcaption></figure>\n"
    )
