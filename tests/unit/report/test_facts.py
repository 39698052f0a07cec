"""What the report says, gathered and written, for studies of every kind."""

import base64
import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from html.parser import HTMLParser
from types import MappingProxyType
from typing import Any

import numpy as np
import optuna
import plotly.graph_objects as go
import pytest
from averaged import ensemble
from optuna.trial import FrozenTrial, TrialState, create_trial
from plotly.offline import get_plotlyjs

from hpsearch.data.record import Access
from hpsearch.errors import Failure
from hpsearch.outputs.trainings import Training
from hpsearch.reference.reference import Reference
from hpsearch.report.facts import facts
from hpsearch.report.page import _tested, page
from hpsearch.search import claims, trials
from hpsearch.search.effects import effects
from hpsearch.search.ensemble import keep_ensemble
from hpsearch.search.reference import keep_reference
from hpsearch.search.shapes import Kind
from hpsearch.search.study import OpenStudy
from hpsearch.space import suggest_config
from hpsearch.tasks import regression_evaluation
from hpsearch.tasks.classification import CLASSIFICATION
from hpsearch.tasks.evaluation import evaluate
from hpsearch.tasks.metric import Metric
from hpsearch.tasks.regression import R2, REGRESSION, RMSE
from hpsearch.tasks.task import Task

Finish = Callable[..., FrozenTrial]
Open = Callable[..., OpenStudy]


