"""The page about a data set: facts, warnings, classes, target, columns and images in one file."""

import base64
from collections.abc import Mapping, Sequence
from html import escape

from hpsearch.data.tables.look import TargetLook
from hpsearch.figures.histogram import STYLE, histogram

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="hpsearch data">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
:root {{ color-scheme: light; }}
body {{ font: 16px/1.5 system-ui, sans-serif; color: #1b1b1b; background: #fff;
  max-width: 62rem; margin: 2.5rem auto; padding: 0 1.25rem; }}
h1 {{ font-size: 1.6rem; margin: 0 0 1.25rem; }}
h2 {{ font-size: 1.15rem; margin: 2.25rem 0 .6rem; }}
dl {{ display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.5rem; margin: 0; }}
dt {{ color: #6b6b6b; }}
dd {{ margin: 0; overflow-wrap: anywhere; }}
.warning {{ border-left: 4px solid #b35900; background: #fff6ea; padding: .5rem .9rem;
  margin: 0 0 .5rem; }}
.warning + dl {{ margin-top: 1.25rem; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ padding: .2rem .75rem .2rem 0; border-bottom: 1px solid #e4e4e4; text-align: right;
  font-variant-numeric: tabular-nums; font-weight: normal; }}
th:first-child {{ text-align: left; overflow-wrap: break-word; min-width: 7rem; }}
.wide {{ overflow-x: auto; }}
thead th {{ color: #6b6b6b; }}
td.bar {{ width: 40%; padding-right: 0; }}
.columns th, .columns td {{ vertical-align: top; }}
.columns :is(th, td):not(:nth-child(3), :nth-child(4)) {{ text-align: left; }}
.columns td:nth-child(n + 5) {{ min-width: 11rem; padding-left: .75rem; }}
.columns thead th:nth-child(n + 5) {{ padding-left: .75rem; }}
{histogram_style}td.bar div {{ background: #0072b2; height: .7rem; }}
img {{ max-width: 100%; height: auto; }}
@media (max-width: 34rem) {{
  .bar {{ display: none; }}
}}
@media print {{
  tr, img {{ break-inside: avoid; }}
  body {{ margin: 0; max-width: none; }}
  .wide {{ overflow: visible; }}
  th:first-child {{ overflow-wrap: anywhere; }}
  td.bar div {{ print-color-adjust: exact; }}
}}
</style>
</head>
<body>
<h1>{title}</h1>
{warnings}<dl>
{facts}
</dl>
{sections}</body>
</html>
"""

_CLASSES = """<h2>Classes</h2>
<div class="wide"><table>
<thead><tr><th scope="col">class</th>{heads}<td class="bar"></td></tr></thead>
<tbody>
{rows}
</tbody>
</table></div>
"""

_COLUMNS = """<h2>Columns</h2>
<div class="wide"><table class="columns">
<thead><tr>{heads}</tr></thead>
<tbody>
{rows}
</tbody>
</table></div>
"""


def data_page(
    title: str,
    *,
    facts: Mapping[str, str],
    parts: Sequence[str],
    classes: Sequence[tuple[str, Sequence[int]]],
    warnings: Sequence[str],
    sheets: Mapping[str, bytes],
    heads: Sequence[str] = (),
    columns: Sequence[Sequence[str]] = (),
    target: TargetLook | None = None,
) -> str:
    """The page as HTML that needs no other file and no network.

    Args:
        title: its heading.
        facts: what the data are, by label.
        parts: names of the parts of the data, the training part first.
        classes: each class's name and its examples in these parts; of a regression none.
        warnings: what is suspicious, a sentence each.
        sheets: sample images as PNG files, by title; none where the examples are no images.
        heads: of the table of columns.
        columns: of a table each input column, its cells below these heads.
        target: of a regression what its target shows.
    """
    sections = [
        _classes(parts, classes) if classes else "",
        _target(target) if target else "",
        _columns(heads, columns) if columns else "",
        *(_pictures(name, sheet) for name, sheet in sheets.items()),
    ]
    return _PAGE.format(
        title=escape(title),
        warnings="".join(f'<p class="warning">{escape(text)}.</p>\n' for text in warnings),
        facts="\n".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts.items()),
        histogram_style=STYLE,
        sections="".join(sections),
    )


def _heads(names: Sequence[str]) -> str:
    return "".join(f'<th scope="col">{escape(name)}</th>' for name in names)


def _classes(parts: Sequence[str], classes: Sequence[tuple[str, Sequence[int]]]) -> str:
    most = max(counts[0] for _, counts in classes)
    rows = "\n".join(_row(name, counts, most) for name, counts in classes)
    return _CLASSES.format(heads=_heads(parts), rows=rows)


def _target(look: TargetLook) -> str:
    """The histogram of the target's values in the training split."""
    label = f"Examples of the training split by {look.name}"
    most = f"<p>The highest bar stands for {max(look.counts):,} examples.</p>\n"
    return f"<h2>{escape(label)}</h2>\n{most}{histogram(look.counts, look.edges, label)}"


def _columns(heads: Sequence[str], columns: Sequence[Sequence[str]]) -> str:
    rows = "\n".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f"<td>{escape(cell).replace(' %', '&nbsp;%')}</td>" for cell in cells)
        + "</tr>"
        for name, *cells in columns
    )
    return _COLUMNS.format(heads=_heads(heads), rows=rows)


def _row(name: str, counts: Sequence[int], most: int) -> str:
    """A class: its examples in each part, and a bar for the first."""
    cells = "".join(f"<td>{count:,}</td>" for count in counts)
    share = 100 * counts[0] / most if most else 0
    bar = f'<td class="bar" aria-hidden="true"><div style="width: {share:.1f}%"></div></td>'
    return f'<tr><th scope="row">{escape(name)}</th>{cells}{bar}</tr>'


def _pictures(title: str, sheet: bytes) -> str:
    data = base64.b64encode(sheet).decode()
    return (
        f"<h2>{title}</h2>\n"
        f'<img alt="{title}, sorted by class or by target" src="data:image/png;base64,{data}">\n'
    )
