"""Several figures on one page that needs no network."""

from collections.abc import Mapping
from html import escape
from pathlib import Path

import plotly.graph_objects as go

from hpsearch.files import write_text


def write_figures(path: Path, title: str, figures: Mapping[str, go.Figure]) -> None:
    """Write figures as one HTML page, one below the other.

    Args:
        path: the file.
        title: of the page.
        figures: by name, in their order.

    Raises:
        UnreachableError: the file cannot be written.
    """
    config = {"displaylogo": False, "responsive": True}
    parts = [
        figure.to_html(full_html=False, include_plotlyjs=not place, config=config)
        for place, figure in enumerate(figures.values())
    ]
    head = '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
    head += '<meta name="viewport" content="width=device-width, initial-scale=1">'
    style = "<style>body { max-width: 44rem; margin: 1rem auto; }</style></head><body>"
    top = f"{head}<title>{escape(title)}</title>{style}"
    write_text(path, "\n".join([top, *parts, "</body></html>\n"]))
