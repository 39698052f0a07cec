"""Dense networks as a script in Keras has them: ``fit`` with early stopping, and a last training.

Needs the environment of peers.lock, or hpsearch's.
"""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from old_space import Network

sys.path.append(str(Path(__file__).parents[1]))
from usual_layers import hidden  # isort: skip  # of the folder above


@dataclass(frozen=True, kw_only=True)
class Data:
    """Rows as networks take them: inputs of float32, targets as labels or standardised."""

    kind: str
    """images, vectors or tables."""
    classes: int
    """0: numbers are predicted."""
    deviation: float
    """Of the target in its own unit; 1 of classes."""
    train: tuple[Any, Any]
    validation: tuple[Any, Any]
    known: tuple[Any, Any]
    """Training and validation rows together, with inputs scaled by both."""
    test: tuple[Any, Any]
    """Scaled as ``known``."""

    @property
    def metric(self) -> str:
        """What is searched for, as Keras calls it."""
        return "accuracy" if self.classes else "rmse"

    @property
    def mode(self) -> str:
        """Whether more of it is better, as Keras says it."""
        return "max" if self.classes else "min"

    @property
    def epochs(self) -> int:
        """Of a training, at most, as ``init`` had them."""
        return 100 if self.kind == "tables" else 30

    @property
    def patience(self) -> int:
        """Of early stopping, in epochs, as ``init`` had it."""
        return 16 if self.kind == "tables" else 5


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A network that was trained."""

    network: Network
    value: float
    """Of its best epoch on the validation rows; NaN where it diverged."""
    epochs: int
    """To its best one."""


def rate(schedule: str, base: float, steps: int) -> Any:
    """The learning rate, by Keras' own schedules."""
    from keras.optimizers import schedules  # noqa: PLC0415 - slow

    if schedule == "cosine":
        return schedules.CosineDecay(base, steps)
    if schedule == "warmup_cosine":
        warmup = max(1, steps // 20)
        return schedules.CosineDecay(
            0.0, max(1, steps - warmup), warmup_target=base, warmup_steps=warmup
        )
    return base


def build(network: Network, data: Data, shape: tuple[int, ...], steps: int) -> Any:
    """The network of a configuration, compiled.

    Args:
        network: the configuration.
        data: what it is for.
        shape: of one row's inputs, which has more categories where more rows are known.
        steps: of the whole training, for schedules.
    """
    import keras  # noqa: PLC0415 - slow

    model = hidden(
        shape,
        network.units,
        network.dropout,
        network.activation,
        network.initializer,
        network.l2,
        batch_norm=network.batch_norm,
    )
    model.add(keras.layers.Dense(data.classes or 1))
    settings = dict(network.settings)
    settings["learning_rate"] = rate(network.schedule, float(settings["learning_rate"]), steps)
    of_classes = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    of_numbers = keras.metrics.RootMeanSquaredError(name="rmse")
    model.compile(
        optimizer=keras.optimizers.get({"class_name": network.optimizer, "config": settings}),
        loss=of_classes if data.classes else "mse",
        metrics=["accuracy" if data.classes else of_numbers],
    )
    return model


def fitting(
    network: Network, data: Data, epochs: int, patience: int | None = None
) -> dict[str, Any]:
    """Arguments of ``fit`` that all ways share.

    Args:
        network: the configuration.
        data: what it learns from.
        epochs: at most.
        patience: of early stopping, in epochs; None: a last training, that learns from the
            validation rows, too.
    """
    import keras  # noqa: PLC0415 - slow

    callbacks = []
    if network.schedule == "plateau":
        watched = "loss" if patience is None else "val_loss"
        callbacks.append(keras.callbacks.ReduceLROnPlateau(watched, factor=0.5, patience=2))
    more = {}
    if patience is not None:
        more["validation_data"] = data.validation
        stopping = keras.callbacks.EarlyStopping(
            f"val_{data.metric}",
            mode=data.mode,
            patience=patience,
            restore_best_weights=True,
        )
        callbacks.append(stopping)
    return {
        "batch_size": network.batch_size,
        "epochs": epochs,
        "callbacks": callbacks,
        "verbose": 0,
        **more,
    }


def built(network: Network, data: Data, epochs: int, seed: int, *, final: bool = False) -> Any:
    """:func:`build` with a seed and nothing left of networks before it."""
    import keras  # noqa: PLC0415 - slow

    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    x, _ = data.known if final else data.train
    return build(network, data, x.shape[1:], epochs * math.ceil(len(x) / network.batch_size))


def came_to(network: Network, data: Data, values: Sequence[float]) -> Tried:
    """What a training came to, by the metric after each of its epochs on the validation rows."""
    found = np.asarray(values, np.float64)
    if np.isnan(found).all():
        return Tried(network=network, value=math.nan, epochs=1)
    best = int(np.nanargmax(found) if data.classes else np.nanargmin(found))
    return Tried(network=network, value=float(found[best]), epochs=best + 1)


def train(
    network: Network,
    data: Data,
    seed: int,
    patience: int,
    more: Sequence[Any] = (),
) -> Tried:
    """Train a network on the training rows, stopped early.

    Args:
        network: the configuration.
        data: what it learns from.
        seed: of weights, order and dropout.
        patience: of early stopping, in epochs.
        more: Keras' callbacks.
    """
    model = built(network, data, data.epochs, seed)
    arguments = fitting(network, data, data.epochs, patience)
    arguments["callbacks"] += more
    history = model.fit(*data.train, **arguments)
    return came_to(network, data, history.history[f"val_{data.metric}"])


def score(network: Network, data: Data, epochs: int, seed: int) -> float:
    """The test score of a network that is trained on training and validation rows."""
    model = built(network, data, epochs, seed, final=True)
    model.fit(*data.known, **fitting(network, data, epochs))
    found = model.evaluate(*data.test, verbose=0, return_dict=True)
    return float(found[data.metric]) * data.deviation


def read(file: Path) -> Data:
    """The data of a file."""
    with np.load(file) as found:
        names = ("train", "validation", "known", "test")
        parts = {name: (found[f"x_{name}"], found[f"y_{name}"]) for name in names}
        return Data(
            kind=str(found["kind"]),
            classes=int(found["classes"]),
            deviation=float(found["deviation"]),
            **parts,
        )
