"""Embeddings of a table's numbers in Keras: several values in place of each, before a network.

Both are linear layers of their own for each number, behind cosines of it or its place in bins
(Gorishniy et al. 2022, "On Embeddings for Numerical Features in Tabular Deep Learning"). What it
is itself is among their inputs or outputs. Exported scripts have these functions too.
"""

from collections.abc import Mapping

import keras
import numpy as np
import numpy.typing as npt

from hpsearch.networks.dense import FREQUENCIES, PERIODIC, PIECEWISE, Dense
from hpsearch.training.layers import Scaled
from hpsearch.training.seeds import weights_seed

NUMBERS = 2**21
"""In place of a layer's number, for the seeds of embedded numbers; some more follow it."""


def embedded_numbers(
    network: Dense,
    fitted: Mapping[str, npt.NDArray[np.generic]],
    x: keras.KerasTensor,
    seed: int,
) -> keras.KerasTensor:
    """Numbers as a network's fields have them embedded.

    Args:
        network: its fields.
        fitted: what was fitted, see ``hpsearch.data.tables.fitted.Tabular.arrays``.
        x: clipped numbers, shape (batch, numbers).
        seed: the trial's seed.

    Returns:
        shape (batch, numbers * values).
    """
    if network.numeric_embedding == "none":
        return x
    if network.numeric_embedding == "periodic":
        x = periodic(x, network.embedding_sigma, seed)
    else:
        x = piecewise(encoded(fitted, x), seed)
    return keras.layers.Flatten(dtype="float32", name="embedded_numbers")(x)


def periodic(x: keras.KerasTensor, sigma: float, seed: int) -> keras.KerasTensor:
    """A linear layer of cosines cos(2 pi w x + b) of each number, and the number itself.

    PBLD of RealMLP (Holzmüller et al. 2024, "Better by Default"): w begins as N(0, sigma), b evenly
    in (-pi, pi), both trainable.

    Args:
        x: numbers, shape (batch, numbers).
        sigma: standard deviation of w, in waves from a number to one that is greater by 1.
        seed: the trial's seed.

    Returns:
        shape (batch, numbers, PERIODIC), the numbers themselves last.
    """
    numbers = x.shape[1]
    seeds = [weights_seed(seed, NUMBERS + i) for i in range(4)]
    angles = Scaled(
        "bf,fo->bfo",
        output_shape=(numbers, FREQUENCIES),
        bias_axes="fo",
        kernel_initializer=keras.initializers.RandomNormal(0.0, sigma, seed=seeds[0]),
        bias_initializer=keras.initializers.RandomUniform(-np.pi, np.pi, seed=seeds[1]),
        dtype="float32",
        name="frequencies",
    )(x * (2 * np.pi))
    limit = FREQUENCIES**-0.5
    waves = keras.layers.EinsumDense(
        "bfi,fio->bfo",
        output_shape=(numbers, PERIODIC - 1),
        bias_axes="fo",
        kernel_initializer=keras.initializers.RandomUniform(-limit, limit, seed=seeds[2]),
        bias_initializer=keras.initializers.RandomUniform(-limit, limit, seed=seeds[3]),
        dtype="float32",
        name="periodic",
    )(keras.ops.cos(angles))
    itself = keras.ops.expand_dims(x, -1)
    return keras.layers.Concatenate(dtype="float32", name="periodic_and_number")([waves, itself])


def encoded(
    fitted: Mapping[str, npt.NDArray[np.generic]], x: keras.KerasTensor
) -> keras.KerasTensor:
    """Each number, and how far it has come in each of its bins, from 0 to 1.

    The piecewise-linear encoding of Gorishniy et al. 2022 by quantiles, section 3.2, but that it
    stays in [0, 1] where a number is below or above all of training: there the number itself tells.

    Args:
        fitted: what was fitted.
        x: clipped numbers, shape (batch, numbers).

    Returns:
        shape (batch, numbers, 1 + BINS); 0 of a bin that is not there.
    """
    itself = keras.ops.expand_dims(x, -1)
    come = (itself - fitted["bin_starts"]) * fitted["bin_factors"]
    both = [itself, keras.ops.clip(come, 0.0, 1.0)]
    return keras.layers.Concatenate(dtype="float32", name="number_and_bins")(both)


def piecewise(x: keras.KerasTensor, seed: int) -> keras.KerasTensor:
    """A linear layer for each encoded number; it begins with that of the number itself alone.

    As TabM's (Gorishniy et al. 2025): the weights of bins begin as 0, and no activation follows.

    Args:
        x: encoded numbers, shape (batch, numbers, values).
        seed: the trial's seed.

    Returns:
        shape (batch, numbers, PIECEWISE).
    """
    _, numbers, values = x.shape
    limit = PIECEWISE**-0.5
    bias = keras.initializers.RandomUniform(-limit, limit, seed=weights_seed(seed, NUMBERS + 1))
    layer = keras.layers.EinsumDense(
        "bfi,fio->bfo",
        output_shape=(numbers, PIECEWISE),
        bias_axes="fo",
        kernel_initializer="zeros",
        bias_initializer=bias,
        dtype="float32",
        name="piecewise",
    )
    found = layer(x)
    kernel = np.zeros((numbers, values, PIECEWISE), np.float32)
    generator = np.random.default_rng(weights_seed(seed, NUMBERS))
    kernel[:, 0] = generator.uniform(-limit, limit, (numbers, PIECEWISE))
    layer.kernel.assign(kernel)
    return found