def known(
    study: OpenStudy,
    trained: Sequence[Training] = (),
    confirmed: Mapping[str, Mapping[int, float]] = MappingProxyType({}),
    opened: Sequence[Access] = (),
    winner: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The facts of a study, which must be JSON."""
    seen = study.trials()
    rows = [trials.row(study, trial) for trial in seen]
    learnt = effects(study)
    found = facts(
        study, seen, rows, trained, confirmed, learnt=learnt, opened=opened, winner=winner
    )
    parsed: dict[str, Any] = json.loads(json.dumps(found, allow_nan=False))
    assert parsed == found
    return found


def training(trial: int | None, value: float, seed: int = 5, **test: Any) -> Training:
    return Training(trial=trial, seed=seed, value=value, test=test or None, kind=Kind.SEED)


def fail(study: OpenStudy, message: str) -> None:
    trial = claims.claim(study)
    assert trial is not None
    suggest_config(study.file.space, trial)
    claims.fail(study, trial.number, Failure.DIVERGED, message)


@pytest.fixture
def study(
    open_study: Open, finish: Finish, build_once: Callable[[Callable[[], OpenStudy]], OpenStudy]
) -> OpenStudy:
    """A study with one complete trial."""

    def make() -> OpenStudy:
        opened = open_study()
        finish(opened, 0.5)
        return opened

    return build_once(make)


class Reader(HTMLParser):
    """The tags of a page with their attributes, and its texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def written(found: dict[str, Any], task: Task = CLASSIFICATION) -> Reader:
    """The page; what is on it comes from itself."""
    text = page(found, {"1-history": go.Figure(go.Scatter(y=[1]))}, task)
    assert text.count(get_plotlyjs()) == 1
    text = text.replace(get_plotlyjs(), "")
    assert "http://" not in text
    assert "https://" not in text
    read = Reader(text)
    assert not [attrs for _, attrs in read.tags if attrs.get("src")]
    assert not [tag for tag, _ in read.tags if tag in ("link", "base", "iframe", "object")]
    hrefs = [str(attrs["href"]) for _, attrs in read.tags if attrs.get("href")]
    assert all(href.startswith(("data:", "#")) for href in hrefs)
    read.text = " ".join(read.text.split())
    return read


def none(_study: OpenStudy, _: Finish) -> None:
    """No trial."""


def one(study: OpenStudy, finish: Finish) -> None:
    finish(study, 0.5)


def pruned(study: OpenStudy, finish: Finish) -> None:
    finish(study, 0.5, TrialState.PRUNED)


def failed(study: OpenStudy, _: Finish) -> None:
    fail(study, "NaN")


def running(study: OpenStudy, _: Finish) -> None:
    trial = claims.claim(study)
    assert trial is not None
    suggest_config(study.file.space, trial)


def claimed(study: OpenStudy, _: Finish) -> None:
    claims.claim(study)


def waiting(study: OpenStudy, _: Finish) -> None:
    study.optuna.enqueue_trial({"layers": 2})


@pytest.mark.parametrize(
    ("fill", "metric"),
    [
        *((fill, "val_accuracy") for fill in (none, one, pruned, failed, running, claimed)),
        *((fill, "val_loss") for fill in (one, pruned, waiting)),
    ],
)
def test_every_study_gives_a_page(
    open_study: Open, finish: Finish, fill: Callable[[OpenStudy, Finish], None], metric: str
) -> None:
    study = open_study(objective={"metric": metric})
    fill(study, finish)
    found = known(study)
    assert (found["best"] is None) == (fill is not one)
    assert ("No trial has completed yet." in written(found).text) == (fill is not one)


@pytest.mark.parametrize("state", [TrialState.COMPLETE, TrialState.PRUNED])
def test_trials_that_another_program_told_are_no_hindrance(
    open_study: Open, finish: Finish, state: TrialState
) -> None:
    study = open_study(
        space={"activation": {"type": "categorical", "choices": ["relu", "tanh"]}},
        budget={"trials": 30},
    )
    for _ in range(6):
        finish(study, 0.5)
    value = 0.9 if state == TrialState.COMPLETE else None
    for _ in range(8):
        study.optuna.add_trial(create_trial(state=state, value=value))
    found = known(study)
    assert [row["number"] for row in found["top"]] == list(range(5))
    assert found["best"]["number"] == 0
    assert "the best of" in written(found).text


def test_where_only_another_program_told_values(open_study: Open) -> None:
    study = open_study()
    study.optuna.add_trial(create_trial(state=TrialState.COMPLETE, value=0.9))
    found = known(study)
    assert found["best"] is None
    assert "Only the value of the best trial is known" in written(found).text


def test_what_may_be_saved_is_what_is_shown(study: OpenStudy) -> None:
    found = known(study)
    saved = {
        str(attrs["download"]): base64.b64decode(str(attrs["href"]).partition("base64,")[2])
        for _, attrs in written(found).tags
        if "download" in attrs
    }
    assert {name: text.decode() for name, text in saved.items()} == {
        "study-trial-0.toml": found["best"]["recipe"], "study-2.toml": found["next"]["text"],
    }  # fmt: skip
    assert tomllib.loads(found["best"]["recipe"])["provenance"]["trial"] == 0


def test_importances_crowded_ends_and_changes_are_told(open_study: Open) -> None:
    study = open_study(
        budget={"trials": 40}, sampler={"type": "random"}, pruner={"type": "none"},
        space={"layers": 2, "units": {"type": "int", "low": 64, "high": 128, "per_layer": True},
               "dropout": {"type": "float", "low": 0.0, "high": 0.5, "per_layer": True},
               "l2": {"type": "float", "low": 0.0, "high": 0.1}},
    )  # fmt: skip
    drawing = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))  # in memory
    for _ in range(40):
        trial = drawing.ask()
        value = suggest_config(study.file.space, trial).network.l2
        told = create_trial(value=value, params=trial.params, distributions=trial.distributions)
        study.optuna.add_trial(told)
    found = known(study)
    assert found["leaders"] == 5
    assert found["importances"][0]["name"] == "l2"
    read = written(found)
    at = "of the best 5 trials lie at the high end (0.1); it is now 0.15"
    assert any(one.startswith("l2: ") and at in one for one in found["next"]["changes"])
    assert all(f"{change}." in read.text for change in found["next"]["changes"])
    spaces = {one["name"]: one["space"] for one in found["space"]}
    assert spaces["l2"] == "0.0 to 0.1"
    assert {"name": "layers", "space": "2 (fixed)", "best": ""} in found["space"]


def test_the_best_is_that_of_other_commands(open_study: Open, finish: Finish) -> None:
    study = open_study()
    for value in (0.25, 0.75, 0.5):
        finish(study, value)
    best = known(study)["best"]
    own = trials.best_row(study)
    assert best.items() >= {key: own[key] for key in own if key != "study"}.items()
    assert [row["value"] for row in known(study)["top"]] == [0.75, 0.5, 0.25]


