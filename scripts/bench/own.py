"""Measures an epoch of three models of the user's own, in hpsearch's engine and in Keras' fit.

    .venv/bin/python scripts/bench/own.py [ROUNDS]

The models are those of own_models.py, trained on made-up data of the shape of MNIST and of a table
of 20 columns: how long an epoch takes does not depend on what is in them. The engine has them as a
trial does, with bytes scaled in the network; fit has what the model takes as float32 in memory, and
is measured on arrays and on a tf.data pipeline (cached, shuffled, prefetched), each compiled as
Keras does by itself and without XLA. All with one thread, as a worker has it where there is one for
each core. Each way is a process of its own, one after the other, in several rounds; validation is
part of an epoch, and the first, which compiles, does not count. The ratio of a model is the fastest
way of fit against the engine, each by its least epoch: of processor time, which other programs on
the machine change less, and of wall time. Results: results/own.csv and own.md beside this file.
"""

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from record import Row, write

from hpsearch.data.parts import Part, Parts
from hpsearch.data.tables.column import Column
from hpsearch.data.tables.fitted import fit_table
from hpsearch.data.transform import fit as fit_transform
from hpsearch.recipe import Recipe
from hpsearch.training.start import imported_quietly, start_tensorflow

HERE = Path(__file__).parent
MODELS = {"mlp": (12_000, 128), "convnet": (4_000, 128), "wide_and_deep": (20_000, 256)}
"""Training examples and batch size; there are a fifth as many examples of validation."""
WAYS = ("engine", "arrays", "data", "arrays, no XLA", "data, no XLA")
THREADS = 1
"""As a worker has where there is one for each core."""
ROUNDS = 3
EPOCHS = 4


