"""A trial that was cut off, anywhere and any number of times, is the trial it would have been."""

import logging
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hpsearch.data.parts import Parts
from hpsearch.errors import Failure, TrialFailedError, UnreachableError
from hpsearch.home import CHECKPOINTS
from hpsearch.recipe import Recipe
from hpsearch.tasks.classification import CLASSIFICATION
from hpsearch.training import checkpoint, resume
from hpsearch.training import engine as engine_module
from hpsearch.training.checkpoint import Checkpoint
from hpsearch.training.outcome import Epoch, Outcome, Watch
from hpsearch.training.train import build_engine, train

MakeRecipe = Callable[..., Recipe]
Whole = Callable[[Recipe], tuple[Outcome, Path]]

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adam": {"type": "adam", "learning_rate": 0.05},
    "amsgrad": {"type": "adam", "learning_rate": 0.05, "amsgrad": True},
    "adamw": {"type": "adamw", "learning_rate": 0.05, "weight_decay": 0.01},
    "sgd": {"type": "sgd", "learning_rate": 0.1},
    "nesterov": {"type": "sgd", "learning_rate": 0.1, "momentum": 0.9, "nesterov": True},
    "rmsprop": {"type": "rmsprop", "learning_rate": 0.02},
    "centered": {"type": "rmsprop", "learning_rate": 0.02, "centered": True, "momentum": 0.5},
    "lion": {"type": "lion", "learning_rate": 0.005, "weight_decay": 0.01},
}
LOOKS = 5
"""How often an epoch looks at the watch: after each of its four calls and after its validation."""


