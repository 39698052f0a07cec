"""Compares methods on twelve real tables, five random splits each.

    .venv/bin/python scripts/bench/tables/compare.py FOLDER [--method linear --method trees ...]
        [--table diamonds ...] [--splits 5] [--seconds 600] [--results FILE]

The tables are written to FOLDER as CSV files where they are not there, by an environment of its
own, .venv-tables, made from tables.lock. Each method of methods.py (all unless some are named)
learns from 80 % of the rows, of which 20 % are there to choose by, and is tested on 20 %. Results:
results/tables.jsonl beside the other benchmarks', a line a table, split and method, and tables.md.
Lines that are there already are not done again: the command goes on where it was cut off.
"""

import argparse
import json
import subprocess
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

from methods import METHODS, scores
from ranks import report
from sets import TABLES
from sklearn.exceptions import ConvergenceWarning
from splits import SPLITS, Problem, problem

sys.path.append(str(Path(__file__).parents[1]))
from environment import make_environment  # isort: skip  # of the folder above
from record import RESULTS, machine  # isort: skip  # of the folder above

HERE = Path(__file__).parent


def write_tables(folder: Path) -> None:
    """The CSV files that are not there."""
    if not all((folder / f"{table.name}.csv").exists() for table in TABLES):
        python = make_environment(".venv-tables", HERE / "tables.lock", "about 0.5 GB, a minute")
        command = [str(python), str(HERE / "write_sets.py"), str(folder)]
        subprocess.run(command, check=True)  # noqa: S603 - ourselves


def rows_of(file: Path) -> list[dict[str, Any]]:
    """The results so far."""
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def measured(name: str, seconds: float, task: Problem) -> dict[str, Any]:
    """One method on one table in one split: a line of the results."""
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        predictions = METHODS[name].predict(task, seconds)
    return {
        "table": task.table.name,
        "split": task.split,
        "method": name,
        "given": seconds,
        **scores(task, task.test, predictions),
        "seconds": time.perf_counter() - began,
        "machine": {**machine(), "scikit-learn": version("scikit-learn")},
    }


def chosen() -> argparse.Namespace:
    """What was asked for."""
    names = [table.name for table in TABLES]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--method", action="append", choices=METHODS)
    parser.add_argument("--table", action="append", choices=names)
    parser.add_argument("--splits", type=int, default=SPLITS, choices=range(1, SPLITS + 1))
    parser.add_argument("--seconds", type=float, default=600.0, help="that a method may search")
    parser.add_argument("--results", type=Path, default=RESULTS / "tables.jsonl")
    return parser.parse_args()


def main() -> None:
    """Measure what is not there yet, and write the report."""
    asked = chosen()
    write_tables(asked.folder)
    done = {(r["table"], r["split"], r["method"], r["given"]) for r in rows_of(asked.results)}
    tables = [table for table in TABLES if not asked.table or table.name in asked.table]
    for split in range(asked.splits):
        for table in tables:
            for name in asked.method or METHODS:
                given = asked.seconds if METHODS[name].searches else 0.0
                if (table.name, split, name, given) in done:
                    continue
                row = measured(name, given, problem(asked.folder, table, split))
                with asked.results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
                print(json.dumps({k: v for k, v in row.items() if k != "machine"}), flush=True)
    text = report(rows_of(asked.results))
    asked.results.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
