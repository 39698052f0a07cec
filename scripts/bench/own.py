"""Measures an epoch of three models of the user's own, in hpsearch's engine and in Keras' fit.

    .venv/bin/python scripts/bench/own.py [ROUNDS]

The models are those of own_models.py, trained on made-up data of the shape of MNIST and of a table
of 20 columns: how long an epoch takes does not depend on what is in them. The engine has them as a
trial does, with bytes scaled in the network; fit has what the model takes as float32 in memory, and
is measured on arrays and on a tf.data pipeline (cached, shuffled, prefetched), each compiled as
Keras does by itself and without XLA. Each way is a process of its own, all take turns epoch by
epoch, validation included, and the first epoch, which compiles, does not count. All with one
thread, as a worker has it where there is one for each core. The ratio of a model is the fastest way
of fit against the engine: of the medians of processor time, which other programs on the machine
change little, and of the least wall times. Results: results/own.csv and own.md beside this file.
"""

import argparse
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
ROUNDS = 9
EPOCHS = 10_000
"""More than are ever asked for."""


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
    """Train epoch after epoch, one for each line of standard input; prints the seconds of each."""
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
        build_engine(recipe, parts).fit(epochs=EPOCHS, callbacks=[_paced()])
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
    own.fit(**given, validation_data=held, epochs=EPOCHS, verbose=0, callbacks=[_paced()])


def _paced() -> Any:
    """A callback that waits for a line before each epoch, and prints how long it took."""
    import keras  # noqa: PLC0415  # TensorFlow

    class Paced(keras.callbacks.Callback):  # type: ignore[misc]  # keras ships no types
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if not sys.stdin.readline():
                os._exit(0)
            self.began = time.perf_counter(), time.process_time()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            ended = time.perf_counter(), time.process_time()
            print(*(after - before for before, after in zip(self.began, ended, strict=True)))
            sys.stdout.flush()

    return Paced()


def measure(name: str, rounds: int) -> dict[str, tuple[float, float]]:
    """Of each way, which take turns, the least wall time of an epoch and the median of processor
    time, in seconds.
    """
    quiet = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, str(Path(__file__)), "--model", name]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": quiet}
    ways = {way: subprocess.Popen([*command, "--way", way], **pipes) for way in WAYS}  # type: ignore[call-overload]  # noqa: S603  # ourselves
    took: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    for turn in range(rounds + 1):
        for way, process in ways.items():
            process.stdin.write("\n")
            process.stdin.flush()
            seconds = [float(each) for each in process.stdout.readline().split()]
            took[way] += [seconds] if turn else []
    for process in ways.values():
        process.stdin.close()
        process.wait()
        process.stdout.close()
    columns = {way: [*zip(*seconds, strict=True)] for way, seconds in took.items()}
    return {way: (min(wall), statistics.median(cpu)) for way, (wall, cpu) in columns.items()}


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
    rows: list[Row] = []
    ratios: dict[str, list[float]] = {"processor time": [], "wall time": []}
    for name in MODELS:
        took = measure(name, options.rounds)
        best = min(WAYS[1:], key=lambda way: took[way][1])
        rows += [(f"{name}: {way}, processor", took[way][1], "s") for way in WAYS]
        rows += [(f"{name}: {way}, wall, least", took[way][0], "s") for way in WAYS]
        found = (
            took[best][1] / took["engine"][1],
            min(took[way][0] for way in WAYS[1:]) / took["engine"][0],
        )
        for what, ratio in zip(ratios, found, strict=True):
            ratios[what].append(ratio)
            rows.append((f"{name}: fit / engine, {what}", ratio, ""))
        print(*rows[-2 * len(WAYS) - 2 :], sep="\n", flush=True)
    rows += [
        (f"geometric mean of fit / engine, {what}", statistics.geometric_mean(found), "")
        for what, found in ratios.items()
    ]
    print(write("own", f"An epoch of a model of your own, {options.rounds} rounds", rows))


if __name__ == "__main__":
    main()