def images(count: int) -> Parts:
    """Grey images of 28 x 28 bytes of ten classes."""
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (count + count // 5, 28, 28, 1), np.uint8)
    return _parts(x, count, 10, lambda rows: fit_transform("unit", x, rows, 255.0))


def table(count: int) -> Parts:
    """Rows of eight numbers and twelve categories of 4 to 48 values, of two classes."""
    random = np.random.default_rng(0)
    sizes = [4 * (1 + place) for place in range(12)]
    numbers = random.standard_normal((count + count // 5, 8))
    codes = [random.integers(0, size, len(numbers)) for size in sizes]
    x = np.column_stack([numbers, *codes]).astype(np.float32)
    columns = [Column(name=f"n{place}", kind="number") for place in range(8)]
    columns += [
        Column(name=f"c{size}", kind="category", categories=tuple(map(str, range(size))))
        for size in sizes
    ]
    return _parts(x, count, 2, lambda rows: fit_table((*columns,), x, rows))


def _parts(x: Any, count: int, classes: int, fitted: Callable[[Any], Any]) -> Parts:
    y = np.random.default_rng(1).integers(0, classes, len(x))
    rows = np.arange(len(x))
    return Parts(
        train=Part(x=x, y=y, rows=rows[:count]),
        validation=Part(x=x, y=y, rows=rows[count:]),
        input_shape=x.shape[1:],
        class_names=tuple(map(str, range(classes))),
        transform=fitted(rows[:count]),
        class_weights=None,
        fingerprint="",
    )


def train(name: str, way: str) -> None:
    """Train some epochs; prints the seconds of each."""
    if way == "engine":
        start_tensorflow(THREADS)
    else:
        with imported_quietly():
            import tensorflow as tf  # noqa: PLC0415  # takes seconds
        tf.config.threading.set_intra_op_parallelism_threads(THREADS)
        tf.config.threading.set_inter_op_parallelism_threads(THREADS)
    from hpsearch.training.train import build_engine  # noqa: PLC0415  # TensorFlow

    count, batch = MODELS[name]
    parts = table(count) if name == "wide_and_deep" else images(count)
    recipe = _recipe(name, batch)
    if way == "engine":
        build_engine(recipe, parts).fit(epochs=EPOCHS, callbacks=[_timed()])
    else:
        _fit(recipe, parts, way)


def _recipe(name: str, batch: int) -> Recipe:
    network = {"type": "python", "file": str(HERE / "own_models.py"), "function": name}
    return Recipe(
        seed=0,
        config={"network": network, "batch_size": batch},
        dataset={"source": "digits"},  # not read: the parts are given
        training={"epochs": EPOCHS, "early_stopping": False},
    )


def _fit(recipe: Recipe, parts: Parts, way: str) -> None:
    """Keras' fit on what the model takes."""
    import tensorflow as tf  # noqa: PLC0415  # is there by now

    from hpsearch.training import model  # noqa: PLC0415  # TensorFlow
    from hpsearch.training.own_data import FitData  # noqa: PLC0415  # likewise

    batch, own = recipe.config.batch_size, model.build_for(recipe, parts).get_layer("own")
    front = model.front(recipe, parts, own)
    data = FitData(
        input_shape=parts.input_shape, outputs=parts.outputs, task="classification",
        class_names=parts.class_names, training_rows=len(parts.train), batch_size=batch,
        epochs=EPOCHS, first_epoch=0, seed=0, parts=parts, front=front,
    )  # fmt: skip
    if way.endswith("no XLA"):
        own.compile("adam", own.loss, metrics=["accuracy"], jit_compile=False)
    given: dict[str, Any] = {"x": data.x_train, "y": data.y_train, "batch_size": batch}
    held: Any = (data.x_val, data.y_val)
    if way.startswith("data"):
        x, kept = (tuple(v) if isinstance(v, list) else v for v in (data.x_train, data.x_val))
        made = tf.data.Dataset.from_tensor_slices
        pipe = made((x, data.y_train)).cache().shuffle(len(data.y_train)).batch(batch)
        given = {"x": pipe.prefetch(tf.data.AUTOTUNE)}
        held = made((kept, data.y_val)).batch(batch).cache().prefetch(tf.data.AUTOTUNE)
    own.fit(**given, validation_data=held, epochs=EPOCHS, verbose=0, callbacks=[_timed()])


def _timed() -> Any:
    """A callback that prints how long each epoch took: processor time and wall time."""
    import keras  # noqa: PLC0415  # TensorFlow

    class Timed(keras.callbacks.Callback):  # type: ignore[misc]  # keras ships no types
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.began = time.process_time(), time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            ended = time.process_time(), time.perf_counter()
            print(*(after - before for before, after in zip(self.began, ended, strict=True)))

    return Timed()


def measure(name: str, way: str) -> list[float]:
    """The least processor time and the least wall time of an epoch in a process, in seconds."""
    quiet = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, str(Path(__file__)), "--model", name, "--way", way]
    done = subprocess.run(command, env=quiet, capture_output=True, text=True, check=True)  # noqa: S603  # ourselves
    epochs = [[float(each) for each in line.split()] for line in done.stdout.splitlines()]
    return [min(column) for column in zip(*epochs[1:], strict=True)]


def main() -> None:
    """Measure all, or train as one of the ways."""
    parser = argparse.ArgumentParser()
    parser.add_argument("rounds", nargs="?", type=int, default=ROUNDS)
    for name in ("--model", "--way"):
        parser.add_argument(name)
    options = parser.parse_args()
    if options.way:
        train(options.model, options.way)
        return
    took = {name: {way: list[list[float]]() for way in WAYS} for name in MODELS}
    for _, name, way in itertools.product(range(options.rounds), MODELS, WAYS):
        took[name][way].append(measure(name, way))
        print(name, way, took[name][way][-1], flush=True)
    rows: list[Row] = []
    for place, what in enumerate(("processor", "wall")):
        ratios = []
        for name in MODELS:
            least = {way: min(one[place] for one in took[name][way]) for way in WAYS}
            ratios.append(min(least[way] for way in WAYS[1:]) / least["engine"])
            rows += [(f"{name}: {way}, {what} time", value, "s") for way, value in least.items()]
            rows.append((f"{name}: fit / engine, {what} time", ratios[-1], ""))
        mean = statistics.geometric_mean(ratios)
        rows.append((f"geometric mean of fit / engine, {what} time", mean, ""))
    title = f"An epoch of a model of your own, least of {options.rounds} processes of each way"
    print(write("own", title, rows))


if __name__ == "__main__":
    main()
