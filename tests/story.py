"""One search from its study file to the test split and a fork, trained once for many tests.

Whoever looks at it finds what each command said, and the folder as it was left at the end.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alone import run_alone
from commandline import Cli

STUDY = """\
name = "small"
[dataset]
source = "digits"
validation = 0.4
[budget]
trials = 4
[training]
epochs = 8
[pruner]
type = "none"
[space]
layers = { type = "int", low = 1, high = 2 }
units = { type = "int", low = 16, high = 64, log = true, per_layer = true }
batch_norm = { type = "categorical", choices = [true, false] }
activation = "silu"
dropout = 0.1
l2 = 1e-5
lr_schedule = "cosine"
[space.optimizer]
adam = { learning_rate = { type = "float", low = 1e-3, high = 1e-2, log = true } }
sgd = { learning_rate = { type = "float", low = 1e-2, high = 1e-1, log = true } }
[[enqueue]]
layers = 1
units = 64
batch_norm = true
optimizer = { type = "adam", learning_rate = 0.005 }
[[enqueue]]
layers = 2
units = 64
batch_norm = true
optimizer = { type = "adam", learning_rate = 0.005 }
[baseline]
layers = 1
units = 4
"""
"""A search that takes seconds, the best of which have learnt something."""

READING = ("ls", "show small", "best small", "trials small", "doctor", "data", "data small.toml")
"""Commands that say what there is, with --json."""

OPEN = """
import runpy
runpy.run_path("script/best.py", run_name="__main__")
import keras, numpy as np
import tensorflow as tf
x = np.load("x.npy")
model = keras.saving.load_model("confirmed.keras")
serve = tf.saved_model.load("confirmed").signatures["serving_default"]
np.save("keras.npy", model.predict(x, verbose=0))
np.save("served.npy", next(iter(serve(inputs=tf.constant(x)).values())))
"""
"""A program of somebody who was sent script and models and has no hpsearch."""

FORKED_TRIALS = 5
"""The budget of the fork."""

Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Story:
    """What was typed, in its order, and what came of it."""

    cli: Cli
    """Its folder; look at it, do not change it."""
    alone: Cli
    """Another folder and home, to which recipe, script and models were carried."""
    said: dict[str, Done] = field(default_factory=dict)
    """What the commands said, by short names."""
    json: dict[str, Any] = field(default_factory=dict)
    """What they printed with --json, likewise; and looks at the study between them."""


@contextmanager
def shut(cli: Cli) -> Iterator[None]:
    """Folders in the place of the test arrays, which not even root can read as files."""
    files = [*(cli.home / "datasets").glob("*/?_test.npy")]
    assert len(files) == 2
    for file in files:
        file.rename(file.with_suffix(".away"))
        file.mkdir()
    yield
    for file in files:
        file.rmdir()
        file.with_suffix(".away").rename(file)


def tell(folder: Path) -> Story:
    """Type all commands."""
    (folder / "alone").mkdir()
    story = Story(Cli(folder), Cli(folder / "alone"))
    (folder / "small.toml").write_text(STUDY)
    story.cli("data", "small.toml")  # imports it
    with shut(story.cli):
        _search(story)
        _export(story)
        _refuse_to_open(story)
    _evaluate(story)
    _train(story)
    _fork(story)
    return story


def _search(story: Story) -> None:
    cli, said, json = story.cli, story.said, story.json
    said["run"] = cli(
        "run", "small.toml", "--workers", "2", "--storage", f"sqlite:///{cli.database}"
    )
    said["run again"] = cli("run", "small.toml", "--workers", "2")
    for line in READING:
        json[line] = cli.json(*line.split())
    said["show"] = cli("show", "small")
    json["confirm"] = cli.json("confirm", "small", "--top", "1", "--seeds", "2", "--workers", "1")
    json["runs"] = cli.rows("small.confirm")
    json["trials after"], json["ls after"] = cli.rows(), cli.json("ls")


def _export(story: Story) -> None:
    cli, said = story.cli, story.said
    for ending in (".toml", ".json", ".yaml", ".py"):
        file = story.alone.folder / f"best{ending}"
        said[f"export {ending}"] = cli("export", "small", "-o", file)
    shutil.copy(story.alone.folder / "best.toml", cli.folder)
    cli("report", "small", "-o", "shut.html")
    story.json["shut"] = cli.json("show", "small")
    said["show shut"] = cli("show", "small")


def _refuse_to_open(story: Story) -> None:
    """The test arrays cannot be read, and that they were tried is written down."""
    cli, said = story.cli, story.said
    assert not (cli.home / "datasets" / "test_opened.jsonl").exists()
    said["evaluate refused"] = cli("evaluate", "small", code=None)
    story.json["refused"] = cli.json("show", "small")


def _evaluate(story: Story) -> None:
    cli, said, json = story.cli, story.said, story.json
    json["evaluate"] = cli.json("evaluate", "small", "--baseline")
    said["refit"] = cli("evaluate", "small", "--refit", "--workers", "1")
    json["refit"] = cli.json("show", "small")
    json["runs and refits"] = cli.rows("small.confirm")
    for ending in (".json", ".keras", ""):
        file = story.alone.folder / f"confirmed{ending}"
        said[f"confirmed {ending}".strip()] = cli("export", "small", "--confirmed", "-o", file)


def _train(story: Story) -> None:
    """Train again what was found: here with another seed, elsewhere as it is."""
    cli, said, json, alone = story.cli, story.said, story.json, story.alone
    said["train"] = cli("train", "best.toml", "--test", "--seed", "5")
    json["train"] = cli.json("show", "small")
    cli("report", "small", "-o", "small.html")
    json["alone"] = alone.json("train", "best.toml", "--test", "-o", "out")
    (dataset,) = (cli.home / "datasets").glob("digits-*")
    shutil.copy(dataset / "x_train.npy", alone.folder / "x.npy")
    said["export --test"] = cli("export", "small", "--test", "-o", cli.folder / "script/best.py")
    shutil.move(cli.folder / "script", alone.folder)
    (alone.folder / "open.py").write_text(OPEN)
    out = run_alone(alone.folder / "open.py", "--test", folder=alone.folder)
    said["script"] = subprocess.CompletedProcess("best.py", 0, out, "")


def _fork(story: Story) -> None:
    cli, said, json = story.cli, story.said, story.json
    text = STUDY.replace('name = "small"', 'name = "wide"').replace(
        "trials = 4", f"trials = {FORKED_TRIALS}"
    )
    one_or_two = 'layers = { type = "int", low = 1, high = 2 }'
    text = text.replace(one_or_two, 'layers = { type = "int", low = 2, high = 4 }')
    first = text.index("[[enqueue]]")
    text = text[:first] + text[text.index("[baseline]") :]
    (cli.folder / "wide.toml").write_text(text)
    json["fork"] = cli.json("fork", "small", "wide.toml")
    json["taken"] = cli.rows("wide")
    cli.train_quickly()  # how its own trials are trained is no part of the story
    said["run wide"] = cli("run", "wide.toml", "--workers", "1")
    json["wide"] = cli.rows("wide")
    json["reproduce"] = cli.json("reproduce", "wide")
    said["reproduce"] = cli("reproduce", "wide", "--trial", "0", "-o", cli.folder / "again")
