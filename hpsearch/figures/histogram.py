"""A histogram as SVG, for pages that run no script."""

from collections.abc import Sequence
from html import escape
from itertools import pairwise

from hpsearch.figures.style import BLUE

_WIDTH, _HEIGHT = 720, 200
_BELOW = 26
"""Of the height, for the numbers below the bars."""


def histogram(counts: Sequence[int], edges: Sequence[float], label: str) -> str:
    """Bars of equal width over an axis of which both ends and the middle are labelled.

    Each bar says what it is where the pointer rests on it.

    Args:
        counts: of each bin, at least one of them above 0.
        edges: of the bins, ascending, one more than counts.
        label: what is counted, for those who cannot see it.
    """
    step, most, top = _WIDTH / len(counts), max(counts), _HEIGHT - _BELOW
    bars = "\n".join(
        f'<rect x="{i * step:.1f}" y="{top - (high := top * number / most):.1f}"'
        f' width="{step - 1:.1f}" height="{high:.1f}" fill="{BLUE}">'
        f"<title>{low_edge:g} to {high_edge:g}: {number:,}</title></rect>"
        for i, (number, (low_edge, high_edge)) in enumerate(
            zip(counts, pairwise(edges), strict=True)
        )
    )
    ends = (("start", 0, edges[0]), ("middle", _WIDTH / 2, (edges[0] + edges[-1]) / 2),
            ("end", _WIDTH, edges[-1]))  # fmt: skip
    texts = "".join(
        f'<text x="{x:g}" y="{_HEIGHT - 6}" text-anchor="{anchor}">{value:.6g}</text>'
        for anchor, x, value in ends
    )
    return (
        f'<svg class="histogram" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"'
        f' aria-label="{escape(label)}">\n{bars}\n'
        f'<line x1="0" y1="{top}" x2="{_WIDTH}" y2="{top}" stroke="#6b6b6b"/>\n{texts}</svg>\n'
    )
