"""The hidden layers of a dense network as a script in Keras writes them.

Needs the environment of peers.lock, or hpsearch's.
"""

from collections.abc import Sequence
from typing import Any


def hidden(  # noqa: PLR0917 - each is another thing
    shape: tuple[int, ...],
    units: Sequence[int],
    dropout: Sequence[float],
    activation: str,
    initializer: str,
    l2: float,
    *,
    batch_norm: bool,
) -> Any:
    """A Sequential that the output layer is still to be added to.

    Args:
        shape: of one example.
        units: of each layer.
        dropout: behind each layer.
        activation: Keras' name.
        initializer: of the kernels, Keras' name.
        l2: the penalty of the kernels; 0: none.
        batch_norm: whether it stands before the activations.
    """
    import keras  # noqa: PLC0415 - slow

    layers = keras.layers
    penalty = keras.regularizers.L2(l2) if l2 else None
    model = keras.Sequential([keras.Input(shape), layers.Flatten()])
    for width, rate in zip(units, dropout, strict=True):
        model.add(
            layers.Dense(
                width,
                use_bias=not batch_norm,
                kernel_initializer=initializer,
                kernel_regularizer=penalty,
            )
        )
        if batch_norm:
            model.add(layers.BatchNormalization())
        model.add(layers.Activation(activation))
        if rate:
            model.add(layers.Dropout(rate))
    return model