def compared(value: float, **more: Any) -> Reference:
    told = {"name": "trees", "values": {"val_accuracy": value}, "test": None, "seconds": 1.0}
    whole = {"examples": 9, "of_examples": 9, "inputs": 2, "of_inputs": 2, "scikit_learn": "1.9"}
    return Reference.model_validate(told | whole | more)


def test_it_is_said_where_other_models_win(open_study: Open, finish: Finish) -> None:
    study = open_study()
    finish(study, 0.75)
    assert 'id="compared"' not in page(known(study), {})
    keep_reference(study, [compared(0.8)])
    assert (
        "reach 0.8000 on the same validation examples, better than the best network (0.7500)."
    ) in page(known(study), {})


def test_the_last_comparison_on_the_test_split_is_shown(open_study: Open, finish: Finish) -> None:
    study = open_study()
    finish(study, 0.75)
    tests = [
        compared(0, test={"accuracy": value, "f1_macro": 0.25}, interval=[0.1, 0.2])
        for value in (0.5, 0.625)
    ]
    opened = [
        Access(opened_by="evaluate", study=name, result={"accuracy": [0.5], "reference": [told]})
        for name, told in zip(
            ("study", "study", "other"),
            [one.model_dump(mode="json") for one in (*tests, compared(0.0))],
            strict=True,
        )
    ]
    text = page(known(study, opened=opened), {})
    assert "trained on 9 training examples" in text
    assert "<td>0.6250</td><td>0.1000 to 0.2000</td>" in text
    assert text.count('<table class="compared">') == 1


BASELINE = {"layers": 1, "units": 64}


def test_the_baseline_and_its_values(open_study: Open, finish: Finish) -> None:
    study = open_study(space={"layers": 1, "units": {"type": "int", "low": 64, "high": 65}},
                       baseline=BASELINE, sampler={"type": "grid"})  # fmt: skip
    found = known(study)
    assert found["baseline"]["values"] == []
    finish(study, 0.5)
    finish(study, 0.625)
    values = {tuple(trial["config"]["units"]): trial["value"] for trial in known(study)["top"]}
    trained = [training(None, 0.25), training(0, 0.75)]
    found = known(study, trained)
    assert [one["value"] for one in found["baseline"]["values"]] == [values[(64,)], 0.25]
    best = found["best"]["values"][0]
    gain = best - (values[(64,)] + 0.25) / 2
    assert f"the best is {gain:+.4f}" in written(found).text


def test_a_baseline_whose_own_trial_was_pruned_was_trained(open_study: Open) -> None:
    study = open_study(space={"layers": 1, "units": {"type": "int", "low": 64, "high": 65}},
                       baseline=BASELINE, sampler={"type": "grid"})  # fmt: skip
    for _ in range(2):
        trial = claims.claim(study)
        assert trial is not None
        same = suggest_config(study.file.space, trial).network.units == (64,)
        trial.report(0.5, 1)
        state = TrialState.PRUNED if same else TrialState.COMPLETE
        study.optuna.tell(trial, None if same else 0.5, state=state)
    found = known(study)
    assert found["baseline"]["values"] == []
    (own,) = found["baseline"]["unfinished"]
    assert own["state"] == "pruned"
    text = written(found).text
    assert f"has no value yet: trial {own['number']}, of the same configuration, was prun" in text
    assert "not trained" not in text


def test_new_seeds_of_the_best_are_told_from_its_own(study: OpenStudy) -> None:
    own = trials.row(study, study.trials()[0])
    assert own["number"] == 0
    seed = int(known(study)["best"]["recipe"].partition("seed = ")[2].split()[0])
    trained = [training(0, 0.5, seed), training(0, 0.25, 7), training(3, 0.9, 8)]
    found = known(study, trained)
    assert found["best"]["again"] == [{"seed": 7, "value": 0.25}]
    assert "Trained again with 1 other seed: 0.2500 on average" in written(found).text
    assert "Not confirmed." in written(found).text
    more = [training(0, 0.25, seed) for seed in (7, 8, 9)]
    assert "Not confirmed." not in written(known(study, more)).text


