"""Dense networks with members: several that share kernels, as one (TabM).

Each member scales what goes into a hidden layer and what comes out of it, and has biases and a last
layer of its own (Gorishniy et al. 2025, "TabM: Advancing Tabular Deep Learning with
Parameter-Efficient Ensembling"; Wen et al. 2020, "BatchEnsemble").
"""

import math

import keras
import numpy as np

from hpsearch.networks.dense import Dense
from hpsearch.training.layers import Scaled
from hpsearch.training.networks.dense import (
    INITIALIZERS,
    activated,
    blended,
    divided,
    dropped,
    flattened,
    kernel,
)
from hpsearch.training.seeds import dropout_seed, weights_seed

MEMBERS = 2**22
"""In place of a layer's number, for the seeds of the members' last layers; before it: of signs."""


def build(
    network: Dense, x: keras.KerasTensor, outputs: int, seed: int, policy: keras.DTypePolicy
) -> keras.KerasTensor:
    """Flatten, the hidden layers, the members' last layers ("logits"), and their mean answer."""
    x = flattened(network, x, policy)
    for layer, units in enumerate(network.units):
        x = scaled_in(network, x, seed, layer, policy)
        x = divided(network, x, f"{layer}", policy)
        shared = {"name": f"dense_{layer}", "use_bias": False, "dtype": policy}
        x = keras.layers.Dense(units, **kernel(network, seed, layer), **shared)(x)
        # A normalisation's offset is of all members: it takes no bias's place.
        x = Scaled(
            "bmo,mo->bmo",
            output_shape=(network.members, units),
            bias_axes="mo",
            kernel_initializer="ones",
            dtype=policy,
            name=f"scale_out_{layer}",
        )(x)
        if network.batch_norm:
            x = keras.layers.BatchNormalization(dtype=policy, name=f"norm_{layer}")(x)
        made = activated(network, x, f"{layer}", policy)
        x = blended(x, made, f"{layer}", policy) if network.parametric_activation else made
        x = dropped(x, network.dropout[layer], dropout_seed(seed, layer), f"{layer}")
    x = divided(network, x, "logits", keras.DTypePolicy("float32"))
    return combined(last(network, x, outputs, seed))


def scaled_in(
    network: Dense, x: keras.KerasTensor, seed: int, layer: int, policy: keras.DTypePolicy
) -> keras.KerasTensor:
    """What each member has of a layer's inputs: 1 or -1 of the first layer's, by chance; else 1.

    Args:
        network: its fields.
        x: shape (batch, values) of the first layer, else (batch, members, values).
        seed: the trial's seed.
        layer: from 0.
        policy: types of the layer.

    Returns:
        shape (batch, members, values).
    """
    shape = (network.members, x.shape[-1])
    scale = Scaled(
        "bi,mi->bmi" if layer == 0 else "bmi,mi->bmi",
        output_shape=shape,
        kernel_initializer="ones",
        dtype=policy,
        name=f"scale_in_{layer}",
    )
    found = scale(x)
    if layer == 0:
        generator = np.random.default_rng(weights_seed(seed, MEMBERS - 1))
        scale.kernel.assign(2.0 * generator.integers(0, 2, shape) - 1)
    return found


def last(network: Dense, x: keras.KerasTensor, outputs: int, seed: int) -> keras.KerasTensor:
    """A Dense layer of the outputs for each member, which is float32.

    Args:
        network: its fields.
        x: shape (batch, members, values).
        outputs: values that the network puts out for an example.
        seed: the trial's seed.

    Returns:
        shape (batch, members, outputs).
    """
    layer = keras.layers.EinsumDense(
        "bmi,mio->bmo",
        output_shape=(network.members, outputs),
        bias_axes="mo",
        kernel_initializer="zeros",
        kernel_regularizer=kernel(network, seed, 0)["kernel_regularizer"],
        dtype="float32",
        name="logits",
    )
    found = layer(x)
    made, shape = INITIALIZERS[network.initializer], (x.shape[-1], outputs)
    seeds = [weights_seed(seed, MEMBERS + member) for member in range(network.members)]
    layer.kernel.assign(np.stack([np.asarray(made(seed=one)(shape)) for one in seeds]))
    return found


def combined(outputs: keras.KerasTensor) -> keras.KerasTensor:
    """The members' mean answer.

    Args:
        outputs: shape (batch, members, outputs); one is a number, several are logits of classes.

    Returns:
        the mean number, or the logarithms of the mean probabilities, shape (batch, outputs).
    """
    _, members, width = outputs.shape
    if width == 1:
        return keras.ops.mean(outputs, axis=1)
    logs = keras.ops.log_softmax(outputs, axis=-1)
    return keras.ops.logsumexp(logs, axis=1) - math.log(members)
