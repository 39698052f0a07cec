"""A study from Python: how it stands, as data, in words and in figures; and what may be asked."""

import gc
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from optuna.trial import TrialState

import hpsearch
from hpsearch.api import predicting
from hpsearch.api.calling import in_process, interrupted
from hpsearch.home import Home
from hpsearch.search.study import OpenStudy
from hpsearch.services.forms import Exported

Finish = Callable[..., Any]


@pytest.fixture
def study(home: Home, open_study: Callable[..., OpenStudy], finish: Finish) -> hpsearch.Study:
    """Four trials, the second one the best, the third one pruned, the last one running."""
    opened = open_study()
    for value, state in ((0.5, "COMPLETE"), (0.75, "COMPLETE"), (0.25, "PRUNED")):
        finish(opened, value, TrialState[state])
    return hpsearch.load("study", home=home.root)


def test_the_best_trial_has_its_value_and_configuration(study: hpsearch.Study) -> None:
    best = study.best
    assert (best.number, best.value, best.metric) == (1, 0.75, "val_accuracy")
    assert best.config["optimizer"]["type"] in ("adam", "sgd")


def test_trials_are_a_frame_with_a_row_each(study: hpsearch.Study) -> None:
    found = study.trials()
    assert isinstance(found, pl.DataFrame)
    assert found.columns[:3] == ["number", "state", "value"]
    assert found["number"].to_list() == [0, 1, 2]
    assert found["state"].to_list() == ["complete", "complete", "pruned"]
    assert found["value"].to_list()[:2] == [0.5, 0.75]
    assert {"config.layers", "config.units", "config.optimizer.learning_rate"} <= {*found.columns}


def test_a_study_without_trials_says_so(home: Home, open_study: Callable[..., OpenStudy]) -> None:
    open_study()
    study = hpsearch.load("study", home=home.root)
    assert len(study.trials()) == 0
    assert "no trial has completed yet" in repr(study)
    with pytest.raises(hpsearch.NoTrialError, match="no trial completed yet"):
        _ = study.best


def test_it_is_shown_in_words_and_in_html(study: hpsearch.Study) -> None:
    text, page = repr(study), study._repr_html_()
    lines = text.splitlines()
    assert lines[:4] == [
        "Study 'study'",
        "3 of 10 trials: 2 complete, 1 pruned, 0 failed",
        "best val_accuracy 0.7500 in trial 1",
        lines[3],
    ]
    assert lines[3].split() == ["trial", "value", "epochs", "parameters", "configuration"]
    assert [line.split()[:2] for line in lines[4:]] == [["1", "0.7500"], ["0", "0.5000"]]
    assert page.count("<tr>") == 3
    assert "<b>Study study</b>" in page


