"""Compares hpsearch's training with Keras' own ``fit``: the same curves within seeds' noise?

    .venv/bin/python scripts/bench/agreement.py FOLDER

FOLDER has CIFAR-10 as images in train/<class>/; 5,010 of them are trained on (a last batch that is
not full), 2,000 validated on. Six configurations, each with batch normalisation, dropout, L2, class
weights and a learning-rate schedule, are trained by ``hpsearch.training``, in float32 and in
mixed_bfloat16, and by a network that is written, compiled and fitted as Keras' documentation shows,
in float32, each with five seeds. For each the mean
of the last epoch's validation accuracy and cross-entropy is compared, and at every epoch the
difference of the means in standard errors (Welch's t). Results: results/agreement.csv and
agreement.md beside this file.
"""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from common import write_data
from configurations import Table, shown
from record import Row, write
from scipy.stats import ttest_ind

from hpsearch.data.cache import open_dataset
from hpsearch.data.drawing import split
from hpsearch.data.parts import Parts
from hpsearch.data.section import DatasetSection
from hpsearch.home import Home
from hpsearch.recipe import Recipe
from hpsearch.training.outcome import Watch
from hpsearch.training.start import start_tensorflow

TRAIN, SEEDS, EPOCHS = 5_010, 5, 6
PRECISIONS = ("float32", "mixed_bfloat16")
COMMON: Table = {"batch_norm": True, "l2": 1e-4, "initializer": "he_normal"}
CONFIGURATIONS: list[Table] = [
    {
        **COMMON,
        "layers": len(units),
        "units": units,
        "activation": activation,
        "dropout": [0.2] * len(units),
        "batch_size": batch,
        "lr_schedule": schedule,
        "optimizer": optimizer,
    }
    for units, activation, batch, schedule, optimizer in (
        ([256, 128], "relu", 64, "cosine", {"type": "adam", "learning_rate": 1e-3}),
        ([128, 64], "silu", 32, "warmup_cosine", {"type": "adamw", "learning_rate": 2e-3}),
        ([256], "tanh", 128, "step", {"type": "sgd", "learning_rate": 0.05, "momentum": 0.9}),
        (
            [128, 128],
            "gelu",
            64,
            "cosine",
            {"type": "sgd", "learning_rate": 0.02, "momentum": 0.9, "nesterov": True},
        ),
        ([128, 64, 32], "elu", 64, "constant", {"type": "rmsprop", "learning_rate": 5e-4}),
        (
            [256, 64],
            "mish",
            128,
            "warmup_cosine",
            {"type": "adam", "learning_rate": 1e-3, "amsgrad": True, "beta_1": 0.8},
        ),
    )
]
Curves = npt.NDArray[np.float64]
"""Validation accuracy and cross-entropy, shape (seeds, epochs, 2)."""


def by_hpsearch(config: Table, parts: Parts, precision: str) -> Curves:
    """Curves of the engine."""
    from hpsearch.training.train import train  # noqa: PLC0415 - after start_tensorflow

    found = []
    for seed in range(SEEDS):
        recipe = Recipe(
            seed=seed,
            config=config,
            dataset={"source": "digits"},  # not read: the parts are given
            training={"epochs": EPOCHS, "early_stopping": False, "precision": precision},
        )
        with tempfile.TemporaryDirectory() as run:
            outcome = train(recipe, parts, Path(run), Watch())
        found.append([(e.values["val_accuracy"], e.values["val_loss"]) for e in outcome.curves])
    return np.array(found)


