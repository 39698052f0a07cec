"""Compares kinds of networks that were searched, confirmed and evaluated for the same data.

    .venv/bin/python scripts/bench/families.py HOME STUDY ...

Reads studies of a data home and trains nothing: each was searched (``hpsearch run``), for the same
time by the same machine if it is to say anything, confirmed (``hpsearch confirm``) and evaluated
(``hpsearch evaluate``, and ``--refit`` where that row is wanted). Results: results/families.csv and
families.md, and families.png with the parameters and validation accuracy of all trials.
"""

import sys
import tempfile
from pathlib import Path
from statistics import fmean
from typing import Any

from playwright.sync_api import sync_playwright
from record import RESULTS, Row, write

from hpsearch.config import describe
from hpsearch.figures.parameters import parameters_figure
from hpsearch.figures.points import Point, points
from hpsearch.home import Home
from hpsearch.outputs.test_access import accesses
from hpsearch.search import trials as trials_of
from hpsearch.search.attributes import EPOCHS_KEY, GAP_KEY, MACS_KEY, SECONDS_KEY
from hpsearch.search.lookup import load_study
from hpsearch.search.storage.opening import open_storage
from hpsearch.search.study import OpenStudy
from hpsearch.services.confirmed import confirmed
from hpsearch.tasks.metric import Metric


def rows_of(study: OpenStudy, home: Home) -> list[Row]:
    """What a study came to."""
    known = confirmed(study)
    if known is None:
        sys.exit(f"{study.name}: is not confirmed")
    winner = known.verdict.winner
    trial = trials_of.find(study, int(winner.name))
    config = trials_of.config(study, trial)
    if config is None:
        sys.exit(f"{study.name}: {winner.name} has no configuration")
    runs = [*known.runs[winner.name].values()]
    counts = study.counts()

    def mean(key: str) -> float:
        return fmean(float(run.user_attrs[key]) for run in runs)

    name = study.name
    rows: list[Row] = [
        (f"{name}: trials complete", counts.complete, ""),
        (f"{name}: trials pruned", counts.pruned, ""),
        (f"{name}: winner in the search ({describe(config)})", 100 * float(trial.values[0]), "%"),
        (f"{name}: confirmed, mean of {len(runs)} seeds", 100 * winner.mean, "%"),
    ]
    if winner.interval is not None:
        rows += [
            (f"{name}: confirmed, 95 % interval, low", 100 * winner.interval.low, "%"),
            (f"{name}: confirmed, 95 % interval, high", 100 * winner.interval.high, "%"),
        ]
    rows += [
        (f"{name}: test accuracy, {how}", 100 * accuracy, "%")
        for how, accuracy in tested(study, home).items()
    ]
    return [
        *rows,
        (f"{name}: parameters", winner.parameters, ""),
        (f"{name}: MACs", trial.user_attrs[MACS_KEY], ""),
        (f"{name}: an epoch", mean(SECONDS_KEY) / mean(EPOCHS_KEY), "s"),
        (f"{name}: training less validation accuracy", 100 * mean(GAP_KEY), "points"),
    ]


def tested(study: OpenStudy, home: Home) -> dict[str, float]:
    """The mean test accuracy of a study's evaluations: the last one of each command."""
    found: dict[str, float] = {}
    for access in accesses(study, home):
        if access.study == study.name and access.result is not None:
            found[access.opened_by] = fmean(access.result["accuracy"])
    return found


def draw(found: list[Point], metric: Metric, file: Path) -> None:
    """The figure of all trials as a picture, by Debian's Chromium."""
    figure = parameters_figure(found, metric)
    figure.update_layout(width=900, height=520)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        page_file = Path(folder) / "figure.html"
        figure.write_html(page_file, include_plotlyjs=True)
        browser = driver.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND"],
        )
        page = browser.new_page(viewport={"width": 920, "height": 540})
        page.goto(page_file.as_uri())
        page.wait_for_timeout(2000)
        page.screenshot(path=file)
        browser.close()


def main() -> None:
    """Read the studies, and write the table and the figure."""
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    home = Home(Path(sys.argv[1]).resolve())
    storage = open_storage(home.storage_url(), create=False)
    rows: list[Row] = []
    found: list[Point] = []
    for name in sys.argv[2:]:
        study = load_study(storage, name)
        rows += rows_of(study, home)
        seen = [trial for trial in study.trials() if trials_of.is_complete(trial)]
        told: list[dict[str, Any]] = [trials_of.row(study, trial) for trial in seen]
        curves = [trial.intermediate_values for trial in seen]
        found += points(told, curves, {})
    print(write("families", "Kinds of networks, searched for the same time", rows))
    draw(found, study.file.objective.measure, RESULTS / "families.png")


if __name__ == "__main__":
    main()