def test_confirmation_runs_count_with_trainings(open_study: Open, finish: Finish) -> None:
    study = open_study(baseline=BASELINE)
    finish(study, 0.5)
    confirmed = {"0": {7: 0.25, 8: 0.375}, "baseline": {7: 0.125}}
    found = known(study, [training(0, 0.9, 7), training(0, 0.5, 9)], confirmed)
    assert found["best"]["again"] == [
        {"seed": 7, "value": 0.25}, {"seed": 8, "value": 0.375}, {"seed": 9, "value": 0.5},
    ]  # fmt: skip
    assert [one["value"] for one in found["baseline"]["values"]] == [0.125]


def test_the_confirmed_winner_is_named(study: OpenStudy) -> None:
    winner = {
        "of": "0", "summary": "32 relu", "parameters": 1234, "mean": 0.4375,
        "interval": [0.25, 0.625], "seeds": 5, "tied": ["0", "7"], "new_split": False,
        "chosen": "first", "first": "0", "smallest": "7",
    }  # fmt: skip
    found = known(study, winner=winner)
    text = " ".join(written(found).text.split())
    assert "Confirmed: trial 0, 0.4375 in the mean of 5 seeds (95 % interval 0.2500 to" in text
    assert "It is the first by its mean; the seeds cannot tell trial 7 from it." in text
    assert "The smallest of these is trial 7: hpsearch confirm study --smallest takes it." in text
    assert "Not confirmed." not in text
    found = known(study, winner=winner | {"tied": ["0", "7", "8"]})
    assert "tell trial 7 and trial 8 from it." in " ".join(written(found).text.split())
    small = winner | {"of": "7", "chosen": "smallest"}
    text = " ".join(written(known(study, winner=small)).text.split())
    assert "It is the smallest network that the seeds cannot tell from trial 0, the first" in text
    more = winner | {"of": "baseline", "interval": None, "new_split": True, "tied": ["baseline"]}
    more |= {"first": "baseline", "smallest": "baseline"}
    text = " ".join(written(known(study, winner=more)).text.split())
    assert "Confirmed: the baseline, 0.4375 in the mean of 5 seeds, each with a val" in text
    assert "cannot tell" not in text


def test_the_ensemble_is_told_with_what_it_adds_and_costs(study: OpenStudy) -> None:
    keep_ensemble(study, ensemble((0, False, 7, 0.75), (1, True, 8, 0.25), gain=0.0125, low=0.0025))
    found = known(study)
    assert [one["name"] for one in found["ensemble"]["members"]] == ["trial 0", "trial 0 (run 1)"]
    text = " ".join(written(found).text.split())
    assert "Ensemble of 2 of its networks, averaged by weight: +1.25 points against trial 0" in text
    assert "(95 % interval +0.25 to +2.25 points, paired" in text
    assert "noise" not in text
    assert "On the test split" not in text
    access = Access(
        opened_by="evaluate study --ensemble", study="study", of="ensemble",
        date="2026-12-01T00:00:00+00:00", result={"accuracy": [0.8125], "f1_macro": [0.8]},
    )  # fmt: skip
    keep_ensemble(study, ensemble((0, False, 7, 1.0), gain=0.0125, low=-0.0025))
    text = " ".join(written(known(study, opened=[access])).text.split())
    assert (
        "which is within noise. It has 90 parameters against 30, and took 2.00 ms for one" in text
    )
    assert "On the test split: accuracy 0.8125. Its members" in text


def test_values_of_other_examples_are_none_of_the_configuration(study: OpenStudy) -> None:
    others = [replace(training(0, 0.9), kind=kind) for kind in (Kind.REFIT, Kind.SPLIT)]
    assert known(study, others)["best"]["again"] == []


def test_openings_of_the_test_split_are_listed(study: OpenStudy) -> None:
    assert "On the test split" not in written(known(study)).text
    result = {"accuracy": [0.5, 0.25], "f1_macro": [0.5, 0.25]}
    opened = [
        Access(opened_by="evaluate study", study="study", of="0", seeds=(1, 2), result=result),
        Access(opened_by="train <b>.toml --test"),
    ]
    found = known(study, opened=opened)
    assert found["test_openings"][0]["result"] == result
    text = written(found).text
    assert "They were accessed 2 times so far" in " ".join(text.split())
    assert "train <b>.toml --test" in text
    assert "0.3750" in text


