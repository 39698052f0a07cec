"""``hpsearch report``: every number on its page is held against what the other commands print."""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import fakes
import forked
import optuna
import pytest
from browser import browsing, needs_chromium, watched
from commandline import Cli
from made import make_study
from optuna.importance import get_param_importances
from pages import Sections, numbers
from playwright.sync_api import Browser

from hpsearch.config import TrialConfig, describe
from hpsearch.data.parts import Parts
from hpsearch.errors import Failure, TrialFailedError
from hpsearch.parsing import parse
from hpsearch.recipe import Recipe
from hpsearch.study_file import load
from hpsearch.tasks.interval import wilson
from hpsearch.training.outcome import Outcome, Watch

pytestmark = pytest.mark.timeout(180)

BASELINE = """
[baseline]
layers = 1
units = 16
optimizer = { type = "sgd", learning_rate = 0.05 }
"""


def moody(recipe: Recipe, parts: Parts, run: Path, watch: Watch) -> Outcome:
    """Trains without TensorFlow; some configurations diverge."""
    if recipe.config.optimizer.learning_rate > 0.05:
        raise TrialFailedError(Failure.DIVERGED, "the loss is <b>NaN</b>", epoch=2)
    return fakes.train(recipe, parts, run, watch, seconds=0.002)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """A folder with a study of 40 trials, some pruned and some failed, and its report."""
    cli = Cli(tmp_path_factory.mktemp("searched"))
    file = cli.study_file(trials=40, epochs=6)
    lenient = '[pruner]\ntype = "median"\nn_startup_trials = 15\n'
    file.write_text(file.read_text() + BASELINE + lenient)
    make_study(cli, file, moody)
    cli("report", "small", "-o", "report.html")
    return cli


@pytest.fixture(scope="module")
def page(searched: Cli) -> Sections:
    """The report's page."""
    return Sections((searched.folder / "report.html").read_text())


@pytest.fixture(scope="module")
def rows(searched: Cli) -> list[dict[str, Any]]:
    """What ``trials --json`` prints."""
    found: list[dict[str, Any]] = searched.json("trials", "small")
    assert {row["state"] for row in found} == {"complete", "pruned", "failed"}
    return found


@pytest.fixture(scope="module")
def show(searched: Cli) -> dict[str, Any]:
    """What ``show --json`` prints."""
    found: dict[str, Any] = searched.json("show", "small")
    return found


