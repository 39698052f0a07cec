"""Export: a trained network as a model that opens wherever Keras or TensorFlow is.

It takes inputs as they are stored and gives probabilities; all its layers are Keras' own, so that
it needs no hpsearch.
"""

import warnings
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from hpsearch.data.parts import Parts
from hpsearch.errors import InputError, ProgramError, UnreachableError
from hpsearch.recipe import Recipe
from hpsearch.training import layers, model, quiet
from hpsearch.training.engine import evaluation_batch
from hpsearch.training.written import NAME, Form, classes_file, write_classes

Probabilities = npt.NDArray[np.float32]
"""Shape (examples, classes)."""

TOLERANCE = 1e-5
"""A probability of the written model may be so far off the network's."""
COMPARED = 1000
"""Validation examples, at most, on which the two are compared."""
MADE_UP = 32
"""Inputs on which they are compared where there are no examples."""


def write_model(recipe: Recipe, parts: Parts, weights: Path, output: Path, form: Form) -> float:
    """Write a trained network as a model, read it back and compare it with the network.

    ``hpsearch.training.devices.set_up`` comes first, once in a process.

    Args:
        recipe: what was trained.
        parts: its data: shape, classes and scaling of the inputs, and validation examples.
        weights: a ``best.weights.h5`` that training wrote for the recipe.
        output: a file ending in ".keras", or the folder of a SavedModel, where nothing is yet.
            The names of the classes are written into the folder.
        form: which of the two.

    Returns:
        the largest difference of a probability, on up to 1,000 validation examples; where the
        parts have none, on inputs that are made up.

    Raises:
        InputError: weights that are damaged, or those of another network.
        UnreachableError: files that cannot be read or written.
        ProgramError: what was written is not what was trained; the caller removes it.
    """
    network = model.build_for(recipe, parts)
    load_weights(network, weights)
    exported = portable(network, parts)
    write, read = _FORMS[form]
    try:
        with quiet.keras_copies():
            write(exported, parts, output)
            answer = read(output)
    except tf.errors.OpError as error:
        raise UnreachableError(f"{output}: cannot be written: {error.message}") from None
    rows = parts.validation.rows[:COMPARED]
    x = parts.validation.x[rows] if len(rows) else _made_up(parts)
    batch = evaluation_batch(network)
    largest = 0.0
    for start in range(0, len(x), batch):
        some = x[start : start + batch]
        own = tf.nn.softmax(network(some, training=False)).numpy()
        difference = np.abs(answer(some) - own).max()
        largest = max(largest, float(difference) if np.isfinite(difference) else np.inf)
    if largest > TOLERANCE:
        raise ProgramError(
            f"the model that was written differs from the trained network by {largest:.2g} in a"
            f" probability, more than {TOLERANCE:g}; it was removed. Please report this"
        )
    return largest


def _made_up(parts: Parts) -> npt.NDArray[np.generic]:
    """Inputs that are noise when they are scaled, as they would be stored."""
    noise = np.random.default_rng(0).standard_normal((MADE_UP, *parts.input_shape))
    transform, dtype = parts.affine, parts.train.x.dtype
    x = (noise - transform.offset) / transform.multiplier
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype.name)
        x = np.clip(np.rint(x), limits.min, limits.max)
    return x.astype(dtype)


def load_weights(network: keras.Model, weights: Path) -> None:
    """Give a network the weights in a file.

    Raises:
        InputError: a damaged file, or the weights of another network.
        UnreachableError: the file cannot be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # layers that would keep other weights
            network.load_weights(weights)
    except PermissionError:
        raise UnreachableError(f"{weights}: cannot be read; check its permissions") from None
    except (OSError, ValueError, KeyError, UserWarning) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{weights}: is damaged, or has the weights of another network ({reason}); train the"
            " recipe again"
        ) from None


def portable(network: keras.Model, parts: Parts) -> keras.Model:
    """The network as a model of Keras' own layers, with the same weights.

    Args:
        network: from :func:`hpsearch.training.model.build_for`, with its weights.
        parts: its data.

    Returns:
        a functional model: inputs as they are stored, shape (batch, *input_shape) and of their
        type, to float32 probabilities of shape (batch, classes).
    """
    inputs = keras.Input(parts.input_shape, dtype=parts.train.x.dtype.name, name="inputs")
    copied = keras.models.clone_model(network, input_tensors=inputs, clone_function=_stock)
    outputs = keras.layers.Softmax(dtype="float32", name="probabilities")(copied.output)
    exported = keras.Model(inputs, outputs, name=NAME)
    with quiet.keras_copies():
        exported.set_weights(network.get_weights())
    return exported


def _stock(layer: keras.Layer) -> keras.Layer:
    """A layer like one of the network's that any Keras can read back."""
    if isinstance(layer, keras.Model):  # the network of a fold
        return keras.models.clone_model(layer, clone_function=_stock)
    if isinstance(layer, keras.layers.Activation):  # ours may have a function that is not Keras'
        name = layer.activation.__name__
        return keras.layers.Activation(name, dtype=layer.dtype_policy, name=layer.name)
    if isinstance(layer, keras.layers.Rescaling):
        scale, offset = (np.asarray(v).tolist() for v in (layer.scale, layer.offset))
        return keras.layers.Rescaling(scale, offset, dtype="float32", name=layer.name)
    kind = type(layer)
    if kind.__module__ == layers.__name__:  # Keras' own, but faster
        kind = kind.__bases__[0]
    return kind.from_config(layer.get_config())


Answer = Callable[[npt.NDArray[np.generic]], Probabilities]


def _write_keras(exported: keras.Model, _parts: Parts, output: Path) -> None:
    exported.save(output)


def _read_keras(output: Path) -> Answer:
    found = keras.saving.load_model(output, safe_mode=True)
    return lambda x: np.asarray(found(x, training=False))


def _write_saved_model(exported: keras.Model, parts: Parts, output: Path) -> None:
    exported.export(output, format="tf_saved_model", verbose=False)
    file = classes_file(output, "saved_model")
    file.parent.mkdir()
    write_classes(file, parts.class_names)


def _read_saved_model(output: Path) -> Answer:
    found = tf.saved_model.load(str(output))

    def answer(x: npt.NDArray[np.generic]) -> Probabilities:
        # Asked of the model, which holds the variables, each time.
        answers = found.signatures["serving_default"](inputs=tf.constant(x))
        return np.asarray(next(iter(answers.values())))

    return answer


_FORMS = {
    "keras": (_write_keras, _read_keras),
    "saved_model": (_write_saved_model, _read_saved_model),
}