@pytest.fixture(scope="module", autouse=True)
def _short_calls() -> Iterator[None]:
    """Four calls of two steps in an epoch, so that a trial can be cut off within one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_module, "steps_per_call", lambda *_: 2)
        yield


@pytest.fixture(scope="module")
def make_rough(make_recipe: MakeRecipe) -> MakeRecipe:
    """Everything that has a state is on; the rate falls at the first epoch that is no better."""

    def make(optimizer: str, schedule: str, units: Sequence[int] = (6,), **training: Any) -> Recipe:
        return make_recipe(
            config={
                "layers": len(units),
                "units": units,
                "batch_norm": True,
                "dropout": 0.3,
                "l2": 1e-3,
                "batch_size": 8,
                "lr_schedule": schedule,
                "optimizer": OPTIMIZERS[optimizer],
            },
            training={
                "epochs": 4,
                "early_stopping": {"monitor": "val_loss", "patience": 4},
                "reduce_lr_on_plateau": {"monitor": "val_accuracy", "factor": 0.5, "patience": 1},
            }
            | training,
            objective={"metric": "val_accuracy"},
        )

    return make


@pytest.fixture(scope="module")
def plain(make_recipe: MakeRecipe) -> Recipe:
    """A recipe for what does not depend on the network."""
    return make_recipe(training={"epochs": 4})


@pytest.fixture(scope="module")
def whole(blobs: Parts, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """What comes of a recipe that nothing cuts off, and its folder; each is trained once."""
    known: dict[str, tuple[Outcome, Path]] = {}

    def train_once(recipe: Recipe) -> tuple[Outcome, Path]:
        key = recipe.model_dump_json()
        if key not in known:
            run = tmp_path_factory.mktemp("whole")
            known[key] = (untimed(train(recipe, blobs, run, Watch())), run)
        return known[key]

    return train_once


def untimed(outcome: Outcome) -> Outcome:
    curves = tuple(replace(epoch, seconds=0.0) for epoch in outcome.curves)
    return replace(outcome, curves=curves, seconds=0.0, examples_per_second=0.0)


def interrupted_after(polls: int, **settings: Any) -> Watch:
    """Interrupts at the given look at the watch; a validation and each call have one."""
    left = iter([False] * polls)
    return Watch(interrupted=lambda: next(left, True), **{"checkpoint_every": 1e6, **settings})


def cut_off(recipe: Recipe, parts: Parts, run: Path, watch: Watch) -> None:
    """Train until the watch interrupts."""
    with pytest.raises(TrialFailedError) as caught:
        train(recipe, parts, run, watch)
    assert caught.value.failure is Failure.INTERRUPTED


def in_parts(recipe: Recipe, parts: Parts, folder: Path, cuts: Sequence[int]) -> Outcome:
    """Train in a folder for each part, cut off after so many looks in each but the last."""
    runs: list[Path] = []
    for looks in cuts:
        earlier = runs[::-1]
        runs.append(folder / f"part-{len(runs)}")
        cut_off(recipe, parts, runs[-1], interrupted_after(looks, earlier=earlier))
    watch = Watch(checkpoint_every=1e6, earlier=runs[::-1])
    return untimed(train(recipe, parts, folder / "last", watch))


@pytest.mark.parametrize(
    ("optimizer", "schedule", "units"),
    [
        ("adam", "plateau", [6]),
        ("amsgrad", "cosine", [6]),
        ("adamw", "warmup_cosine", [12, 6]),
        ("sgd", "step", [6]),
        ("nesterov", "constant", [6]),
        ("rmsprop", "plateau", [6]),
        ("centered", "plateau", [6]),
    ],
)
def test_the_rest_of_the_curve_is_the_same(  # noqa: PLR0917  # fixtures
    optimizer: str,
    schedule: str,
    units: Sequence[int],
    make_rough: MakeRecipe,
    whole: Whole,
    blobs: Parts,
    tmp_path: Path,
) -> None:
    """Of every optimizer, and with every schedule, cut off within the third of four epochs."""
    recipe = make_rough(optimizer, schedule, units)
    expected, _ = whole(recipe)
    rates = [epoch.learning_rate for epoch in expected.curves]
    assert (rates[2] < rates[0]) == (schedule != "constant")  # it fell before the cut
    assert in_parts(recipe, blobs, tmp_path, [2 * LOOKS + 1]) == expected


@pytest.mark.parametrize(
    ("cuts", "places"),
    [
        ([2] * 5, [(1, 48), (2, 16), (2, 53), (3, 32), (3, 53)]),
        ([LOOKS - 1, 0, 0], [(1, 53), (1, 53), (1, 53)]),
    ],
    ids=["everywhere", "in the same place again and again"],
)
def test_wherever_it_is_cut_off(  # noqa: PLR0917  # fixtures
    cuts: Sequence[int],
    places: Sequence[tuple[int, int]],
    make_rough: MakeRecipe,
    whole: Whole,
    blobs: Parts,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Within an epoch, in its validation, at its end; a place is an epoch and its examples."""
    recipe = make_rough("adam", "plateau")
    with caplog.at_level(logging.INFO):
        outcome = in_parts(recipe, blobs, tmp_path, cuts)
    found = re.findall(r"resumes in epoch (\d+), after (\d+) examples", caplog.text)
    assert [(int(epoch), int(examples)) for epoch, examples in found] == places
    assert outcome == whole(recipe)[0]


def test_the_scaled_loss_of_float16(
    make_rough: MakeRecipe, whole: Whole, blobs: Parts, tmp_path: Path
) -> None:
    recipe = make_rough("adam", "plateau", precision="mixed_float16")
    assert in_parts(recipe, blobs, tmp_path, [2 * LOOKS + 1]) == whole(recipe)[0]


def test_members_and_the_waves_of_the_rate(
    make_rough: MakeRecipe, whole: Whole, blobs: Parts, tmp_path: Path
) -> None:
    recipe = make_rough("adamw", "coslog4", [6, 5])
    network = recipe.config.network.model_copy(update={"members": 3, "input_scale": True})
    config = recipe.config.model_copy(update={"network": network})
    recipe = recipe.model_copy(update={"config": config})
    assert in_parts(recipe, blobs, tmp_path, [2, LOOKS + 1]) == whole(recipe)[0]


