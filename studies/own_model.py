"""A network of one's own: an MLP with skip connections, for own_model.toml.

``build`` gets the settings of one trial and what is known of the data, and gives a Keras model.
"""

from collections.abc import Mapping
from typing import Any

import keras


def build(config: Mapping[str, Any], data: Any) -> keras.Model:
    """Blocks of two Dense layers, each added to what comes in.

    Args:
        config: the keys of [space.network.python] with the values of this trial.
        data: has input_shape, outputs, task, class_names and training_rows.
    """
    inputs = keras.Input(data.input_shape)
    x = keras.layers.Flatten()(inputs)
    x = keras.layers.Dense(config["width"], activation="relu")(x)
    for _ in range(config["depth"]):
        inner = keras.layers.Dense(config["width"], activation="relu")(x)
        inner = normalised(config["norm"], inner)
        inner = keras.layers.Dropout(config["dropout"])(inner)
        x = keras.layers.Add()([x, keras.layers.Dense(config["width"])(inner)])
    return keras.Model(inputs, keras.layers.Dense(data.outputs)(x))


def normalised(norm: Mapping[str, Any], x: Any) -> Any:
    """Normalisation as it was chosen: "type" says which, beside it stand its own settings."""
    if norm["type"] == "batch":
        return keras.layers.BatchNormalization(momentum=norm["momentum"])(x)
    return keras.layers.LayerNormalization()(x)
