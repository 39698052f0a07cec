"""Training loops of the user's own: measured, pruned, cut off and resumed as ours, or refused."""

import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hpsearch.data.parts import Parts
from hpsearch.errors import Failure, InputError, TrialFailedError
from hpsearch.recipe import Recipe
from hpsearch.training import interrupting
from hpsearch.training.outcome import Epoch, Outcome, Watch
from hpsearch.training.train import build_engine, train

CODE = """\
import keras
import numpy as np


def build(config, data):
    inputs = keras.Input(data.input_shape)
    inner = keras.layers.Dense(4, activation="relu")(inputs)
    return keras.Model(inputs, keras.layers.Dense(data.outputs)(inner))


def compiled(config, data):
    model = build(config, data)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    best = keras.metrics.SparseTopKCategoricalAccuracy(2, name="top2")
    model.compile(keras.optimizers.SGD(0.1), loss, metrics=[best])
    return model


def probabilities(config, data):
    return keras.Sequential([build(config, data), keras.layers.Softmax()])


def fit(model, data, config, report):
    told = keras.callbacks.LambdaCallback(on_epoch_end=report)
    model.fit(
        data.x_train,
        data.y_train,
        sample_weight=data.sample_weight,
        batch_size=data.batch_size,
        initial_epoch=data.first_epoch,
        epochs=data.epochs,
        shuffle=False,
        verbose=0,
        callbacks=[told],
    )


def moves(model, data, config, report):
    for epoch in range(data.first_epoch, data.epochs):
        model.set_weights([one + 0.1 for one in model.get_weights()])
        model.optimizer.iterations.assign_add(1)
        report(epoch, val_steps=int(model.optimizer.iterations))


def nothing(model, data, config, report):
    for epoch in range(data.first_epoch, data.epochs):
        report(epoch, val_own=epoch / 10, val_accuracy=2.0)


def forever(model, data, config, report):
    epoch = data.first_epoch
    while True:
        try:
            report(epoch)
        except Exception:
            pass
        epoch += 1


def deaf(model, data, config, report):
    keras.models.clone_model(model)
    for epoch in range(data.epochs):
        try:
            report(epoch)
        except BaseException:
            pass


def silent(model, data, config, report):
    pass


def raises(model, data, config, report):
    report(0)
    raise KeyError("mine")


def skips(model, data, config, report):
    report(1)


def tells_text(model, data, config, report):
    report(0, {"loss": "small"})


def diverges(model, data, config, report):
    report(0, loss=float("nan"))


def tells_nan(model, data, config, report):
    report(0, val_own=float("nan"))


def loses_weights(model, data, config, report):
    model.set_weights([np.full_like(one, np.nan) for one in model.get_weights()])
    report(0)


def sleeps(model, data, config, report):
    try:
        report(0)
        while True:
            sum(range(1000))
    finally:
        print("left")
"""


@pytest.fixture
def recipe(make_recipe: Callable[..., Recipe], tmp_path: Path) -> Callable[..., Recipe]:
    (tmp_path / "own.py").write_text(CODE)

    def make(fit: str = "fit", function: str = "build", **sections: Any) -> Recipe:
        training = {"epochs": 4, "early_stopping": False, **sections.pop("training", {})}
        network = {"type": "python", "file": str(tmp_path / "own.py")}
        network |= {"function": function, "fit": fit}
        table = {"network": network, "batch_size": 8, **sections.pop("config", {})}
        found = make_recipe().model_dump() | {"config": table, "training": training} | sections
        return Recipe.model_validate(found)

    return make


def own(metric: str = "val_own") -> dict[str, Any]:
    return {"objective": {"metric": metric, "direction": "maximize"}}


def trained(recipe: Recipe, parts: Parts, run: Path, **watch: Any) -> Outcome:
    return train(recipe, parts, run / "run", Watch(**watch))


@pytest.mark.parametrize("function", ["build", "compiled"])
def test_a_loop_of_keras_learns_and_its_epochs_are_told(
    function: str, recipe: Callable[..., Recipe], blobs: Parts, tmp_path: Path
) -> None:
    told: list[Epoch] = []
    outcome = trained(
        recipe(function=function),
        blobs, tmp_path, on_epoch=lambda epoch: bool(told.append(epoch)),
    )  # fmt: skip
    assert [epoch.epoch for epoch in told] == [1, 2, 3, 4] == [e.epoch for e in outcome.curves]
    assert outcome.curves[-1].values["val_loss"] < outcome.curves[0].values["val_loss"]
    assert outcome.curves[0].values["loss"] > 0
    assert ("val_top2" in outcome.curves[0].values) == (function == "compiled")
    assert outcome.stopped == "epochs"
    assert (tmp_path / "run" / "best.weights.h5").is_file()


def test_a_model_gets_the_loss_of_the_study_that_fits_its_outputs(
    recipe: Callable[..., Recipe], blobs: Parts
) -> None:
    for function, from_logits in (("build", True), ("probabilities", False)):
        own = build_engine(recipe(function=function), blobs).network.get_layer("own")
        assert own.loss.get_config()["from_logits"] is from_logits
    smooth = build_engine(recipe(config={"label_smoothing": 0.1}), blobs).network.get_layer("own")
    outputs = np.array([[1.0, 2.0, 0.5]], np.float32)
    logs = outputs - np.log(np.exp(outputs).sum())
    expected = -(0.9 * logs[0, 1] + 0.1 * logs.mean())
    assert smooth.loss(np.array([[1]]), outputs).numpy() == pytest.approx([expected], rel=1e-5)


