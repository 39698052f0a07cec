"""TensorBoard logs of one trial: its curves, weight histograms on demand, hyperparameters."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from hpsearch.config import TrialConfig, flat
from hpsearch.files import utf8
from hpsearch.recipe import TensorBoard

FOLDER = "tensorboard"


def callback(section: TensorBoard, run: Path) -> keras.callbacks.TensorBoard:
    """Keras' callback, writing below ``run/tensorboard``.

    Whoever trains calls its ``on_train_end`` when ``fit`` did not come to its end: that closes
    the files.
    """
    return keras.callbacks.TensorBoard(
        log_dir=utf8(run / FOLDER),
        histogram_freq=1 if section.histograms else 0,
        write_graph=False,
    )


def write_hyperparameters(config: TrialConfig, run: Path) -> None:
    """Write the configuration for TensorBoard's HParams tab."""
    writer = tf.summary.create_file_writer(utf8(run / FOLDER / "train"))
    with writer.as_default():
        hparams.hparams(_columns(flat(config)), trial_id=run.name)
    writer.close()


def _columns(config: Mapping[str, Any]) -> dict[str, Any]:
    """A plain configuration as columns: ``units_0``, ``optimizer``, ``adam.beta_1`` ..."""
    columns: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, list):
            columns |= {f"{key}_{layer}": item for layer, item in enumerate(value)}
        elif isinstance(value, dict):
            kind = value.get("type", key)
            columns |= {key: kind} if "type" in value else {}
            inner = {name: item for name, item in value.items() if name != "type"}
            columns |= {f"{kind}.{name}": item for name, item in _columns(inner).items()}
        else:
            columns[key] = value
    return columns
