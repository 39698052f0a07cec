"""The network of a configuration, as a Keras model that takes inputs as they are stored."""

import keras
import numpy as np
import numpy.typing as npt

from hpsearch.config import TrialConfig
from hpsearch.data.parts import Parts
from hpsearch.recipe import Recipe
from hpsearch.training import seeds

_INITIALIZERS = {
    "he_normal": keras.initializers.HeNormal,
    "he_uniform": keras.initializers.HeUniform,
    "glorot_normal": keras.initializers.GlorotNormal,
    "glorot_uniform": keras.initializers.GlorotUniform,
    "lecun_normal": keras.initializers.LecunNormal,
    "lecun_uniform": keras.initializers.LecunUniform,
}

_ACTIVATIONS = {
    # Keras' own has a gradient that TensorFlow registers anew for every graph and keeps, with the
    # graph and its weights, for as long as the process lives.
    "silu": lambda x: x * keras.ops.sigmoid(x),
}


def build(
    config: TrialConfig,
    *,
    input_shape: tuple[int, ...],
    classes: int,
    multiplier: npt.NDArray[np.float32],
    offset: npt.NDArray[np.float32],
    seed: int,
    precision: str = "float32",
) -> keras.Model:
    """Build the network: scale, flatten, the hidden layers, Dense logits.

    A hidden layer is Dense, batch normalisation, activation, dropout; the second and the last
    only where the configuration has them. Its trainable parameters are those that
    ``hpsearch.config.count_parameters`` counts.

    Args:
        config: the network.
        input_shape: of one example, without the batch.
        classes: number of outputs.
        multiplier: inputs are scaled as ``x * multiplier + offset``, in float32; broadcasts to
            ``input_shape``.
        offset: see ``multiplier``.
        seed: the trial's seed; same seed, same weights and dropout masks.
        precision: "float32", "mixed_bfloat16" or "mixed_float16", for the hidden layers;
            scaling and logits are float32 always.

    Returns:
        a functional model: raw values of shape (batch, *input_shape) to float32 logits of
        shape (batch, classes).
    """
    policy = keras.DTypePolicy(precision)
    inputs = keras.Input(input_shape, name="inputs")
    scale = keras.layers.Rescaling(
        _plain(multiplier), _plain(offset), dtype="float32", name="scale"
    )
    x = keras.layers.Flatten(dtype=policy, name="flatten")(scale(inputs))
    for layer, units in enumerate(config.units):
        x = _dense(
            config,
            units,
            seeds.weights(seed, layer),
            # The normalisation's own offset takes the bias's place.
            use_bias=not config.batch_norm,
            dtype=policy,
            name=f"dense_{layer}",
        )(x)
        if config.batch_norm:
            x = keras.layers.BatchNormalization(dtype=policy, name=f"norm_{layer}")(x)
        activation = _ACTIVATIONS.get(config.activation, config.activation)
        x = keras.layers.Activation(activation, dtype=policy, name=f"act_{layer}")(x)
        if config.dropout[layer] > 0:
            drop = keras.layers.Dropout(
                config.dropout[layer],
                seed=seeds.dropout(seed, layer),
                dtype=policy,
                name=f"dropout_{layer}",
            )
            x = drop(x)
    head = _dense(
        config, classes, seeds.weights(seed, config.layers), dtype="float32", name="logits"
    )
    return keras.Model(inputs, head(x), name="network")


def build_for(recipe: Recipe, parts: Parts) -> keras.Model:
    """The network of a recipe for its data; see :func:`build`."""
    return build(
        recipe.config,
        input_shape=parts.input_shape,
        classes=parts.classes,
        multiplier=parts.transform.multiplier,
        offset=parts.transform.offset,
        seed=recipe.seed,
        precision=recipe.training.precision,
    )


def _dense(config: TrialConfig, units: int, seed: int, **settings: object) -> keras.layers.Dense:
    """A Dense layer with the configuration's initializer and penalty."""
    return keras.layers.Dense(
        units,
        kernel_initializer=_INITIALIZERS[config.initializer](seed=seed),
        kernel_regularizer=keras.regularizers.L2(config.l2) if config.l2 > 0 else None,
        **settings,
    )


def _plain(values: npt.NDArray[np.float32]) -> float | npt.NDArray[np.float32]:
    """One number as a float, which reads well in a saved model; several as they are."""
    return float(values.item()) if values.size == 1 else np.asarray(values, np.float32)
