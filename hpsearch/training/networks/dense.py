"""Dense networks in Keras: each hidden layer is Dense, batch normalisation, activation, dropout."""

import keras

from hpsearch.networks.dense import Dense
from hpsearch.training.seeds import dropout_seed, weights_seed

INITIALIZERS = {
    "he_normal": keras.initializers.HeNormal,
    "he_uniform": keras.initializers.HeUniform,
    "glorot_normal": keras.initializers.GlorotNormal,
    "glorot_uniform": keras.initializers.GlorotUniform,
    "lecun_normal": keras.initializers.LecunNormal,
    "lecun_uniform": keras.initializers.LecunUniform,
}


def silu(x: keras.KerasTensor) -> keras.KerasTensor:
    """As Keras' own, whose gradient TensorFlow keeps anew for every graph, with its weights."""
    return x * keras.ops.sigmoid(x)


def build(
    network: Dense, x: keras.KerasTensor, outputs: int, seed: int, policy: keras.DTypePolicy
) -> keras.KerasTensor:
    """Flatten, the hidden layers, and a Dense layer of the outputs, which is float32."""
    x = keras.layers.Flatten(dtype=policy, name="flatten")(x)
    activation = silu if network.activation == "silu" else network.activation
    for layer, units in enumerate(network.units):
        # A normalisation's own offset takes the bias's place.
        bias = not network.batch_norm
        x = dense(network, units, seed, layer, f"dense_{layer}", use_bias=bias, dtype=policy)(x)
        if network.batch_norm:
            x = keras.layers.BatchNormalization(dtype=policy, name=f"norm_{layer}")(x)
        x = keras.layers.Activation(activation, dtype=policy, name=f"act_{layer}")(x)
        if network.dropout[layer] > 0:
            x = keras.layers.Dropout(
                network.dropout[layer],
                seed=dropout_seed(seed, layer),
                dtype=policy,
                name=f"dropout_{layer}",
            )(x)
    return dense(network, outputs, seed, network.layers, "logits", dtype="float32")(x)


def dense(
    network: Dense, units: int, seed: int, layer: int, name: str, **settings: object
) -> keras.layers.Dense:
    """A Dense layer with the network's initializer and penalty."""
    return keras.layers.Dense(
        units,
        kernel_initializer=INITIALIZERS[network.initializer](seed=weights_seed(seed, layer)),
        kernel_regularizer=keras.regularizers.L2(network.l2) if network.l2 > 0 else None,
        name=name,
        **settings,
    )
