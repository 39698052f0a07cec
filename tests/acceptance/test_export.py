"""A trial as a script and as a model: used where hpsearch is not."""

import json
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from alone import run_alone
from commandline import Cli, wait_until
from made import make_study

STUDY = """\
name = "small"
[dataset]
source = "digits"
validation = 0.4
[budget]
trials = 1
[training]
epochs = 8
[space]
units = 64
activation = "silu"
batch_norm = true
dropout = 0.1
l2 = 1e-5
lr_schedule = "cosine"
optimizer = { type = "adam", learning_rate = 0.005 }
[baseline]
units = 16
"""
OPEN = """
import json, sys
import keras, numpy as np
import tensorflow as tf
x = np.load("x.npy")
model = keras.saving.load_model("best.keras")
serve = tf.saved_model.load("best").signatures["serving_default"]
np.save("keras.npy", model.predict(x, verbose=0))
np.save("served.npy", next(iter(serve(inputs=tf.constant(x)).values())))
"""


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """A folder with a finished study "small" of one trial that learnt something."""
    cli = Cli(tmp_path_factory.mktemp("searched"))
    (cli.folder / "small.toml").write_text(STUDY)
    cli("run", "small.toml", "--workers", "1")
    yield cli
    cli.end()


@pytest.mark.timeout(300)  # two trainings and three starts of TensorFlow
def test_a_script_trains_alike_where_hpsearch_is_not(searched: Cli, tmp_path: Path) -> None:
    file = tmp_path / "best.py"
    assert "it compiles" in searched("export", "small", "-o", file).stdout
    out = run_alone(file, "--test", folder=tmp_path, timeout=200)
    assert "863 training and 575 validation examples" in out
    found = {
        name: float(line.split()[1])
        for line in out.splitlines()
        for name in ("val_accuracy", "test_accuracy", "test_f1_macro")
        if line.startswith(name)
    }
    # Trainings of this size with different weights to begin with are a point apart, and a part
    # of 359 test examples adds as much: 3 points are more than chance.
    (value,) = searched.json("best", "small")["values"]
    assert found["val_accuracy"] == pytest.approx(value, abs=0.03)
    searched("export", "small", "-o", tmp_path / "best.toml")
    trained = searched.json("train", tmp_path / "best.toml", "--test", "-o", tmp_path / "trained")
    assert found["test_accuracy"] == pytest.approx(trained["test"]["accuracy"], abs=0.03)
    assert found["test_f1_macro"] == pytest.approx(trained["test"]["f1_macro"], abs=0.03)


def test_models_open_where_hpsearch_is_not(searched: Cli, tmp_path: Path) -> None:
    (dataset,) = (searched.home / "datasets").glob("digits-*")
    for name in ("x_test.npy", "y_test.npy"):
        (dataset / name).write_bytes(b"not to be opened")
    for name in ("best.keras", "best"):
        done = searched("export", "small", "-o", tmp_path / name)
        assert "differ from the network's by" in done.stdout
        assert "TensorFlow takes some seconds" in done.stderr
    for classes in (tmp_path / "best.classes.json", tmp_path / "best/assets.extra/classes.json"):
        assert json.loads(classes.read_text()) == list("0123456789")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "best", "best.classes.json", "best.keras",
    ]  # fmt: skip
    x, y = np.load(dataset / "x_train.npy"), np.load(dataset / "y_train.npy")
    np.save(tmp_path / "x.npy", x)
    (tmp_path / "open.py").write_text(OPEN)
    run_alone(tmp_path / "open.py", folder=tmp_path)
    first, second = np.load(tmp_path / "keras.npy"), np.load(tmp_path / "served.npy")
    assert np.abs(first - second).max() <= 1e-5
    assert np.allclose(first.sum(axis=1), 1, atol=1e-5)
    assert np.mean(first.argmax(axis=1) == y) >= 0.95
    (tmp_path / "best" / "old").write_text("")
    searched("export", "small", "-o", f"{tmp_path / 'best'}/")  # over the one before
    assert not (tmp_path / "best" / "old").exists()


def test_what_cannot_be_exported_is_one_message(searched: Cli, tmp_path: Path) -> None:
    def refused(*arguments: str | Path) -> str:
        return searched("export", "small", *arguments, code=2).stderr

    assert ".py (a Keras script)" in refused("-o", tmp_path / "best.h5")
    assert "has no name" in refused("-o", ".")
    cure = "export small --baseline -o recipe.toml; hpsearch train recipe.toml"
    assert cure in refused("--baseline", "-o", tmp_path / "b.keras")
    (tmp_path / "mine.py").write_text("print('my own')")
    assert "no script that hpsearch wrote" in refused("-o", tmp_path / "mine.py")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("")
    assert "no model that hpsearch wrote" in refused("-o", tmp_path / "mine")
    (tmp_path / "mine.classes.json").write_text("{}")
    assert "names of classes" in refused("-o", tmp_path / "mine.keras")
    assert "is no recipe" in searched(
        "export", "small", "-o", searched.folder / "small.toml", code=2
    ).stderr  # fmt: skip


def test_weights_that_are_not_kept(cli: Cli) -> None:
    make_study(cli)  # a made-up trainer keeps none
    refused = cli("export", "small", "--trial", "0", "-o", "best.keras", code=2).stderr
    assert "the weights of trial 0 are not in" in refused
    assert "hpsearch export small --trial 0 -o recipe.toml; hpsearch train recipe.toml" in refused
    assert not (cli.folder / "best.keras").exists()


def test_an_interrupted_export_leaves_nothing(searched: Cli, tmp_path: Path) -> None:
    for number, delay in ((signal.SIGINT, 0.0), (signal.SIGTERM, 2.0)):
        output = tmp_path / "best"
        process = searched.start("export", "small", "-o", output)
        assert process.stderr is not None
        wait_until(lambda: "TensorFlow" in process.stderr.readline(), "the start")  # noqa: B023
        time.sleep(delay)
        process.send_signal(number)
        process.communicate(timeout=60)
        assert process.returncode in (128 + number, 0)  # or it was done
        left = [path.name for path in tmp_path.iterdir()]
        assert left == (["best"] if process.returncode == 0 else [])
        shutil.rmtree(output, ignore_errors=True)
