"""Predicting: what a trained network says of new examples."""

from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from hpsearch.data.parts import Parts
from hpsearch.recipe import Recipe
from hpsearch.training import model
from hpsearch.training.engine import evaluation_batch
from hpsearch.training.export import load_weights
from hpsearch.training.opened import Answer, Examples


def outputs_of(
    network: keras.Model, parts: Parts, x: npt.NDArray[np.generic]
) -> npt.NDArray[np.float32]:
    """What a network itself gives for some examples.

    Args:
        network: with its weights.
        parts: its data.
        x: examples as they are stored, shape (n, *input_shape).

    Returns:
        logits or standardised predictions, shape (n, outputs).
    """
    batch = evaluation_batch(network)
    found = [
        np.asarray(network(np.asarray(x[start : start + batch]), training=False), np.float32)
        for start in range(0, len(x), batch)
    ]
    return np.concatenate([np.empty((0, parts.outputs), np.float32), *found])


def of_network(recipe: Recipe, parts: Parts, weights: Path) -> Answer:
    """A trained network, built once.

    ``hpsearch.training.devices.set_up`` comes first, once in a process; see
    :func:`hpsearch.training.train.logits`, whose outputs these are as probabilities.

    Args:
        recipe: what was trained.
        parts: its data; only shape, classes and what is fitted are used.
        weights: the ``best.weights.h5`` of that training.

    Raises:
        InputError: weights that are damaged, or those of another network.
        UnreachableError: the file cannot be read.
    """
    network = model.build_for(recipe, parts)
    load_weights(network, weights)

    def answer(x: Examples) -> npt.NDArray[np.floating]:
        found = outputs_of(network, parts, np.asarray(x))
        if parts.answers is not None:
            return parts.answers.restored(found)
        return np.asarray(softmax(found.astype(np.float64), axis=1))

    return answer
