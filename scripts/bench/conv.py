"""Measures an epoch of each of twelve convolutional configurations against Keras' own ``fit``.

    .venv/bin/python scripts/bench/conv.py FOLDER

FOLDER has CIFAR-10 as images in train/<class>/; 4,000 of them are trained on, 2,000 validated on.
Four ways, each in a process of its own with one thread, as a worker has it: the engine in float32
and, where the processor has it, in mixed_bfloat16; and the same networks written, compiled and
fitted as Keras' documentation shows, with TensorFlow as it is by default, in the same precisions.
The ways take turns, twice, of which the faster epoch counts. The floor is the time of the epoch's
multiplications at the most that one thread reached in a float32 matrix product. And ten steps of
one of them by ``fit`` with TensorFlow's options: oneDNN on and off, and compiled by XLA. Results:
results/conv.csv and conv.md beside this file.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import numpy as np
from common import write_data
from configurations import Table
from epoch import peak
from record import Row, write

from hpsearch.config import TrialConfig, describe
from hpsearch.data.cache import open_dataset
from hpsearch.data.drawing import split
from hpsearch.data.parts import Parts
from hpsearch.data.section import DatasetSection
from hpsearch.home import Home
from hpsearch.networks.conv import Conv
from hpsearch.parsing import parse
from hpsearch.recipe import Recipe
from hpsearch.training.start import start_tensorflow

TRAIN, EPOCHS, TURNS = 4_000, 3, 2
"""Images, and epochs of each training, of which the first one warms up; turns of each way."""
QUIET = {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
PRECISIONS = ("float32", "mixed_bfloat16")


def _one(filters: list[int], batch_size: int, **network: Any) -> Table:
    """A configuration; what is not said is the network's default."""
    return {
        "network": {"type": "conv", "filters": filters, **network},
        "batch_size": batch_size,
        "optimizer": {"type": "adam", "learning_rate": 1e-3},
    }


CONFIGURATIONS: list[Table] = [
    _one([16, 32], 32),
    _one([16, 32, 64], 64, batch_norm=False, dropout=0.2),
    _one([32, 32], 64, kernel=5),
    _one([32, 64], 128, head="flatten", layers=1, units=128, dense_dropout=0.3),
    _one([32, 64, 128], 128),
    _one([32, 64, 128], 128, convs=[1, 2, 2], activation="gelu"),
    _one([32, 64, 128], 128, convs=2, residual=True),
    _one([32, 64, 128, 256], 128, pool="avg", l2=1e-4),
    _one([48, 96, 192], 256, batch_norm=False),
    _one([64, 64], 64, pool="stride", residual=True),
    _one([64, 128], 128, layers=2, units=[256, 64]),
    _one([24, 40, 72], 64, kernel=[5, 3, 3], dropout=0.1),
]


def build(network: Conv, shape: tuple[int, ...], classes: int, parts: Parts) -> Any:
    """The network as Keras' documentation would have it, its inputs scaled."""
    import keras  # noqa: PLC0415  # each process imports what it needs

    layers = keras.layers
    penalty = keras.regularizers.L2(network.l2) if network.l2 else None
    common = {"kernel_initializer": network.initializer, "kernel_regularizer": penalty}

    def convolved(x: Any, filters: int, kernel: int, strides: int) -> Any:
        x = layers.Conv2D(
            filters, kernel, strides, padding="same", use_bias=not network.batch_norm, **common
        )(x)
        return layers.BatchNormalization()(x) if network.batch_norm else x

    transform = parts.affine
    multiplier, offset = (
        float(np.ravel(one)[0]) for one in (transform.multiplier, transform.offset)
    )
    inputs = x = keras.Input(shape)
    x = layers.Rescaling(multiplier, offset)(x)
    pools = {"max": layers.MaxPooling2D, "avg": layers.AveragePooling2D}
    for block, filters in enumerate(network.filters):
        before, kernel = x, network.kernel[block]
        for conv in range(network.convs[block]):
            last = conv == network.convs[block] - 1
            strides = 2 if last and network.pool == "stride" else 1
            x = convolved(x, filters, kernel, strides)
            if last and network.residual:
                if strides > 1 or before.shape[-1] != filters:
                    before = convolved(before, filters, 1, strides)
                x = layers.Add()([x, before])
            x = layers.Activation(network.activation)(x)
        if network.pool != "stride":
            x = pools[network.pool](2, padding="same")(x)
        if network.dropout[block]:
            x = layers.Dropout(network.dropout[block])(x)
    x = layers.GlobalAveragePooling2D()(x) if network.head == "gap" else layers.Flatten()(x)
    for units, dropout in zip(network.units, network.dense_dropout, strict=True):
        x = layers.Dense(units, use_bias=not network.batch_norm, **common)(x)
        x = layers.BatchNormalization()(x) if network.batch_norm else x
        x = layers.Activation(network.activation)(x)
        x = layers.Dropout(dropout)(x) if dropout else x
    return keras.Model(inputs, layers.Dense(classes, dtype="float32", **common)(x))