def test_what_cannot_be_read_is_said_and_does_nothing(tmp_path: Path) -> None:
    study = hpsearch.Study("<b>\x1b[31m", home=tmp_path / "nowhere")
    assert "\x1b" not in repr(study)
    assert "&lt;b&gt;" in study._repr_html_()
    assert "<b>\x1b" not in study._repr_html_()
    with pytest.raises(hpsearch.InputError):
        study.trials()
    with pytest.raises(hpsearch.InputError):
        hpsearch.load("nowhere", home=tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("name", [3, None])
def test_a_name_is_a_text(name: Any, study: hpsearch.Study, home: Home) -> None:
    assert study.name == "study"
    for find in (hpsearch.load, hpsearch.Study):
        with pytest.raises(
            hpsearch.InputError, match=f"^name = {name}: is no text; give a study's"
        ):
            find(name, home=home.root)


def test_figures_have_the_names_of_the_report(study: hpsearch.Study, tmp_path: Path) -> None:
    assert study.figure().layout.title.text == "Search history"
    assert study.figure("curves").layout.title.text == "Learning curves"
    with pytest.raises(hpsearch.InputError, match=r"figure 'histery': .* did you mean history?"):
        study.figure("histery")
    with pytest.raises(hpsearch.InputError, match="figure 3: there is none; known: "):
        study.figure(3)  # type: ignore[arg-type]
    page = study.report(tmp_path / "page.html")
    assert "<html" in page.read_text()[:200]


def test_a_recipe_is_written_where_it_is_asked_for(study: hpsearch.Study, tmp_path: Path) -> None:
    assert study.export(tmp_path / "best.toml", trial=0, progress=False) == tmp_path / "best.toml"
    assert "[config]" in (tmp_path / "best.toml").read_text()
    with pytest.raises(hpsearch.InputError, match=r"cannot export to '\.docx'"):
        study.export(tmp_path / "best.docx", progress=False)


def test_an_export_takes_what_the_command_takes(
    study: hpsearch.Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = partial(study.export, progress=False)
    with pytest.raises(hpsearch.InputError, match="names no MLflow"):
        export(tmp_path / "best.toml", mlflow=True)
    with pytest.raises(hpsearch.InputError, match=r"^quantize = 'int4': give one of 'int8', 'flo"):
        export(tmp_path / "best.onnx", quantize="int4")
    assert not [*tmp_path.glob("best*")]
    given: dict[str, Any] = {}

    def service(name: str, output: str, *_: Any, **options: Any) -> Exported:
        given.update(options)
        return Exported(what=name, path=Path(output), form="script")

    monkeypatch.setattr("hpsearch.api.study.export", service)
    export(tmp_path / "best.py", data=tmp_path / "d.npz", test=True, quantize="int8")
    assert given["data"] == tmp_path / "d.npz"
    assert (given["test"], given["quantize"]) == (True, "int8")


def test_what_has_no_weights_gives_no_model(study: hpsearch.Study) -> None:
    with pytest.raises(hpsearch.InputError, match="the weights of trial 1 are not in"):
        study.model(progress=False)
    with pytest.raises(hpsearch.InputError, match="the weights of trial 0 are not in"):
        study.model(study.trials()["number"].to_numpy()[0], progress=False)
    with pytest.raises(hpsearch.InputError, match=r"^trial = 'a': is no whole number; give a tri"):
        study.model("a", progress=False)  # type: ignore[arg-type]


def test_new_examples_are_handed_to_the_service_as_a_file(
    study: hpsearch.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    def predict(name: str, data: Path, *_: Any, output: Path, **options: Any) -> None:
        called = None if data.name == "mine.npy" else "data"
        asked = {"trial": 1, "ensemble": False, "refit": False, "called": called}
        assert (name, options) == ("study", asked)
        if data.name == "mine.npy":
            raise hpsearch.InputError(f"{data}: is odd")
        rows = len(pl.read_parquet(data)) if data.suffix == ".parquet" else len(np.load(data))
        if rows > 3:
            raise hpsearch.InputError(f"{data}: has {rows} rows")
        pl.DataFrame({"prediction": [0.5] * rows}).write_parquet(output)

    monkeypatch.setattr(predicting, "predict", predict)
    ask = partial(study.predict, trial=1, progress=False)
    assert ask(pl.DataFrame({"a": [1, 2]}))["prediction"].to_list() == [0.5, 0.5]
    assert len(ask([[1.0], [2.0], [3.0]])) == 3
    with pytest.raises(hpsearch.InputError, match=r"^data: has 4 rows$"):
        ask(np.ones((4, 1)))
    with pytest.raises(hpsearch.InputError, match=r"^mine\.npy: is odd$"):
        ask("mine.npy")
    with pytest.raises(hpsearch.InputError, match="data: x is list, which holds objects"):
        ask([{}, {}])


def test_a_study_of_a_table_predicts_data_frames(
    home: Home, open_study: Callable[..., OpenStudy]
) -> None:
    open_study(dataset={"source": "table", "path": "/t.csv", "target": "price"})
    study = hpsearch.load("study", home=home.root)
    for data in (np.ones((4, 1)), pl.Series([1, 2])):
        with pytest.raises(hpsearch.InputError, match="was trained on a table; give a data frame"):
            study.predict(data, progress=False)


def test_numbers_that_are_too_small_are_refused(study: hpsearch.Study) -> None:
    with pytest.raises(hpsearch.InputError, match="at least one leader, with two seeds"):
        study.confirm(seeds=1, progress=False)
    with pytest.raises(hpsearch.InputError, match="an ensemble has two at least"):
        study.ensemble(members=1, progress=False)
    with pytest.raises(hpsearch.InputError, match="at least one configuration"):
        study.evaluate(top=0, progress=False)


def test_ctrl_c_is_what_it_is_in_python() -> None:
    with pytest.raises(KeyboardInterrupt), interrupted():
        raise hpsearch.StoppedError("", 130)
    with pytest.raises(hpsearch.StoppedError), interrupted():
        raise hpsearch.StoppedError("", 143)


def test_a_call_leaves_the_process_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.delenv("HPSEARCH_DEVICE", raising=False)
    frozen = gc.get_freeze_count()
    gc.unfreeze()
    try:
        before = dict(os.environ)
        with in_process():
            os.environ["CUDA_VISIBLE_DEVICES"] = "0"
            os.environ["HPSEARCH_DEVICE"] = "GPU 0"
            gc.freeze()
        assert dict(os.environ) == before
        assert gc.get_freeze_count() == 0
    finally:
        if frozen:
            gc.freeze()


def test_a_notebook_shows_errors_as_one_message() -> None:
    assert hpsearch.InputError("no")._render_traceback_() == ["InputError: no"]