def test_what_hpsearch_can_measure_is_not_taken_from_a_report(
    recipe: Callable[..., Recipe], blobs: Parts, tmp_path: Path
) -> None:
    outcome = trained(recipe("nothing", **own()), blobs, tmp_path)
    assert outcome.value == pytest.approx(0.3)
    assert [epoch.values["val_own"] for epoch in outcome.curves] == [0, 0.1, 0.2, 0.3]
    assert all(epoch.values["val_accuracy"] <= 1 for epoch in outcome.curves)
    head, *rows = (tmp_path / "run" / "curves.csv").read_text().splitlines()
    assert head.split(",")[-3:] == ["val_own", "learning_rate", "seconds"]
    assert len(rows) == 4


def test_pruning_and_the_last_epoch_leave_the_loop(
    recipe: Callable[..., Recipe], blobs: Parts, tmp_path: Path
) -> None:
    pruned = trained(recipe("forever"), blobs, tmp_path, on_epoch=lambda epoch: epoch.epoch == 2)
    assert (pruned.epochs, pruned.stopped) == (2, "watch")
    pruned = trained(recipe("deaf"), blobs, tmp_path, on_epoch=lambda epoch: epoch.epoch == 2)
    assert (pruned.epochs, pruned.stopped) == (2, "watch")
    assert trained(recipe("forever"), blobs, tmp_path).epochs == 4
    stopping = {"early_stopping": {"monitor": "val_own", "patience": 1}}
    falling = {"objective": {"metric": "val_own", "direction": "minimize"}}
    stopped = trained(recipe("nothing", training=stopping, **falling), blobs, tmp_path)
    assert (stopped.epochs, stopped.stopped, stopped.best_epoch) == (2, "early_stopping", 1)


def test_a_loop_that_was_cut_off_goes_on_where_it_stood(
    recipe: Callable[..., Recipe], blobs: Parts, tmp_path: Path
) -> None:
    one = recipe("moves", **own("val_steps"))
    whole = train(one, blobs, tmp_path / "whole", Watch())
    asked = itertools.count()
    cut = {"interrupted": lambda: next(asked) >= 1, "checkpoint_every": 1e6}
    with pytest.raises(TrialFailedError) as raised:
        trained(one, blobs, tmp_path, **cut)
    assert raised.value.failure is Failure.INTERRUPTED
    resumed: list[Epoch] = []
    rest = trained(one, blobs, tmp_path, checkpoint_every=1e6, on_resume=resumed.extend)
    assert 0 < len(resumed) < 4
    assert [e.values for e in rest.curves] == [e.values for e in whole.curves]
    assert [e.values["val_steps"] for e in rest.curves] == [1, 2, 3, 4]


def test_a_loop_that_reports_no_more_is_left(
    recipe: Callable[..., Recipe],
    blobs: Parts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(interrupting, "PATIENCE", 0.1)
    told: list[float] = []
    with pytest.raises(TrialFailedError) as raised:
        trained(
            recipe("sleeps"), blobs, tmp_path,
            on_epoch=lambda _: bool(told.append(time.monotonic())),
            interrupted=lambda: bool(told) and time.monotonic() > told[0] + 0.3,
        )  # fmt: skip
    assert raised.value.failure is Failure.INTERRUPTED
    assert "left" in capsys.readouterr().err
    with pytest.raises(TrialFailedError) as raised:
        trained(recipe("sleeps", training={"trial_timeout": 0.5}), blobs, tmp_path)
    assert raised.value.failure is Failure.TIMEOUT


@pytest.mark.parametrize("fit", ["diverges", "loses_weights"])
def test_what_is_no_number_any_more_has_diverged(
    fit: str, recipe: Callable[..., Recipe], blobs: Parts, tmp_path: Path
) -> None:
    with pytest.raises(TrialFailedError, match="loss is nan") as raised:
        trained(recipe(fit), blobs, tmp_path)
    assert raised.value.failure is Failure.DIVERGED


def test_a_metric_of_the_loop_that_is_no_number_is_named(
    recipe: Callable[..., Recipe], blobs: Parts, tmp_path: Path
) -> None:
    told = "^val_own is nan in epoch 1, as your model or its loop reports it$"
    with pytest.raises(TrialFailedError, match=told):
        trained(recipe("tells_nan", **own()), blobs, tmp_path)


@pytest.mark.parametrize(
    ("fit", "text", "told"),
    [
        (
            "silent",
            "def silent",
            "(silent) has ended without a report; call",
        ),
        ("raises", 'raise KeyError("mine")', "KeyError: 'mine'"),
        ("skips", "report(1)", "report(1): the epoch that follows is 0; they are counted from 0"),
        ("tells_text", 'report(0, {"loss"', "report: loss = 'small' is no number"),
    ],
)
def test_a_mistake_is_one_message_with_the_line_of_the_user(  # noqa: PLR0917  # fixtures
    fit: str, text: str, told: str, recipe: Callable[..., Recipe], blobs: Parts, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as raised:
        trained(recipe(fit), blobs, tmp_path)
    line = CODE[: CODE.index(text)].count("\n") + 1
    assert str(raised.value).startswith(f"{tmp_path}/own.py, line {line}")
    assert told in str(raised.value)


def test_a_name_that_nobody_reports_is_told_after_the_first_epoch(
    recipe: Callable[..., Recipe], blobs: Parts, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match='"val_other" is not among what epoch 1 came to: val_acc'):
        trained(recipe("nothing", **own("val_other")), blobs, tmp_path)


def test_what_only_our_loop_does_is_refused(
    recipe: Callable[..., Recipe], blobs: Parts, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="has no function missing; define it"):
        trained(recipe("missing"), blobs, tmp_path)
    with pytest.raises(InputError, match="augment has no effect on a loop of your own"):
        trained(recipe(config={"augment": {"flip": True}}), blobs, tmp_path)