def timer() -> Any:
    """A callback that knows the fastest training of the epochs behind the first, in seconds."""
    import keras  # noqa: PLC0415  # see above

    class Timer(keras.callbacks.Callback):  # type: ignore[misc]  # keras has no types
        fastest = float("inf")

        def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
            self.began = time.perf_counter()

        def on_test_begin(self, logs: Mapping[str, Any] | None = None) -> None:
            self.took = time.perf_counter() - self.began

        def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
            if epoch:
                self.fastest = min(self.fastest, self.took)

    return Timer()


def by_engine(config: TrialConfig, parts: Parts, precision: str) -> float:
    """Seconds of an epoch of hpsearch's engine."""
    from hpsearch.training import devices  # noqa: PLC0415  # see above
    from hpsearch.training.train import build_engine  # noqa: PLC0415  # see above

    recipe = Recipe(
        seed=0,
        config=config,
        dataset={"source": "digits"},  # not read: the parts are given
        training={"epochs": EPOCHS, "early_stopping": False, "precision": precision},
    )
    clock = timer()
    build_engine(recipe, parts).fit(epochs=EPOCHS, callbacks=[clock])
    devices.release()
    return float(clock.fastest)


def by_fit(config: TrialConfig, parts: Parts, precision: str, *, xla: bool = False) -> float:
    """Seconds of an epoch of ``Model.fit``."""
    import keras  # noqa: PLC0415  # see above

    keras.mixed_precision.set_global_policy(precision)
    (x, y), validation = (
        (part.x[part.rows].astype("float32"), part.y[part.rows])
        for part in (parts.train, parts.validation)
    )
    assert isinstance(config.network, Conv)  # noqa: S101  # all are
    model = build(config.network, x.shape[1:], parts.outputs, parts)
    model.compile(
        optimizer=keras.optimizers.Adam(config.optimizer.learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=xla,
    )
    clock = timer()
    model.fit(
        x, y, batch_size=config.batch_size, epochs=EPOCHS, validation_data=validation,
        callbacks=[clock], verbose=0,
    )  # fmt: skip
    keras.utils.clear_session()
    return float(clock.fastest)


WAYS: dict[str, Callable[[TrialConfig, Parts, str], float]] = {"engine": by_engine, "fit": by_fit}

OPTIONS = {
    "as it is": {"TF_ENABLE_ONEDNN_OPTS": "1"},
    "without oneDNN": {"TF_ENABLE_ONEDNN_OPTS": "0"},
    "by XLA": {"TF_ENABLE_ONEDNN_OPTS": "1"},
}
"""TensorFlow's options that are tried on one configuration, and their environment variables."""
TRIED, STEPS = 4, 10
"""Which configuration that is, and how many steps of it are timed."""
LIMIT = 120.0
"""Seconds after which an option is given up, compilation included."""


def configs() -> list[TrialConfig]:
    """The configurations."""
    return [parse(TrialConfig, table, "conv.py") for table in CONFIGURATIONS]


def open_parts(data: Path) -> Parts:
    """The examples in a file of ``write_data``."""
    section = DatasetSection(source="npz", path=str(data), validation="given")
    return split(open_dataset(section, Home(data.parent / "home")), section)


def one_thread() -> None:
    """Have TensorFlow use one thread, as a worker does."""
    import tensorflow as tf  # noqa: PLC0415  # see above

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def one_option(name: str, data: str) -> None:
    """Print the seconds of some steps with an option of TensorFlow."""
    config = configs()[TRIED]
    parts = open_parts(Path(data)).first(STEPS * config.batch_size, config.batch_size)
    one_thread()
    print(by_fit(config, parts, "float32", xla=name == "by XLA"))


def options(data: Path) -> list[Row]:
    """The rows of TensorFlow's options."""
    rows: list[Row] = []
    for name, variables in OPTIONS.items():
        command = [sys.executable, __file__, "option", name, str(data)]
        environment = os.environ | QUIET | variables
        what, took = f"fit of {describe(configs()[TRIED])}, {STEPS} steps, TensorFlow {name}", LIMIT
        try:
            done = subprocess.run(  # noqa: S603  # ourselves
                command, check=True, stdout=subprocess.PIPE, env=environment, timeout=LIMIT
            )
            took = float(done.stdout.splitlines()[-1])
        except subprocess.TimeoutExpired:
            what += ": given up"
        rows.append((what, took, "s"))
        print(what, took, flush=True)
    return rows


def one_way(name: str, precision: str, data: str) -> None:
    """Print the seconds of each configuration by one way, as JSON."""
    parts = open_parts(Path(data))
    if name == "engine":
        start_tensorflow(threads=1)
        floor = peak() if precision == "float32" else 0.0
    else:
        one_thread()
        floor = 0.0
    seconds = [WAYS[name](config, parts, precision) for config in configs()]
    print(json.dumps({"seconds": seconds, "peak": floor}))


def in_turns(data: Path) -> tuple[dict[tuple[str, str], list[float]], float]:
    """The seconds of each configuration by each way and precision; and the fastest product."""
    ways = [(name, precision) for precision in PRECISIONS for name in WAYS]
    found: dict[tuple[str, str], list[float]] = {}
    best = 0.0
    for turn in range(TURNS):
        for name, precision in ways if turn % 2 == 0 else ways[::-1]:
            command = [sys.executable, __file__, "way", name, precision, str(data)]
            done = subprocess.run(  # noqa: S603  # ourselves
                command, check=True, stdout=subprocess.PIPE, env=os.environ | QUIET
            )
            told = json.loads(done.stdout.splitlines()[-1])
            best = max(best, told["peak"])
            before = found.get((name, precision), told["seconds"])
            found[name, precision] = [*map(min, before, told["seconds"])]
            print(f"{name} in {precision}: {sum(told['seconds']):.1f} s", flush=True)
    return found, best


def rows_of(found: dict[tuple[str, str], list[float]], best: float, parts: Parts) -> list[Row]:
    """The table: ratios first, then configuration by configuration."""
    rows: list[Row] = [("most that one thread reached in float32", best / 1e9, "GFLOP/s")]
    for precision in PRECISIONS:
        ratios = [
            b / a for a, b in zip(found["engine", precision], found["fit", precision], strict=True)
        ]
        rows += [
            (f"fit / engine in {precision}: geometric mean", geometric_mean(ratios), "x"),
            (f"fit / engine in {precision}: least (asked: at least 1)", min(ratios), "x"),
        ]
    both = [found["engine", precision] for precision in PRECISIONS]
    faster = [a / b for a, b in zip(*both, strict=True)]
    rows.append(("engine, float32 / mixed_bfloat16: geometric mean", geometric_mean(faster), "x"))
    for i, config in enumerate(configs()):
        macs = config.network.macs(parts.input_shape, parts.outputs)
        floor = 6 * macs * len(parts.train) / best
        name = f"{describe(config)} ({macs / 1e6:.1f} million MACs)"
        rows += [
            (f"{name}: {way} in {p}", found[way, p][i], "s") for p in PRECISIONS for way in WAYS
        ]
        rows.append((f"{name}: epoch / floor", found["engine", "float32"][i] / floor, "x"))
    return rows


def main() -> None:
    """Measure all."""
    if sys.argv[1:2] == ["way"]:
        one_way(*sys.argv[2:5])
        return
    if sys.argv[1:2] == ["option"]:
        one_option(*sys.argv[2:4])
        return
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as scratch:
        data = write_data(Path(sys.argv[1]).resolve(), Path(scratch), train=TRAIN)
        found, best = in_turns(data)
        rows = [*rows_of(found, best, open_parts(data)), *options(data)]
    print(write("conv", "An epoch of twelve convolutional configurations, and Keras' fit", rows))


if __name__ == "__main__":
    main()
