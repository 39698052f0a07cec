"""A trial that was cut off, anywhere and any number of times, is the trial it would have been."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hpsearch.data.parts import Parts
from hpsearch.errors import Failure, TrialFailedError, UnreachableError
from hpsearch.home import CHECKPOINTS
from hpsearch.recipe import Recipe
from hpsearch.training import checkpoint, resume
from hpsearch.training import engine as engine_module
from hpsearch.training.outcome import Epoch, Outcome, Watch
from hpsearch.training.train import build_engine, train

MakeRecipe = Callable[..., Recipe]

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adam": {"type": "adam", "learning_rate": 0.05},
    "amsgrad": {"type": "adam", "learning_rate": 0.05, "amsgrad": True},
    "adamw": {"type": "adamw", "learning_rate": 0.05, "weight_decay": 0.01},
    "sgd": {"type": "sgd", "learning_rate": 0.1},
    "nesterov": {"type": "sgd", "learning_rate": 0.1, "momentum": 0.9, "nesterov": True},
    "rmsprop": {"type": "rmsprop", "learning_rate": 0.02},
    "centered": {"type": "rmsprop", "learning_rate": 0.02, "centered": True, "momentum": 0.5},
}


@pytest.fixture(autouse=True)
def short_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four calls of two steps in an epoch, so that a trial can be cut off within one."""
    monkeypatch.setattr(engine_module, "steps_per_call", lambda *_: 2)


@pytest.fixture
def make_rough(make_recipe: MakeRecipe) -> MakeRecipe:
    """Everything that has a state is on; the rate falls at the first epoch that is no better."""

    def make(optimizer: str = "adam", schedule: str = "plateau", **training: Any) -> Recipe:
        return make_recipe(
            config={
                "layers": 2,
                "units": [12, 6],
                "batch_norm": True,
                "dropout": 0.3,
                "l2": 1e-3,
                "batch_size": 8,
                "lr_schedule": schedule,
                "optimizer": OPTIMIZERS[optimizer],
            },
            training={
                "epochs": 6,
                "early_stopping": {"monitor": "val_loss", "patience": 4},
                "reduce_lr_on_plateau": {"monitor": "val_accuracy", "factor": 0.5, "patience": 1},
            }
            | training,
            objective={"metric": "val_accuracy"},
        )

    return make


def untimed(outcome: Outcome) -> Outcome:
    curves = tuple(replace(epoch, seconds=0.0) for epoch in outcome.curves)
    return replace(outcome, curves=curves, seconds=0.0, examples_per_second=0.0)


def interrupted_after(polls: int, **settings: Any) -> Watch:
    """Interrupts at the given look at the watch; a validation and each call have one."""
    left = iter([False] * polls)
    return Watch(interrupted=lambda: next(left, True), **{"checkpoint_every": 1e6, **settings})


def in_parts(recipe: Recipe, parts: Parts, folder: Path, polls: int) -> tuple[Outcome, int]:
    """Train, cut off after so many looks each time; the outcome and the number of cuts."""
    runs: list[Path] = []
    while True:
        seen: list[Epoch] = []
        watch = interrupted_after(polls, earlier=runs[::-1], on_resume=seen.extend)
        runs.append(folder / f"part-{len(runs)}")
        try:
            return train(recipe, parts, runs[-1], watch), len(runs) - 1
        except TrialFailedError as error:
            if error.failure is not Failure.INTERRUPTED or len(runs) > 40:
                raise


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_rest_of_the_curve_is_the_same(
    optimizer: str, make_rough: MakeRecipe, blobs: Parts, tmp_path: Path
) -> None:
    recipe = make_rough(optimizer)
    whole = train(recipe, blobs, tmp_path / "whole", Watch())
    assert whole.curves[-1].learning_rate < whole.curves[0].learning_rate  # a plateau was met
    outcome, cuts = in_parts(recipe, blobs, tmp_path, polls=7)
    assert cuts >= 3
    assert untimed(outcome) == untimed(whole)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "step", "warmup_cosine"])
def test_with_each_schedule(
    schedule: str, make_rough: MakeRecipe, blobs: Parts, tmp_path: Path
) -> None:
    recipe = make_rough(schedule=schedule)
    whole = train(recipe, blobs, tmp_path / "whole", Watch())
    outcome, _ = in_parts(recipe, blobs, tmp_path, polls=8)
    assert untimed(outcome) == untimed(whole)


