"""Real training on digits, in this process and in two others."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from hpsearch.data.parts import Part, Parts
from hpsearch.recipe import Recipe
from hpsearch.training import devices
from hpsearch.training.metrics import evaluate
from hpsearch.training.outcome import Watch
from hpsearch.training.probe import probe
from hpsearch.training.train import predict, train

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
        multiplier=np.float32([1 / 8]),
        offset=np.float32([-1]),
        class_weights=None,
        fingerprint="",
    )


def test_digits_are_learnt_and_the_kept_weights_say_so(tmp_path: Path) -> None:
    devices.set_up()
    parts = digits()
    outcome = train(RECIPE, parts, tmp_path, Watch())
    assert outcome.value == outcome.curves[outcome.best_epoch - 1].val_accuracy >= 0.95
    assert outcome.stopped == "epochs"
    assert outcome.train_accuracy is not None
    assert outcome.train_accuracy >= 0.97
    rows = parts.validation.rows
    answers = predict(RECIPE, parts, tmp_path / "best.weights.h5", parts.validation.x[rows])
    found = evaluate(parts.validation.y[rows], answers, parts.class_names)
    best = outcome.curves[outcome.best_epoch - 1]
    assert found.accuracy == best.val_accuracy
    assert found.f1_macro == pytest.approx(best.val_f1_macro)
    measured = probe(RECIPE, parts)
    assert measured.parameters == outcome.parameters == 64 * 128 + 256 + 128 * 64 + 128 + 650


ALONE = """
import sys, json, dataclasses, pathlib, tempfile
sys.path.insert(0, sys.argv[1])
from test_training import RECIPE, digits, devices, train, Watch
devices.set_up(threads=1)
import tensorflow as tf
threads = tf.config.threading.get_intra_op_parallelism_threads()
recipe = RECIPE.model_copy(update={"training": RECIPE.training.model_copy(update={"epochs": 2})})
with tempfile.TemporaryDirectory() as folder:
    outcome = train(recipe, digits(), pathlib.Path(folder), Watch())
print(json.dumps([threads, [dataclasses.asdict(epoch) for epoch in outcome.curves]]))
"""


def test_two_processes_draw_the_same_curve() -> None:
    command = [sys.executable, "-c", ALONE, str(Path(__file__).parent)]
    children = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = [child.communicate(timeout=100) for child in children]
    assert [child.returncode for child in children] == [0, 0], answers
    (threads, first), (_, second) = (json.loads(out) for out, _ in answers)
    assert threads == 1
    assert len(first) == 2
    for a, b in zip(first, second, strict=True):
        assert a | {"seconds": 0} == b | {"seconds": 0}