def test_where_the_time_went(open_study: Open) -> None:
    study = open_study()
    for seconds, state in ((3.0, TrialState.COMPLETE), (1.0, TrialState.PRUNED)):
        trial = claims.claim(study)
        assert trial is not None
        suggest_config(study.file.space, trial)
        study.storage.annotate(study.trial_id(trial.number), {"seconds": seconds, "epochs": 4})
        trial.report(0.5, 1)
        value = 0.5 if state == TrialState.COMPLETE else None
        study.optuna.tell(trial, value, state=state)
    fail(study, "NaN")
    assert known(study)["time"] == [
        {"what": "kept", "trials": 1, "epochs": 4, "seconds": 3.0, "share": 0.75},
        {"what": "pruned", "trials": 1, "epochs": 4, "seconds": 1.0, "share": 0.25},
        {"what": "wasted", "trials": 1, "epochs": 0, "seconds": 0, "share": 0.0},
    ]


def test_shares_of_no_time_are_nought(study: OpenStudy) -> None:
    assert [one["share"] for one in known(study)["time"]] == [0.0, 0.0, 0.0]


def test_shares_of_time_add_up(open_study: Open) -> None:
    study = open_study()
    for seconds in (0.1, 0.7, 0.3):
        trial = claims.claim(study)
        assert trial is not None
        study.storage.annotate(study.trial_id(trial.number), {"seconds": seconds})
        claims.fail(study, trial.number, Failure.DIVERGED, "NaN")
    running(study, lambda: None)
    found = known(study)["time"]
    assert sum(one["share"] for one in found) == pytest.approx(1)
    assert [one["trials"] for one in found] == [0, 0, 3]


def test_machines_by_host_and_device(open_study: Open, finish: Finish) -> None:
    study = open_study()
    for worker, device in (("box:1", "GPU 0"), ("box:2", "GPU 0"), ("<b>a:b</b>:7", "CPU")):
        study.storage.owner = {"worker": worker, "device": device}
        finish(study, 0.5)
    study.storage.owner = {}
    finish(study, 0.5, TrialState.PRUNED)
    study.storage.owner = {"worker": "other:1", "device": "CPU"}
    running(study, finish)
    found = known(study)
    assert found["machines"] == [
        {"host": "<b>a:b</b>", "device": "CPU", "trials": 1},
        {"host": "?", "device": "?", "trials": 1},
        {"host": "box", "device": "GPU 0", "trials": 2},
    ]
    assert "<b>a:b</b> (CPU): 1 trials; ? (?): 1 trials; box" in written(found).text


def test_failures_by_class_with_what_the_first_said(open_study: Open) -> None:
    study = open_study()
    fail(study, "<script>alert(1)</script>")
    fail(study, "another")
    running(study, lambda: None)
    claims.interrupt(study, 2)
    trial = claims.claim(study)  # the one that was interrupted goes on
    study.optuna.tell(trial, state=TrialState.FAIL)  # by another program, which says nothing
    found = known(study)
    assert found["failures"] == [
        {
            "failure": "diverged", "trials": 2, "first": 0,
            "message": "<script>alert(1)</script>",
        },
        {"failure": "unknown", "trials": 1, "first": 3, "message": ""},
    ]  # fmt: skip
    read = written(found)
    assert "<script>alert(1)</script>" in read.text  # a text, and no tag
    assert len([tag for tag, _ in read.tags if tag == "script"]) == len(
        [tag for tag, _ in written(known(open_study(name="other"))).tags if tag == "script"]
    )


def test_results_of_today_have_intervals_and_curves(study: OpenStudy) -> None:
    labels = np.array([0, 0, 1, 1, 2])
    logits = np.eye(3, dtype=np.float32)[[0, 1, 1, 1, 2]]
    result = json.loads(json.dumps(asdict(evaluate(labels, logits, ["a", "b", "c"]))))
    read = written(known(study, [training(0, 0.5, **result)]))
    for metric in ("F1 (macro)", "balanced accuracy", "AUC", "loss"):
        assert metric in read.text
    assert {"roc-0", "precision-recall-0", "calibration-0"} <= {
        attributes.get("id") for _, attributes in read.tags
    }