@pytest.mark.parametrize("polls", [2, 5, 9])
def test_wherever_it_is_cut_off(
    polls: int, make_rough: MakeRecipe, blobs: Parts, tmp_path: Path
) -> None:
    """Within an epoch, in its validation, at its end.

    An epoch has 5 looks: after 2 each time all of them are met, after 5 the same one again and
    again, and 9 are more than an epoch.
    """
    recipe = make_rough()
    whole = train(recipe, blobs, tmp_path / "whole", Watch())
    outcome, _ = in_parts(recipe, blobs, tmp_path, polls=polls)
    assert untimed(outcome) == untimed(whole)


def test_the_scaled_loss_of_float16(make_rough: MakeRecipe, blobs: Parts, tmp_path: Path) -> None:
    recipe = make_rough(precision="mixed_float16")
    whole = train(recipe, blobs, tmp_path / "whole", Watch())
    outcome, _ = in_parts(recipe, blobs, tmp_path, polls=7)
    assert untimed(outcome) == untimed(whole)


def test_early_stopping_counts_on(make_rough: MakeRecipe, blobs: Parts, tmp_path: Path) -> None:
    stopping = {"monitor": "val_loss", "patience": 2}
    recipe = make_rough("nesterov", "constant", epochs=30, early_stopping=stopping)
    whole = train(recipe, blobs, tmp_path / "whole", Watch())
    assert whole.stopped == "early_stopping"
    outcome, cuts = in_parts(recipe, blobs, tmp_path, polls=6)
    assert cuts > 2
    assert untimed(outcome) == untimed(whole)


def test_the_kept_weights_are_those_of_an_epoch_before_the_cut(
    make_rough: MakeRecipe, blobs: Parts, tmp_path: Path
) -> None:
    recipe = make_rough("nesterov", "constant")
    whole = train(recipe, blobs, tmp_path / "whole", Watch())
    assert whole.best_epoch < whole.epochs
    cut = 5 * whole.best_epoch + 3  # in the epoch after the best
    with pytest.raises(TrialFailedError):
        train(recipe, blobs, tmp_path / "first", interrupted_after(cut))
    goes_on = Watch(checkpoint_every=1e6, earlier=[tmp_path / "first"])
    assert untimed(train(recipe, blobs, tmp_path / "second", goes_on)) == untimed(whole)
    kept = []
    for name in ("whole", "second"):
        network = build_engine(recipe, blobs).network
        network.load_weights(tmp_path / name / "best.weights.h5")
        kept.append(network.get_weights())
    for one, other in zip(*kept, strict=True):
        np.testing.assert_array_equal(one, other)


