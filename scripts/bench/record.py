"""Records what a benchmark measured, with the machine, the date and versions, in results/."""

import csv
import os
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("hpsearch", "tensorflow", "keras", "numpy", "pillow")
Row = tuple[str, float, str]
"""What was measured, how much, of what unit."""


def machine() -> dict[str, str]:
    """Where and when this was measured, and with what."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.split(": ")[1] for line in lines if line.startswith("model name")), "?")
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "processor": model,
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "python": sys.version.split()[0],
        **{name: version(name) for name in PACKAGES},
    }


def shown(value: float) -> str:
    """Four digits, or all of a larger number's."""
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"


def write(name: str, title: str, rows: list[Row]) -> str:
    """Write ``results/NAME.csv`` and ``results/NAME.md`` (- for /); gives the latter's text.

    Args:
        name: of the benchmark's script, "search/scale" for one in a folder.
        title: what was measured.
        rows: in the order in which they are read.
    """
    where = machine()
    RESULTS.mkdir(exist_ok=True)
    file_name = name.replace("/", "-")
    with (RESULTS / f"{file_name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("measure", "value", "unit"))
        writer.writerows((what, shown(value), unit) for what, value, unit in rows)
        writer.writerows((key, value, "") for key, value in where.items())
    lines = [f"# {title}", "", f"Made by `scripts/bench/{name}.py`; all values are of one run.", ""]
    lines += [f"- {key}: {value}" for key, value in where.items()]
    lines += ["", "| measure | value |", "|---|---|"]
    lines += [f"| {what} | {shown(value)} {unit} |" for what, value, unit in rows]
    text = "\n".join(lines) + "\n"
    (RESULTS / f"{file_name}.md").write_text(text, encoding="utf-8")
    return text