@pytest.fixture(scope="module")
def stopped_early(
    make_rough: MakeRecipe, whole: Whole, blobs: Parts, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Recipe, Outcome, Path]:
    """A trial that was cut off in the last of the epochs that early stopping waits for."""
    stopping = {"monitor": "val_loss", "patience": 2}
    recipe = make_rough("nesterov", "constant", epochs=30, early_stopping=stopping)
    folder = tmp_path_factory.mktemp("stopped")
    last = whole(recipe)[0].epochs
    return recipe, in_parts(recipe, blobs, folder, [(last - 1) * LOOKS + 1]), folder / "last"


def test_early_stopping_counts_on(
    stopped_early: tuple[Recipe, Outcome, Path], whole: Whole
) -> None:
    recipe, outcome, _ = stopped_early
    assert outcome.stopped == "early_stopping"
    assert outcome == whole(recipe)[0]


def test_the_kept_weights_are_those_of_an_epoch_before_the_cut(
    stopped_early: tuple[Recipe, Outcome, Path], whole: Whole, blobs: Parts
) -> None:
    recipe, outcome, run = stopped_early
    assert outcome.best_epoch < outcome.epochs
    kept = []
    for folder in (whole(recipe)[1], run):
        network = build_engine(recipe, blobs).network
        network.load_weights(folder / "best.weights.h5")
        kept.append(network.get_weights())
    for one, other in zip(*kept, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def _interrupted(plain: Recipe, blobs: Parts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a plain trial that was cut off within its third epoch."""
    run = tmp_path_factory.mktemp("interrupted")
    cut_off(plain, blobs, run, interrupted_after(2 * LOOKS + 2))
    return run


@pytest.fixture
def interrupted(_interrupted: Path, tmp_path: Path) -> Path:
    """A copy of that folder."""
    return shutil.copytree(_interrupted, tmp_path / "run")


def test_who_follows_is_told_what_came_before(
    plain: Recipe, blobs: Parts, interrupted: Path
) -> None:
    before: list[Sequence[Epoch]] = []
    after: list[Epoch] = []
    watch = Watch(
        checkpoint_every=1e6,
        on_resume=before.append,
        on_epoch=lambda epoch: bool(after.append(epoch)),
    )
    outcome = train(plain, blobs, interrupted, watch)
    assert [epoch.epoch for epoch in before[0]] == [1, 2]
    assert [epoch.epoch for epoch in after] == [3, 4]
    assert (*before[0], *after) == outcome.curves
    lines = (interrupted / "curves.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in lines[1:]] == ["1", "2", "3", "4"]


def test_a_kill_loses_no_more_than_the_time_since_the_last_checkpoint(
    make_rough: MakeRecipe,
    whole: Whole,
    blobs: Parts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resume, "COST", 0)
    recipe = make_rough("adam", "plateau")

    def killed(epoch: Epoch) -> bool:
        if epoch.epoch == 3:
            raise SystemExit
        return False

    with pytest.raises(SystemExit):
        train(recipe, blobs, tmp_path, Watch(on_epoch=killed, checkpoint_every=0.0))
    resumed: list[Epoch] = []
    goes_on = Watch(checkpoint_every=1e6, on_resume=resumed.extend)
    assert untimed(train(recipe, blobs, tmp_path, goes_on)) == whole(recipe)[0]
    assert len(resumed) == 2


def test_a_damaged_checkpoint_falls_back_to_the_one_before(  # noqa: PLR0917  # fixtures
    make_rough: MakeRecipe,
    whole: Whole,
    blobs: Parts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Of one wrong bit; ``test_checkpoint.py`` has every bit and other damages."""
    monkeypatch.setattr(resume, "COST", 0)
    recipe = make_rough("adam", "plateau")
    cut_off(recipe, blobs, tmp_path, interrupted_after(13, checkpoint_every=0.0))
    newest, previous = (tmp_path / name for name in CHECKPOINTS)
    content = bytearray(newest.read_bytes())
    content[content.index(b"\x93NUMPY") + 200] ^= 1  # in the first array
    newest.write_bytes(content)
    assert previous.exists()
    resumed: list[Epoch] = []
    with caplog.at_level(logging.INFO):
        outcome = train(
            recipe, blobs, tmp_path, Watch(checkpoint_every=1e6, on_resume=resumed.extend)
        )
    assert "is damaged" in caplog.text
    assert "resumes in epoch 3, after 48 examples" in caplog.text
    assert len(resumed) == 2
    assert untimed(outcome) == whole(recipe)[0]


def without(rows: list[dict[str, float]], *names: str) -> list[dict[str, float]]:
    """Rows that lack some values."""
    return [{key: value for key, value in row.items() if key not in names} for row in rows]


def other_contents(good: Checkpoint) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """What is changed of the values and the arrays of a checkpoint, so that it is none."""
    position, recorder = good.values["position"], good.values["recorder"]
    rows = recorder["epochs"]
    for wrong in (
        {"epoch": 1}, {"epoch": "2"}, {"examples": 7}, {"examples": -8}, {"examples": 10**6},
        {"loss": None},
    ):  # fmt: skip
        yield {"position": position | wrong}, {}
    for wrong in (
        {"best": 9}, {"best": 0}, {"best": "1"}, {"epochs": rows[::-1]}, {"epochs": rows[:1]},
        {"epochs": [{}, {}]}, {"epochs": None}, {"epoch_seconds": -1.0}, {"epoch_seconds": "1"},
    ):  # fmt: skip
        yield {"recorder": recorder | wrong}, {}
    for name in ("loss", "val_accuracy", "val_loss"):
        yield {"recorder": recorder | {"epochs": without(rows, name)}}, {}
    yield {"recorder": recorder | {"epochs": [row | {"val_rmse": 1.0} for row in rows]}}, {}
    for name in ("position", "recorder", "seconds", "counts"):
        yield {name: None}, {}
    yield {"seconds": float("nan")}, {}
    yield {"counts": []}, {}
    yield {"counts": [{"wait": "long"} for _ in good.values["counts"]]}, {}
    for name in ("network.0", "optimizer.0", "best.0"):
        array = good.arrays[name]
        yield {}, {name: array[..., None]}
    yield {}, {"network.0": good.arrays["network.0"].astype(np.float64)}
    yield {}, {"network.0": np.array(["a"])}
    yield {}, {"best.99": good.arrays["best.0"]}


def test_what_is_no_state_of_this_training_counts_as_torn(  # noqa: PLR0917  # fixtures
    make_rough: MakeRecipe,
    whole: Whole,
    blobs: Parts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Checkpoints with the right key and other contents, each with a good one before it."""
    recipe = make_rough("adam", "plateau")
    cut_off(recipe, blobs, tmp_path, interrupted_after(13))
    key = checkpoint.key_of(recipe, blobs)
    good = checkpoint.load([tmp_path], key)
    assert good is not None
    wrong = [
        replace(good, values={**good.values, **values}, arrays={**good.arrays, **arrays})
        for values, arrays in other_contents(good)
    ]
    check = resume.Checkpointer.check
    refused = 0

    def check_all(checkpointer: resume.Checkpointer, found: Checkpoint) -> None:
        nonlocal refused
        for other in wrong:
            with pytest.raises(ValueError, match=r"^\S"):
                check(checkpointer, other)
            refused += 1
        check(checkpointer, found)

    monkeypatch.setattr(resume.Checkpointer, "check", check_all)
    checkpoint.save(tmp_path, wrong[0])
    outcome = untimed(train(recipe, blobs, tmp_path, Watch(checkpoint_every=1e6)))
    assert refused == 2 * len(wrong)
    assert "is damaged" in caplog.text
    assert outcome == whole(recipe)[0]


def test_an_earlier_version_knew_fewer_values(
    plain: Recipe, blobs: Parts, interrupted: Path
) -> None:
    found = checkpoint.load([interrupted], checkpoint.key_of(plain, blobs))
    assert found is not None
    recorder = found.values["recorder"]
    earlier = recorder | {"epochs": without(recorder["epochs"], *CLASSIFICATION.added)}
    checkpoint.save(interrupted, replace(found, values=found.values | {"recorder": earlier}))
    resumed: list[Epoch] = []
    outcome = train(
        plain, blobs, interrupted, Watch(checkpoint_every=1e6, on_resume=resumed.extend)
    )
    assert ["val_auc" in epoch.values for epoch in resumed] == [False] * len(resumed) != []
    assert "val_auc" in outcome.curves[-1].values


def test_another_training_does_not_go_on_from_it(
    plain: Recipe, blobs: Parts, interrupted: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = plain.model_copy(update={"seed": 2})
    resumed: list[Epoch] = []
    train(other, blobs, interrupted, Watch(checkpoint_every=1e6, on_resume=resumed.extend))
    assert resumed == []
    assert "belongs to another training" in caplog.text


def test_time_before_the_cut_counts_for_the_timeout(
    plain: Recipe, blobs: Parts, interrupted: Path
) -> None:
    found = checkpoint.load([interrupted], checkpoint.key_of(plain, blobs))
    assert found is not None
    assert 0 < found.values["seconds"] < 60
    recorder = {**found.values["recorder"], "epoch_seconds": 500.0}
    longer = replace(found, values={**found.values, "seconds": 1000.0, "recorder": recorder})
    checkpoint.save(interrupted, longer)
    outcome = train(plain, blobs, interrupted, Watch(checkpoint_every=1e6))
    assert 1000 < outcome.seconds < 1060
    assert [epoch.seconds > 500 for epoch in outcome.curves] == [False, False, True, False]

    training = plain.training.model_copy(update={"trial_timeout": 900})
    limited = plain.model_copy(update={"training": training})
    checkpoint.save(interrupted, replace(longer, key=checkpoint.key_of(limited, blobs)))
    with pytest.raises(TrialFailedError) as caught:
        train(limited, blobs, interrupted, Watch(checkpoint_every=1e6))
    assert caught.value.failure is Failure.TIMEOUT


def test_a_disk_that_takes_no_checkpoint_does_not_end_the_trial(
    plain: Recipe,
    blobs: Parts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(*_: object) -> None:
        raise UnreachableError("checkpoint.npz: cannot be written: No space left on device")

    monkeypatch.setattr(checkpoint, "save", full)
    assert train(plain, blobs, tmp_path, Watch(checkpoint_every=0.0)).epochs == 4
    assert "no checkpoint: " in caplog.text


def test_checkpoints_take_a_bounded_share_of_the_time(
    plain: Recipe, blobs: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[float] = []
    monkeypatch.setattr(checkpoint, "save", lambda *_: written.append(0.0))
    monkeypatch.setattr(resume, "COST", 10**9)
    train(plain, blobs, tmp_path, Watch(checkpoint_every=0.0))
    assert len(written) == 1


def test_nothing_is_written_where_it_was_not_asked_for(
    plain: Recipe, blobs: Parts, tmp_path: Path
) -> None:
    cut_off(plain, blobs, tmp_path, interrupted_after(12, checkpoint_every=np.inf))
    assert [path.name for path in tmp_path.iterdir()] == ["curves.csv"]


@pytest.mark.parametrize("batch_norm", [True, False])
def test_augmented_images_in_mixed_precision_too(
    batch_norm: bool, blobs: Parts, tmp_path: Path
) -> None:
    """What is drawn for an example is the same wherever its epoch was cut off."""
    images = np.random.default_rng(0).integers(0, 256, (74, 4, 4, 3)).astype(np.uint8)
    train_part, validation = (replace(p, x=images) for p in (blobs.train, blobs.validation))
    pictures = replace(blobs, train=train_part, validation=validation, input_shape=(4, 4, 3))
    network = {"type": "conv", "filters": [4], "residual": True, "dropout": 0.3, "l2": 1e-3}
    network |= {"batch_norm": batch_norm}
    recipe = Recipe(
        seed=1,
        config={
            "network": network,
            "augment": {"flip": True, "translate": 1, "cutout": 2, "mixup": 0.3},
            "batch_size": 8,
            "optimizer": OPTIMIZERS["adam"],
        },
        dataset={"source": "digits"},
        training={"epochs": 2, "early_stopping": False, "precision": "mixed_bfloat16"},
    )
    expected = untimed(train(recipe, pictures, tmp_path / "whole", Watch()))
    assert in_parts(recipe, pictures, tmp_path, [LOOKS + 2]) == expected