def test_results_of_a_regression(study: OpenStudy) -> None:
    y = np.arange(5000.0)
    result = json.loads(json.dumps(asdict(regression_evaluation.evaluate(y, 1.1 * y))))
    access = Access(opened_by="evaluate s", result={"rmse": [280.0, 300.0], "r2": [0.9, 0.8]})
    found = known(study, [training(0, 0.5, **result)], opened=[access])
    read = written(found, REGRESSION)
    assert {"predicted-0", "residuals-0", "histogram-0"} <= {
        attributes.get("id") for _, attributes in read.tags
    }
    for said in ("On the test split: RMSE 288.63 (trial 0", "test RMSE", "standard error", "Bias (",
                 "290.00", "mean RMSE", "training R²", "Farthest off"):  # fmt: skip
        assert said in read.text
    assert "By class" not in read.text
    assert "test accuracy" not in read.text
    assert "training accuracy" not in read.text
    assert "macro F1" not in read.text


def test_results_on_the_test_split(study: OpenStudy) -> None:
    scores = {"precision": 0.5, "recall": 0.25, "f1": 0.375, "support": 4}
    result = {
        "accuracy": 0.625, "accuracy_low": 0.5, "accuracy_high": 0.75, "f1_macro": 0.375,
        "examples": 8, "confusion": [[3, 1], [2, 2]],
        "classes": [{"name": "<b>cat</b>", **scores}, {"name": "</script><i>", **scores}],
        "most_confused": [{"true": "dog", "predicted": "<b>cat</b>", "count": 2}],
    }  # fmt: skip
    read = written(known(study, [training(0, 0.5, **result)]))
    assert not [attrs for tag, attrs in read.tags if tag == "i"]
    assert len([tag for tag, _ in read.tags if tag == "b"]) == 1  # "Not confirmed."
    assert "On the test split: accuracy 0.6250 (trial 0, seed 5)" in read.text
    assert "accuracy0.62500.5000 to 0.7500Wilson" in "".join(map(str.strip, read.text.split("\n")))
    assert "dog<b>cat</b>2" in read.text.replace(" ", "")


def test_what_others_stand_for_is_told_apart(open_study: Open) -> None:
    study = open_study()
    running(study, lambda: None)
    study.storage.annotate(study.trial_id(0), {"seconds": 3.0, "epochs": 2})
    claims.interrupt(study, 0)
    claimed(study, lambda: None)  # the one that goes on
    claims.fail(study, 1, Failure.TOO_LARGE, "100 parameters, at most 10")
    found = known(study)
    assert found["replaced"] == {"interrupted": 1, "too_large": 1, "adopted": 0}
    assert found["failures"] == found["machines"] == []
    assert sum(one["seconds"] for one in found["time"]) == 0
    text = written(found).text
    assert (
        "Not listed: 1 interrupted trial, whose time counts in the trials that resume them." in text
    )
    assert "Not listed: 1 configuration above the budget's limits of size" in text


def test_repeats_of_the_best_are_told(open_study: Open, finish: Finish) -> None:
    study = open_study(space={"activation": {"type": "categorical", "choices": ["relu"]}})
    for value in (0.25, 0.75):
        finish(study, value)
    trial = claims.claim(study)
    assert trial is not None
    suggest_config(study.file.space, trial)
    trial.set_user_attr("same_as", 1)
    study.optuna.tell(trial, 0.5)
    found = known(study)
    assert found["best"]["repeats"] == trials.best_row(study)["repeats"]
    assert "0.7500 (trial 1), 0.5000 (trial 2)." in written(found).text


def test_the_study_file_of_a_grid_has_the_budget_that_was_written(open_study: Open) -> None:
    study = open_study(
        space={"batch_norm": {"type": "categorical", "choices": [True, False]}},
        sampler={"type": "grid"}, budget={"trials": 9},
    )  # fmt: skip
    assert study.budget.trials == 2
    assert "trials = 9" in known(study)["study_file"]


