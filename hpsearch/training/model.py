"""The network of a recipe, as a Keras model that takes inputs as they are stored."""

import keras
import numpy as np
import numpy.typing as npt

from hpsearch.data.parts import Parts
from hpsearch.data.transform import Affine
from hpsearch.networks.network import Network
from hpsearch.recipe import Recipe
from hpsearch.training import networks


def build(
    network: Network,
    *,
    input_shape: tuple[int, ...],
    outputs: int,
    transform: Affine,
    seed: int,
    precision: str = "float32",
) -> keras.Model:
    """Build the network: its layers behind one that scales the inputs.

    Args:
        network: its fields.
        input_shape: of one example, without the batch.
        outputs: values that the network puts out for an example.
        transform: how inputs are scaled.
        seed: the trial's seed; same seed, same weights and dropout masks.
        precision: "float32", "mixed_bfloat16" or "mixed_float16", for the hidden layers;
            scaling and outputs are float32 always.

    Returns:
        a functional model: raw values of shape (batch, *input_shape) to float32 outputs of
        shape (batch, outputs).
    """
    inputs = keras.Input(input_shape, name="inputs")
    scale = keras.layers.Rescaling(
        _plain(transform.multiplier), _plain(transform.offset), dtype="float32", name="scale"
    )
    found = networks.build(network, scale(inputs), outputs, seed, keras.DTypePolicy(precision))
    return keras.Model(inputs, found, name="network")


def build_for(recipe: Recipe, parts: Parts) -> keras.Model:
    """The network of a recipe for its data; see :func:`build`."""
    return build(
        recipe.config.network,
        input_shape=parts.input_shape,
        outputs=parts.outputs,
        transform=parts.transform,
        seed=recipe.seed,
        precision=recipe.training.precision,
    )


def _plain(values: npt.NDArray[np.float32]) -> float | npt.NDArray[np.float32]:
    """One number as a float, which reads well in a saved model; several as they are."""
    return float(values.item()) if values.size == 1 else np.asarray(values, np.float32)