def test_who_follows_is_told_what_came_before(
    make_rough: MakeRecipe, blobs: Parts, tmp_path: Path
) -> None:
    recipe = make_rough()
    with pytest.raises(TrialFailedError):
        train(recipe, blobs, tmp_path, interrupted_after(12))
    before: list[Sequence[Epoch]] = []
    after: list[Epoch] = []
    watch = Watch(
        checkpoint_every=1e6,
        on_resume=before.append,
        on_epoch=lambda epoch: bool(after.append(epoch)),
    )
    outcome = train(recipe, blobs, tmp_path, watch)
    assert [epoch.epoch for epoch in before[0]] == [1, 2]
    assert [epoch.epoch for epoch in after] == [3, 4, 5, 6]
    assert (*before[0], *after) == outcome.curves
    lines = (tmp_path / "curves.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in lines[1:]] == ["1", "2", "3", "4", "5", "6"]


def test_a_kill_loses_no_more_than_the_time_since_the_last_checkpoint(
    make_rough: MakeRecipe, blobs: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resume, "COST", 0)
    recipe = make_rough()
    whole = train(recipe, blobs, tmp_path / "whole", Watch())

    def killed(epoch: Epoch) -> bool:
        if epoch.epoch == 4:
            raise SystemExit
        return False

    run = tmp_path / "run"
    with pytest.raises(SystemExit):
        train(recipe, blobs, run, Watch(on_epoch=killed, checkpoint_every=0.0))
    resumed: list[Epoch] = []
    goes_on = Watch(checkpoint_every=1e6, on_resume=resumed.extend)
    assert untimed(train(recipe, blobs, run, goes_on)) == untimed(whole)
    assert len(resumed) == 3


@pytest.mark.parametrize("damage", ["torn", "flipped", "empty", "deleted", "text"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(  # noqa: PLR0917  # fixtures
    damage: str,
    make_rough: MakeRecipe,
    blobs: Parts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(resume, "COST", 0)
    recipe = make_rough()
    with pytest.raises(TrialFailedError):
        train(recipe, blobs, tmp_path, interrupted_after(23, checkpoint_every=0.0))
    newest, previous = (tmp_path / name for name in CHECKPOINTS)
    content = newest.read_bytes()
    inside = content.index(b"\x93NUMPY") + 200  # of the first array
    spoilt = {
        "torn": content[:-100],
        "flipped": content[:inside] + bytes([content[inside] ^ 1]) + content[inside + 1 :],
        "empty": b"",
        "text": b"no archive at all",
    }
    if damage == "deleted":
        newest.unlink()
    else:
        newest.write_bytes(spoilt[damage])
    assert previous.exists()
    resumed: list[Epoch] = []
    with caplog.at_level(logging.WARNING):
        outcome = train(
            recipe, blobs, tmp_path, Watch(checkpoint_every=1e6, on_resume=resumed.extend)
        )
    assert ("is damaged" in caplog.text) == (damage != "deleted")
    assert len(resumed) == 4
    monkeypatch.undo()
    monkeypatch.setattr(engine_module, "steps_per_call", lambda *_: 2)
    assert untimed(outcome) == untimed(train(recipe, blobs, tmp_path / "whole", Watch()))


def test_another_training_does_not_go_on_from_it(
    make_rough: MakeRecipe, blobs: Parts, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = make_rough()
    with pytest.raises(TrialFailedError):
        train(recipe, blobs, tmp_path, interrupted_after(12))
    other = recipe.model_copy(update={"seed": 2})
    resumed: list[Epoch] = []
    train(other, blobs, tmp_path, Watch(checkpoint_every=1e6, on_resume=resumed.extend))
    assert resumed == []
    assert "belongs to another training" in caplog.text


def test_time_before_the_cut_counts_for_the_timeout(
    make_rough: MakeRecipe, blobs: Parts, tmp_path: Path
) -> None:
    recipe = make_rough()
    with pytest.raises(TrialFailedError):
        train(recipe, blobs, tmp_path, interrupted_after(7))
    key = checkpoint.key_of(recipe, blobs)
    found = checkpoint.load([tmp_path], key)
    assert found is not None
    assert 0 < found.values["seconds"] < 60
    recorder = {**found.values["recorder"], "epoch_seconds": 500.0}
    longer = replace(found, values={**found.values, "seconds": 1000.0, "recorder": recorder})
    checkpoint.save(tmp_path, longer)
    outcome = train(recipe, blobs, tmp_path, Watch(checkpoint_every=1e6))
    assert 1000 < outcome.seconds < 1060
    assert [epoch.seconds > 500 for epoch in outcome.curves] == [False, True] + [False] * 4

    limited = make_rough(trial_timeout=900)
    checkpoint.save(tmp_path, replace(longer, key=checkpoint.key_of(limited, blobs)))
    with pytest.raises(TrialFailedError) as caught:
        train(limited, blobs, tmp_path, Watch(checkpoint_every=1e6))
    assert caught.value.failure is Failure.TIMEOUT


def test_a_disk_that_takes_no_checkpoint_does_not_end_the_trial(
    make_rough: MakeRecipe,
    blobs: Parts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(*_: object) -> None:
        raise UnreachableError("checkpoint.npz: cannot be written: No space left on device")

    monkeypatch.setattr(checkpoint, "save", full)
    assert train(make_rough(), blobs, tmp_path, Watch(checkpoint_every=0.0)).epochs == 6
    assert "no checkpoint: " in caplog.text


def test_checkpoints_take_a_bounded_share_of_the_time(
    make_rough: MakeRecipe, blobs: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[float] = []
    monkeypatch.setattr(checkpoint, "save", lambda *_: written.append(0.0))
    monkeypatch.setattr(resume, "COST", 10**9)
    train(make_rough(), blobs, tmp_path, Watch(checkpoint_every=0.0))
    assert len(written) == 1


def test_nothing_is_written_where_it_was_not_asked_for(
    make_rough: MakeRecipe, blobs: Parts, tmp_path: Path
) -> None:
    with pytest.raises(TrialFailedError):
        train(make_rough(), blobs, tmp_path, interrupted_after(12, checkpoint_every=np.inf))
    assert [path.name for path in tmp_path.iterdir()] == ["curves.csv"]
