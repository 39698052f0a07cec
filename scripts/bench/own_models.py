"""Three networks of Keras' documentation, written here from their descriptions, for own.py.

An MLP for MNIST (two layers of 512 with dropout), the small conv net for MNIST ("Simple MNIST
convnet": 32 and 64 filters, max pooling, dropout) and wide and deep for a table ("Structured data
learning with Wide, Deep, and Cross networks": all features on one side, two layers of 32 over
numbers and embedded categories on the other). All come compiled with Adam and the accuracy. Their
sizes may be searched (../faults/own_networks.py does); without, they are those of the examples.
"""

from collections.abc import Mapping
from typing import Any

import keras

L = keras.layers


def mlp(config: Mapping[str, Any], data: Any) -> keras.Model:
    """Two Dense layers of 512 with dropout 0.2; 0.67 million parameters for MNIST."""
    inputs = keras.Input(data.input_shape)
    x = L.Flatten()(inputs)
    for _ in range(2):
        x = L.Dropout(0.2)(L.Dense(config.get("units", 512), activation="relu")(x))
    return _compiled(keras.Model(inputs, L.Dense(data.outputs, activation="softmax")(x)))


def convnet(config: Mapping[str, Any], data: Any) -> keras.Model:
    """Two convolutions of 3 x 3 with max pooling, then dropout 0.5; 35 thousand parameters."""
    inputs = keras.Input(data.input_shape)
    x = inputs
    first = config.get("filters", 32)
    for filters in (first, 2 * first):
        x = L.MaxPooling2D()(L.Conv2D(filters, 3, activation="relu")(x))
    x = L.Dropout(0.5)(L.Flatten()(x))
    return _compiled(keras.Model(inputs, L.Dense(data.outputs, activation="softmax")(x)))


def wide_and_deep(config: Mapping[str, Any], data: Any) -> keras.Model:
    """All features beside two normalised Dense layers of 32 over numbers and embeddings of 8."""
    wide = keras.Input(data.input_shape, name="features")
    categories = [one for one in data.columns if one.kind == "category"]
    numbers = keras.Input((len(data.columns) - len(categories),), name="numbers")
    codes = [keras.Input((1,), name=one.input, dtype="int32") for one in categories]
    deep = [
        L.Flatten()(L.Embedding(one.categories, 8)(code))
        for one, code in zip(categories, codes, strict=True)
    ]
    x = L.Concatenate()([numbers, *deep])
    for _ in range(2):
        x = L.Dropout(0.1)(L.ReLU()(L.BatchNormalization()(L.Dense(config.get("units", 32))(x))))
    x = L.Concatenate()([L.BatchNormalization()(wide), x])
    outputs = L.Dense(data.outputs, activation="softmax")(x)
    return _compiled(keras.Model([wide, numbers, *codes], outputs))


def _compiled(model: keras.Model) -> keras.Model:
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
