"""Records what a benchmark measured, with the machine, the date and versions, in results/."""

import csv
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("hpsearch", "tensorflow", "keras", "numpy", "pillow")
Row = tuple[str, float, str]
"""What was measured, how much, of what unit."""


@dataclass(frozen=True)
class Growing:
    """A table in results/ to which a long benchmark adds as it goes, so that it can be cut off."""

    name: str
    """Of the file, without ``.csv``."""
    columns: tuple[str, ...]

    @property
    def path(self) -> Path:
        """The file; it is not there before the first rows."""
        return RESULTS / f"{self.name}.csv"

    def rows(self) -> list[dict[str, str]]:
        """What is in it so far."""
        if not self.path.exists():
            return []
        with self.path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows; columns that one lacks stay empty."""
        RESULTS.mkdir(exist_ok=True)
        is_new = not self.path.exists()
        with self.path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, self.columns, lineterminator="\n")
            if is_new:
                writer.writeheader()
            writer.writerows(rows)


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
