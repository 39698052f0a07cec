"""Real training on digits, in this process and in another."""

import dataclasses
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from hpsearch.augment import Augment
from hpsearch.data.parts import Part, Parts
from hpsearch.data.section import DatasetSection
from hpsearch.data.transform import Affine
from hpsearch.home import Home
from hpsearch.parsing import parse
from hpsearch.recipe import Recipe
from hpsearch.services.inspection import inspect
from hpsearch.services.progress import Silent
from hpsearch.tasks.evaluation import evaluate
from hpsearch.training import devices
from hpsearch.training.outcome import Outcome, Watch
from hpsearch.training.probe import probe
from hpsearch.training.train import logits, train

RECIPE = Recipe(
    seed=11,
    config={
        "layers": 2,
        "units": [128, 64],
        "activation": "gelu",
        "batch_norm": True,
        "dropout": [0.2, 0.1],
        "l2": 1e-5,
        "initializer": "he_normal",
        "batch_size": 32,
        "lr_schedule": "warmup_cosine",
        "optimizer": {"type": "adamw", "learning_rate": 5e-3},
    },
    dataset={"source": "digits"},
    training={"epochs": 6, "early_stopping": False},
)


@pytest.fixture(scope="module")
def digits() -> Parts:
    data = load_digits()
    y = data.target.astype(np.int64)
    first, second = train_test_split(np.arange(len(y)), test_size=0.2, random_state=0, stratify=y)
    x = data.images.astype(np.uint8)
    return Parts(
        train=Part(x=x, y=y, rows=np.sort(first)),
        validation=Part(x=x, y=y, rows=np.sort(second)),
        input_shape=(8, 8),
        class_names=tuple("0123456789"),
        transform=Affine(multiplier=np.float32([1 / 8]), offset=np.float32([-1])),
        class_weights=None,
        fingerprint="",
    )


@pytest.fixture(scope="module")
def trained(digits: Parts, tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Path]:
    """What comes of training here, and its folder."""
    devices.set_up()
    run = tmp_path_factory.mktemp("run")
    return train(RECIPE, digits, run, Watch()), run


def test_digits_are_learnt_and_the_kept_weights_say_so(
    digits: Parts, trained: tuple[Outcome, Path]
) -> None:
    outcome, run = trained
    assert outcome.value == outcome.curves[outcome.best_epoch - 1].values["val_accuracy"] >= 0.95
    assert outcome.stopped == "epochs"
    assert outcome.train_value is not None
    assert outcome.train_value >= 0.97
    rows = digits.validation.rows
    outputs = logits(RECIPE, digits, run / "best.weights.h5", digits.validation.x[rows])
    found = evaluate(digits.validation.y[rows], outputs, digits.class_names)
    best = outcome.curves[outcome.best_epoch - 1]
    assert found.accuracy == best.values["val_accuracy"]
    for name in ("f1_macro", "balanced_accuracy", "auc"):
        assert getattr(found, name) == pytest.approx(best.values[f"val_{name}"])
    assert found.log_loss == pytest.approx(best.values["val_loss"], rel=1e-5)
    measured = probe(RECIPE, digits)
    assert measured.parameters == outcome.parameters == 64 * 128 + 256 + 128 * 64 + 128 + 650


ANOTHER = """
import dataclasses, json, pathlib, pickle, sys
from hpsearch.training.start import start_tensorflow
start_tensorflow()
from hpsearch.training.outcome import Watch
from hpsearch.training.train import train
folder = pathlib.Path(sys.argv[1])
recipe, parts = pickle.loads((folder / "given").read_bytes())
outcome = train(recipe, parts, folder / "run", Watch())
print(json.dumps([dataclasses.asdict(epoch) for epoch in outcome.curves]))
"""


def test_another_process_draws_the_same_curve(
    digits: Parts, trained: tuple[Outcome, Path], tmp_path: Path
) -> None:
    (tmp_path / "given").write_bytes(pickle.dumps((RECIPE, digits)))
    command = [sys.executable, "-c", ANOTHER, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    drawn = json.loads(done.stdout)
    assert len(drawn) == 6
    for theirs, ours in zip(drawn, trained[0].curves, strict=True):
        assert theirs | {"seconds": 0} == dataclasses.asdict(ours) | {"seconds": 0}


def test_what_training_sees_of_images_is_shown_beside_them(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    section = parse(DatasetSection, {"source": "digits"}, "here")
    shown: list[bytes] = []
    for augment in (Augment(), Augment(translate=2, cutout=2)):
        view = inspect(section, augment, home, Silent())
        page = view.write(tmp_path / "page.html").read_text()
        assert page.count("data:image/png;base64,") == 1 + augment.is_on
        assert ("The same images augmented" in page) == augment.is_on
        assert view.facts.get("augmented", "").startswith("at most move 2, cut 2") == augment.is_on
        shown.append(view.write(tmp_path / "samples.png").read_bytes())
    assert shown[0] != shown[1]
    too_far = inspect(section, Augment(translate=8), home, Silent())
    assert not too_far.augment.is_on
    assert "translate = 8 leaves nothing of an image of 8 × 8" in too_far.warnings[-1]
    mirrored = inspect(section, Augment(flip=True), home, Silent())
    assert "augment.flip mirrors images" in mirrored.warnings[-1]
