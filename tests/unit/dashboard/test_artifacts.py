"""The files of a trial, asked for as the dashboard's page does."""

import csv
import io
import json
import math
from collections.abc import Callable
from typing import Any
from wsgiref.util import setup_testing_defaults

import fakes
import optuna
import pytest
from optuna.artifacts import get_all_artifact_meta
from PIL import Image

from hpsearch.dashboard.publish import publish
from hpsearch.dashboard.server import application
from hpsearch.errors import Failure, TrialFailedError
from hpsearch.formats import read_file
from hpsearch.home import Home
from hpsearch.objective import Objective
from hpsearch.outputs import listed as search_artifacts
from hpsearch.recipe import Recipe, parse_recipe
from hpsearch.search import claims, trials
from hpsearch.search.study import OpenStudy
from hpsearch.tasks.classification import CLASSIFICATION
from hpsearch.training import curves
from hpsearch.training.outcome import Epoch, Outcome, Watch

Get = Callable[[str], tuple[int, bytes]]


@pytest.fixture
def study(
    open_study: Callable[..., OpenStudy],
    home: Home,
    build_once: Callable[[Callable[[], OpenStudy]], OpenStudy],
) -> OpenStudy:
    """A study with one complete trial, whose folder has curves, and one that failed."""

    def train(recipe: Recipe, parts: Any, run: Any, watch: Watch) -> Outcome:
        if run.name == "trial-00001":
            watch.on_epoch(EPOCHS[0])
            raise TrialFailedError(Failure.DIVERGED, "NaN", epoch=2)
        if run.name == "trial-00002":
            raise TrialFailedError(Failure.DIVERGED, "NaN", epoch=1)
        outcome = fakes.train(recipe, parts, run, watch)
        curves.start(run, CLASSIFICATION.curves, outcome.curves)
        return outcome

    def make() -> OpenStudy:
        opened = open_study(pruner={"type": "none"}, enqueue=[{"layers": 2}])
        job = Objective(study=opened, parts=fakes.parts(), home=home, trainer=train)
        for _ in range(3):
            job.run_one()
        return opened

    return build_once(make)


EPOCHS = [
    Epoch(
        epoch=1,
        values=dict(zip(CLASSIFICATION.curves, (1.0, 0.5, 1.0, 0.5, 0.5, 0.5, 0.5), strict=True)),
        learning_rate=0.1,
        seconds=1.0,
    )
]


@pytest.fixture
def get(study: OpenStudy, home: Home) -> Get:
    """Asks the application for a path; status and body."""
    app = application(study.storage, home)
    return lambda path: ask(app, path)


def ask(app: Any, path: str) -> tuple[int, bytes]:
    environ: dict[str, Any] = {"PATH_INFO": path, "REQUEST_METHOD": "GET"}
    setup_testing_defaults(environ)
    status: list[int] = []
    body = app(environ, lambda line, *_: status.append(int(line.split()[0])))
    return status[0], b"".join(body)


def listed(study: OpenStudy, number: int) -> set[str]:
    """What a trial lists, as Optuna reads it."""
    metas = get_all_artifact_meta(study.trials()[number], storage=study.storage)
    return {meta.filename for meta in metas}


def test_trials_list_what_they_have(study: OpenStudy) -> None:
    assert listed(study, 0) == {"curves.png", "curves.csv", "recipe.toml"}
    assert listed(study, 1) == {"curves.png", "curves.csv"}
    assert listed(study, 2) == set()


def test_the_page_is_told_of_them(study: OpenStudy, get: Get) -> None:
    status, body = get("/api/studies/1")
    assert status == 200
    told = [
        {one["artifact_id"] for one in trial["artifacts"]} for trial in json.loads(body)["trials"]
    ]
    assert told == [listed(study, number) for number in range(3)]


def test_the_figure_is_drawn_from_the_folder_or_the_data_base(
    study: OpenStudy, get: Get, home: Home
) -> None:
    status, whole = get("/artifacts/1/1/curves.png")
    assert status == 200
    high = Image.open(io.BytesIO(whole)).size[1]
    (home.trial_run(study.name, 0) / "curves.csv").unlink()
    status, rest = get("/artifacts/1/1/curves.png")
    assert status == 200
    assert Image.open(io.BytesIO(rest)).size[1] < high  # the objective's metric alone
    status, table = get("/artifacts/1/1/curves.csv")
    assert status == 200
    assert table.decode().splitlines()[0] == "epoch,val_accuracy"
    assert len(table.decode().splitlines()) == 6
    assert get("/artifacts/1/2/curves.png")[0] == 200  # one that failed


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_figure_of_what_is_no_number(
    open_study: Callable[..., OpenStudy], home: Home, value: float
) -> None:
    opened = open_study(objective={"metric": "val_loss"})
    trial = claims.claim(opened)
    assert trial is not None
    trial.report(value, 1)
    trial.report(0.5, 2)
    key = opened.trial_id(0)
    assert ask(application(opened.storage, home), f"/artifacts/1/{key}/curves.png")[0] == 404
    opened.storage.annotate(key, {}, search_artifacts.listed(["curves.png"]))
    status, picture = ask(application(opened.storage, home), f"/artifacts/1/{key}/curves.png")
    assert status == 200
    assert Image.open(io.BytesIO(picture)).format == "PNG"


def test_the_table_is_the_file(get: Get) -> None:
    status, body = get("/artifacts/1/1/curves.csv")
    assert status == 200
    rows = list(csv.DictReader(body.decode().splitlines()))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4, 5]
    assert get("/artifacts/1/2/curves.csv")[1] == b"epoch,val_accuracy\n1,0.5\n"


def test_the_recipe_is_that_of_the_trial(study: OpenStudy, get: Get, tmp_path: Any) -> None:
    status, body = get("/artifacts/1/1/recipe.toml")
    assert status == 200
    file = tmp_path / "recipe.toml"
    file.write_bytes(body)
    recipe = parse_recipe(read_file(file), file)
    assert recipe.config == trials.config(study, study.trials()[0])


@pytest.mark.parametrize(
    "path",
    [
        "/artifacts/1/3/curves.png",  # a trial that lists none
        "/artifacts/1/2/recipe.toml",  # nor this one that
        "/artifacts/1/99/curves.png",
        "/artifacts/99/1/curves.png",
        "/artifacts/1/1/other.png",
    ],
)
def test_what_is_not_there(get: Get, path: str) -> None:
    assert get(path)[0] == 404


def test_a_study_of_another_program(study: OpenStudy, get: Get) -> None:
    other = optuna.create_study(storage=study.storage, study_name="other")
    trial = other.ask()
    other.tell(trial, 1.0)
    key = study.storage.get_study_id_from_name("other")
    trial_id = study.storage.get_trial_id_from_study_id_trial_number(key, 0)
    assert get(f"/artifacts/{key}/{trial_id}/curves.png")[0] == 404
    assert get(f"/artifacts/{key}/1/curves.png")[0] == 404  # a trial of another study
    assert get(f"/api/studies/{key}")[0] == 200


def test_figures_come_in_the_order_of_their_ids(study: OpenStudy, get: Get, home: Home) -> None:
    publish(study, home, [])
    figures = json.loads(get("/api/studies/1")[1])["plotly_graph_objects"]
    ids = [figure["id"] for figure in figures]
    assert ids == sorted(ids)
    assert {one[:2] for one in ids} == {f"{number}-" for number in range(1, 8)}
