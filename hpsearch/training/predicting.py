"""Predicting: what a trained network, or a model that was exported, says of new examples."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy.special import softmax

from hpsearch.data.parts import Parts
from hpsearch.errors import InputError
from hpsearch.recipe import Recipe
from hpsearch.training import model, quiet
from hpsearch.training.engine import evaluation_batch
from hpsearch.training.export import load_weights
from hpsearch.training.written import Form

Examples: TypeAlias = npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]]
"""Examples as they are stored, shape (n, *input_shape); for a model that takes columns each of
these by its name, shape (n,), numbers or texts."""
Answer = Callable[[Examples], npt.NDArray[np.floating]]
"""What is said of n examples: probabilities, shape (n, classes); of a regression predictions in the
target's own unit, shape (n, 1)."""

_AT_ONCE = 1024
"""Examples that a model is asked about at once."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A model that was exported, open to be asked."""

    inputs: dict[str, tuple[tuple[int, ...], str]]
    """Of each input, by its name, the shape of one example and NumPy's name of its type; "str_":
    texts."""
    answer: Answer


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
        if parts.target is not None:
            return parts.target.restored(found)
        return np.asarray(softmax(found.astype(np.float64), axis=1))

    return answer


def of_model(path: Path, form: Form) -> Asked:
    """A model that ``hpsearch export`` wrote.

    ``hpsearch.training.devices.set_up`` comes first, once in a process.

    Args:
        path: the file or folder.
        form: which of the two.

    Raises:
        InputError: it is damaged.
    """
    try:
        with quiet.keras_copies():
            inputs, ask = _FORMS[form](path)
    except (OSError, ValueError, TypeError, KeyError, tf.errors.OpError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path}: is damaged, or a model that needs other programs ({reason}); export it again"
        ) from None
    specs = {_name(one): _spec(one) for one in inputs}
    return Asked(inputs=specs, answer=_in_batches(ask, specs))


_Ask = Callable[[Any], Any]
"""One batch of examples to the outputs for them."""


def _read_keras(path: Path) -> tuple[list[Any], _Ask]:
    found = keras.saving.load_model(path, safe_mode=True, compile=False)
    return list(found.inputs), lambda x: found(x, training=False)


def _read_saved_model(path: Path) -> tuple[list[Any], _Ask]:
    found = tf.saved_model.load(str(path))
    specs = found.signatures["serving_default"].structured_input_signature[1]
    names = list(specs)

    def ask(x: Any) -> Any:
        # Asked of the model, which holds the variables, each time.
        given = x if isinstance(x, Mapping) else {names[0]: x}
        return next(iter(found.signatures["serving_default"](**given).values()))

    return list(specs.values()), ask


_FORMS: dict[Form, Callable[[Path], tuple[list[Any], _Ask]]] = {
    "keras": _read_keras,
    "saved_model": _read_saved_model,
}


def _name(tensor: Any) -> str:
    return str(tensor.name)


def _spec(tensor: Any) -> tuple[tuple[int, ...], str]:
    """The shape of one example of an input, and its type."""
    dtype = tf.as_dtype(tensor.dtype)
    return tuple(tensor.shape[1:]), "str_" if dtype == tf.string else np.dtype(
        dtype.as_numpy_dtype
    ).name


def _in_batches(ask: _Ask, specs: Mapping[str, tuple[tuple[int, ...], str]]) -> Answer:
    """Ask about some examples at a time, in tensors of the shapes that a model takes."""

    def part(x: npt.NDArray[Any], start: int, shape: tuple[int, ...]) -> tf.Tensor:
        some = x[start : start + _AT_ONCE]
        return tf.constant(some.reshape(len(some), *shape))

    def answer(x: Examples) -> npt.NDArray[np.floating]:
        count = len(next(iter(x.values())) if isinstance(x, Mapping) else x)
        found = []
        for start in range(0, count, _AT_ONCE):
            if isinstance(x, Mapping):
                asked = {name: part(one, start, specs[name][0]) for name, one in x.items()}
            else:
                asked = part(x, start, x.shape[1:])
            found.append(np.asarray(ask(asked)))
        return np.concatenate(found)

    return answer