def test_the_study_file_has_the_budget_as_it_is_now(open_study: Open) -> None:
    study = open_study()
    raised = study.budget.model_dump(mode="json") | {"trials": 77}
    study.optuna.set_user_attr("budget", raised)
    found = known(study)
    assert "trials = 77" in found["study_file"]
    assert "trials = 77" in found["next"]["text"]


@pytest.mark.parametrize(("metric", "seed"), [(RMSE, 2), (R2, 1)])
def test_what_is_shown_in_full_is_the_worse_of_the_two_in_the_middle(
    metric: Metric, seed: int
) -> None:
    y = np.arange(50.0)
    result = json.loads(json.dumps(asdict(regression_evaluation.evaluate(y, 1.1 * y))))
    one = {"trial": 0, "of_search": False, "kind": "seed", "test": result}
    rows = [{**one, "seed": at, "value": at / 10, "before": None} for at in (1, 2)]
    (group,) = _tested(rows, metric)
    assert group["shown"]["seed"] == seed
    # Values of refits are of examples that they were trained on: those before count.
    rows = [{**row, "kind": "refit", "before": -row["value"]} for row in rows]
    (group,) = _tested(rows, metric)
    assert group["shown"]["seed"] == 3 - seed


def test_effects_are_told_with_what_cannot_be_told(open_study: Open) -> None:
    study = open_study(
        budget={"trials": 60}, sampler={"type": "random"}, pruner={"type": "none"},
        space={"activation": {"type": "categorical", "choices": ["relu", "tanh"]},
               "batch_norm": {"type": "categorical", "choices": [True, False]},
               "batch_size": {"type": "categorical", "choices": [32, 64, 128, 256]}},
    )  # fmt: skip
    choices = {"batch_norm": [True, False], "batch_size": [32, 64, 128]}
    draw = np.random.default_rng(0)
    for number in range(40):
        params = {
            "activation": ["relu", "tanh"][number % 2], "batch_norm": number == 7,
            "batch_size": choices["batch_size"][number % 3],
        }  # fmt: skip
        trial = create_trial(
            value=0.8 + 0.05 * (number % 2) + draw.normal(0, 0.002),
            params=params,
            distributions={
                "activation": optuna.distributions.CategoricalDistribution(["relu", "tanh"]),
                "batch_norm": optuna.distributions.CategoricalDistribution([True, False]),
                "batch_size": optuna.distributions.CategoricalDistribution([32, 64, 128, 256]),
            },
        )
        study.optuna.add_trial(trial)
    found = known(study)["learnt"]
    assert (found["trials"], found["pruned"]) == (40, 0)
    first = found["greatest"][0]
    assert (first["name"], first["level"], first["clear"]) == ("activation", "tanh", True)
    assert len(found["effects"]) > len(found["greatest"]) == 2
    read = written(known(study))
    assert f"activation tanh against relu{first['size']}" in read.text
    assert "batch_norm true: cannot be told, 1 of 40 trials has it" in read.text
    assert "batch_size 256: cannot be told, 0 of 40 trials have it" in read.text
    assert f"All {len(found['effects'])}" in read.text


def test_a_report_calls_data_as_the_service_does_that_asked_for_it(
    open_study: Open, finish: Finish
) -> None:
    root = "/opt/ü & \x7f'x'<\"y\">"
    path = f"{root}/t.csv"
    study = open_study(dataset={"source": "npz", "path": path}, baseline={})
    finish(study, 0.5)
    fail(study, f"{path}: is gone")
    seen = study.trials()
    rows = [trials.row(study, trial) for trial in seen]
    for names, called in (({}, path), ({root: "", path: "t.csv"}, "t.csv")):
        found = facts(study, seen, rows, [], {}, learnt=effects(study), opened=[], names=names)
        texts = (found["study_file"], found["next"]["text"], found["best"]["recipe"])
        assert [tomllib.loads(text)["dataset"]["path"] for text in texts] == [called] * 3
        assert found["study"]["study_file"]["dataset"]["path"] == called
        assert found["failures"][0]["message"] == f"{called}: is gone"
        assert ("opt/ü" in written(found).text) == (called == path)
