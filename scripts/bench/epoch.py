"""Measures an epoch of each of twelve configurations against the machine's floor.

    .venv/bin/python scripts/bench/epoch.py FOLDER

FOLDER has CIFAR-10 as images in train/<class>/: 45,000 are trained on, 5,000 validated on, by the
engine alone, with one thread, as a worker has it on a machine with a worker for each core. The
floor is the time of the epoch's matrix products (forward, gradients of the kernels, gradients of
the hidden outputs) at the most that this thread reached in any product. Where the rest goes is
measured by running parts of the step by themselves: the same products in the shapes that the batch
has, the optimizer's update, looking up and scaling the batch. Results: results/epoch.csv and
epoch.md beside this file.
"""

import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from configurations import CONFIGURATIONS, Table, shown
from record import Row, write

from hpsearch.data.cache import open_dataset
from hpsearch.data.drawing import split
from hpsearch.data.parts import Parts
from hpsearch.data.section import DatasetSection
from hpsearch.home import Home
from hpsearch.recipe import Recipe
from hpsearch.training.start import start_tensorflow

EPOCHS = 3
"""Trained for each configuration; the first is warm-up, the median of the others counts."""
LARGE = 1_000_000
"""Parameters from which at most 1.5 times the floor is asked, and below which 4 times."""


def peak() -> float:
    """Floating-point operations in a second, of the fastest of several products."""
    import tensorflow as tf  # noqa: PLC0415 - after start_tensorflow

    def square(table: Any) -> list[Any]:
        return [tf.matmul(table, table)]

    best = 0.0
    for size in (512, 1024, 2048):
        table = tf.random.stateless_normal((size, size), (1, 2))
        seconds = timed(partial(square, table), repeat=max(1, 2048 // size))
        best = max(best, 2 * size**3 / seconds)
    return best


def timed(part: Callable[[], list[Any]], repeat: int) -> float:
    """Seconds that one run of a part takes inside a compiled loop: the least of three loops."""
    import tensorflow as tf  # noqa: PLC0415 - after start_tensorflow

    def step(i: Any) -> list[Any]:
        # Nobody reads the results: without the dependency TensorFlow would not compute them.
        with tf.control_dependencies(part()):
            return [i + 1]

    @tf.function(autograph=False)  # type: ignore[untyped-decorator] # tensorflow has none
    def loop() -> Any:
        return tf.while_loop(lambda i: i < repeat, step, [tf.constant(0)], parallel_iterations=1)

    loop()
    return min(seconds_of(loop) for _ in range(3)) / repeat


def seconds_of(call: Callable[[], Any]) -> float:
    """How long a call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def products(config: Table, inputs: int, classes: int, batch: int) -> Callable[[], list[Any]]:
    """The matrix products of one step, in its shapes."""
    import tensorflow as tf  # noqa: PLC0415 - after start_tensorflow

    widths = [inputs, *config["units"], classes]
    outputs = [tf.random.stateless_normal((batch, width), (1, 2)) for width in widths]
    kernels = [tf.random.stateless_normal((a, b), (3, 4)) for a, b in itertools.pairwise(widths)]

    def compute() -> list[Any]:
        found = []
        for layer, kernel in enumerate(kernels):
            found.append(tf.matmul(outputs[layer], kernel))
            found.append(tf.matmul(outputs[layer], outputs[layer + 1], transpose_a=True))
            if layer:
                found.append(tf.matmul(outputs[layer + 1], kernel, transpose_b=True))
        return found

    return compute


def floating_point_operations(config: Table, inputs: int, classes: int) -> int:
    """Of the products for one example: two for each weight and product."""
    widths = [inputs, *config["units"], classes]
    return sum(
        (4 if layer == 0 else 6) * a * b for layer, (a, b) in enumerate(itertools.pairwise(widths))
    )


def measure(config: Table, parts: Parts, best: float) -> list[Row]:
    """The rows of one configuration."""
    import keras  # noqa: PLC0415 - after start_tensorflow
    import tensorflow as tf  # noqa: PLC0415 - see above

    from hpsearch.training.train import build_engine  # noqa: PLC0415 - see above

    class Timer(keras.callbacks.Callback):  # type: ignore[misc] # keras has no types
        training: list[float]
        validation: list[float]

        def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
            self.began = time.perf_counter()

        def on_test_begin(self, logs: Mapping[str, Any] | None = None) -> None:
            self.training.append(time.perf_counter() - self.began)

        def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
            self.validation.append(time.perf_counter() - self.began - self.training[-1])

    recipe = Recipe(
        seed=0,
        config=config,
        dataset={"source": "digits"},  # not read: the parts are given
        training={"epochs": EPOCHS, "early_stopping": False},
    )
    engine = build_engine(recipe, parts)
    timer = Timer()
    timer.training, timer.validation = [], []
    engine.fit(epochs=EPOCHS, callbacks=[timer])
    epoch, validation = median(timer.training[1:]), median(timer.validation[1:])

    batch, steps = config["batch_size"], engine.steps_per_epoch
    repeat = max(3, min(200, int(steps / epoch)))  # about a second
    inputs, classes = parts.inputs, parts.outputs
    own_shapes = timed(products(config, inputs, classes, batch), repeat)
    variables = engine.network.trainable_variables
    gradients = [tf.zeros(v.shape) for v in variables]

    def update() -> list[Any]:
        engine.optimizer.apply(gradients, variables)
        return []

    optimizer = timed(update, repeat)
    rows = tf.constant(engine.train_rows[:batch])
    scale = engine.network.get_layer("scale")
    look_up = timed(lambda: [scale(engine._resident.batch(rows)[0])], repeat)  # noqa: SLF001
    floor = floating_point_operations(config, inputs, classes) * len(parts.train) / best
    name = f"{shown(config)}, {engine.parameters / 1e6:.2f} million parameters"
    asked = 1.5 if engine.parameters >= LARGE else 4
    rest = epoch - steps * (own_shapes + optimizer + look_up)
    return [
        (f"{name}: epoch / floor (asked: at most {asked})", epoch / floor, "x"),
        (f"{name}: epoch, training", epoch, "s"),
        (f"{name}: floor", floor, "s"),
        (f"{name}: products in their shapes", steps * own_shapes, "s"),
        (f"{name}: optimizer", steps * optimizer, "s"),
        (f"{name}: looking up and scaling", steps * look_up, "s"),
        (f"{name}: the rest (activations, normalisation, dropout, loss, ...)", rest, "s"),
        (f"{name}: validation", validation, "s"),
    ]


def main() -> None:
    """Measure all."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    start_tensorflow(threads=1)
    from hpsearch.training import devices  # noqa: PLC0415 - after start_tensorflow

    section = DatasetSection(source="image_folder", path=str(Path(sys.argv[1]).resolve()))
    with tempfile.TemporaryDirectory() as scratch:
        parts = split(open_dataset(section, Home(Path(scratch))), section)
        best = max(peak() for _ in range(3))
        rows: list[Row] = [("most that one thread reached", best / 1e9, "GFLOP/s")]
        for config in CONFIGURATIONS:
            rows += measure(config, parts, best)
            devices.release()
            print(*(f"{value:10.3f} {unit:8}{what}" for what, value, unit in rows[-8:]), sep="\n")
    write("epoch", "An epoch of twelve configurations against the floor", rows)


if __name__ == "__main__":
    main()