def leaders(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    complete = [row for row in rows if row["state"] == "complete"]
    complete.sort(key=lambda row: -row["values"][0])
    return complete[: max(5, math.ceil(len(complete) / 10))]


def line(row: dict[str, Any]) -> str:
    return describe(parse(TrialConfig, row["config"], "row"))


def test_the_answer(page: Sections, rows: list[dict[str, Any]], show: dict[str, Any]) -> None:
    best, text = leaders(rows)[0], page.texts["answer"]
    assert f"{best['values'][0]:.4f}" == f"{show['best']:.4f}" == text.split()[0]
    assert f"the best of {show['complete']} complete trials: trial {best['number']}" in text
    assert line(best) in text
    known = [
        f"{show['best']:.4f}", str(show["complete"]), str(best["number"]),
        f"{best['parameters']:,}", str(best["best_epoch"]), f"{best['train_accuracy']:.4f}",
        f"{best['gap']:+.4f}",
    ]  # fmt: skip
    examples = show["dataset"]["validation"]
    low, high = wilson(round(best["values"][0] * examples), examples)
    known += [str(examples), "95", f"{low:.4f}", f"{high:.4f}"]
    baseline = describe(parse(TrialConfig, show["study_file"]["baseline"], "baseline"))
    assert f"({baseline}) has no value yet" in " ".join(text.split())
    rest = " ".join(text.split()).replace(line(best), "").replace(baseline, "")
    assert Counter(numbers(rest)) == Counter(known)


def test_the_head(page: Sections, show: dict[str, Any]) -> None:
    head = [str(show["counted"]), str(show["trials"])]
    assert [n for n in numbers(page.texts[""]) if n.strip("-")] == head


def test_the_best_trials(page: Sections, rows: list[dict[str, Any]]) -> None:
    ((_, *found),) = page.tables["best-trials"]
    assert found == [
        [
            str(row["number"]), f"{row['values'][0]:.4f}", f"{row['train_accuracy']:.4f}",
            f"{row['gap']:+.4f}", f"{row['parameters']:,}", str(row["epochs"]),
            f"{row['seconds']:,.1f}", line(row),
        ]
        for row in leaders(rows)
    ]  # fmt: skip


def test_time_and_failures(
    page: Sections, rows: list[dict[str, Any]], show: dict[str, Any]
) -> None:
    (_, *time), (_, *failures) = page.tables["time"]
    spent = {
        state: math.fsum(row["seconds"] for row in rows if row["state"] == state)
        for state in ("complete", "pruned", "failed")
    }
    total = sum(spent.values())
    for (what, *cells), (state, seconds) in zip(time, spent.items(), strict=True):
        those = [row for row in rows if row["state"] == state]
        assert what == {"complete": "kept", "pruned": "pruned", "failed": "wasted"}[state]
        assert cells == [
            str(len(those)), str(sum(row["epochs"] for row in those)), f"{seconds:,.1f}",
            f"{100 * seconds / total:.1f} %",
        ]  # fmt: skip
    failed = [row for row in rows if row["state"] == "failed"]
    first = str(failed[0]["number"])
    assert failures == [["diverged", str(len(failed)), first, "the loss is <b>NaN</b>"]]
    assert numbers(page.texts["time"]) == [f"{show['seconds']:,.1f}"]


def test_what_mattered(
    searched: Cli, page: Sections, rows: list[dict[str, Any]], show: dict[str, Any]
) -> None:
    *effects, (_, *shares), (head, *fields) = page.tables["mattered"]
    learnt = searched.json("report", "small")["learnt"]
    assert learnt["trials"] == show["complete"] + show["pruned"]
    assert [rows[1:] for rows in effects] == [
        [
            [one["compared"], one["size"], f"{one['trials']} against {one['others']}"]
            for one in learnt[kind]
        ]
        for kind in ("greatest", "effects")
    ]
    untold = page.texts["mattered"]
    assert all(one["sentence"] in " ".join(untold.split()) for one in learnt["untold"])
    shown = searched.json("show", "small")["learnt"]
    assert [one["gain"] for one in shown["effects"]] == [one["gain"] for one in learnt["effects"]]
    study = optuna.load_study(study_name="small", storage=f"sqlite:///{searched.database}")
    told = searched.json("report", "small")["importances"]
    assert {one["name"] for one in told} == get_param_importances(study).keys()
    assert [row[:3] for row in shares] == [
        [one["name"], f"{100 * one['share']:.1f} %",
         f"{100 * one['low']:.1f} % to {100 * one['high']:.1f} %"] for one in told[:12]
    ]  # fmt: skip
    assert all(one["low"] <= one["share"] <= one["high"] for one in told)
    best = leaders(rows)
    assert head[2] == f"in the best {len(best)}"
    space = show["study_file"]["space"]
    units = sorted(width for row in best for width in row["config"]["units"])
    low, high = space["units"]["low"], space["units"]["high"]
    assert ["units", f"{low} to {high}, logarithmic, for each layer",
            f"{units[0]} to {units[-1]}, middle {units[len(units) // 2]}"] in fields  # fmt: skip
    kinds = Counter(row["config"]["optimizer"]["type"] for row in best).most_common()
    chosen = ", ".join(f"{kind} ({times} x)" for kind, times in kinds)
    assert ["optimizer", 'one of ["adam", "sgd"]', chosen] in fields
    for kind in ("adam", "sgd"):
        rates = sorted(
            row["config"]["optimizer"]["learning_rate"]
            for row in best
            if row["config"]["optimizer"]["type"] == kind
        )
        ends = space["optimizer"][kind]["learning_rate"]
        words = (
            f"{rates[0]:.4g} to {rates[-1]:.4g}, middle {rates[len(rates) // 2]:.4g}"
            if rates
            else "none"
        )
        searched_in = f"{ends['low']} to {ends['high']}, logarithmic"
        assert [f"{kind}.learning_rate", searched_in, words] in fields
    # The interval's ninety percent, and how many trials it is from.
    common = page.texts["mattered"].partition("What the best have in common")[2]
    assert numbers(common) == [str(show["complete"]), "90"]


def test_the_environment(page: Sections, rows: list[dict[str, Any]], show: dict[str, Any]) -> None:
    data, text = show["dataset"], " ".join(page.texts["environment"].split())
    host, _, _ = rows[0]["worker"].rpartition(":")
    assert f"{host} ({rows[0]['device']}): {len(rows)} trials" in text
    sizes = [f"{data[key]:,}" for key in ("train", "validation", "test")]
    sides = [str(side) for side in data["input_shape"]]
    counted = [*sizes, *sides, str(len(data["class_names"])), str(len(rows))]
    assert f"precision{show['precision']}" in text
    assert numbers(text.replace(host, "").replace(show["precision"], "")) == counted


def test_what_to_try_next_runs(searched: Cli, page: Sections) -> None:
    after = searched.json("report", "small")["next"]
    file = searched.folder / "next.toml"
    file.write_text(after["text"])
    assert load(file).name == after["name"] == "small-2"
    for change in after["changes"]:
        assert change in page.texts["next"]
    searched.train_quickly()
    forked.run(searched, "run", "next.toml", "--trials", "1", "--workers", "1")
    assert [row["state"] for row in searched.rows("small-2")] == ["complete"]


def test_all_figures_are_there(searched: Cli) -> None:
    text = (searched.folder / "report.html").read_text()
    # Of two gaps one: neither dropout nor L2 is searched, but batch normalisation is.
    assert text.count('class="plotly-graph-div"') == 8
    assert "L2 factor" not in text
    assert 'http-equiv="Content-Security-Policy"' in text


_LINES = """words => words.map(word => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const at = walker.currentNode.data.indexOf(word), range = document.createRange();
        if (at < 0 || !walker.currentNode.parentElement.closest("td")) continue;
        range.setStart(walker.currentNode, at);
        range.setEnd(walker.currentNode, at + word.length);
        return range.getClientRects().length;
    }
})"""
"""On how many lines a word stands where it first occurs in a table."""

_UNDER_BARS = """() => [...document.querySelectorAll(".figures .js-plotly-plot")].filter(figure => {
    const title = figure.querySelector(".gtitle").getBoundingClientRect();
    const bar = figure.querySelector(".modebar").getBoundingClientRect();
    return title.top < bar.bottom && title.right > bar.left;
}).map(figure => figure.id)"""


@needs_chromium
@pytest.mark.parametrize("width", [1280, 420])
def test_it_is_read_in_a_browser(searched: Cli, chromium: Browser, width: int) -> None:
    with browsing(chromium, width) as context:
        page, wrong = watched(context)
        page.goto((searched.folder / "report.html").as_uri())
        page.wait_for_function("document.querySelectorAll('.main-svg').length >= 14")
        # Nothing sticks out: what is wider scrolls within itself.
        assert page.evaluate("document.documentElement.scrollWidth") == width
        inside = page.evaluate(
            "[...document.querySelectorAll('.figures > div')].every(box =>"
            " [...box.querySelectorAll('.main-svg')].every(svg =>"
            " svg.getBoundingClientRect().width <= box.clientWidth + 1))"
        )
        assert inside
        # A word of a table is in one piece, and plotly's bar lies over no title.
        assert page.evaluate(_LINES, ["glorot_uniform", "logarithmic,"]) == [1, 1]
        assert page.evaluate(_UNDER_BARS) == []
        assert page.locator("#time b").count() == 0  # a message is a text
        assert len(page.pdf()) > 50_000
        assert wrong == []


def test_a_baseline_and_new_seeds_are_named(searched: Cli) -> None:
    best = searched.json("best", "small")
    fingerprint = searched.json("show", "small")["dataset"]["fingerprint"]
    for name, options, value in (("base", ["--baseline"], 0.5), ("best", [], 0.8)):
        folder = searched.home / "trained" / f"{name}-seed1"
        folder.mkdir(parents=True, exist_ok=True)
        searched("export", "small", *options, "-o", f"{name}.toml")
        recipe = (searched.folder / f"{name}.toml").read_text()
        seed = next(text for text in recipe.splitlines() if text.startswith("seed = "))
        (folder / "recipe.toml").write_text(recipe.replace(seed, "seed = 1"))
        result = {"values": [value], "fingerprint": fingerprint}
        (folder / "result.json").write_text(json.dumps(result))
    searched("report", "small", "-o", "again.html")
    text = " ".join(Sections((searched.folder / "again.html").read_text()).texts["answer"].split())
    assert "Trained again with 1 other seed: 0.8000 on average" in text
    gain = f"{best['values'][0] - 0.5:+.4f}"
    assert f"0.5000. Against it the best is {gain}, trained again +0.3000." in text


def test_wrong_names_are_refused(searched: Cli) -> None:
    assert ".html" in searched("report", "small", "-o", "report.pdf", code=2).stderr
    assert "nothing: not found" in searched("report", "nothing", code=2).stderr
    assert "cannot be" in searched("report", "small", "-o", "/proc/x.html", code=3).stderr