def by_keras(config: Table, parts: Parts) -> Curves:
    """Curves of ``Model.fit``; nothing of hpsearch is used but the schedule's formula."""
    import keras  # noqa: PLC0415 - after start_tensorflow

    from hpsearch.training.schedules import SCHEDULES  # noqa: PLC0415 - see above

    def examples(part: Any) -> tuple[Any, Any]:
        x = part.x[part.rows].astype("float32")
        scaled = x * parts.affine.multiplier + parts.affine.offset
        return scaled, part.y[part.rows]

    (x, y), validation = examples(parts.train), examples(parts.validation)
    weights = parts.class_weights
    found = []
    for seed in range(SEEDS):
        keras.utils.set_random_seed(1000 + seed)
        penalty = keras.regularizers.L2(config["l2"])
        model = keras.Sequential([keras.Input(x.shape[1:]), keras.layers.Flatten()])
        for units, dropout in zip(config["units"], config["dropout"], strict=True):
            model.add(
                keras.layers.Dense(
                    units,
                    use_bias=False,
                    kernel_initializer=config["initializer"],
                    kernel_regularizer=penalty,
                )
            )
            model.add(keras.layers.BatchNormalization())
            model.add(keras.layers.Activation(config["activation"]))
            model.add(keras.layers.Dropout(dropout))
        model.add(
            keras.layers.Dense(
                10, kernel_initializer=config["initializer"], kernel_regularizer=penalty
            )
        )
        settings = {k: v for k, v in config["optimizer"].items() if k != "type"}
        steps = -(-len(x) // config["batch_size"]) * EPOCHS
        rate = SCHEDULES[config["lr_schedule"]](settings.pop("learning_rate"), steps)
        classes = {
            "adam": keras.optimizers.Adam,
            "adamw": keras.optimizers.AdamW,
            "sgd": keras.optimizers.SGD,
            "rmsprop": keras.optimizers.RMSprop,
        }
        entropy = keras.metrics.SparseCategoricalCrossentropy(from_logits=True, name="entropy")
        model.compile(
            optimizer=classes[config["optimizer"]["type"]](learning_rate=rate, **settings),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy", entropy],
        )
        curve = []
        for epoch in range(EPOCHS):
            # With a seed set, fit's own shuffling has the same order in every epoch.
            order = np.random.default_rng((seed, epoch)).permutation(len(x))
            history = model.fit(
                x[order],
                y[order],
                batch_size=config["batch_size"],
                shuffle=False,
                initial_epoch=epoch,
                epochs=epoch + 1,
                validation_data=validation,
                class_weight=None if weights is None else dict(enumerate(weights.tolist())),
                verbose=0,
            ).history
            curve.append((history["val_accuracy"][0], history["val_entropy"][0]))
        found.append(curve)
        keras.utils.clear_session()
    return np.array(found)


def compare(config: Table, precision: str, ours: Curves, theirs: Curves) -> list[Row]:
    """The rows of one configuration in one precision."""
    name = f"{shown(config)} {config['lr_schedule']}, {precision}"
    rows: list[Row] = []
    for which, (metric, scale, unit) in enumerate(
        (("accuracy", 100, "%"), ("cross-entropy", 1, "nats"))
    ):
        for who, curves in (("hpsearch", ours), ("Keras", theirs)):
            last = scale * curves[:, -1, which]
            rows += [
                (f"{name}: {metric}, {who}, mean of the seeds", last.mean(), unit),
                (f"{name}: {metric}, {who}, standard deviation", last.std(ddof=1), unit),
            ]
        t = ttest_ind(ours[..., which], theirs[..., which], axis=0, equal_var=False)
        rows += [
            (f"{name}: {metric}, difference of the means, last epoch", t.statistic[-1], "errors"),
            (f"{name}: {metric}, least p of {EPOCHS} epochs", t.pvalue.min(), ""),
        ]
    return rows


def main() -> None:
    """Compare all."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    start_tensorflow()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        data = write_data(Path(sys.argv[1]).resolve(), scratch, train=TRAIN)
        section = DatasetSection(source="npz", path=str(data), validation="given")
        parts = split(open_dataset(section, Home(scratch / "home")), section)
        # Classes are equally frequent here: weights of any kind do to compare.
        parts = replace(parts, class_weights=np.linspace(0.5, 1.5, 10, dtype=np.float32))
        rows: list[Row] = []
        for config in CONFIGURATIONS:
            theirs = by_keras(config, parts)
            for precision in PRECISIONS:
                found = compare(config, precision, by_hpsearch(config, parts, precision), theirs)
                print(*(f"{value:10.4f} {unit:6} {what}" for what, value, unit in found), sep="\n")
                rows += found
    tests = 2 * EPOCHS * len(CONFIGURATIONS)
    for precision in PRECISIONS:
        of = [row for row in rows if f", {precision}: " in row[0]]
        least = min(value for what, value, _ in of if "least p" in what)
        rows.insert(0, (f"least p of all {tests} comparisons in {precision}", least, ""))
    write("agreement", "hpsearch's training and Keras' fit, five seeds each", rows)


if __name__ == "__main__":
    main()
